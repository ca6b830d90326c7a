package giouring

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// CQReady returns the number of completions visible.
func (ring *Ring) CQReady() uint32 {
	return atomic.LoadUint32(ring.cq.tail) - *ring.cq.head
}

// CQEAt returns the visible completion number i, 0 being the oldest. i must be below CQReady.
func (ring *Ring) CQEAt(i uint32) *CompletionQueueEvent {
	return (*CompletionQueueEvent)(unsafe.Add(ring.cq.cqes, uintptr((*ring.cq.head+i)&ring.cq.mask)*cqeSize))
}

// CQAdvance gives the oldest n completions back to the kernel.
func (ring *Ring) CQAdvance(n uint32) {
	if n != 0 {
		atomic.StoreUint32(ring.cq.head, *ring.cq.head+n)
	}
}

// CQESeen gives the oldest completion back to the kernel.
func (ring *Ring) CQESeen(event *CompletionQueueEvent) {
	if event != nil {
		ring.CQAdvance(1)
	}
}

// CQHasOverflow reports whether the kernel holds completions back for want of room. Any enter with EnterGetEvents
// brings them in.
func (ring *Ring) CQHasOverflow() bool {
	return ring.SQFlags()&SQCQOverflow != 0
}

// CQOverflow returns the number of completions that were lost. It stays 0 with FeatNoDrop, short of a kernel that is
// out of memory.
func (ring *Ring) CQOverflow() uint32 { return atomic.LoadUint32(ring.cq.overflow) }

// PeekCQE returns the oldest completion without waiting. If none is visible but the kernel has work that would make
// one, it enters the kernel once. EAGAIN says that there is none.
func (ring *Ring) PeekCQE() (*CompletionQueueEvent, error) {
	if ring.CQReady() == 0 {
		if ring.flags&SetupIOPoll == 0 && ring.SQFlags()&(SQCQOverflow|SQTaskrun) == 0 {
			return nil, syscall.EAGAIN
		}
		if _, err := ring.GetEvents(); err != nil {
			return nil, err
		}
		if ring.CQReady() == 0 {
			return nil, syscall.EAGAIN
		}
	}
	return ring.CQEAt(0), nil
}

// PeekBatchCQE fills cqes with the visible completions, oldest first, and returns how many. They stay in the ring
// until CQAdvance.
func (ring *Ring) PeekBatchCQE(cqes []*CompletionQueueEvent) uint32 {
	ready := ring.CQReady()
	if ready == 0 && ring.SQFlags()&(SQCQOverflow|SQTaskrun) != 0 {
		if _, err := ring.GetEvents(); err != nil {
			return 0
		}
		ready = ring.CQReady()
	}
	n := min(ready, uint32(len(cqes)))
	for i := range n {
		cqes[i] = ring.CQEAt(i)
	}
	return n
}

// ForEachCQE calls back for every visible completion, oldest first. It does not advance the queue.
func (ring *Ring) ForEachCQE(callback func(cqe *CompletionQueueEvent)) {
	for i := range ring.CQReady() {
		callback(ring.CQEAt(i))
	}
}

// WaitCQE waits for one completion.
func (ring *Ring) WaitCQE() (*CompletionQueueEvent, error) { return ring.WaitCQENr(1) }

// WaitCQENr waits until n completions are visible and returns the oldest. It submits nothing.
func (ring *Ring) WaitCQENr(n uint32) (*CompletionQueueEvent, error) {
	for ring.CQReady() < n {
		if _, err := ring.Enter(0, n, EnterGetEvents, nil); err != nil {
			return nil, err
		}
	}
	return ring.CQEAt(0), nil
}

// WaitCQETimeout waits for one completion for at most ts; ETIME says that none came.
func (ring *Ring) WaitCQETimeout(ts *syscall.Timespec) (*CompletionQueueEvent, error) {
	return ring.WaitCQEs(1, ts, nil)
}

// WaitCQEs waits for n completions for at most ts, with sigmask in force if it is not nil.
func (ring *Ring) WaitCQEs(n uint32, ts *syscall.Timespec, sigmask *Sigset) (*CompletionQueueEvent, error) {
	if ring.CQReady() >= n {
		return ring.CQEAt(0), nil
	}
	return ring.oldest(ring.EnterTimeout(0, n, 0, ts, 0, sigmask))
}

// CQEventfdEnabled reports whether completions signal the registered eventfd.
func (ring *Ring) CQEventfdEnabled() bool {
	return ring.cq.flags == nil || atomic.LoadUint32(ring.cq.flags)&CQEventFdDisabled == 0
}

// CqEventfdToggle turns the signals of the registered eventfd on or off.
func (ring *Ring) CqEventfdToggle(enabled bool) error {
	if ring.cq.flags == nil {
		return syscall.EOPNOTSUPP
	}
	flags := atomic.LoadUint32(ring.cq.flags) &^ CQEventFdDisabled
	if !enabled {
		flags |= CQEventFdDisabled
	}
	atomic.StoreUint32(ring.cq.flags, flags)
	return nil
}
