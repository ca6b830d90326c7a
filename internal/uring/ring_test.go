package uring

import (
	"errors"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/engine/giouring"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"golang.org/x/sys/unix"
)

// TestFallback takes features away one by one, as older kernels do, and wants the ring to work without each.
func TestFallback(t *testing.T) {
	for _, c := range []struct{ without, has Features }{
		{0, DeferTaskrun},
		{NoSQArray, DeferTaskrun},
		{RegisteredRing, DeferTaskrun},
		{DeferTaskrun, CoopTaskrun},
		{DeferTaskrun | CoopTaskrun | NoSQArray | RegisteredRing, 0},
	} {
		t.Run("without "+c.without.String(), func(t *testing.T) {
			r := newRing(t, Config{Entries: 8, CQEntries: 32, Without: c.without})
			if f := r.Features(); f&c.without != 0 || !f.Has(c.has) {
				t.Fatalf("features %v, want %v and not %v", f, c.has, c.without)
			}
			for i := range uint64(100) {
				nop(r, i)
				want(t, r, i, 0)
			}
			timeout(r, timespec(t, time.Millisecond), 7)
			want(t, r, 7, neg(syscall.ETIME))
		})
	}
}

// TestSubmissionQueueFull submits far more than the queue holds in one turn: a call submits when it must.
func TestSubmissionQueueFull(t *testing.T) {
	r := newRing(t, Config{Entries: 4, CQEntries: 4096})
	for i := range uint64(1000) {
		nop(r, i)
	}
	for i := range uint64(1000) {
		want(t, r, i, 0)
	}
	if s := r.Stats(); s.SQEs != 1001 || s.CQEs < 999 { // and the poll of the eventfd
		t.Errorf("stats %+v", s)
	}
}

// TestCompletionQueueOverflow completes more than the queue holds: the kernel keeps what does not fit.
func TestCompletionQueueOverflow(t *testing.T) {
	r := newRing(t, Config{Entries: 4, CQEntries: 8})
	for i := range uint64(1000) {
		nop(r, i)
	}
	must.OK(t, r.Submit())
	check.That(t, r.Pending(), "nothing pending after a thousand completions")
	for i := range uint64(1000) {
		want(t, r, i, 0)
	}
	quiet(t, r)
}

// TestSubmitInTheMiddle submits while completions are being seen: those not yet seen stay.
func TestSubmitInTheMiddle(t *testing.T) {
	r := newRing(t, Config{Entries: 8, CQEntries: 64})
	for i := range uint64(4) {
		nop(r, i)
	}
	must.OK(t, r.Submit())
	for i := range uint64(8) {
		c, ok := r.Peek()
		must.Be(t, ok && c.UserData == i, "completion %v, want number %d", c, i)
		r.Seen()
		if i < 4 {
			nop(r, 4+i)
			must.OK(t, r.Submit())
		}
	}
	quiet(t, r)
}

// TestSubmitMakesRoom wants completions that were seen to make room for those of the next submission.
func TestSubmitMakesRoom(t *testing.T) {
	r := newRing(t, Config{Entries: 8, CQEntries: 8})
	for range 10 {
		for i := range uint64(8) {
			nop(r, i)
		}
		must.OK(t, r.Submit())
		must.Be(t, r.g.SQFlags()&giouring.SQCQOverflow == 0, "no room for 8 completions in a queue of 8, all former ones being seen")
		for i := range uint64(8) {
			if c, ok := r.Peek(); !ok || c.UserData != i {
				t.Fatalf("completion %v, want number %d", c, i)
			}
			r.Seen()
		}
	}
}

// TestWait wants SubmitAndWait to sleep as long as it may, and not at all when it need not.
func TestWait(t *testing.T) {
	r := newRing(t, Config{NoIowait: true})
	start := time.Now()
	if err := r.SubmitAndWait(0); err != nil || time.Since(start) > patience {
		t.Fatal(err, time.Since(start))
	}
	if s := r.Stats(); s.BlockingEnters != 0 {
		t.Errorf("a timeout of 0 blocked: %+v", s)
	}
	// A signal may end a wait early (the runtime sends some); the waits together may not.
	const d = 30 * time.Millisecond
	start = time.Now()
	for left := d; left > 0; left = d - time.Since(start) {
		must.OK(t, r.SubmitAndWait(left))
		if c, ok := r.Peek(); ok {
			t.Fatalf("completion %v", c)
		}
		must.Be(t, r.Stats().BlockingEnters <= 1000, "waiting spins")
	}
	nop(r, 1)
	must.OK(t, r.SubmitAndWait(-1))
	want(t, r, 1, 0)
	before := r.Stats()
	if err := r.Submit(); err != nil || r.Stats().Enters != before.Enters {
		t.Errorf("with nothing to do Submit entered the kernel: %+v, %v", r.Stats(), err)
	}
}

// TestCancel cancels all operations of a descriptor and of a slot.
func TestCancel(t *testing.T) {
	r := newRing(t, Config{})
	a, b := tcpPair(t)
	must.OK(t, r.RegisterFiles(4))
	must.OK(t, r.SetFile(2, b))
	mem := mapped(t, 4096)
	r.RecvInto(FD(a), mem[:8], true, 1)
	r.PollAdd(FD(a), unix.POLLIN, false, 2)
	r.RecvInto(Slot(2), mem[8:16], false, 3)
	quiet(t, r)
	r.CancelFD(FD(a), 11)
	wantAll(t, r, map[uint64]int{1: neg(syscall.ECANCELED), 2: neg(syscall.ECANCELED), 11: 2})
	r.CancelFD(Slot(2), 12)
	wantAll(t, r, map[uint64]int{3: neg(syscall.ECANCELED), 12: 1})
	r.CancelFD(Slot(2), 13)
	want(t, r, 13, 0)
}

// TestOtherThread wants an error, once and for all, when a ring is used from another thread than its own.
func TestOtherThread(t *testing.T) {
	r := newRing(t, Config{})
	must.OK(t, r.Submit())
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		nop(r, 1)
		done <- r.Submit()
	}()
	err := <-done
	check.That(t, err != nil && strings.Contains(err.Error(), "another thread"), "from another thread: %v", err)
	if again := r.Submit(); !errors.Is(again, err) {
		t.Errorf("afterwards: %v, want the same error", again)
	}
	for range 2 * DefaultEntries { // calls still do not fail
		nop(r, 2)
	}
}

// TestCloseInFlight closes a ring with everything cancellable in flight, and wants what only it held open to be closed
// by then: sockets must not live on until a worker of the kernel comes round to them.
func TestCloseInFlight(t *testing.T) {
	for round := range 20 {
		plain, plainAddr := listen(t)
		slot, slotAddr := listen(t)
		client, server := tcpPair(t)
		r := newRing(t, Config{})
		must.OK(t, r.RegisterFiles(4))
		must.OK(t, errors.Join(r.SetFile(1, server), r.SetFile(2, slot)))
		b := must.Get(r.NewBufRing(1, 8, 512, false))(t)
		r.Accept(FD(plain), 1)
		r.Accept(Slot(2), 6)
		r.RecvMultishot(Slot(1), 1, 2)
		r.RecvInto(FD(server), mapped(t, 4096), true, 3)
		r.PollAdd(FD(server), unix.POLLPRI, true, 4)
		timeout(r, timespec(t, time.Hour), 5)
		quiet(t, r)
		for _, fd := range []int{plain, slot, server} {
			// Not only close: the test's cleanup must not close what has the number by then.
			null := must.Get(unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0))(t)
			must.OK(t, errors.Join(unix.Dup3(null, fd, unix.O_CLOEXEC), unix.Close(null)))
		}
		check.OK(t, r.Close())
		for _, addr := range []unix.Sockaddr{plainAddr, slotAddr} {
			fd := must.Get(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
			if err := unix.Connect(fd, addr); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("round %d: connecting: %v, want a refusal", round, err)
			}
			_ = unix.Close(fd)
		}
		if n, err := unix.Read(client, make([]byte, 1)); n != 0 || err != nil {
			t.Errorf("the peer reads %d, %v; want the end of the stream", n, err)
		}
		check.OK(t, b.Close())
	}
}

// TestManyRings makes and closes more rings on one thread than it has registered indices (16).
func TestManyRings(t *testing.T) {
	for i := range 40 {
		r := newRing(t, Config{Entries: 4, CQEntries: 8})
		if !r.Features().Has(RegisteredRing) {
			t.Fatalf("ring %d is not registered: %v", i, r.Features())
		}
		must.OK(t, r.Close())
	}
}

// TestConfigRefused wants sizes out of bounds refused.
func TestConfigRefused(t *testing.T) {
	for _, cfg := range []Config{
		{Entries: MaxEntries + 1}, {CQEntries: MaxCQEntries + 1}, {Entries: 64, CQEntries: 32},
	} {
		if r, err := New(cfg); err == nil {
			_ = r.Close()
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

// TestProbe wants this kernel to do, and the reasons of others to be told.
func TestProbe(t *testing.T) {
	newRing(t, Config{}) // skips where there is none
	check.OK(t, Probe())
	for err, part := range map[error]string{
		syscall.ENOSYS: "none", syscall.EPERM: "forbidden", syscall.EINVAL: "refuses", syscall.ENOMEM: "memory",
	} {
		got := setupError(err)
		check.That(t, errors.Is(got, err) && strings.Contains(got.Error(), part), "%v is told as %q", err, got)
		if unsupported := err != syscall.ENOMEM; errors.Is(got, ErrUnsupported) != unsupported ||
			unsupported && !strings.Contains(got.Error(), MinKernel) {
			t.Errorf("%v is told as %q", err, got)
		}
	}
	for sysctl, part := range map[string]string{"1": "=1", "2": "=2", "0": "seccomp", "": "seccomp"} {
		if got := whoForbids(sysctl); !strings.Contains(got, part) {
			t.Errorf("sysctl %q is told as %q", sysctl, got)
		}
	}
}
