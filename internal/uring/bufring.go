package uring

import (
	"fmt"

	"github.com/ringtgt/ringtgt/engine/giouring"
)

// BufRing is a group of equal receive buffers from which the kernel takes one when data arrives.
//
// A buffer belongs to the kernel from Publish after its Recycle until a completion names it, then to the loop until it
// is recycled. In an incremental group several completions name the same buffer, one piece each, and it passes to the
// loop with the last, which lacks CQE.BufferMore.
type BufRing struct {
	ring    *Ring
	br      *giouring.BufAndRing
	mem     []byte
	group   uint16
	mask    int
	size    int
	added   int      // recycled and not yet published
	offsets []uint32 // incremental: how much of each buffer was filled
}

// NewBufRing maps entries buffers (a power of two up to MaxBuffers) of size bytes each, registers them as group and
// gives them all to the kernel. With incremental a buffer is filled piece by piece (feature BufRingInc).
func (r *Ring) NewBufRing(group uint16, entries, size int, incremental bool) (*BufRing, error) {
	if entries <= 0 || entries > MaxBuffers || entries&(entries-1) != 0 || size <= 0 || size > MaxSlabBytes {
		return nil, fmt.Errorf("uring: a buffer ring of %d buffers of %d bytes", entries, size)
	}
	b := &BufRing{ring: r, group: group, mask: giouring.BufRingMask(uint32(entries)), size: size}
	var flags uint32
	if incremental {
		if !r.features.Has(BufRingInc) {
			return nil, fmt.Errorf("uring: no incremental buffer rings: Linux 6.12 or newer is needed")
		}
		flags = uint32(giouring.PbufRingInc)
		b.offsets = make([]uint32, entries)
	}
	var err error
	if b.mem, err = Map(entries * size); err != nil {
		return nil, err
	}
	if b.br, err = r.g.SetupBufRing(uint32(entries), int(group), flags); err != nil {
		_ = Unmap(b.mem)
		return nil, fmt.Errorf("uring: buffer ring %d: %w", group, err)
	}
	for bid := range entries {
		b.Recycle(uint16(bid))
	}
	b.Publish()
	return b, nil
}

// Group returns the group's number, for RecvBuf and RecvMultishot.
func (b *BufRing) Group() uint16 { return b.group }

// Size returns the size of one buffer.
func (b *BufRing) Size() int { return b.size }

// Bytes returns the first n bytes of buffer bid.
func (b *BufRing) Bytes(bid uint16, n int) []byte {
	start := int(bid) * b.size
	return b.mem[start : start+n : start+b.size]
}

// Take returns the data of a completed receive, nil if it used no buffer. The bytes are valid until Done(c).
func (b *BufRing) Take(c CQE) []byte {
	bid, ok := c.BufferID()
	if !ok {
		return nil
	}
	n := int(max(c.Res, 0))
	if b.offsets == nil {
		return b.Bytes(bid, n)
	}
	start := int(b.offsets[bid])
	b.offsets[bid] += uint32(n)
	return b.Bytes(bid, start+n)[start:]
}

// Done recycles the completion's buffer if this was its last piece. Publish returns it to the kernel.
func (b *BufRing) Done(c CQE) {
	if bid, ok := c.BufferID(); ok && !c.BufferMore() {
		b.Recycle(bid)
	}
}

// Recycle returns buffer bid to the ring. The kernel sees it after Publish. Recycling a buffer twice breaks the group.
func (b *BufRing) Recycle(bid uint16) {
	if b.offsets != nil {
		b.offsets[bid] = 0
	}
	b.br.BufRingAdd(address(b.mem)+uintptr(bid)*uintptr(b.size), uint32(b.size), bid, b.mask, b.added)
	b.added++
}

// Publish gives the recycled buffers to the kernel: once a turn is enough.
func (b *BufRing) Publish() {
	if b.added > 0 {
		b.br.BufRingAdvance(b.added)
		b.added = 0
	}
}

// Close unregisters the group and unmaps the buffers. No receive may use the group any more. After the ring's Close
// it only unmaps.
func (b *BufRing) Close() error {
	if b.mem == nil {
		return nil
	}
	var err error
	if !b.ring.closed {
		err = b.ring.g.FreeBufRing(int(b.group))
	}
	mem := b.mem
	b.mem, b.br = nil, nil
	if e := Unmap(mem); err == nil {
		err = e
	}
	return err
}
