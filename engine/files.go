package engine

import "github.com/ringtgt/ringtgt/engine/uring"

// fixedFiles maps the descriptors of LUN files to registered ones: an operation on a registered file takes no reference
// on it. A file that does not fit is used by its descriptor.
type fixedFiles struct {
	ring *uring.Ring
	fds  []int32 // registered descriptors by index
	byFD []int32 // index+1 by descriptor
	ok   bool
}

// maxFixedFiles is the number of LUN files that a loop registers: one a LUN of a full target.
const maxFixedFiles = 256

func (f *fixedFiles) open(r *uring.Ring) {
	f.ring = r
	f.ok = r.RegisterFiles(maxFixedFiles) == nil
}

// fixed returns the registered index for fd, registering it at its first use.
func (f *fixedFiles) fixed(fd int) uring.FD {
	if fd < len(f.byFD) && f.byFD[fd] > 0 {
		return uring.Slot(int(f.byFD[fd]) - 1)
	}
	if !f.ok || len(f.fds) == maxFixedFiles || fd < 0 || fd > 1<<20 {
		return uring.FD(fd)
	}
	i := len(f.fds)
	if f.ring.SetFile(i, fd) != nil {
		return uring.FD(fd)
	}
	f.fds = append(f.fds, int32(fd))
	for len(f.byFD) <= fd {
		f.byFD = append(f.byFD, 0)
	}
	f.byFD[fd] = int32(i) + 1
	return uring.Slot(i)
}

// forget releases the registration of a descriptor that is about to be closed: the kernel would keep the file open.
func (f *fixedFiles) forget(fd int) {
	if fd >= len(f.byFD) || f.byFD[fd] == 0 {
		return
	}
	i := f.byFD[fd] - 1
	f.byFD[fd] = 0
	f.ring.SetFile(int(i), -1)
}
