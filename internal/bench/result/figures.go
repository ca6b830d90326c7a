package result

import (
	"time"

	"github.com/ringtgt/ringtgt/internal/stat"
)

// Figure is something that runs are compared by.
type Figure struct {
	Name   string
	Unit   string // "IOPS", "B/s", "s", "share": of the values that Run.Figure returns
	Higher bool   // is better
}

// Figures returns what runs are compared by, in the order in which it is shown.
func Figures() []Figure {
	return []Figure{
		{FigureIOPS, "IOPS", true},
		{FigureIOPSPerCPU, "IOPS", true},
		{FigureBytes, "B/s", true},
		{FigureP50, "s", false},
		{FigureP99, "s", false},
		{FigureP999, "s", false},
		{FigureIdle, "share", false},
	}
}

// Figure returns the value of a figure by its name, false where it was not measured.
func (r *Run) Figure(name string) (float64, bool) {
	perCPU := func(n uint64) (float64, bool) {
		if r.Target.CPU == nil || *r.Target.CPU <= 0 {
			return 0, false
		}
		return float64(n) / r.Target.CPU.Seconds(), true
	}
	quantile := func(q float64) (float64, bool) {
		if h := r.Total.Latency; h != nil && h.Count() > 0 {
			return h.Quantile(q).Seconds(), true
		}
		return 0, false
	}
	switch name {
	case FigureIOPS:
		return r.Total.IOPS, r.Elapsed > 0
	case FigureIOPSPerCPU:
		return perCPU(r.Total.Requests)
	case FigureBytes:
		return perCPU(r.Total.Bytes)
	case FigureP50:
		return quantile(0.5)
	case FigureP99:
		return quantile(0.99)
	case FigureP999:
		return quantile(0.999)
	case FigureIdle:
		if r.Target.IdleCPU != nil {
			return *r.Target.IdleCPU, true
		}
	}
	return 0, false
}

// Figure returns the spread of a figure over the side's rounds that measured it, false if none did.
func (s *Side) Figure(name string) (Spread, bool) {
	var values []float64
	for i := range max(len(s.Runs), len(s.AtRate)) {
		if v, ok := s.Round(i, name); ok {
			values = append(values, v)
		}
	}
	return stat.Of(values), len(values) > 0
}

// idle is the share of a CPU below which a process that waits is idle: timers and housekeeping. A ratio of two such shares says
// nothing.
const idle = 0.001

// Ratio returns the ratio of the first side's figure over that of side i, 1 and up, with what it means: see Better. False: there
// is none, or none that says something; then the word is "", or "both idle".
func (c *Comparison) Ratio(i int, f Figure) (s Spread, verdict string, ok bool) {
	if i < 1 || i > len(c.Ratios) || i >= len(c.Sides) {
		return Spread{}, "", false
	}
	if s, ok = c.Ratios[i-1][f.Name]; !ok {
		return Spread{}, "", false
	}
	if f.Name == FigureIdle {
		a, _ := c.Sides[0].Figure(f.Name)
		b, _ := c.Sides[i].Figure(f.Name)
		if a.Median < idle && b.Median < idle {
			return Spread{}, "both idle", false
		}
	}
	return s, Better(s, f.Higher), true
}

// ClientCPU returns the processor time that the client's threads took, user and system, for a request.
func (r *Run) ClientCPU() (user, system time.Duration) {
	if r.Total.Requests == 0 {
		return 0, 0
	}
	for i := range r.CPUs {
		user += r.CPUs[i].User
		system += r.CPUs[i].System
	}
	n := time.Duration(r.Total.Requests)
	return user / n, system / n
}
