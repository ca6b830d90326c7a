package giouring

import (
	"sync/atomic"
	"unsafe"
)

// EntrySize is the size of the entries of a queue.
type EntrySize uint8

const (
	Small EntrySize = iota // 64 bytes to submit, 16 to complete
	Big                    // twice that
	Mixed                  // both: a big entry takes two slots of the small size, and does not wrap around
)

func (s EntrySize) String() string { return [...]string{"small", "big", "mixed"}[s] }

// shift returns the shift from slots to bytes, given that of small entries.
func (s EntrySize) shift(small uint8) uint8 {
	if s == Big {
		return small + 1
	}
	return small
}

func sizes(flags, big, mixed uint32) EntrySize {
	switch {
	case flags&big != 0:
		return Big
	case flags&mixed != 0:
		return Mixed
	}
	return Small
}

func sqeSizes(flags uint32) EntrySize { return sizes(flags, SetupSQE128, SetupSQEMixed) }
func cqeSizes(flags uint32) EntrySize { return sizes(flags, SetupCQE32, SetupCQEMixed) }

// SQESize returns the size of the submission entries.
func (ring *Ring) SQESize() EntrySize { return ring.sq.size }

// CQESize returns the size of the completions.
func (ring *Ring) CQESize() EntrySize { return ring.cq.size }

// GetSQE128 returns the next free entry of 128 bytes, with whatever its last use left in it, or nil when the queue is full. In a
// queue of mixed sizes only OpNop128 and OpUringCmd128 use all of it. The ring must not have small entries only.
func (ring *Ring) GetSQE128() *SubmissionQueueEntry128 {
	sq := &ring.sq
	slots := uint32(1)
	switch sq.size {
	case Small:
		panic("giouring: a ring with entries of 64 bytes has none of 128")
	case Mixed:
		slots = 2
		if sq.sqeTail&sq.mask == sq.mask { // the kernel refuses an entry that wraps around
			if sq.sqeTail-atomic.LoadUint32(sq.head)+3 > sq.entries {
				return nil
			}
			*ring.GetSQE() = SubmissionQueueEntry{OpCode: OpNop, Fd: -1, Flags: SqeCQESkipSuccess}
		}
	}
	if sq.sqeTail-atomic.LoadUint32(sq.head)+slots > sq.entries {
		return nil
	}
	entry := (*SubmissionQueueEntry128)(unsafe.Add(sq.sqes, uintptr(sq.sqeTail&sq.mask)<<(sq.shift&63)))
	sq.sqeTail += slots
	return entry
}

// CQE32At returns the visible completion number i as one of 32 bytes. In a queue of mixed sizes i counts slots, and the completion
// must have CQEF32. The ring must not have small completions only.
func (ring *Ring) CQE32At(i uint32) *CompletionQueueEvent32 {
	if ring.cq.size == Small {
		panic("giouring: a ring with completions of 16 bytes has none of 32")
	}
	return (*CompletionQueueEvent32)(unsafe.Pointer(ring.CQEAt(i)))
}

// CQESlots returns how many slots of the queue completion c takes: 2 for a completion of 32 bytes in a queue of mixed sizes.
func (ring *Ring) CQESlots(c *CompletionQueueEvent) uint32 {
	if ring.cq.size == Mixed && c.Flags&CQEF32 != 0 {
		return 2
	}
	return 1
}
