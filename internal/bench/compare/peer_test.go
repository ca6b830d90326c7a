package compare

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/host"
	"github.com/ringtgt/ringtgt/internal/need"
)

// Our target beside tgt, for real: every figure of both sides is there, and no process is left afterwards. No figure is asserted.
func TestCompareWithTgt(t *testing.T) {
	cpus := host.CPUs()
	o := Options{
		Run:        run.Options{RW: "randread", BlockSize: "4k", IODepth: 8, Runtime: 100 * time.Millisecond, Idle: 50 * time.Millisecond, Cores: cpus[len(cpus)-1:]},
		Sides:      []Side{{Peer: peer.Ringtgt, Binary: harness.BuildT(t)}, {Peer: peer.Tgt}},
		Rounds:     2,
		EqualLoad:  0.5,
		TargetCPUs: cpus[:1],
		LUN:        peer.LUN{Memory: 8 << 20},
	}
	var told []string
	o.Round = func(s string) { told = append(told, s) }
	c, err := Run(t.Context(), o)
	for errors.Is(err, ErrNothing) && o.Run.Runtime < 10*time.Second { // starved: other tests have the machine
		o.Run.Runtime *= 4
		c, err = Run(t.Context(), o)
	}
	if errors.Is(err, peer.ErrMissing) {
		need.Missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Sides {
		s := &c.Sides[i]
		if s.Name != o.Sides[i].Peer || len(s.Runs) != 2 || len(s.AtRate) != 2 {
			t.Fatalf("side %d: %s, %d rounds, %d at equal load", i, s.Name, len(s.Runs), len(s.AtRate))
		}
		for _, f := range result.Figures() {
			if v, ok := s.Figure(f.Name); !ok || v.Median <= 0 && f.Name != result.FigureIdle {
				t.Errorf("%s: %s is %v, %v", s.Name, f.Name, v, ok)
			}
		}
		if s.Runs[0].Target.Software == "" || fmt.Sprint(s.Runs[0].Target.Pinned) != fmt.Sprint(cpus[:1]) {
			t.Errorf("%s: %+v", s.Name, s.Runs[0].Target)
		}
		for _, r := range append(s.Runs, s.AtRate...) {
			if r.Total.Errors > 0 {
				t.Errorf("%s: %d errors, %v", s.Name, r.Total.Errors, r.Notes)
			}
		}
	}
	if c.Ratios[0][result.FigureIOPSPerCPU].Median <= 0 {
		t.Errorf("ratios %v", c.Ratios)
	}
	if want := "round 1 of 2: ringtgt"; !strings.Contains(strings.Join(told, "\n"), want) {
		t.Errorf("told %q, not %q", told, want)
	}
	var b strings.Builder
	if err := result.Table(&b, result.Document{Comparison: c}); err != nil || !strings.Contains(b.String(), result.FigureIOPSPerCPU) {
		t.Errorf("%v\n%s", err, &b)
	}
	t.Logf("\n%s", &b)
}
