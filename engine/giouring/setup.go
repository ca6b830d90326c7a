package giouring

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// System call numbers; io_uring has the same on every architecture Go's Linux ports know.
const (
	sysSetup    = 425
	sysEnter    = 426
	sysRegister = 427
)

// Offsets for mmap(2) on the ring's descriptor.
const (
	OffSQRing = 0
	OffCQRing = 0x8000000
	OffSQEs   = 0x10000000
)

// unsupportedSetup are the flags that need memory of the caller, or give no descriptor.
const unsupportedSetup = SetupNoMmap | SetupRegisteredFdOnly

// Shifts from a slot's number to its offset. A ring of mixed sizes has slots of the small size, and a large entry takes two.
const (
	sqeShift = 6
	cqeShift = 4
)

// SubmissionQueue is the submission side of a ring: the pointers into memory shared with the kernel and the part of
// the queue that only this process sees.
type SubmissionQueue struct {
	head, tail, flags *uint32
	array             *uint32 // nil with SetupNoSQArray
	sqes              unsafe.Pointer
	mask, entries     uint32
	sqeHead, sqeTail  uint32 // published, prepared
	shift             uint8  // sqeShift, or one more with SetupSQE128
	size              EntrySize
}

// CompletionQueue is the completion side of a ring.
type CompletionQueue struct {
	head, tail *uint32
	cqes       unsafe.Pointer
	mask       uint32
	shift      uint8 // cqeShift, or one more with SetupCQE32
	size       EntrySize
}

// waitArg holds what a wait passes by pointer. It lies outside the Go heap and stacks, so the addresses inside it stay
// valid while the kernel reads them.
type waitArg struct {
	arg GetEventsArg
	ts  syscall.Timespec
}

// Ring is an io_uring instance.
type Ring struct {
	sq SubmissionQueue
	cq CompletionQueue

	features    uint32
	ringFd      int
	enterFd     uintptr // ringFd, or its registered index
	enterFlags  uint32  // EnterRegisteredRing when it is an index
	regFd       uintptr
	regFlags    uint32
	intFlags    uint8
	wait        *waitArg
	kernel      Kernel // nil: the one that runs this process
	mapped      [][]byte
	bufRings    map[uint16][]byte
	initialized bool
}

// NewRing returns a ring for QueueInitParams to set up.
func NewRing() *Ring { return &Ring{ringFd: -1} }

// Setup is io_uring_setup(2). It returns the descriptor.
func Setup(entries uint32, p *Params) (uint, error) {
	fd, _, errno := syscall.Syscall(sysSetup, uintptr(entries), uintptr(unsafe.Pointer(p)), 0)
	if errno != 0 {
		return 0, errno
	}
	return uint(fd), nil
}

// QueueInitParams sets the ring up with p, which the kernel completes. EINVAL: the kernel has not one of
// the flags, or p contradicts itself. EPERM: io_uring is forbidden. ENOSYS: the kernel has none.
func (ring *Ring) QueueInitParams(entries uint32, p *Params) (err error) {
	if ring.initialized || p.Flags&unsupportedSetup != 0 {
		return syscall.EINVAL
	}
	fd, err := ring.setup(entries, p)
	if err != nil {
		return err
	}
	ring.ringFd = int(fd)
	ring.enterFd, ring.regFd = uintptr(fd), uintptr(fd)
	ring.features = p.Features
	ring.initialized = true
	if err := ring.mmap(p); err != nil {
		ring.QueueExit()
		return err
	}
	return nil
}

func (ring *Ring) mapShared(offset int64, size uintptr) (unsafe.Pointer, error) {
	if k := ring.kernel; k != nil {
		return k.Map(ring.ringFd, offset, size)
	}
	mem, err := syscall.Mmap(ring.ringFd, offset, int(size), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_SHARED|syscall.MAP_POPULATE)
	if err != nil {
		return nil, err
	}
	// A child of fork(2) must not share the rings.
	_ = syscall.Madvise(mem, syscall.MADV_DONTFORK)
	ring.mapped = append(ring.mapped, mem)
	return unsafe.Pointer(unsafe.SliceData(mem)), nil
}

// mmap maps the rings and the entries and finds the shared words in them.
func (ring *Ring) mmap(p *Params) error {
	// With SetupNoSQArray there is no array and its offset is 0; one mapping (FeatSingleMMap) then holds both rings.
	sqSize := uintptr(p.SQOff.Array) + uintptr(p.SQEntries)*4
	sqes, cqes := sqeSizes(p.Flags), cqeSizes(p.Flags)
	cqSize := uintptr(p.CQOff.CQEs) + uintptr(p.CQEntries)<<cqes.shift(cqeShift)
	single := p.Features&FeatSingleMMap != 0
	if single {
		sqSize = max(sqSize, cqSize)
	}
	sqMem, err := ring.mapShared(OffSQRing, sqSize)
	if err != nil {
		return err
	}
	cqMem := sqMem
	if !single {
		if cqMem, err = ring.mapShared(OffCQRing, cqSize); err != nil {
			return err
		}
	}
	entries, err := ring.mapShared(OffSQEs, uintptr(p.SQEntries)<<sqes.shift(sqeShift))
	if err != nil {
		return err
	}
	arg, err := syscall.Mmap(-1, 0, syscall.Getpagesize(), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return err
	}
	ring.mapped = append(ring.mapped, arg)
	ring.wait = (*waitArg)(unsafe.Pointer(unsafe.SliceData(arg)))

	word := func(base unsafe.Pointer, off uint32) *uint32 { return (*uint32)(unsafe.Add(base, uintptr(off))) }
	ring.sq = SubmissionQueue{
		head: word(sqMem, p.SQOff.Head), tail: word(sqMem, p.SQOff.Tail),
		flags: word(sqMem, p.SQOff.Flags),
		sqes:  entries, mask: *word(sqMem, p.SQOff.RingMask), entries: *word(sqMem, p.SQOff.RingEntries),
		size: sqes, shift: sqes.shift(sqeShift),
	}
	ring.cq = CompletionQueue{
		head: word(cqMem, p.CQOff.Head), tail: word(cqMem, p.CQOff.Tail),
		cqes: unsafe.Add(cqMem, uintptr(p.CQOff.CQEs)), mask: *word(cqMem, p.CQOff.RingMask),
		size: cqes, shift: cqes.shift(cqeShift),
	}
	if p.Flags&SetupNoSQArray == 0 {
		// Entry i always stands in slot i, so the array is written once.
		ring.sq.array = word(sqMem, p.SQOff.Array)
		for i, slots := uint32(0), unsafe.Slice(ring.sq.array, p.SQEntries); i < p.SQEntries; i++ {
			slots[i] = i
		}
	}
	return nil
}

// QueueExit closes the ring and unmaps its memory, buffer rings of SetupBufRing included. The kernel cancels what is
// in flight in the background: memory lent to it must outlive that. Call it on the ring's thread.
func (ring *Ring) QueueExit() {
	if !ring.initialized {
		return
	}
	if ring.intFlags&regRing != 0 {
		_, _ = ring.UnregisterRingFd()
	}
	if k := ring.kernel; k != nil {
		k.Close(ring.ringFd)
	} else {
		_ = syscall.Close(ring.ringFd)
	}
	for _, mem := range ring.mapped {
		_ = syscall.Munmap(mem)
	}
	for _, mem := range ring.bufRings {
		_ = syscall.Munmap(mem)
	}
	*ring = Ring{ringFd: -1}
}

// RingFd returns the ring's descriptor; other rings send messages to it.
func (ring *Ring) RingFd() int { return ring.ringFd }

// Features returns what the kernel reported at set-up (Feat...).
func (ring *Ring) Features() uint32 { return ring.features }

// SQEntries returns the number of submission entries.
func (ring *Ring) SQEntries() uint32 { return ring.sq.entries }

// GetSQE returns the next free entry with whatever its last use left in it, or nil when the queue is full.
func (ring *Ring) GetSQE() *SubmissionQueueEntry {
	sq := &ring.sq
	if sq.sqeTail-atomic.LoadUint32(sq.head) >= sq.entries {
		return nil
	}
	entry := (*SubmissionQueueEntry)(unsafe.Add(sq.sqes, uintptr(sq.sqeTail&sq.mask)<<(sq.shift&63)))
	sq.sqeTail++
	return entry
}

// SQReady returns the number of entries prepared and not yet taken by the kernel.
func (ring *Ring) SQReady() uint32 { return ring.sq.sqeTail - atomic.LoadUint32(ring.sq.head) }

// SQFlags returns the flags that the kernel sets: SQCQOverflow, SQTaskrun.
func (ring *Ring) SQFlags() uint32 { return atomic.LoadUint32(ring.sq.flags) }
