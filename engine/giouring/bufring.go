package giouring

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// BufAndRing is struct io_uring_buf, 16 bytes, and the start of struct io_uring_buf_ring: the ring's tail lies over
// the reserved half-word of its first entry.
type BufAndRing struct {
	Addr uint64
	Len  uint32
	Bid  uint16
	Tail uint16 // of the first entry only
}

// MaxBufRingEntries is the kernel's limit for a buffer ring: heads and tails are 16 bits.
const MaxBufRingEntries = 1 << 15

// BufRingMask is the mask for BufRingAdd.
func BufRingMask(entries uint32) int { return int(entries - 1) }

// BufRingAdd writes a buffer at bufOffset entries after the tail. The kernel sees it after BufRingAdvance.
func (br *BufAndRing) BufRingAdd(addr uintptr, length uint32, bid uint16, mask, bufOffset int) {
	slot := (int(br.Tail) + bufOffset) & mask
	buf := (*BufAndRing)(unsafe.Add(unsafe.Pointer(br), uintptr(slot)*unsafe.Sizeof(*br)))
	// Not the whole entry: in slot 0 that would overwrite the tail.
	buf.Addr, buf.Len, buf.Bid = uint64(addr), length, bid
}

// BufRingAdvance gives the kernel the count buffers added after the tail.
func (br *BufAndRing) BufRingAdvance(count int) {
	// The tail must be stored with release semantics. Go has no atomic 16-bit store, so the id beside it is stored
	// again with it; only this side ever writes that.
	word := (*uint32)(unsafe.Pointer(&br.Bid))
	atomic.StoreUint32(word, uint32(br.Tail+uint16(count))<<16|uint32(br.Bid))
}

// SetupBufRing maps and registers an empty ring of nentries buffers, a power of two up to MaxBufRingEntries, for group
// bgid; flags are 0 or PbufRingInc. FreeBufRing or QueueExit unmaps it.
func (ring *Ring) SetupBufRing(nentries uint32, bgid int, flags uint32) (*BufAndRing, error) {
	if nentries == 0 || nentries > MaxBufRingEntries || nentries&(nentries-1) != 0 || flags&^uint32(PbufRingInc) != 0 {
		return nil, syscall.EINVAL
	}
	mem, err := syscall.Mmap(-1, 0, int(nentries)*int(unsafe.Sizeof(BufAndRing{})),
		syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	br := (*BufAndRing)(unsafe.Pointer(unsafe.SliceData(mem)))
	reg := BufReg{RingAddr: uint64(uintptr(unsafe.Pointer(br))), RingEntries: nentries, Bgid: uint16(bgid), Flags: uint16(flags)}
	if _, err := ring.register(RegisterPbufRing, unsafe.Pointer(&reg), 1); err != nil {
		_ = syscall.Munmap(mem)
		return nil, err
	}
	if ring.bufRings == nil {
		ring.bufRings = make(map[uint16][]byte)
	}
	ring.bufRings[uint16(bgid)] = mem
	return br, nil
}

// FreeBufRing unregisters and unmaps a ring of SetupBufRing. The buffers themselves are the caller's.
func (ring *Ring) FreeBufRing(bgid int) error {
	reg := BufReg{Bgid: uint16(bgid)}
	if _, err := ring.register(UnregisterPbufRing, unsafe.Pointer(&reg), 1); err != nil {
		return err
	}
	mem, ok := ring.bufRings[uint16(bgid)]
	if !ok {
		return nil
	}
	delete(ring.bufRings, uint16(bgid))
	return syscall.Munmap(mem)
}
