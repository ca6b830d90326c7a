package uring

import "golang.org/x/sys/unix"

// WriteDsync is WriteFixed that completes when the data is on the medium (RWF_DSYNC): a write with FUA.
func (r *Ring) WriteDsync(fd FD, p []byte, off int64, slab int, ud uint64) {
	e := r.sqe()
	if slab >= 0 {
		e.PrepareWriteFixed(fd.num(), address(p), length(p), uint64(off), slab)
	} else {
		e.PrepareWrite(fd.num(), address(p), length(p), uint64(off))
	}
	e.OpcodeFlags = unix.RWF_DSYNC
	e.Flags = fd.flags()
	e.UserData = ud
}
