package giouring

import (
	"syscall"
	"testing"
	"time"
	"unsafe"
)

const pollin = 1

// timespec places a timespec outside the Go heap.
func timespec(t testing.TB, d time.Duration) *syscall.Timespec {
	ts := (*syscall.Timespec)(unsafe.Pointer(&memory(t, 4096)[0]))
	*ts = syscall.NsecToTimespec(int64(d))
	return ts
}

// TestTimeout wants a timeout to fire with ETIME, not before its time, and also when its slot was used before.
func TestTimeout(t *testing.T) {
	ring := newRing(t, 2, deferred)
	ts := timespec(t, 20*time.Millisecond)
	for i := range 4 {
		start := time.Now()
		e := sqe(t, ring)
		e.PrepareTimeout(ts, 0, 0)
		e.UserData = uint64(i)
		want(t, ring, uint64(i), neg(syscall.ETIME))
		if took := time.Since(start); took < 20*time.Millisecond {
			t.Errorf("fired after %v", took)
		}
	}
}

// TestTimeoutCount wants a timeout with a count to end by completions.
func TestTimeoutCount(t *testing.T) {
	ring := newRing(t, 4, deferred)
	e := sqe(t, ring)
	e.PrepareTimeout(timespec(t, time.Minute), 1, 0)
	e.UserData = 1
	if _, err := ring.Submit(); err != nil {
		t.Fatal(err)
	}
	e = sqe(t, ring)
	e.PrepareNop()
	e.UserData = 2
	want(t, ring, 2, 0)
	want(t, ring, 1, 0)
}

// TestTimeoutRemove wants the removed timeout's own completion and ENOENT for one that is not there.
func TestTimeoutRemove(t *testing.T) {
	ring := newRing(t, 4, deferred)
	ts := timespec(t, time.Minute)
	e := sqe(t, ring)
	e.PrepareTimeout(ts, 0, 0)
	e.UserData = 1
	e = sqe(t, ring)
	e.PrepareTimeoutRemove(1, 0)
	e.UserData = 2
	got := map[uint64]int32{}
	for range 2 {
		c := next(t, ring)
		got[c.UserData] = c.Res
	}
	if got[1] != neg(syscall.ECANCELED) || got[2] != 0 {
		t.Errorf("results %v", got)
	}
	e = sqe(t, ring)
	e.PrepareTimeoutRemove(1, 0)
	e.UserData = 3
	want(t, ring, 3, neg(syscall.ENOENT))
}

// TestTimeoutUpdate shortens a timeout.
func TestTimeoutUpdate(t *testing.T) {
	ring := newRing(t, 4, deferred)
	e := sqe(t, ring)
	e.PrepareTimeout(timespec(t, time.Minute), 0, 0)
	e.UserData = 1
	e = sqe(t, ring)
	e.PrepareTimeoutUpdate(timespec(t, time.Millisecond), 1, 0)
	e.UserData = 2
	want(t, ring, 2, 0)
	want(t, ring, 1, neg(syscall.ETIME))
}

// TestLinkTimeout wants the linked receive to be cancelled.
func TestLinkTimeout(t *testing.T) {
	ring := newRing(t, 4, deferred)
	a, _ := socketPair(t)
	mem := memory(t, 4096)
	e := sqe(t, ring)
	e.PrepareRecv(a, addressOf(mem), 10, 0)
	e.Flags, e.UserData = SqeIOLink, 1
	e = sqe(t, ring)
	e.PrepareLinkTimeout(timespec(t, time.Millisecond), 0)
	e.UserData = 2
	got := map[uint64]int32{}
	for range 2 {
		c := next(t, ring)
		got[c.UserData] = c.Res
	}
	if got[1] != neg(syscall.ECANCELED) || got[2] != neg(syscall.ETIME) {
		t.Errorf("results %v", got)
	}
}

// TestPoll wants one completion of a plain poll, and one for each wake-up of a multishot poll.
func TestPoll(t *testing.T) {
	ring := newRing(t, 4, deferred)
	a, b := socketPair(t)
	e := sqe(t, ring)
	e.PreparePollAdd(a, pollin)
	e.UserData = 1
	if _, err := ring.Submit(); err != nil {
		t.Fatal(err)
	}
	quiet(t, ring)
	write(t, b, "x")
	if c := want(t, ring, 1, pollin); c.Flags&CQEFMore != 0 {
		t.Error("a plain poll promises more")
	}
	read(t, a, 1)

	e = sqe(t, ring)
	e.PreparePollMultishot(a, pollin)
	e.UserData = 2
	for range 3 {
		if _, err := ring.Submit(); err != nil {
			t.Fatal(err)
		}
		write(t, b, "x")
		if c := want(t, ring, 2, pollin); c.Flags&CQEFMore == 0 {
			t.Error("a multishot poll ended")
		}
		read(t, a, 1)
	}
	e = sqe(t, ring)
	e.PreparePollRemove(2)
	e.UserData = 3
	got := map[uint64]int32{}
	for range 2 {
		c := next(t, ring)
		got[c.UserData] = c.Res
	}
	if got[2] != neg(syscall.ECANCELED) || got[3] != 0 {
		t.Errorf("results %v", got)
	}
}

// TestCancel cancels by user data, by descriptor, and everything.
func TestCancel(t *testing.T) {
	for _, c := range []struct {
		name   string
		cancel func(e *SubmissionQueueEntry, fd int)
		res    int32
		gone   []uint64
	}{
		{"user data", func(e *SubmissionQueueEntry, fd int) { e.PrepareCancel64(2, 0) }, 0, []uint64{2}},
		{"absent", func(e *SubmissionQueueEntry, fd int) { e.PrepareCancel64(9, 0) }, neg(syscall.ENOENT), nil},
		{"descriptor", func(e *SubmissionQueueEntry, fd int) { e.PrepareCancelFd(fd, AsyncCancelAll) }, 2, []uint64{1, 2}},
		{"any", func(e *SubmissionQueueEntry, fd int) {
			e.PrepareCancel64(0, int(AsyncCancelAny|AsyncCancelAll))
		}, 3, []uint64{1, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ring := newRing(t, 8, deferred)
			a, b := socketPair(t)
			for ud, fd := range map[uint64]int{1: a, 2: a, 3: b} {
				e := sqe(t, ring)
				e.PreparePollAdd(fd, pollin)
				e.UserData = ud
			}
			if _, err := ring.Submit(); err != nil {
				t.Fatal(err)
			}
			e := sqe(t, ring)
			c.cancel(e, a)
			e.UserData = 100
			got := map[uint64]int32{}
			for range len(c.gone) + 1 {
				c := next(t, ring)
				got[c.UserData] = c.Res
			}
			if got[100] != c.res {
				t.Errorf("cancelling came to %d, want %d", got[100], c.res)
			}
			for _, ud := range c.gone {
				if got[ud] != neg(syscall.ECANCELED) {
					t.Errorf("request %d: %d", ud, got[ud])
				}
			}
			quiet(t, ring)
		})
	}
}

// TestSyncCancel wants the cancelled request gone, and ENOENT when nothing matches.
func TestSyncCancel(t *testing.T) {
	ring := newRing(t, 4, deferred)
	a, _ := socketPair(t)
	e := sqe(t, ring)
	e.PreparePollAdd(a, pollin)
	e.UserData = 7
	if _, err := ring.Submit(); err != nil {
		t.Fatal(err)
	}
	forever := syscall.Timespec{Sec: -1, Nsec: -1}
	if _, err := ring.RegisterSyncCancel(&SyncCancelReg{Addr: 7, Fd: -1, Timeout: forever}); err != nil {
		t.Fatal(err)
	}
	want(t, ring, 7, neg(syscall.ECANCELED))
	if _, err := ring.RegisterSyncCancel(&SyncCancelReg{Addr: 7, Fd: -1, Timeout: forever}); err != syscall.ENOENT {
		t.Errorf("nothing to cancel: %v", err)
	}
}

// TestMsgRing posts on another ring, on itself, with flags, and without a ring.
func TestMsgRing(t *testing.T) {
	from, to := newRing(t, 4, deferred), newRing(t, 4, deferred)
	needOp(t, from, OpMsgRing, "5.18")
	for _, target := range []*Ring{to, from} {
		e := sqe(t, from)
		e.PrepareMsgRing(target.RingFd(), 11, 1<<40, 0)
		e.Flags, e.UserData = SqeCQESkipSuccess, 1
		if _, err := from.Submit(); err != nil {
			t.Fatal(err)
		}
		want(t, target, 1<<40, 11)
		quiet(t, from)
	}

	e := sqe(t, from)
	e.PrepareMsgRingCqeFlags(to.RingFd(), 0, 5, 0, CQEFNotif)
	e.UserData = 2
	want(t, from, 2, 0)
	if c := want(t, to, 5, 0); c.Flags != CQEFNotif {
		t.Errorf("flags %#x", c.Flags)
	}

	var msg SubmissionQueueEntry
	msg.PrepareMsgRing(to.RingFd(), 3, 4, 0)
	switch err := RegisterSyncMsg(&msg); err {
	case nil:
		want(t, to, 4, 3)
	case syscall.EINVAL:
		t.Log("REGISTER_SEND_MSG_RING came with Linux 6.13")
	default:
		t.Error(err)
	}

	e = sqe(t, from)
	e.PrepareMsgRing(0x7fff, 0, 0, 0)
	e.UserData = 6
	want(t, from, 6, neg(syscall.EBADF))
}

// TestMsgRingFd passes a registered file to a given and to a free slot of another ring.
func TestMsgRingFd(t *testing.T) {
	from, to := newRing(t, 4, deferred), newRing(t, 4, deferred)
	a, b := socketPair(t)
	if _, err := from.RegisterFiles([]int32{-1, int32(a)}); err != nil {
		t.Fatal(err)
	}
	if _, err := to.RegisterFilesSparse(4); err != nil {
		t.Fatal(err)
	}
	e := sqe(t, from)
	e.PrepareMsgRingFd(to.RingFd(), 1, 2, 50, 0)
	e.UserData = 1
	want(t, from, 1, 0)
	want(t, to, 50, 0)
	e = sqe(t, from)
	e.PrepareMsgRingFdAlloc(to.RingFd(), 1, 51, 0)
	e.UserData = 2
	if c := next(t, from); c.UserData != 2 || c.Res < 0 {
		t.Fatalf("%+v", c)
	}
	slot := next(t, to)
	if slot.UserData != 51 || slot.Res < 0 || slot.Res == 2 || slot.Res > 3 {
		t.Fatalf("chosen slot: %+v", slot)
	}
	mem := memory(t, 4096)
	for i, s := range []int{2, int(slot.Res)} {
		write(t, b, "hello")
		e = sqe(t, to)
		e.PrepareRecv(s, addressOf(mem), 100, 0)
		e.Flags, e.UserData = SqeFixedFile, uint64(i)
		want(t, to, uint64(i), 5)
	}
}
