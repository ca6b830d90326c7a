package giouring

import (
	"runtime"
	"syscall"
	"unsafe"
)

// Registration structures hold addresses as integers, which the garbage collector does not see and a moving stack does not
// update: what they point to is pinned for the call.

func pin[T any](p *runtime.Pinner, s []T) uint64 {
	if len(s) == 0 {
		return 0
	}
	p.Pin(unsafe.SliceData(s))
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(s))))
}

// RegisterBuffersSparse registers an empty table of nr buffers.
func (ring *Ring) RegisterBuffersSparse(nr uint32) (uint, error) {
	return ring.rsrcRegister(RegisterBuffers2, &RsrcRegister{Nr: nr, Flags: RsrcRegisterSparse})
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

// RegisterFilesSparse registers an empty table of nr slots.
func (ring *Ring) RegisterFilesSparse(nr uint32) (uint, error) {
	return ring.rsrcRegister(RegisterFiles2, &RsrcRegister{Nr: nr, Flags: RsrcRegisterSparse})
}

// RegisterFilesUpdate replaces the slots from off on: -1 empties a slot. It returns how many were replaced.
func (ring *Ring) RegisterFilesUpdate(off uint, files []int32) (uint, error) {
	var p runtime.Pinner
	defer p.Unpin()
	return ring.rsrcUpdate(RegisterFilesUpdate2, &RsrcUpdate2{
		Offset: uint32(off), Data: pin(&p, files), Nr: uint32(len(files)),
	})
}

// UnregisterFiles drops the table.
func (ring *Ring) UnregisterFiles() (uint, error) { return ring.register(UnregisterFiles, nil, 0) }

func (ring *Ring) rsrcRegister(opcode uint32, reg *RsrcRegister) (uint, error) {
	return ring.register(opcode, unsafe.Pointer(reg), uint32(unsafe.Sizeof(*reg)))
}

func (ring *Ring) rsrcUpdate(opcode uint32, up *RsrcUpdate2) (uint, error) {
	return ring.register(opcode, unsafe.Pointer(up), uint32(unsafe.Sizeof(*up)))
}
