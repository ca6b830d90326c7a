package result

import "time"

// Comparison is interleaved rounds of several targets under one workload: rounds A B, B A, ... so that what drifts hits all.
type Comparison struct {
	Version int      `json:"version"`
	Command []string `json:"command"`
	Client  Host     `json:"client"`
	Sides   []Side   `json:"sides"` // the first is what the others are compared with
	// Ratios has, for each side but the first, the first one's figure over its own, by the figure's name (Figures).
	Ratios []map[string]Spread `json:"ratios"`
	Noise  []string            `json:"noise,omitempty"` // why these figures are not to be trusted; empty: none was seen
}

// Side is one target's rounds.
type Side struct {
	Name string `json:"name"`
	Runs []Run  `json:"runs"`
}

// Spread is a median with the lowest and the highest.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

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
