package giouring

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// nop32 prepares the entry that completes with its user data, times 3 and times 5 in the extra words.
func nop32(e *SubmissionQueueEntry, userData uint64) {
	*e = SubmissionQueueEntry{OpCode: OpNop, Fd: -1, UserData: userData, OpcodeFlags: NopCQE32, Off: 3 * userData, Addr: 5 * userData}
}

// TestEntrySizes runs NOPs several times around rings of every combination of entry sizes, and compares each completion's extra
// words. In a ring of mixed completions every third is a small one, so that the large ones meet the end of the ring at either
// parity.
func TestEntrySizes(t *testing.T) {
	for sqe, sqeFlag := range map[EntrySize]uint32{Small: 0, Big: SetupSQE128, Mixed: SetupSQEMixed} {
		for cqe, cqeFlag := range map[EntrySize]uint32{Small: 0, Big: SetupCQE32, Mixed: SetupCQEMixed} {
			for _, array := range []uint32{0, SetupNoSQArray} {
				t.Run(fmt.Sprintf("sqe %v, cqe %v, flags %#x", sqe, cqe, array), func(t *testing.T) {
					ring := newRing(t, 8, deferred|sqeFlag|cqeFlag|array)
					check.Equal(t, ring.SQESize(), sqe, "the ring's entries are")
					check.Equal(t, ring.CQESize(), cqe, "the ring's completions are")
					aroundNops(t, ring)
				})
			}
		}
	}
}

// aroundNops submits a thousand NOPs of the largest sizes that a ring has and takes their completions.
func aroundNops(t *testing.T, ring *Ring) {
	t.Helper()
	large := func(n uint64) bool { return ring.CQESize() == Big || ring.CQESize() == Mixed && n%3 != 0 }
	sent, got, skipped := uint64(0), uint64(0), 0
	for got < 1000 {
		for sent < 1000 && prepareNop(ring, sent, large(sent)) {
			sent++
		}
		await(t, ring, 1)
		ready := ring.CQReady()
		for i := uint32(0); i < ready; {
			c := ring.CQEAt(i)
			if c.Flags&CQEFSkip != 0 {
				skipped++
				i++
				continue
			}
			must.Be(t, c.UserData == got && c.Res == 0, "completion %+v, want number %d", *c, got)
			if large(got) {
				extra := ring.CQE32At(i).Extra
				must.Be(t, extra == [2]uint64{3 * got, 5 * got}, "completion %d has the extra words %d", got, extra)
			}
			marked := c.Flags&CQEF32 != 0
			must.Be(t, marked == (ring.CQESize() == Mixed && large(got)), "completion %d is marked as large: %v", got, marked)
			i += ring.CQESlots(c)
			got++
		}
		ring.CQAdvance(ready)
	}
	check.Equal(t, ring.CQESize() == Mixed, skipped > 0, "there was padding before the end of the ring")
}

// prepareNop prepares a NOP. It returns false when the queue is full. Every second entry of a mixed queue has 128 bytes.
func prepareNop(ring *Ring, n uint64, large bool) bool {
	var e *SubmissionQueueEntry
	op := OpNop
	if ring.SQESize() == Small || ring.SQESize() == Mixed && n%2 == 0 {
		e = ring.GetSQE()
	} else if wide := ring.GetSQE128(); wide != nil {
		e = &wide.SubmissionQueueEntry
		*wide = SubmissionQueueEntry128{}
		if ring.SQESize() == Mixed {
			op = OpNop128
		}
	}
	if e == nil {
		return false
	}
	nop(e, n)
	if large {
		nop32(e, n)
	}
	e.OpCode = op
	return true
}

// TestNoLargeEntries wants a panic for entries that a ring does not have.
func TestNoLargeEntries(t *testing.T) {
	ring := newRing(t, 4, deferred)
	for name, f := range map[string]func(){"SQE": func() { ring.GetSQE128() }, "CQE": func() { ring.CQE32At(0) }} {
		t.Run(name, func(t *testing.T) {
			defer func() { check.That(t, recover() != nil, "no panic") }()
			f()
		})
	}
}

// socketSIOCINQ is SOCKET_URING_OP_SIOCINQ: how many bytes can be read from a socket (6.7).
const socketSIOCINQ = 0

// TestCommand asks a socket for its unread bytes by OpUringCmd, from entries of both sizes.
func TestCommand(t *testing.T) {
	for _, flags := range []uint32{0, SetupSQE128, SetupSQE128 | SetupCQE32} {
		t.Run(fmt.Sprintf("%#x", flags), func(t *testing.T) {
			ring := newRing(t, 4, deferred|flags)
			needOp(t, ring, OpUringCmd, "5.19")
			a, b := tcpSockets(t)
			write(t, a, "eleven byte")
			for round := range uint64(9) { // more than twice around
				e := ring.GetSQE()
				*e = SubmissionQueueEntry{OpCode: OpUringCmd, Fd: int32(b), Off: socketSIOCINQ, UserData: round}
				c := next(t, ring)
				if c.Res == neg(syscall.EOPNOTSUPP) {
					t.Skip("SOCKET_URING_OP_SIOCINQ came with Linux 6.7")
				}
				must.Be(t, c.UserData == round && c.Res == 11, "completion %+v, want user data %d and 11 bytes", c, round)
			}
		})
	}
}

// tcpSockets returns the two ends of a connection.
func tcpSockets(t *testing.T) (a, b int) {
	t.Helper()
	socket := func() int {
		fd := must.Get(syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0))(t)
		t.Cleanup(func() { _ = syscall.Close(fd) })
		return fd
	}
	l, a := socket(), socket()
	must.OK(t, syscall.Bind(l, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must.OK(t, syscall.Listen(l, 1))
	must.OK(t, syscall.Connect(a, must.Get(syscall.Getsockname(l))(t)))
	b, _, err := syscall.Accept(l)
	must.OK(t, err)
	t.Cleanup(func() { _ = syscall.Close(b) })
	return a, b
}

// mixedKernel takes entries as Linux 6.19 does with SetupSQEMixed: the running kernel may be older.
type mixedKernel struct {
	sq, sqes []byte
	head     uint32
	taken    []SubmissionQueueEntry
	bad      int // entries that the kernel would refuse
}

const fakeEntries = 8

func (k *mixedKernel) Setup(entries uint32, p *Params) (uint, error) {
	p.SQEntries, p.CQEntries, p.Features = fakeEntries, fakeEntries, FeatSingleMMap
	p.SQOff = SQRingOffsets{Head: 0, Tail: 4, RingMask: 8, RingEntries: 12, Flags: 16}
	p.CQOff = CQRingOffsets{Head: 20, Tail: 24, RingMask: 28, CQEs: 64}
	k.sq = make([]byte, 4096)
	*k.word(8), *k.word(12), *k.word(28) = fakeEntries-1, fakeEntries, fakeEntries-1
	return 1000, nil
}

func (k *mixedKernel) word(at uintptr) *uint32 { return (*uint32)(unsafe.Pointer(&k.sq[at])) }

func (k *mixedKernel) Map(_ int, offset int64, size uintptr) (unsafe.Pointer, error) {
	if offset == OffSQEs {
		k.sqes = make([]byte, size)
		return unsafe.Pointer(&k.sqes[0]), nil
	}
	return unsafe.Pointer(&k.sq[0]), nil
}

func (k *mixedKernel) Enter(_ int, submit, _, _ uint32, _ *syscall.Timespec) (uint, syscall.Errno) {
	for n := uint32(0); n < submit; n++ {
		e := *(*SubmissionQueueEntry)(unsafe.Pointer(&k.sqes[k.head%fakeEntries*64]))
		k.head++
		k.taken = append(k.taken, e)
		if e.OpCode == OpNop128 || e.OpCode == OpUringCmd128 {
			if n+1 == submit || k.head%fakeEntries == 0 {
				k.bad++
			}
			if want := bytes.Repeat([]byte{byte(e.UserData)}, 64); !bytes.Equal(k.sqes[k.head%fakeEntries*64:][:64], want) {
				k.bad++
			}
			n++
			k.head++
		}
	}
	*k.word(0) = k.head
	return uint(submit), 0
}

func (k *mixedKernel) Register(int, uint32, unsafe.Pointer, uint32) (uint, syscall.Errno) {
	return 0, syscall.EINVAL
}

func (k *mixedKernel) Close(int) {}

// TestMixedSubmission submits small and large entries in every phase of a mixed queue. Each large one must be whole, must not wrap
// around, and must stay in order; padding must complete silently; and a full queue must not be overrun.
func TestMixedSubmission(t *testing.T) {
	for small := range 4 {
		k := &mixedKernel{}
		ring := NewRing()
		ring.SetKernel(k)
		must.OK(t, ring.QueueInitParams(fakeEntries, &Params{Flags: SetupSQEMixed | SetupNoSQArray}))
		next := uint64(1)
		for round := range 40 {
			for range small {
				if e := ring.GetSQE(); e != nil {
					nop(e, next)
					next++
				}
			}
			for range 1 + round%5 {
				wide := ring.GetSQE128()
				if wide == nil {
					break
				}
				*wide = SubmissionQueueEntry128{SubmissionQueueEntry: SubmissionQueueEntry{OpCode: OpNop128, UserData: next}}
				for i := range wide.more {
					wide.more[i] = byte(next)
				}
				next++
			}
			must.Be(t, ring.SQReady() <= fakeEntries, "%d slots in a queue of %d", ring.SQReady(), fakeEntries)
			_, errno := ring.EnterSys(ring.FlushSQ(), 0, 0)
			must.Be(t, errno == 0 && ring.SQReady() == 0, "%v, %d slots are left", errno, ring.SQReady())
		}
		want, padding := uint64(1), 0
		for _, e := range k.taken {
			if e.Flags&SqeCQESkipSuccess != 0 {
				must.Be(t, e.OpCode == OpNop, "padding %+v", e)
				padding++
				continue
			}
			must.Be(t, e.UserData == want, "entry %d was taken, want %d", e.UserData, want)
			want++
		}
		check.Equal(t, want, next, "entries taken")
		check.Equal(t, k.bad, 0, "entries that the kernel refuses")
		check.That(t, padding > 0 || small%2 == 0, "no padding with %d small entries a round", small)
		ring.QueueExit()
	}
}

// TestMixedUnknown wants EINVAL, and nothing left open, from a kernel without mixed sizes.
func TestMixedUnknown(t *testing.T) {
	ring := NewRing()
	err := ring.QueueInitParams(4, &Params{Flags: SetupSQEMixed})
	if err == nil {
		ring.QueueExit()
		t.Skip("this kernel has SetupSQEMixed")
	}
	check.That(t, errors.Is(err, syscall.EINVAL), "%v, want EINVAL", err)
	check.Equal(t, ring.RingFd(), -1, "descriptor")
}
