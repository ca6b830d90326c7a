package compare

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

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
	if cv := coefficient([]float64{2, 4, 4, 4, 5, 5, 7, 9}); math.Abs(cv-2.1380899/5) > 1e-6 {
		t.Errorf("coefficient of variation %v", cv)
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

func TestParseStat(t *testing.T) {
	const text = `cpu  300 0 100 1000 50 0 10 7 0 0
cpu0 100 10 20 500 25 1 2 4 90 10
cpu1 200 0 80 500 25 0 8 300 0 0
cpu9 1 2
intr 1 2 3 4 5 6 7 8 9
cpuX 1 2 3 4 5 6 7 8
`
	got := parseStat(text)
	// user, nice, system, irq and softirq; guests are in user and nice already (proc_stat(5)).
	if len(got) != 2 || math.Abs(got[0].busy-1.33) > 1e-9 || got[0].steal != 0.04 || math.Abs(got[1].busy-2.88) > 1e-9 || got[1].steal != 3 {
		t.Errorf("%+v", got)
	}
}

// The machine that the tests run on can be watched. What others took of the target's CPU is told where the client is known to run
// elsewhere; else it is told of the machine, if the target is on it.
func TestWatch(t *testing.T) {
	pid, cpus := os.Getpid(), host.CPUs()
	stat, err := readStat()
	if err != nil {
		t.Fatal(err)
	}
	all := float64(len(stat))
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
			var w watch
			b := w.begin(c.pid, c.cpus, c.client)
			if len(b.stat) == 0 || b.ok != (c.pid > 0) {
				t.Fatalf("%+v", b)
			}
			for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
			}
			w.end(1, b)
			s := w.of(1)
			if s.Seconds < 0.02 || math.Abs(s.Watched-c.watched*s.Seconds) > 1e-9 || s.Alone != (c.watched == 1 && all > 1) || s.Others < 0 || s.Steal > s.Wanted {
				t.Errorf("%+v", s)
			}
			if s := w.of(2); s != (seen{side: 2}) {
				t.Errorf("nobody ran there: %+v", s)
			}
		})
	}
}
