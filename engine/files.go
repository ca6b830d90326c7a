package engine

import (
	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/lun"
)

// fixedFiles maps the descriptors of LUN files to registered ones: an operation on a registered file takes no reference
// on it. A file for which the table has no slot is used by its descriptor.
type fixedFiles struct {
	ring  *uring.Ring
	slots []fileSlot
	free  []int32 // slots without a file
	byFD  []int32 // slot+1 by descriptor
	ok    bool
}

// fileSlot is a slot of the table.
type fileSlot struct {
	owner lun.QueueOp // whose descriptor it is; nil if it is not registered
	fd    int
}

// maxFixedFiles is the number of LUN files that a loop registers: one for each LUN of a full target.
const maxFixedFiles = 256

func (f *fixedFiles) open(r *uring.Ring) {
	f.ring = r
	f.ok = r.RegisterFiles(maxFixedFiles) == nil
}

// fixed returns the registered index for fd of backend op, registering it at its first use. If another backend had the same
// descriptor number before and closed it, it is registered again: the slot still refers to the old file.
func (f *fixedFiles) fixed(fd int, op lun.QueueOp) uring.FD {
	i := -1
	if fd >= 0 && fd < len(f.byFD) {
		i = int(f.byFD[fd]) - 1
	}
	if i >= 0 && f.slots[i].owner == op {
		return uring.Slot(i)
	}
	if i < 0 {
		if i = f.take(fd); i < 0 {
			return uring.FD(fd)
		}
	}
	f.slots[i].owner = nil
	if f.ring.SetFile(i, fd) != nil {
		return uring.FD(fd)
	}
	f.slots[i].owner = op
	return uring.Slot(i)
}

// take reserves a slot for fd, -1 if there is none.
func (f *fixedFiles) take(fd int) int {
	if !f.ok || fd < 0 || fd > 1<<20 {
		return -1
	}
	i := len(f.slots)
	if n := len(f.free); n > 0 {
		i = int(f.free[n-1])
		f.free = f.free[:n-1]
	} else if i < maxFixedFiles {
		f.slots = append(f.slots, fileSlot{})
	} else {
		return -1
	}
	for len(f.byFD) <= fd {
		f.byFD = append(f.byFD, 0)
	}
	f.byFD[fd] = int32(i) + 1
	f.slots[i].fd = fd
	return i
}

// forget empties the slots of backend op, which has no operation with the kernel and will have none. The kernel then drops the files
// when their descriptors are closed, and with them their locks.
func (f *fixedFiles) forget(op lun.QueueOp) {
	for i := range f.slots {
		if s := &f.slots[i]; s.owner != nil && s.owner == op && f.ring.SetFile(i, -1) == nil {
			f.byFD[s.fd] = 0
			*s = fileSlot{}
			f.free = append(f.free, int32(i))
		}
	}
}
