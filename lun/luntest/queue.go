package luntest

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
)

// CallKind is the system call that a Queue method stands for.
type CallKind uint8

const (
	CallRead CallKind = iota
	CallWrite
	CallSync
	CallAllocate
	CallDiscard
)

func (k CallKind) String() string {
	return [...]string{"pread", "pwrite", "fdatasync", "fallocate", "discard"}[k]
}

// Call is one call of lun.Queue on its way to the kernel.
type Call struct {
	Kind  CallKind
	FD    int
	Buf   []byte // CallRead, CallWrite
	Off   int64
	Len   int64 // CallAllocate, CallDiscard
	DSync bool
	Mode  uint32

	op  lun.QueueOp
	req *lun.Request
}

func (c *Call) String() string {
	return fmt.Sprintf("%v(fd %d, off %d, len %d, dsync %v, mode %#x)", c.Kind, c.FD, c.Off, max(c.Len, int64(len(c.Buf))), c.DSync, c.Mode)
}

// perform carries out the call now. It returns how many bytes were transferred, or a negated errno.
func (c *Call) perform(noSync bool) int {
	var n int
	var err error
	switch c.Kind {
	case CallRead:
		n, err = unix.Pread(c.FD, c.Buf, c.Off)
	case CallWrite:
		flags := 0
		if c.DSync && !noSync {
			flags = unix.RWF_DSYNC
		}
		n, err = unix.Pwritev2(c.FD, [][]byte{c.Buf}, c.Off, flags)
	case CallSync:
		if !noSync {
			err = unix.Fdatasync(c.FD)
		}
	case CallAllocate:
		err = unix.Fallocate(c.FD, c.Mode, c.Off, c.Len)
	case CallDiscard:
		span := [2]uint64{uint64(c.Off), uint64(c.Len)}
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(c.FD), unix.BLKDISCARD, uintptr(unsafe.Pointer(&span))); e != 0 {
			err = e
		}
	}
	if err != nil {
		if e, ok := err.(unix.Errno); ok {
			return -int(e)
		}
		return -int(unix.EIO)
	}
	return n
}

// submit schedules the call for a later time of the fake clock, and its result for a time after that.
func (l *Loop) submit(c *Call) {
	l.mine(c.Kind.String())
	w := l.w
	if c.Kind == CallRead {
		poison(c.Buf) // its content is undefined
	}
	if e := w.cfg.ShortEvery; e > 0 && len(c.Buf) > w.cfg.ShortUnit && w.rng.IntN(e) == 0 {
		units := (len(c.Buf) - 1) / w.cfg.ShortUnit
		c.Buf = c.Buf[:(1+w.rng.IntN(units))*w.cfg.ShortUnit]
	}
	w.at(w.now+w.delay(), nil, func() {
		n, done := 0, false
		if w.cfg.Intercept != nil {
			n, done = w.cfg.Intercept(c)
		}
		if !done {
			n = c.perform(w.cfg.NoSync)
		}
		w.at(w.now+w.delay(), l, func() { c.op.QueueDone(l, c.req, n) })
	})
}

// PRead is pread(2), later.
func (l *Loop) PRead(fd int, buf []byte, off int64, op lun.QueueOp, r *lun.Request) {
	l.submit(&Call{Kind: CallRead, FD: fd, Buf: buf, Off: off, op: op, req: r})
}

// PWrite is pwrite(2), with RWF_DSYNC if dsync, later.
func (l *Loop) PWrite(fd int, buf []byte, off int64, dsync bool, op lun.QueueOp, r *lun.Request) {
	l.submit(&Call{Kind: CallWrite, FD: fd, Buf: buf, Off: off, DSync: dsync, op: op, req: r})
}

// FSync is fdatasync(2), later.
func (l *Loop) FSync(fd int, op lun.QueueOp, r *lun.Request) {
	l.submit(&Call{Kind: CallSync, FD: fd, op: op, req: r})
}

// FAllocate is fallocate(2), later.
func (l *Loop) FAllocate(fd int, mode uint32, off, n int64, op lun.QueueOp, r *lun.Request) {
	l.submit(&Call{Kind: CallAllocate, FD: fd, Mode: mode, Off: off, Len: n, op: op, req: r})
}

// Discard is BLKDISCARD, later.
func (l *Loop) Discard(fd int, off, n int64, op lun.QueueOp, r *lun.Request) {
	l.submit(&Call{Kind: CallDiscard, FD: fd, Off: off, Len: n, op: op, req: r})
}
