package simkernel

import (
	"syscall"

	"github.com/ringtgt/ringtgt/engine/giouring"
	"golang.org/x/sys/unix"
)

// File is a real file. Its content is real; the simulation decides when an operation happens and how it ends.
type File struct {
	fd    int
	Ino   uint64
	Holes int // attempts to punch a hole, failed ones included
}

// real returns the *File for a descriptor of the real kernel, nil for a closed simulated one.
func (k *Kernel) real(fd int) any {
	if fd >= firstFD {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		k.cfg.Failf("an operation on descriptor %d: %v", fd, err)
		return nil
	}
	f := &File{fd: fd, Ino: st.Ino}
	k.files[fd] = f
	return f
}

// File returns the file with an inode number, nil before its first operation.
func (k *Kernel) File(ino uint64) *File {
	for _, f := range k.files {
		if f, ok := f.(*File); ok && f.Ino == ino {
			return f
		}
	}
	return nil
}

// Forget drops all real files. Their owners close them.
func (k *Kernel) Forget() {
	for fd, f := range k.files {
		if _, ok := f.(*File); ok {
			delete(k.files, fd)
		}
	}
}

// disk carries out the operation in two steps: it takes effect, and later it completes.
func (o *op) disk(f *File) {
	k := o.r.k
	if !o.acted {
		o.res = o.act(f)
		o.acted = true
		if k.chance(k.cfg.Odds.Late) {
			if k.chance(k.cfg.Odds.DiskSlow) {
				o.readyAt = k.cfg.Now() + 1 + k.cfg.Rand.Int64N(max(k.cfg.Odds.DiskDelay, 1))
			}
			return
		}
	}
	o.end(o.res, 0)
}

// act performs the read or write and returns its result.
func (o *op) act(f *File) int32 {
	k := o.r.k
	write := false
	switch o.sqe.OpCode {
	case giouring.OpWrite, giouring.OpWriteFixed, giouring.OpFallocate:
		write = true
	}
	if o.sqe.OpCode == giouring.OpFallocate && o.sqe.Len&unix.FALLOC_FL_PUNCH_HOLE != 0 {
		f.Holes++
	}
	errno := syscall.Errno(0)
	switch {
	case k.chance(k.cfg.Odds.Interrupt):
		errno = []syscall.Errno{syscall.EINTR, syscall.EAGAIN}[k.intN(2)]
	case k.chance(k.cfg.Odds.DiskError):
		errno = syscall.EIO
		switch {
		case o.sqe.OpCode == giouring.OpFallocate:
			errno = []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EINVAL}[k.intN(3)]
		case write:
			errno = []syscall.Errno{syscall.EIO, syscall.ENOSPC}[k.intN(2)]
		}
	}
	if errno != 0 {
		k.Stats["disk error "+errno.Error()]++
		return -int32(errno)
	}
	n := int(o.sqe.Len)
	if n > 512 && k.chance(k.cfg.Odds.Short) {
		n = (1 + k.intN((n-1)/512)) * 512
		k.Stats["short disk transfer"]++
	}
	switch o.sqe.OpCode {
	case giouring.OpRead, giouring.OpReadFixed:
		return result(unix.Pread(f.fd, memory(o.sqe.Addr, n), int64(o.sqe.Off)))
	case giouring.OpWrite, giouring.OpWriteFixed:
		b := memory(o.sqe.Addr, n)
		if k.cfg.Wrote != nil {
			k.cfg.Wrote(f, int64(o.sqe.Off), b)
		}
		return result(unix.Pwrite(f.fd, b, int64(o.sqe.Off)))
	case giouring.OpFallocate: // the length is in addr, the mode in len
		if k.cfg.Wrote != nil {
			k.cfg.Wrote(f, int64(o.sqe.Off), make([]byte, o.sqe.Addr))
		}
		return result(0, unix.Fallocate(f.fd, o.sqe.Len, int64(o.sqe.Off), int64(o.sqe.Addr)))
	case giouring.OpFsync:
		return 0 // simulations check durability by the order of calls
	}
	return -int32(syscall.EOPNOTSUPP)
}

func result(n int, err error) int32 {
	if e, ok := err.(syscall.Errno); ok {
		return -int32(e)
	}
	return int32(n)
}
