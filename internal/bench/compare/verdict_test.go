package compare

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/host"
)

// What speaks against figures is said, each in a sentence that names the side and the limit; what does not is not mentioned.
func TestDisturbed(t *testing.T) {
	for _, c := range []struct {
		name string
		s    seen
		want []string // in the sentences
	}{
		{"nothing", seen{Seconds: 5, Wanted: 5, Watched: 5, Alone: true}, nil},
		{"all just below", seen{Seconds: 10, Wanted: 10, Steal: 0.2, Watched: 10, Others: 1, Alone: true}, nil},
		{"steal", seen{Seconds: 10, Wanted: 10, Steal: 0.3}, []string{"steal", "3.0%"}},
		{"steal of nothing", seen{Seconds: 10}, nil},
		{"others", seen{Seconds: 10, Wanted: 10, Watched: 10, Others: 2, Alone: true}, []string{"the target's CPU", "neither target nor client", "20%"}},
		{"others on two CPUs", seen{Seconds: 10, Wanted: 20, Watched: 20, Others: 2}, nil},
		{"others on the machine", seen{Seconds: 10, Wanted: 20, Watched: 20, Others: 3}, []string{"the machine's CPUs", "15%"}},
		{"others, not known", seen{Seconds: 10, Wanted: 10, Others: 2}, nil},
		{"too short to say", seen{Seconds: 0.1, Wanted: 0.1, Steal: 0.1, Watched: 0.1, Others: 0.1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := disturbed("tgt", c.s)
			if (len(got) == 0) != (len(c.want) == 0) || len(got) > 1 {
				t.Fatalf("%q, want %q", got, c.want)
			}
			for _, w := range c.want {
				if !strings.Contains(got[0], w) || !strings.HasPrefix(got[0], "tgt: ") {
					t.Errorf("%q does not say %q", got[0], w)
				}
			}
		})
	}
}

// perCPU is a side whose rounds gave these IOPS per second of the target's CPU.
func perCPU(values ...float64) *result.Side {
	s := &result.Side{Name: "tgt"}
	for _, v := range values {
		cpu := time.Second
		r := result.Run{Elapsed: 2 * time.Second, Total: result.Stats{Requests: uint64(v), IOPS: v / 2}}
		r.Target.CPU = &cpu
		s.Runs = append(s.Runs, r)
	}
	return s
}

func TestVariation(t *testing.T) {
	for _, c := range []struct {
		name  string
		s     *result.Side
		noisy bool
	}{
		{"none", perCPU(), false},
		{"two rounds say nothing", perCPU(100, 200), false},
		{"equal", perCPU(1000, 1000, 1000), false},
		{"within", perCPU(1000, 900, 1100, 950, 1050), false},
		{"beyond", perCPU(1000, 800, 1200, 900, 1100), true},
		{"one that was lost", perCPU(1000, 1000, 400, 1000, 1000), true},
		{"zero", perCPU(0, 0, 0), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := variation(c.s)
			if (len(got) > 0) != c.noisy {
				t.Errorf("%q", got)
			}
		})
	}
	remote := perCPU(1000, 800, 1200, 900, 1100)
	for i := range remote.Runs {
		remote.Runs[i].Target.CPU = nil
	}
	if got := variation(remote); len(got) != 1 || !strings.Contains(got[0], "IOPS from") || strings.Contains(got[0], "CPU-second") {
		t.Errorf("a target elsewhere: %q", got)
	}
}

// A side that does not keep the rate has queues that the other has not.
func TestUnequalLoad(t *testing.T) {
	for _, c := range []struct {
		iops []float64
		want string
	}{
		{nil, ""},
		{[]float64{1000, 1001, 951}, ""},
		{[]float64{1000, 900, 800}, "in 2 of 3 rounds"},
	} {
		s := &result.Side{Name: "tgt"}
		for _, v := range c.iops {
			s.AtRate = append(s.AtRate, result.Run{Total: result.Stats{IOPS: v}})
		}
		got := unequal(s, 1000)
		if (len(got) > 0) != (c.want != "") || len(got) > 0 && !(strings.Contains(got[0], c.want) && strings.Contains(got[0], "at the least 800")) {
			t.Errorf("%v: %q, want %q", c.iops, got, c.want)
		}
	}
}

// The load average counts before the first round alone: later it is our own.
func TestLoadBefore(t *testing.T) {
	for _, c := range []struct {
		load float64
		want bool
	}{{0, false}, {2, false}, {2.1, true}} {
		got := (&comparer{}).verdict(&result.Comparison{Client: result.Host{CPUs: 2, Load: [3]float64{c.load}}})
		if (len(got) > 0) != c.want {
			t.Errorf("load %v: %q", c.load, got)
		}
	}
}

// The time between two snapshots: guests' time is in the user's already, and idle time is nobody's.
func TestTimesAreAdded(t *testing.T) {
	snap := func(seconds int, cpu0, cpu1 procfs.CPUStat, target, own time.Duration) snapshot {
		return snapshot{at: time.Unix(int64(seconds), 0), cpu: map[int64]procfs.CPUStat{0: cpu0, 1: cpu1}, target: target, own: own, known: true}
	}
	before := snap(0, procfs.CPUStat{User: 1}, procfs.CPUStat{}, 0, 0)
	after := snap(10, procfs.CPUStat{User: 4, Nice: 1, System: 1, IRQ: 0.5, SoftIRQ: 0.5, Idle: 9, Iowait: 9, Steal: 1, Guest: 3},
		procfs.CPUStat{User: 8, Steal: 5}, 4*time.Second, 7*time.Second)
	for _, c := range []struct {
		cpus  []int
		alone bool
		want  seen
	}{
		{[]int{0}, true, seen{Seconds: 10, Steal: 1, Wanted: 7, Watched: 10, Others: 2, Alone: true}},
		{[]int{0}, false, seen{Seconds: 10, Steal: 1, Wanted: 7, Watched: 20, Others: 3}},
		{nil, false, seen{Seconds: 10, Steal: 6, Wanted: 20, Watched: 20, Others: 3}},
	} {
		if got := (seen{}).plus(before, after, c.cpus, c.alone); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.cpus, got, c.want)
		}
		twice := (seen{}).plus(before, after, c.cpus, c.alone).plus(before, after, c.cpus, c.alone)
		if twice.Steal != 2*c.want.Steal || twice.Others != 2*c.want.Others || twice.Seconds != 20 {
			t.Errorf("twice: %+v", twice)
		}
	}
}

// The machine that the tests run on can be watched. What others took of the target's CPU is told where the client is known to run
// elsewhere; else it is told of the machine, if the target is on it.
func TestWatch(t *testing.T) {
	pid, cpus := os.Getpid(), host.CPUs()
	all := float64(len(look(0).cpu))
	if all == 0 {
		t.Fatal("no CPUs")
	}
	for _, c := range []struct {
		name         string
		pid          int
		cpus, client []int
		watched      float64 // CPUs
	}{
		{"bound, client elsewhere", pid, cpus[:1], []int{1 << 20}, 1},
		{"client beside it", pid, cpus[:1], cpus[:1], all},
		{"client anywhere", pid, cpus[:1], nil, all},
		{"not bound", pid, nil, []int{1 << 20}, all},
		{"on another machine", 0, nil, []int{1 << 20}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := watch{}
			ended := w.begin(1, c.pid, c.cpus, c.client)
			for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
			}
			ended()
			s := w[1]
			if s.Seconds < 0.02 || math.Abs(s.Watched-c.watched*s.Seconds) > 1e-9 || s.Alone != (c.watched == 1 && all > 1) || s.Others < 0 || s.Steal > s.Wanted {
				t.Errorf("%+v", s)
			}
		})
	}
}
