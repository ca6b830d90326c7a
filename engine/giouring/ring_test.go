package giouring

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
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
		{"registered", deferred | SetupNoSQArray},
	} {
		t.Run(c.name, func(t *testing.T) {
			ring := newRing(t, 8, c.flags)
			if c.name == "registered" {
				must.Get(ring.RegisterRingFd())(t)
			}
			sent, got := uint64(0), uint64(0)
			for got < 1000 {
				for sent < 1000 {
					e := ring.GetSQE()
					if e == nil {
						break
					}
					nop(e, sent)
					sent++
				}
				await(t, ring, 1)
				ready := ring.CQReady()
				for i := range ready {
					if cqe := ring.CQEAt(i); cqe.UserData != got || cqe.Res != 0 {
						t.Fatalf("completion %+v, want number %d", cqe, got)
					}
					got++
				}
				ring.CQAdvance(ready)
			}
		})
	}
}

// TestQueueFull wants nil from GetSQE exactly when every entry is taken, and the counters in step.
func TestQueueFull(t *testing.T) {
	ring := newRing(t, 4, deferred)
	for i := range uint32(4) {
		if ring.SQReady() != i {
			t.Errorf("ready %d after %d", ring.SQReady(), i)
		}
		nop(sqe(t, ring), 0)
	}
	if ring.GetSQE() != nil || ring.SQEntries() != 4 {
		t.Errorf("a fifth entry in a queue of %d", ring.SQEntries())
	}
	if n := submit(t, ring); n != 4 || ring.SQReady() != 0 {
		t.Errorf("submitted %d, %d are left", n, ring.SQReady())
	}
}

// TestCQOverflow wants nothing lost when more completes than the queue holds (IORING_FEAT_NODROP).
func TestCQOverflow(t *testing.T) {
	ring := newRingParams(t, 4, &Params{Flags: SetupCQSize | deferred, CQEntries: 4})
	for i := range 20 {
		nop(sqe(t, ring), uint64(i))
		submit(t, ring)
	}
	check.That(t, ring.SQFlags()&SQCQOverflow != 0, "no overflow after 20 completions in a queue of 4")
	for i := range 20 {
		want(t, ring, uint64(i), 0)
	}
	quiet(t, ring)
}

// TestSetupRefused wants EINVAL for what the package does not read, and for a ring set up twice.
func TestSetupRefused(t *testing.T) {
	for _, flags := range []uint32{SetupNoMmap, SetupRegisteredFdOnly, SetupCQE32 | SetupCQEMixed, SetupSQE128 | SetupSQEMixed} {
		if err := NewRing().QueueInitParams(4, &Params{Flags: flags}); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("flags %#x: %v", flags, err)
		}
	}
	ring := newRing(t, 4, 0)
	if err := ring.QueueInitParams(4, &Params{}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("second set-up: %v", err)
	}
	if err := NewRing().QueueInitParams(0, &Params{}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("no entries: %v", err)
	}
}

// TestExitAgain wants QueueExit to be harmless twice, and the ring to be usable anew.
func TestExitAgain(t *testing.T) {
	ring := newRing(t, 4, 0)
	ring.QueueExit()
	ring.QueueExit()
	must.OK(t, ring.QueueInitParams(4, &Params{}))
	nop(sqe(t, ring), 0)
	want(t, ring, 0, 0)
}

// TestOtherThread wants a ring with SetupSingleIssuer to refuse another thread.
func TestOtherThread(t *testing.T) {
	ring := newRing(t, 4, deferred)
	nop(sqe(t, ring), 0)
	done := make(chan error)
	go func() {
		_, errno := ring.EnterSys(ring.FlushSQ(), 0, 0)
		done <- errno
	}()
	if err := <-done; !errors.Is(err, syscall.EEXIST) {
		t.Errorf("submitting from another thread: %v, want EEXIST", err)
	}
}

// TestEnterTimeout wants ETIME no earlier than asked, and a completion when there is one.
func TestEnterTimeout(t *testing.T) {
	ring := newRing(t, 4, deferred)
	var errno syscall.Errno
	var start time.Time
	for range signals {
		start = time.Now()
		if errno = ring.EnterTimeout(0, 1, 0, &syscall.Timespec{Nsec: 20e6}); errno != syscall.EINTR {
			break
		}
	}
	if errno != syscall.ETIME || time.Since(start) < 20*time.Millisecond {
		t.Errorf("waiting for nothing: %v after %v", errno, time.Since(start))
	}
	nop(sqe(t, ring), 7)
	if errno := ring.EnterTimeout(ring.FlushSQ(), 1, 0, nil); errno != 0 {
		t.Error(errno)
	}
	want(t, ring, 7, 0)
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
		nop(sqe(t, ring), 0)
		want(t, ring, 0, 0)
		if n, err := ring.UnregisterRingFd(); n != 1 || err != nil {
			t.Fatalf("round %d: %d, %v", i, n, err)
		}
		nop(sqe(t, ring), 0)
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

// TestProbe wants the operations that every io_uring has, and none past the last.
func TestProbe(t *testing.T) {
	probe := must.Get(newRing(t, 4, 0).GetProbeRing())(t)
	for _, op := range []uint8{OpNop, OpReadFixed, OpSendmsg} {
		check.That(t, probe.IsSupported(op), "operation %d is not supported", op)
	}
	check.That(t, !probe.IsSupported(255) && probe.LastOp != 255, "operation 255 is supported")
}

func BenchmarkNop(b *testing.B) {
	for _, batch := range []int{1, 32} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			ring := newRing(b, 64, deferred|SetupNoSQArray)
			must.Get(ring.RegisterRingFd())(b)
			b.ReportAllocs()
			for i := 0; i < b.N; i += batch {
				for range batch {
					nop(ring.GetSQE(), 0)
				}
				submit(b, ring)
				if ring.CQReady() != uint32(batch) {
					b.Fatal(ring.CQReady())
				}
				ring.CQAdvance(uint32(batch))
			}
		})
	}
}
