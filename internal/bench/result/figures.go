package result

import (
	"time"

	"github.com/ringtgt/ringtgt/internal/stat"
)

// Figure is something that runs are compared by.
type Figure struct {
	Name   string
	Unit   string // "IOPS", "B/s", "s", "share": of the values
	Higher bool   // is better
	of     func(*Run) (float64, bool)
}

// The names of the figures.
const (
	FigureIOPS       = "IOPS"
	FigureIOPSPerCPU = "IOPS per target CPU-second"
	FigureBytes      = "bytes per target CPU-second"
	FigureP50        = "p50"
	FigureP99        = "p99"
	FigureP999       = "p99.9"
	FigureIdle       = "idle CPU"
)

var figures = [...]Figure{
	{FigureIOPS, "IOPS", true, func(r *Run) (float64, bool) { return r.Total.IOPS, r.Elapsed > 0 }},
	{FigureIOPSPerCPU, "IOPS", true, func(r *Run) (float64, bool) { return r.perCPU(r.Total.Requests) }},
	{FigureBytes, "B/s", true, func(r *Run) (float64, bool) { return r.perCPU(r.Total.Bytes) }},
	{FigureP50, "s", false, func(r *Run) (float64, bool) { return r.quantile(0.5) }},
	{FigureP99, "s", false, func(r *Run) (float64, bool) { return r.quantile(0.99) }},
	{FigureP999, "s", false, func(r *Run) (float64, bool) { return r.quantile(0.999) }},
	{FigureIdle, "share", false, func(r *Run) (float64, bool) {
		if r.Target.IdleCPU == nil {
			return 0, false
		}
		return *r.Target.IdleCPU, true
	}},
}

// Figures returns all figures in the order in which they are shown.
func Figures() []Figure { return figures[:] }

// isLatency reports whether a figure is measured at equal load, where a comparison has that.
func isLatency(name string) bool { return name == FigureP50 || name == FigureP99 || name == FigureP999 }

func (r *Run) perCPU(n uint64) (float64, bool) {
	if r.Target.CPU == nil || *r.Target.CPU <= 0 {
		return 0, false
	}
	return float64(n) / r.Target.CPU.Seconds(), true
}

func (r *Run) quantile(q float64) (float64, bool) {
	if r.Total.Latency.Count() == 0 {
		return 0, false
	}
	return r.Total.Latency.Quantile(q).Seconds(), true
}

// Figure returns the value of a figure by its name, false if it was not measured.
func (r *Run) Figure(name string) (float64, bool) {
	for i := range figures {
		if figures[i].Name == name {
			return figures[i].of(r)
		}
	}
	return 0, false
}

// FigureText formats a figure of the run; "" if it was not measured.
func (r *Run) FigureText(name string) string {
	for i := range figures {
		if v, ok := figures[i].of(r); ok && figures[i].Name == name {
			return FormatFigure(v, figures[i].Unit)
		}
	}
	return ""
}

// CPUTime returns the target's processor time per request, 0 if it is unknown.
func (r *Run) CPUTime() time.Duration {
	if r.Target.CPU == nil || r.Total.Requests == 0 {
		return 0
	}
	return *r.Target.CPU / time.Duration(r.Total.Requests)
}

// CPUTimeText formats the target's processor time per request; "" if it is unknown.
func (r *Run) CPUTimeText() string {
	if t := r.CPUTime(); t > 0 {
		return FormatLatency(t)
	}
	return ""
}

// ClientCPU returns the processor time of the client's threads per request.
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

// FigureText formats the median of a figure; "-" and false if no round measured it.
func (s *Side) FigureText(f Figure) (string, bool) {
	v, ok := s.Figure(f.Name)
	if !ok {
		return "-", false
	}
	return FormatFigure(v.Median, f.Unit), true
}
