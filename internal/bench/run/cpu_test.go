package run

import (
	"os"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/host"
)

// Between two looks processor time is taken to go on evenly; outside them nothing is known.
func TestSamplerInterpolates(t *testing.T) {
	t0 := time.Now()
	at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
	s := &sampler{all: []sample{{at(0), 100}, {at(10), 200}, {at(10), 210}, {at(20), 210}, {at(40), 410}}}
	for _, c := range []struct {
		from, to int
		want     time.Duration
	}{{0, 40, 310}, {0, 5, 50}, {5, 30, 160}, {20, 20, 0}, {30, 40, 100}} {
		if got, err := s.between(at(c.from), at(c.to)); err != nil || got != c.want {
			t.Errorf("%d to %d ms: %v, %v, want %v", c.from, c.to, got, err, c.want)
		}
	}
	for _, c := range [][2]int{{-1, 10}, {10, 41}} {
		if got, err := s.between(at(c[0]), at(c[1])); err == nil {
			t.Errorf("%v ms: %v", c, got)
		}
	}
}

// A long run's samples stay bounded, and are still in order and even.
func TestSamplerThins(t *testing.T) {
	s := &sampler{period: samplePeriod}
	t0 := time.Now()
	for i := range maxSamples*2 + 17 {
		s.all = append(s.all, sample{t0.Add(time.Duration(i) * time.Millisecond), time.Duration(i)})
		s.thin()
	}
	if len(s.all) >= maxSamples || len(s.all) < maxSamples/4 || s.period < 2*samplePeriod {
		t.Errorf("%d samples, period %v", len(s.all), s.period)
	}
	got, err := s.between(t0, t0.Add(maxSamples*time.Millisecond))
	if err != nil || got != maxSamples {
		t.Errorf("%v, %v, want %d", got, err, maxSamples)
	}
}

// This process's own time, taken while it works, is what it took: to what was said of the precision.
func TestSamplerOfThisProcess(t *testing.T) {
	s := newSampler(os.Getpid())
	from := time.Now()
	before, err := host.CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := from.Add(100 * time.Millisecond); time.Now().Before(deadline); {
	}
	after, err := host.CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	to := time.Now()
	s.end()
	got, err := s.between(from, to)
	if err != nil {
		t.Fatal(err)
	}
	if d := got - (after - before); d.Abs() > 2*samplePeriod {
		t.Errorf("%v, by two looks %v", got, after-before)
	}
}

// A process that ends meanwhile has no figure, rather than a wrong one.
func TestSamplerOfNobody(t *testing.T) {
	from := time.Now()
	s := newSampler(1 << 21)
	s.end()
	if got, err := s.between(from, time.Now()); err == nil {
		t.Errorf("%v", got)
	}
}
