package uring

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// loop runs a ring on a thread of its own until stop, and counts wake-ups.
type testLoop struct {
	ring  *Ring
	woken atomic.Int64
	each  func() // called after a turn with a wake-up
	stop  atomic.Bool
	done  chan error
}

func startLoop(t testing.TB, each func(l *testLoop)) *testLoop {
	t.Helper()
	newRing(t, Config{}) // skips where there is none
	l := &testLoop{done: make(chan error, 1)}
	l.each = func() { each(l) }
	ready := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		r, err := New(Config{})
		l.ring = r
		ready <- err
		if err == nil {
			l.done <- l.run()
		}
	}()
	must.OK(t, <-ready)
	t.Cleanup(func() {
		l.stop.Store(true)
		l.ring.Notify()
		check.OK(t, <-l.done)
	})
	return l
}

func (l *testLoop) run() error {
	for !l.stop.Load() {
		if err := l.ring.SubmitAndWait(-1); err != nil {
			return err
		}
		n := 0
		for c, ok := l.ring.Peek(); ok; c, ok = l.ring.Peek() {
			l.ring.Seen()
			if l.ring.Woken(c) {
				n++
			}
		}
		if n > 0 {
			l.woken.Add(int64(n))
			l.each()
		}
	}
	return l.ring.Close()
}

// TestNotify wakes a sleeping loop from goroutines: no message stays behind unseen.
func TestNotify(t *testing.T) {
	const goroutines, messages = 8, 2000
	var queue, seen atomic.Int64
	all := make(chan struct{})
	l := startLoop(t, func(*testLoop) {
		n := queue.Swap(0) // may be 0: a wake-up promises nothing
		if seen.Add(n) == goroutines*messages && n > 0 {
			close(all)
		}
	})
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range messages {
				queue.Add(1)
				l.ring.Notify()
			}
		})
	}
	wg.Wait()
	select {
	case <-all:
	case <-time.After(patience):
		t.Fatalf("%d of %d messages seen", seen.Load(), goroutines*messages)
	}
	if w := l.woken.Load(); w < 1 || w > goroutines*messages {
		t.Errorf("%d wake-ups", w)
	}
}

// TestWake sends a token to and fro between two loops: each wakes the other by a message from its own ring.
func TestWake(t *testing.T) {
	const rounds = 1000
	var a, b *testLoop
	var tokens [2]atomic.Int64 // a's and b's mailbox
	all := make(chan struct{})
	started := make(chan struct{})
	pass := func(from, to int) func(l *testLoop) {
		return func(l *testLoop) {
			<-started
			n := tokens[from].Swap(0)
			if n == 0 {
				return
			}
			if n == rounds {
				close(all)
				return
			}
			tokens[to].Store(n + 1)
			l.ring.Wake([]*testLoop{a, b}[to].ring)
		}
	}
	a, b = startLoop(t, pass(0, 1)), startLoop(t, pass(1, 0))
	close(started)
	tokens[0].Store(1)
	a.ring.Notify()
	select {
	case <-all:
	case <-time.After(patience):
		t.Fatalf("the token stopped: %d, %d", tokens[0].Load(), tokens[1].Load())
	}
}

// TestWakeClosed wants neither way of waking a closed ring to fail or to touch another's descriptor.
func TestWakeClosed(t *testing.T) {
	r := newRing(t, Config{})
	gone := newRing(t, Config{})
	must.OK(t, gone.Close())
	// Likely these take the numbers that were gone's.
	var fds [4]int
	for i := range fds {
		fd := must.Get(unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC))(t)
		fds[i] = closing(t, fd)
	}
	gone.Notify()
	gone.Notify()
	for _, fd := range fds {
		if n, err := unix.Read(fd, make([]byte, 8)); err != unix.EAGAIN {
			t.Errorf("Notify after Close wrote to descriptor %d: %d, %v", fd, n, err)
		}
	}
	r.Wake(gone)
	must.OK(t, r.SubmitAndWait(patience))
	c, ok := r.Peek()
	check.That(t, ok && c.Err() != nil && r.Woken(c), "waking a closed ring: %v, %v", c, ok)
	r.Seen()
	r.Wake(r)
	must.OK(t, r.SubmitAndWait(patience))
	if c, ok := r.Peek(); !ok || !r.Woken(c) || c.Err() != nil {
		t.Errorf("waking oneself: %v, %v", c, ok)
	}
}

// TestNotifyOverflow wants notifications to work after a full completion queue ended the poll behind them.
func TestNotifyOverflow(t *testing.T) {
	r := newRing(t, Config{Entries: 4, CQEntries: 4})
	for round := range 5 {
		for range 20 {
			nop(r, 1)
		}
		r.Notify()
		for nops, woken := 0, 0; nops < 20 || woken == 0; {
			must.OK(t, r.SubmitAndWait(patience))
			n := 0
			for c, ok := r.Peek(); ok; c, ok = r.Peek() {
				r.Seen()
				n++
				if r.Woken(c) {
					woken++
				} else {
					nops++
				}
			}
			must.Be(t, n != 0, "round %d: waiting in vain after %d completions and %d wake-ups", round, nops, woken)
		}
	}
}

// TestMsgRing posts a value on another ring; the sender hears only of failure.
func TestMsgRing(t *testing.T) {
	from, to := newRing(t, Config{}), newRing(t, Config{})
	from.MsgRing(to.FD(), 1<<40, 7, 1)
	must.OK(t, from.Submit())
	want(t, to, 1<<40, 7)
	quiet(t, from)
	from.MsgRing(-1, 0, 0, 2)
	want(t, from, 2, neg(unix.EBADF))
}

// A ring alone in its process waits as any other, and is woken.
func TestAloneWaits(t *testing.T) {
	r := newRing(t, Config{Alone: true})
	timeout(r, timespec(t, time.Millisecond), 7)
	for {
		must.OK(t, r.SubmitAndWait(-1))
		c, ok := r.Peek()
		if !ok {
			continue // a signal
		}
		r.Seen()
		check.Equal(t, c.UserData, 7, "user data")
		check.Equal(t, int(c.Res), neg(unix.ETIME), "result")
		break
	}
	r.Notify()
	must.OK(t, r.SubmitAndWait(-1))
	c, ok := r.Peek()
	check.That(t, ok && r.Woken(c), "%v", c)
	r.Seen()
	check.Equal(t, r.Stats().BlockingEnters >= 2, true, "waits")
}
