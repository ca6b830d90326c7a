// Package resulttest makes up results for tests: plausible, never measured, and always the same for the same shape.
package resulttest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/hist"
	"github.com/ringtgt/ringtgt/internal/stat"
)

// Shape describes a run to make.
type Shape struct {
	Seed      uint64
	Software  string        // of the target
	Sessions  int           // 0: 1
	Conns     int           // a session; 0: 1
	CPUs      int           // the client's threads; 0: 1
	Intervals int           // 0: 20
	Every     time.Duration // an interval's length; 0: 500 ms
	Median    time.Duration // of a read's latency; 0: 70 µs
	IOPS      float64       // 0: 400,000
	Depth     int           // 0: 32
	Block     int           // bytes; 0: 4096
	Mixed     bool          // reads and writes
	Stall     int           // interval with a stall of 20 ms in it; 0: none
	Rate      float64       // of an open loop; 0: closed
	EqualLoad float64       // a comparison's Rate; 0: it has none
}

func or[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

// Started is when all runs that are made here have begun.
func Started() time.Time { return time.Date(2026, 11, 3, 14, 5, 9, 0, time.UTC) }

// Run makes a run.
func Run(s Shape) *result.Run {
	rng := rand.New(rand.NewPCG(s.Seed, 4))
	s.Sessions, s.Conns, s.CPUs = or(s.Sessions, 1), or(s.Conns, 1), or(s.CPUs, 1)
	s.Intervals, s.Every = or(s.Intervals, 20), or(s.Every, 500*time.Millisecond)
	s.Median, s.IOPS, s.Depth, s.Block = or(s.Median, 70*time.Microsecond), or(s.IOPS, 400000), or(s.Depth, 32), or(s.Block, 4096)
	elapsed := time.Duration(s.Intervals) * s.Every
	r := &result.Run{
		Version: result.Version,
		Command: []string{"ringtgt", "bench", "iscsi://user%********@192.0.2.7/iqn.2026-11.io.ringtgt:disk0/0", "--rw", "randread", "--iodepth", fmt.Sprint(s.Depth)},
		Started: Started(), Elapsed: elapsed, Ended: "runtime",
		Workload: result.Workload{
			RW: "randread", ReadMix: 100, BlockSize: block(s.Block), IODepth: s.Depth, NumJobs: 1, Sessions: s.Sessions, Conns: s.Conns,
			Digests: "none", Size: 1 << 30, Rate: s.Rate, Seed: 7, Runtime: elapsed, RampTime: 2 * time.Second,
		},
		Target: result.Target{
			URL: "iscsi://user@192.0.2.7/iqn.2026-11.io.ringtgt:disk0/0", Name: "iqn.2026-11.io.ringtgt:disk0", Vendor: "RINGTGT ", Product: "VIRTUAL-DISK    ",
			Revision: "1.0 ", BlockLen: 512, Capacity: 1 << 30, Software: or(s.Software, "ringtgt 1.2.0"), Kernel: "6.18.0",
			Negotiated: map[string]string{
				"MaxRecvDataSegmentLength": "262144", "MaxBurstLength": "1048576", "FirstBurstLength": "262144", "InitialR2T": "No", "ImmediateData": "Yes",
				"HeaderDigest": "None", "DataDigest": "None", "MaxConnections": fmt.Sprint(s.Conns), "ErrorRecoveryLevel": "0",
			},
			Pinned: []int{1},
		},
		Client: result.Host{Kernel: "6.18.0", CPU: "AMD EPYC 9654", CPUs: 2, Ringtgt: "1.2.0", Go: "go1.26.0", Load: [3]float64{0.42, 0.31, 0.25}},
	}
	if s.Mixed {
		r.Workload.RW, r.Workload.ReadMix = "randrw", 70
		r.Reads, r.Writes = new(result.Stats), new(result.Stats)
	} else {
		r.Reads = new(result.Stats)
	}
	idle := 0.0
	for i := range s.Intervals {
		// The rate drifts a little, and latency with it.
		drift := 1 + 0.04*math.Sin(float64(i)/7) + 0.01*rng.NormFloat64()
		n := uint64(s.IOPS * drift * s.Every.Seconds())
		iv := result.Interval{At: time.Duration(i+1) * s.Every, Length: s.Every, Latency: result.Latency{Histogram: new(hist.Histogram)}}
		if s.Stall > 0 && i == s.Stall {
			n = n * 9 / 10
			for k := range 64 {
				iv.Latency.AddN(int64(20*time.Millisecond)-int64(k)*int64(200*time.Microsecond), 1)
			}
		}
		iv.Reads = n
		if s.Mixed {
			iv.Reads, iv.Writes = n*7/10, n-n*7/10
		}
		iv.Bytes = n * uint64(s.Block)
		part := draw(rng, s.Median, drift, iv.Reads)
		iv.Latency.Merge(part)
		count(r.Reads, part, iv.Reads, s.Block)
		if s.Mixed {
			part = draw(rng, s.Median*8/5, drift, iv.Writes)
			iv.Latency.Merge(part)
			count(r.Writes, part, iv.Writes, s.Block)
		}
		count(&r.Total, iv.Latency.Histogram, n, s.Block)
		r.Series = append(r.Series, iv)
	}
	rates(&r.Total, elapsed)
	for _, st := range []*result.Stats{r.Reads, r.Writes} {
		if st != nil {
			rates(st, elapsed)
		}
	}
	cpu := time.Duration(float64(r.Total.Requests) * 2410)
	r.Target.CPU, r.Target.IdleCPU = &cpu, &idle
	parts(r, rng, s)
	return r
}

// parts splits the total over sessions, connections and CPUs, not quite evenly.
func parts(r *result.Run, rng *rand.Rand, s Shape) {
	total := s.Sessions * s.Conns
	for i := range s.CPUs {
		n := r.Total.Requests / uint64(s.CPUs)
		c := result.CPU{CPU: i, User: time.Duration(n) * 410, System: time.Duration(n) * 890, PDUsPerSend: 11.4, Enters: n / 16}
		count(&c.Stats, draw(rng, s.Median, 1, n), n, s.Block)
		rates(&c.Stats, r.Elapsed)
		r.CPUs = append(r.CPUs, c)
	}
	for i := range s.Sessions {
		se := result.Session{Index: i}
		for k := range s.Conns {
			skew := 1 + 0.1*rng.NormFloat64()
			n := uint64(float64(r.Total.Requests) / float64(total) * max(skew, 0.1))
			c := result.Conn{Session: i, CID: uint16(k), CPU: (i*s.Conns + k) % s.CPUs, WindowClosed: uint64(rng.IntN(50))}
			h := draw(rng, s.Median, 1/max(skew, 0.1), n)
			count(&c.Stats, h, n, s.Block)
			rates(&c.Stats, r.Elapsed)
			count(&se.Stats, h, n, s.Block)
			r.Conns = append(r.Conns, c)
		}
		rates(&se.Stats, r.Elapsed)
		r.Sessions = append(r.Sessions, se)
	}
}

// draw makes up n latencies: log-normal, one in 500 from a tail ten times as long.
func draw(rng *rand.Rand, median time.Duration, scale float64, n uint64) *hist.Histogram {
	h := new(hist.Histogram)
	const samples = 400
	for left := n; left > 0; {
		c := min(max(n/samples, 1), left)
		v := float64(median) * scale * math.Exp(0.22*rng.NormFloat64())
		h.AddN(int64(v), c)
		if left -= c; left > 0 && c > 1 {
			// A few of each sample's requests sit in the tail.
			h.AddN(int64(v*(2+10*rng.ExpFloat64())), min(max(c/500, 1), left))
			left -= min(max(c/500, 1), left)
		}
	}
	return h
}

func count(s *result.Stats, h *hist.Histogram, n uint64, block int) {
	if s.Latency.Histogram == nil {
		s.Latency.Histogram = new(hist.Histogram)
	}
	s.Latency.Merge(h)
	s.Requests += n
	s.Bytes += n * uint64(block)
}

func rates(s *result.Stats, elapsed time.Duration) {
	s.IOPS = float64(s.Requests) / elapsed.Seconds()
	s.Rate = float64(s.Bytes) / elapsed.Seconds()
}

func block(n int) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%dm", n>>20)
	}
	return fmt.Sprintf("%dk", n>>10)
}

// Comparison makes five rounds of two targets of which the first is 4 times as fast.
func Comparison(s Shape) *result.Comparison {
	s.Seed++
	a, b := s, s
	a.Software, b.Software = "ringtgt 1.2.0", "tgtd 1.0.85"
	b.IOPS, b.Median = or(s.IOPS, 400000)/4, or(s.Median, 70*time.Microsecond)*4
	c := &result.Comparison{
		Version: result.Version,
		Command: []string{"ringtgt", "bench", "--compare", "tgt", "iscsi://127.0.0.1:3260"},
		Sides:   []result.Side{{Name: "ringtgt"}, {Name: "tgt"}},
	}
	for i := range 5 {
		a.Seed, b.Seed = s.Seed+uint64(2*i), s.Seed+uint64(2*i+1)
		c.Sides[0].Runs = append(c.Sides[0].Runs, *Run(a))
		run := Run(b)
		idle := 0.002 * float64(i)
		run.Target.IdleCPU = &idle
		cpu := *run.Target.CPU * time.Duration(44+i) / 10
		run.Target.CPU = &cpu
		run.Target.Name, run.Target.Vendor, run.Target.Revision = "iqn.2001-04.com.example:tgt", "IET", "0001"
		c.Sides[1].Runs = append(c.Sides[1].Runs, *run)
	}
	for i := range 5 {
		if c.Rate = s.EqualLoad; c.Rate == 0 {
			break
		}
		a.Seed, b.Seed, a.Rate, b.Rate = s.Seed+uint64(20+2*i), s.Seed+uint64(21+2*i), c.Rate, c.Rate
		a.IOPS, b.IOPS, a.Median, b.Median = c.Rate, c.Rate, 40*time.Microsecond, 90*time.Microsecond
		c.Sides[0].AtRate, c.Sides[1].AtRate = append(c.Sides[0].AtRate, *Run(a)), append(c.Sides[1].AtRate, *Run(b))
	}
	c.Client = c.Sides[0].Runs[0].Client
	ratios := map[string]result.Spread{}
	for _, f := range result.Figures() {
		var v []float64
		for i := range c.Sides[0].Runs {
			x, _ := c.Sides[0].Round(i, f.Name)
			y, _ := c.Sides[1].Round(i, f.Name)
			if y > 0 {
				v = append(v, x/y)
			}
		}
		if len(v) > 0 {
			ratios[f.Name] = stat.Of(v)
		}
	}
	c.Ratios = []map[string]result.Spread{ratios}
	return c
}

// Sweep makes runs at depths 1, 2, 4 ... 128 of a target that is saturated at about 12.
func Sweep(s Shape) *result.Sweep {
	sw := &result.Sweep{
		Version: result.Version, Parameter: "iodepth",
		Command: []string{"ringtgt", "bench", "iscsi://127.0.0.1:3260", "--sweep", "iodepth=1..128"},
	}
	const peak, base = 400000.0, 30e-6
	for d := 1; d <= 128; d *= 2 {
		s.Seed, s.Depth = s.Seed+1, d
		// A soft corner: what goes through is between the two asymptotes.
		x := float64(d) / base
		s.IOPS = x / math.Pow(1+math.Pow(x/peak, 4), 0.25)
		s.Median = time.Duration(float64(d) / s.IOPS * 1e9)
		sw.Points = append(sw.Points, result.Point{Value: fmt.Sprint(d), Run: *Run(s)})
	}
	sw.Knee = result.FindKnee(sw.Points)
	return sw
}
