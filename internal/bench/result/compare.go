package result

import (
	"time"

	"github.com/ringtgt/ringtgt/internal/stat"
)

// Comparison is interleaved rounds of several targets under one workload: rounds A B, B A, ... so that what drifts hits all.
type Comparison struct {
	Version int      `json:"version"`
	Command []string `json:"command"`
	Client  Host     `json:"client"`
	Sides   []Side   `json:"sides"` // the first is what the others are compared with
	// Rate is the load, in requests a second, that every side's latencies were measured under in an open loop of its own: Side.AtRate.
	// 0: they are those of Side.Runs, and where these are closed loops, latencies at loads that differ.
	Rate float64 `json:"rate,omitempty"`
	// Ratios has, for each side but the first, the first one's figure over its own, by the figure's name (Figures).
	Ratios []map[string]Spread `json:"ratios"`
	Noise  []string            `json:"noise,omitempty"` // why these figures are not to be trusted; empty: none was seen
}

// Side is one target's rounds.
type Side struct {
	Name   string `json:"name"`
	Runs   []Run  `json:"runs"`
	AtRate []Run  `json:"at_rate,omitempty"` // round by round, see Comparison.Rate
}

// Round returns what side s measured of a figure in round i, false if it did not: latencies are those at equal load where
// these were measured.
func (s *Side) Round(i int, name string) (float64, bool) {
	runs := s.Runs
	switch name {
	case FigureP50, FigureP99, FigureP999:
		if len(s.AtRate) > 0 {
			runs = s.AtRate
		}
	}
	if i < 0 || i >= len(runs) {
		return 0, false
	}
	return runs[i].Figure(name)
}

// RoundRatio returns the ratio of a figure of side i over that of side j, round by round: what disturbed a round disturbed both.
// From ManyRounds rounds on, its bounds are those of the 95% confidence interval of the median. False: no round has both.
func (c *Comparison) RoundRatio(i, j int, name string) (Spread, bool) {
	var values []float64
	for round := range max(len(c.Sides[i].Runs), len(c.Sides[i].AtRate)) {
		a, ok := c.Sides[i].Round(round, name)
		b, ok2 := c.Sides[j].Round(round, name)
		if ok && ok2 && b > 0 {
			values = append(values, a/b)
		}
	}
	s := stat.Of(values)
	if len(values) >= ManyRounds {
		s.Low, s.High = stat.Interval(values, confidence)
	}
	return s, len(values) > 0
}

// FigureName is what a figure is shown as: latencies at equal load say so.
func (c *Comparison) FigureName(name string) string {
	switch name {
	case FigureP50, FigureP99, FigureP999:
		if c.Rate > 0 {
			return name + " at " + FormatSI(c.Rate, "") + " IOPS"
		}
	}
	return name
}

// Spread is a median with the lowest and the highest value.
type Spread = stat.Spread

// The names of what is compared. Higher is better for the first three, lower for the others.
const (
	FigureIOPS       = "IOPS"
	FigureIOPSPerCPU = "IOPS per target CPU-second"
	FigureBytes      = "bytes per target CPU-second"
	FigureP50        = "p50"
	FigureP99        = "p99"
	FigureP999       = "p99.9"
	FigureIdle       = "idle CPU"
)

// Sweep is one target under a workload of which one parameter varies.
type Sweep struct {
	Version   int      `json:"version"`
	Command   []string `json:"command"`
	Parameter string   `json:"parameter"` // "iodepth", "bs", "connections", ...
	Points    []Point  `json:"points"`
	// Knee is the index of the point from which on more load buys latency rather than throughput, -1 if there is none.
	Knee int `json:"knee"`
}

// Point is one run of a sweep.
type Point struct {
	Value string `json:"value"`
	Run   Run    `json:"run"`
}

// CPUTime returns the processor time a request took of the target, 0 where it is not known.
func (r *Run) CPUTime() time.Duration {
	if r.Target.CPU == nil || r.Total.Requests == 0 {
		return 0
	}
	return *r.Target.CPU / time.Duration(r.Total.Requests)
}
