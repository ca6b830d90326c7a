package giouring

import (
	"runtime"
	"syscall"
	"unsafe"
)

// Registration structures hold addresses as integers, which neither the garbage collector nor a moving stack knows:
// what they point to is pinned for the call.

func pin[T any](p *runtime.Pinner, s []T) uint64 {
	if len(s) == 0 {
		return 0
	}
	p.Pin(unsafe.SliceData(s))
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(s))))
}

// RegisterBuffers registers buffers for PrepareReadFixed and the like. Their pages stay in memory and count against
// RLIMIT_MEMLOCK for a caller without CAP_IPC_LOCK, who gets ENOMEM above it. They must lie outside the Go heap.
func (ring *Ring) RegisterBuffers(iovecs []syscall.Iovec) (uint, error) {
	return ring.register(RegisterBuffers, unsafe.Pointer(unsafe.SliceData(iovecs)), uint32(len(iovecs)))
}

// RegisterBuffersSparse registers an empty table of nr buffers.
func (ring *Ring) RegisterBuffersSparse(nr uint32) (uint, error) {
	return ring.rsrcRegister(RegisterBuffers2, &RsrcRegister{Nr: nr, Flags: RsrcRegisterSparse})
}

// RegisterBuffersTags is RegisterBuffers whose buffers each post a completion with their tag, if it is not 0, when
// the kernel has let go of them.
func (ring *Ring) RegisterBuffersTags(iovecs []syscall.Iovec, tags []uint64) (uint, error) {
	if len(tags) < len(iovecs) {
		return 0, syscall.EINVAL
	}
	var p runtime.Pinner
	defer p.Unpin()
	return ring.rsrcRegister(RegisterBuffers2, &RsrcRegister{
		Nr: uint32(len(iovecs)), Data: pin(&p, iovecs), Tags: pin(&p, tags),
	})
}

// RegisterBuffersUpdateTag replaces the buffers from slot off on; an empty iovec empties its slot. tags may be nil. It
// returns how many were replaced.
func (ring *Ring) RegisterBuffersUpdateTag(off uint32, iovecs []syscall.Iovec, tags []uint64) (uint, error) {
	if tags != nil && len(tags) < len(iovecs) {
		return 0, syscall.EINVAL
	}
	var p runtime.Pinner
	defer p.Unpin()
	return ring.rsrcUpdate(RegisterBuffersUpdate, &RsrcUpdate2{
		Offset: off, Data: pin(&p, iovecs), Tags: pin(&p, tags), Nr: uint32(len(iovecs)),
	})
}

// UnregisterBuffers drops the table.
func (ring *Ring) UnregisterBuffers() (uint, error) { return ring.register(UnregisterBuffers, nil, 0) }

// RegisterFiles registers descriptors for SqeFixedFile; -1 is an empty slot.
func (ring *Ring) RegisterFiles(files []int32) (uint, error) {
	return ring.register(RegisterFiles, unsafe.Pointer(unsafe.SliceData(files)), uint32(len(files)))
}

// RegisterFilesSparse registers an empty table of nr slots.
func (ring *Ring) RegisterFilesSparse(nr uint32) (uint, error) {
	return ring.rsrcRegister(RegisterFiles2, &RsrcRegister{Nr: nr, Flags: RsrcRegisterSparse})
}

// RegisterFilesTags is RegisterFiles with tags as in RegisterBuffersTags.
func (ring *Ring) RegisterFilesTags(files []int32, tags []uint64) (uint, error) {
	if len(tags) < len(files) {
		return 0, syscall.EINVAL
	}
	var p runtime.Pinner
	defer p.Unpin()
	return ring.rsrcRegister(RegisterFiles2, &RsrcRegister{
		Nr: uint32(len(files)), Data: pin(&p, files), Tags: pin(&p, tags),
	})
}

// RegisterFilesUpdate replaces the slots from off on: -1 empties a slot, RegisterFilesSkip leaves it. It returns how
// many were replaced.
func (ring *Ring) RegisterFilesUpdate(off uint, files []int32) (uint, error) {
	return ring.RegisterFilesUpdateTag(off, files, nil)
}

// RegisterFilesUpdateTag is RegisterFilesUpdate with tags, which may be nil.
func (ring *Ring) RegisterFilesUpdateTag(off uint, files []int32, tags []uint64) (uint, error) {
	if tags != nil && len(tags) < len(files) {
		return 0, syscall.EINVAL
	}
	var p runtime.Pinner
	defer p.Unpin()
	return ring.rsrcUpdate(RegisterFilesUpdate2, &RsrcUpdate2{
		Offset: uint32(off), Data: pin(&p, files), Tags: pin(&p, tags), Nr: uint32(len(files)),
	})
}

// RegisterFileAllocRange keeps FileIndexAlloc to the slots [off, off+length).
func (ring *Ring) RegisterFileAllocRange(off, length uint32) (uint, error) {
	r := FileIndexRange{Off: off, Len: length}
	return ring.register(RegisterFileAllocRange, unsafe.Pointer(&r), 0)
}

// UnregisterFiles drops the table.
func (ring *Ring) UnregisterFiles() (uint, error) { return ring.register(UnregisterFiles, nil, 0) }

func (ring *Ring) rsrcRegister(opcode uint32, reg *RsrcRegister) (uint, error) {
	return ring.register(opcode, unsafe.Pointer(reg), uint32(unsafe.Sizeof(*reg)))
}

func (ring *Ring) rsrcUpdate(opcode uint32, up *RsrcUpdate2) (uint, error) {
	return ring.register(opcode, unsafe.Pointer(up), uint32(unsafe.Sizeof(*up)))
}
