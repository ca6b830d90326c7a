package engine

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/phasetest"
	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/session"
)

func batchStep(from, next batchPhase) bool { return batchNext[from]>>next&1 == 1 }

// A send batch takes the steps of batchNext and no others; docs/engine.md lists them.
func TestBatchPhases(t *testing.T) {
	phasetest.Table(t, len(batchPhaseNames), batchStep, func(from, next batchPhase) batchPhase {
		b := &batch{phase: from}
		b.enter(next)
		return b.phase
	})
	phasetest.Listed(t, "../docs/engine.md", "The phases of a send batch", len(batchNext), batchStep)
}

// What a loop knows about an interface takes the steps of pathNext and no others.
func TestPathPhases(t *testing.T) {
	phasetest.Table(t, len(pathPhaseNames), func(from, next pathPhase) bool { return pathNext[from]>>next&1 == 1 }, func(from, next pathPhase) pathPhase {
		p := &sendPath{phase: from}
		p.enter(next)
		return p.phase
	})
}

// An interface that always copies is given up after a few sends and tried again later, by one send; one that does not survives a few
// copies.
func TestPathIsGivenUpAndTriedAgain(t *testing.T) {
	l := &loop{engine: &Engine{log: slog.New(slog.DiscardHandler)}, now: 1}
	p := &sendPath{name: "eth0"}
	reports := func(n int, copied bool) {
		for range n {
			p.report(l, copied)
		}
	}
	wants := func(tries bool, why string) {
		t.Helper()
		check.That(t, p.tries(ZeroCopyAuto, l.now) == tries, "tries %v, want %v: %s", !tries, tries, why)
	}
	reports(pathTries-1, true)
	wants(true, "too few reports")
	reports(1, true)
	wants(false, "the kernel copies")
	check.That(t, p.tries(ZeroCopyOn, l.now), "on does not mean always")
	reports(3, false)
	wants(false, "reports of earlier sends change nothing")
	l.now += int64(pathRetry)
	wants(true, "it is time to try again")
	reports(1, true)
	wants(false, "one send told")
	l.now += int64(pathRetry)
	wants(true, "it is time to try again")
	reports(1, false)
	reports(pathDoubts-1, true)
	reports(1, false)
	reports(pathDoubts-1, true)
	wants(true, "a few copies mean nothing")
	reports(1, true)
	wants(false, "many do")
}

// disk opens a file unit: its data is sent from the arena.
func disk(t testing.TB) lun.Backend {
	return must.Get(backend.Open(backend.Spec{Kind: backend.KindFile, Path: filepath.Join(t.TempDir(), "disk"), Size: 16 << 20}))(t)
}

// Over loopback every zero-copy send is copied after all: on goes on, auto stops after a few, off and small reads do not try. The data is
// right in any case, and all memory comes home.
func TestZeroCopyOverLoopback(t *testing.T) {
	if z := must.Get(uring.ProbeZeroCopy())(t); z == uring.NoZeroCopy {
		t.Skip("the kernel does not report copies: Linux 6.2 or newer is needed")
	}
	const reads = 40
	for _, c := range []struct {
		name     string
		mode     ZeroCopy
		bytes    int
		min, max uint64 // zero-copy sends
	}{
		{"on", ZeroCopyOn, 256 << 10, reads, reads},
		{"auto", ZeroCopyAuto, 256 << 10, pathTries, pathTries},
		{"off", ZeroCopyOff, 256 << 10, 0, 0},
		{"small", ZeroCopyOn, 8 << 10, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRigWith(t, Config{Cores: make([]int, 1), ZeroCopy: c.mode}, session.NodeConfig{}, disk(t))
			i := r.login(1)
			want := fill(c.bytes, 3)
			i.good(i.startWrite(0, 0, want))
			l := r.e.loops[0]
			waitFor(t, "the interfaces to be listed", func() (known bool) {
				r.e.on(l, func() { known = c.mode == ZeroCopyOff || len(l.interfaces) > 0 && !l.listing })
				return known
			})
			for range reads {
				i.wantData(i.startRead(0, 0, len(want)/512), want)
			}
			i.Conn.Close()
			waitFor(t, "tasks and buffers to come back", r.quiet(0))
			s := r.e.Status().Loops[0].Stats
			check.That(t, s.SendsCopied >= c.min && s.SendsCopied <= c.max && s.SendsZeroCopied == 0,
				"%d zero-copy sends were copied and %d were not, want %d to %d and none", s.SendsCopied, s.SendsZeroCopied, c.min, c.max)
		})
	}
}
