package uring

import (
	"github.com/ringtgt/ringtgt/engine/giouring"
)

// Unregistered as a slab index says that the memory is not registered.
const Unregistered = -1

// ReadFixed reads len(p) bytes, at most MaxTransfer, from offset off into p, a part of slab number slab, or of any
// mapped memory with Unregistered. Res may be short at the end of the file.
func (r *Ring) ReadFixed(fd FD, p []byte, off int64, slab int, ud uint64) {
	e := r.sqe()
	if slab >= 0 {
		e.PrepareReadFixed(fd.num(), address(p), length(p), uint64(off), slab)
	} else {
		e.PrepareRead(fd.num(), address(p), length(p), uint64(off))
	}
	e.Flags = fd.flags()
	e.UserData = ud
}

// WriteFixed writes p at offset off; see ReadFixed.
func (r *Ring) WriteFixed(fd FD, p []byte, off int64, slab int, ud uint64) {
	e := r.sqe()
	if slab >= 0 {
		e.PrepareWriteFixed(fd.num(), address(p), length(p), uint64(off), slab)
	} else {
		e.PrepareWrite(fd.num(), address(p), length(p), uint64(off))
	}
	e.Flags = fd.flags()
	e.UserData = ud
}

// Fsync makes what was written durable: fdatasync(2) with datasync, else fsync(2). It covers the writes that completed
// before it was submitted.
func (r *Ring) Fsync(fd FD, datasync bool, ud uint64) {
	e := r.sqe()
	var flags uint32
	if datasync {
		flags = giouring.FsyncDatasync
	}
	e.PrepareFsync(fd.num(), flags)
	e.Flags = fd.flags()
	e.UserData = ud
}

// Modes of Fallocate (linux/falloc.h).
const (
	FallocKeepSize  uint32 = 0x01
	FallocPunchHole uint32 = 0x02 // with FallocKeepSize
	FallocZeroRange uint32 = 0x10
)

// Fallocate is fallocate(2) on n bytes from off.
func (r *Ring) Fallocate(fd FD, mode uint32, off, n int64, ud uint64) {
	e := r.sqe()
	e.PrepareFallocate(fd.num(), int(mode), uint64(off), uint64(n))
	e.Flags = fd.flags()
	e.UserData = ud
}

// Discard discards n bytes from off of a block device, both multiples of its logical block. It completes with -EOPNOTSUPP if
// the device or the kernel (see the Discard feature) does not support it.
func (r *Ring) Discard(fd FD, off, n int64, ud uint64) {
	e := r.sqe()
	e.PrepareBlockDiscard(fd.num(), uint64(off), uint64(n))
	e.Flags = fd.flags()
	e.UserData = ud
}
