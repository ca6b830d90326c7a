package engine

import (
	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/lun"
)

// fixedFiles maps the descriptors of LUN files to registered ones: an operation on a registered file takes no reference
// on it. A file for which the table has no slot is used by its descriptor.
type fixedFiles struct {
	ring   *uring.Ring
	owners []lun.QueueOp // by index: whose descriptor it is; nil if registering it failed
	byFD   []int32       // index+1 by descriptor
	ok     bool
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
	if i >= 0 && f.owners[i] == op {
		return uring.Slot(i)
	}
	if i < 0 {
		if !f.ok || len(f.owners) == maxFixedFiles || fd < 0 || fd > 1<<20 {
			return uring.FD(fd)
		}
		i = len(f.owners)
		f.owners = append(f.owners, nil)
		for len(f.byFD) <= fd {
			f.byFD = append(f.byFD, 0)
		}
		f.byFD[fd] = int32(i) + 1
	}
	f.owners[i] = nil
	if f.ring.SetFile(i, fd) != nil {
		return uring.FD(fd)
	}
	f.owners[i] = op
	return uring.Slot(i)
}
