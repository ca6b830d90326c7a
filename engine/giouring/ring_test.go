package giouring

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// TestNop runs more entries than either queue holds through rings of several kinds.
func TestNop(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags uint32
	}{
		{"plain", 0},
		{"coop", SetupSingleIssuer | SetupCoopTaskrun | SetupTaskrunFlag},
		{"defer", deferred},
		{"noarray", deferred | SetupNoSQArray},
		{"sqpoll", SetupSQPoll},
		{"registered", deferred | SetupNoSQArray},
	} {
		t.Run(c.name, func(t *testing.T) {
			ring := newRing(t, 8, c.flags)
			if c.name == "registered" {
				if _, err := ring.RegisterRingFd(); err != nil {
					t.Fatal(err)
				}
			}
			sent, got := uint64(0), uint64(0)
			for got < 1000 {
				for sent < 1000 {
					e := ring.GetSQE()
					if e == nil {
						break
					}
					e.PrepareNop()
					e.UserData = sent
					sent++
				}
				// A polling thread may complete entries before it gives their slots back: then there is nothing to
				// wait for.
				n, err := ring.SubmitAndWait(min(1, uint32(sent-got)))
				if err != nil && !errors.Is(err, syscall.EINTR) {
					t.Fatal(n, err)
				}
				first := got
				ring.ForEachCQE(func(cqe *CompletionQueueEvent) {
					if cqe.UserData != got || cqe.Res != 0 {
						t.Fatalf("completion %+v, want number %d", cqe, got)
					}
					got++
				})
				// Not CQReady, which a polling thread may have raised since.
				ring.CQAdvance(uint32(got - first))
			}
			if ring.SQDropped() != 0 || ring.CQOverflow() != 0 {
				t.Errorf("dropped %d, overflow %d", ring.SQDropped(), ring.CQOverflow())
			}
		})
	}
}

// TestQueueFull wants nil from GetSQE exactly when every entry is taken, and the counters in step.
func TestQueueFull(t *testing.T) {
	ring := newRing(t, 4, deferred)
	for i := range uint32(4) {
		if ring.SQReady() != i || ring.SQSpaceLeft() != 4-i {
			t.Errorf("ready %d, space %d after %d", ring.SQReady(), ring.SQSpaceLeft(), i)
		}
		sqe(t, ring).PrepareNop()
	}
	if ring.GetSQE() != nil {
		t.Error("a fifth entry in a queue of four")
	}
	if n, err := ring.Submit(); n != 4 || err != nil {
		t.Errorf("submitted %d, %v", n, err)
	}
	if ring.SQSpaceLeft() != 4 {
		t.Errorf("space %d after submitting", ring.SQSpaceLeft())
	}
}

// TestCQOverflow wants nothing lost when more completes than the queue holds (IORING_FEAT_NODROP).
func TestCQOverflow(t *testing.T) {
	ring := newRingParams(t, 4, &Params{Flags: SetupCQSize | deferred, CQEntries: 4})
	for range 5 {
		for range 4 {
			sqe(t, ring).PrepareNop()
		}
		if _, err := ring.Submit(); err != nil {
			t.Fatal(err)
		}
	}
	if !ring.CQHasOverflow() {
		t.Error("no overflow after 20 completions in a queue of 4")
	}
	for range 20 {
		cqe, err := ring.PeekCQE()
		if err != nil {
			t.Fatal(err)
		}
		ring.CQESeen(cqe)
	}
	quiet(t, ring)
}

// TestPeekBatch wants the oldest completions in order, and no more than asked.
func TestPeekBatch(t *testing.T) {
	ring := newRing(t, 8, deferred)
	for i := range 5 {
		e := sqe(t, ring)
		e.PrepareNop()
		e.UserData = uint64(i)
	}
	if _, err := ring.SubmitAndWait(5); err != nil {
		t.Fatal(err)
	}
	batch := make([]*CompletionQueueEvent, 3)
	for _, first := range []uint64{0, 3} {
		n := ring.PeekBatchCQE(batch)
		if w := min(3, 5-uint32(first)); n != w || batch[0].UserData != first {
			t.Fatalf("batch of %d from %d, want %d from %d", n, batch[0].UserData, w, first)
		}
		ring.CQAdvance(n)
	}
	quiet(t, ring)
}

// TestSetupRefused wants EINVAL for what the package does not read, and for a ring set up twice.
func TestSetupRefused(t *testing.T) {
	for _, flags := range []uint32{SetupSQE128, SetupCQE32, SetupNoMmap, SetupRegisteredFdOnly} {
		if err := NewRing().QueueInit(4, flags); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("flags %#x: %v", flags, err)
		}
	}
	ring := newRing(t, 4, 0)
	if err := ring.QueueInit(4, 0); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("second set-up: %v", err)
	}
	if err := NewRing().QueueInit(0, 0); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("no entries: %v", err)
	}
}

// TestExitAgain wants QueueExit to be harmless twice, and the ring to be usable anew.
func TestExitAgain(t *testing.T) {
	ring := newRing(t, 4, 0)
	ring.QueueExit()
	ring.QueueExit()
	if err := ring.QueueInit(4, 0); err != nil {
		t.Fatal(err)
	}
	sqe(t, ring).PrepareNop()
	want(t, ring, 0, 0)
}

// TestDisabled wants a ring with SetupRDisabled to start when told.
func TestDisabled(t *testing.T) {
	ring := newRing(t, 4, SetupRDisabled|deferred)
	sqe(t, ring).PrepareNop()
	if _, err := ring.Submit(); err == nil {
		t.Error("a disabled ring took an entry")
	}
	if _, err := ring.EnableRings(); err != nil {
		t.Fatal(err)
	}
	want(t, ring, 0, 0)
}

// TestOtherThread wants a ring with SetupSingleIssuer to refuse another thread.
func TestOtherThread(t *testing.T) {
	ring := newRing(t, 4, deferred)
	sqe(t, ring).PrepareNop()
	done := make(chan error)
	go func() {
		_, err := ring.Submit()
		done <- err
	}()
	if err := <-done; !errors.Is(err, syscall.EEXIST) {
		t.Errorf("submitting from another thread: %v, want EEXIST", err)
	}
}

// TestWaitTimeout wants ETIME no earlier than asked, and a completion when there is one.
func TestWaitTimeout(t *testing.T) {
	ring := newRing(t, 4, deferred)
	start := time.Now()
	_, err := ring.WaitCQETimeout(&syscall.Timespec{Nsec: 20e6})
	for range signals {
		if !errors.Is(err, syscall.EINTR) {
			break
		}
		start = time.Now()
		_, err = ring.WaitCQETimeout(&syscall.Timespec{Nsec: 20e6})
	}
	if !errors.Is(err, syscall.ETIME) || time.Since(start) < 20*time.Millisecond {
		t.Errorf("waiting for nothing: %v after %v", err, time.Since(start))
	}
	sqe(t, ring).PrepareNop()
	if _, err := ring.SubmitAndWaitTimeout(1, &syscall.Timespec{Sec: 10}, nil); err != nil {
		t.Error(err)
	}
	if _, err := ring.WaitCQETimeout(&syscall.Timespec{Sec: 10}); err != nil {
		t.Error(err)
	}
	if cqe, err := ring.WaitCQE(); err != nil || cqe.Res != 0 {
		t.Error(cqe, err)
	}
	all := ^Sigset(0)
	if _, err := ring.WaitCQEs(2, &syscall.Timespec{Nsec: 1e6}, &all); err != nil {
		t.Errorf("one of two completions: %v, want the one", err)
	}
}

// TestSubmitAndWait wants the completion that was waited for, also with nothing to submit.
func TestSubmitAndWait(t *testing.T) {
	ring := newRing(t, 4, deferred)
	ts := timespec(t, 20*time.Millisecond)
	for range 2 {
		sqe(t, ring).PrepareTimeout(ts, 0, 0)
	}
	for n := uint32(1); n <= 2; n++ {
		_, err := ring.SubmitAndWait(n)
		for errors.Is(err, syscall.EINTR) {
			_, err = ring.SubmitAndWait(n)
		}
		if err != nil || ring.CQReady() < n {
			t.Fatalf("%d completions after waiting for %d, %v", ring.CQReady(), n, err)
		}
	}
}

// TestMinWait wants a wait for two to be content with one once the shorter time is over.
func TestMinWait(t *testing.T) {
	ring := newRing(t, 4, deferred)
	needFeature(t, ring, FeatMinTimeout, "6.12")
	for range signals {
		sqe(t, ring).PrepareNop()
		start := time.Now()
		cqe, err := ring.SubmitAndWaitMinTimeout(2, &syscall.Timespec{Sec: 60}, 20_000)
		took := time.Since(start)
		if err != nil || cqe == nil {
			t.Fatalf("%v, %v after %v", cqe, err, took)
		}
		ring.CQAdvance(ring.CQReady())
		if took >= 20*time.Millisecond {
			if took > 30*time.Second {
				t.Errorf("content with one completion after %v only", took)
			}
			return
		}
	}
	t.Errorf("each of %d waits ended before its time", signals)
}

// signals is how many waits in a row a signal of the Go runtime may end before its time until the test calls it a fault.
const signals = 100

// TestRegisterRingFd registers and unregisters more often than a thread has indices (16).
func TestRegisterRingFd(t *testing.T) {
	ring := newRing(t, 4, deferred)
	if _, err := ring.UnregisterRingFd(); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("unregistering what is not: %v", err)
	}
	var index uintptr
	for i := range 40 {
		if n, err := ring.RegisterRingFd(); n != 1 || err != nil {
			t.Fatalf("round %d: %d, %v", i, n, err)
		}
		if ring.enterFlags != EnterRegisteredRing || i > 0 && ring.enterFd != index {
			t.Fatalf("round %d: index %d, want %d, which was given back", i, ring.enterFd, index)
		}
		index = ring.enterFd
		if _, err := ring.RegisterRingFd(); !errors.Is(err, syscall.EEXIST) {
			t.Fatalf("registering twice: %v", err)
		}
		sqe(t, ring).PrepareNop()
		want(t, ring, 0, 0)
		if n, err := ring.UnregisterRingFd(); n != 1 || err != nil {
			t.Fatalf("round %d: %d, %v", i, n, err)
		}
		sqe(t, ring).PrepareNop()
		want(t, ring, 0, 0)
	}
}

// TestRegisterRingFdExit wants QueueExit to give the index back.
func TestRegisterRingFdExit(t *testing.T) {
	for i := range 40 {
		ring := newRing(t, 4, deferred)
		if _, err := ring.RegisterRingFd(); err != nil {
			t.Fatalf("ring %d: %v", i, err)
		}
		ring.QueueExit()
	}
}

// TestProbe wants the operations every io_uring has, and none past the last.
func TestProbe(t *testing.T) {
	newRing(t, 4, 0)
	probe, err := GetProbe()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []uint8{OpNop, OpReadFixed, OpSend} {
		if !probe.IsSupported(op) {
			t.Errorf("operation %d is not supported", op)
		}
	}
	if probe.IsSupported(255) || probe.LastOp == 255 {
		t.Error("operation 255 is supported")
	}
	if _, err := (&Ring{}).RegisterProbe(probe, 257); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("257 operations: %v", err)
	}
}

func BenchmarkNop(b *testing.B) {
	for _, batch := range []int{1, 32} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			ring := newRing(b, 64, deferred|SetupNoSQArray)
			if _, err := ring.RegisterRingFd(); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := 0; i < b.N; i += batch {
				for range batch {
					ring.GetSQE().PrepareNop()
				}
				if _, err := ring.SubmitAndGetEvents(); err != nil {
					b.Fatal(err)
				}
				if ring.CQReady() != uint32(batch) {
					b.Fatal(ring.CQReady())
				}
				ring.CQAdvance(uint32(batch))
			}
		})
	}
}
