package giouring

import (
	"syscall"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

const pollin = 1

// TestPoll wants one completion of a plain poll, and one for each wake-up of a multishot poll.
func TestPoll(t *testing.T) {
	ring := newRing(t, 4, deferred)
	a, b := socketPair(t)
	add(t, ring, 1, func(e *entry) { e.PreparePollAdd(a, pollin) })
	submit(t, ring)
	quiet(t, ring)
	write(t, b, "x")
	check.That(t, want(t, ring, 1, pollin).Flags&CQEFMore == 0, "a plain poll promises more")
	read(t, a, 1)

	add(t, ring, 2, func(e *entry) { e.PreparePollMultishot(a, pollin) })
	for range 3 {
		submit(t, ring)
		write(t, b, "x")
		check.That(t, want(t, ring, 2, pollin).Flags&CQEFMore != 0, "a multishot poll ended")
		read(t, a, 1)
	}
}

// TestCancel cancels what is on a descriptor: all requests, and one that is not open.
func TestCancel(t *testing.T) {
	for _, c := range []struct {
		name   string
		cancel func(e *entry, fd int)
		res    int32
		gone   []uint64
	}{
		{"all", func(e *entry, fd int) { e.PrepareCancelFd(fd, AsyncCancelAll) }, 2, []uint64{1, 2}},
		{"absent", func(e *entry, fd int) { e.PrepareCancelFd(0x7fff, 0) }, neg(syscall.EBADF), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			ring := newRing(t, 8, deferred)
			a, b := socketPair(t)
			for ud, fd := range map[uint64]int{1: a, 2: a, 3: b} {
				add(t, ring, ud, func(e *entry) { e.PreparePollAdd(fd, pollin) })
			}
			submit(t, ring)
			add(t, ring, 100, func(e *entry) { c.cancel(e, a) })
			got := map[uint64]int32{}
			for range len(c.gone) + 1 {
				c := next(t, ring)
				got[c.UserData] = c.Res
			}
			check.Equal(t, got[100], c.res, "cancelling came to")
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
	add(t, ring, 7, func(e *entry) { e.PreparePollAdd(a, pollin) })
	submit(t, ring)
	forever := syscall.Timespec{Sec: -1, Nsec: -1}
	must.Get(ring.RegisterSyncCancel(&SyncCancelReg{Addr: 7, Fd: -1, Timeout: forever}))(t)
	want(t, ring, 7, neg(syscall.ECANCELED))
	if _, err := ring.RegisterSyncCancel(&SyncCancelReg{Addr: 7, Fd: -1, Timeout: forever}); err != syscall.ENOENT {
		t.Errorf("nothing to cancel: %v", err)
	}
}

// TestMsgRing posts on another ring and on itself.
func TestMsgRing(t *testing.T) {
	from, to := newRing(t, 4, deferred), newRing(t, 4, deferred)
	needOp(t, from, OpMsgRing, "5.18")
	for _, target := range []*Ring{to, from} {
		e := sqe(t, from)
		e.PrepareMsgRing(target.RingFd(), 11, 1<<40, 0)
		e.Flags, e.UserData = SqeCQESkipSuccess, 1
		submit(t, from)
		want(t, target, 1<<40, 11)
		quiet(t, from)
	}

	add(t, from, 6, func(e *entry) { e.PrepareMsgRing(0x7fff, 0, 0, 0) })
	want(t, from, 6, neg(syscall.EBADF))
}
