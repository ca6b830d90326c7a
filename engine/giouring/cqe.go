package giouring

import (
	"sync/atomic"
	"unsafe"
)

// CQReady returns the number of completions visible. With SetupCQEMixed it is the number of their slots.
func (ring *Ring) CQReady() uint32 {
	return atomic.LoadUint32(ring.cq.tail) - *ring.cq.head
}

// CQEAt returns the visible completion number i, 0 being the oldest. i must be below CQReady. With SetupCQEMixed i counts slots:
// see CQESlots.
func (ring *Ring) CQEAt(i uint32) *CompletionQueueEvent {
	return (*CompletionQueueEvent)(unsafe.Add(ring.cq.cqes, uintptr((*ring.cq.head+i)&ring.cq.mask)<<(ring.cq.shift&63)))
}

// CQAdvance gives the oldest n completions back to the kernel, or slots with SetupCQEMixed.
func (ring *Ring) CQAdvance(n uint32) {
	if n != 0 {
		atomic.StoreUint32(ring.cq.head, *ring.cq.head+n)
	}
}
