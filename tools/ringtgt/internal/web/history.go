package web

import (
	"time"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/bench/report"
	"github.com/ringtgt/ringtgt/internal/hist"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// history is what the page shows of the last minutes. Requests take the samples: nothing runs while nobody looks.
type history struct {
	at      time.Time // of the last reading
	last    engine.Latency
	now     map[control.UnitID]*control.Activity // between the last two readings
	total   control.Activity
	columns []column                     // oldest first
	sparks  map[control.UnitID][]float64 // IOPS, oldest first
}

// column is a slice of the past.
type column struct {
	from, to time.Time
	times    hist.Compact
	max      int64
	commands [2]float64 // reads, writes
	bytes    [2]float64
}

// sample takes a reading into account. Readings that come too early are left out.
func (h *history) sample(l *engine.Latency) {
	since := h.at
	switch {
	case h.at.IsZero() || l.At.Sub(h.at) > longGap || l.At.Before(h.at): // nobody has looked meanwhile: what happened is not in the picture
		h.at, h.last = l.At, *l
		h.now, h.total = nil, control.Activity{}
		return
	case l.At.Sub(h.at) < sampleEvery:
		return
	}
	diff := (&control.Latency{Latency: *l}).Clone()
	diff.Sub(&h.last)
	h.at, h.last = l.At, *l
	seconds := l.At.Sub(since).Seconds()
	h.now = control.Activities(diff.Units, seconds)
	h.add(since, l.At, diff.Units)
	h.spark()
}

// add adds what units did between two readings to the last column, or begins one.
func (h *history) add(from, to time.Time, units []engine.UnitLatency) {
	c := column{from: from, to: to}
	for i := range units {
		u := &units[i]
		k := 0
		switch u.Operation {
		case engine.OperationRead.String():
		case engine.OperationWrite.String():
			k = 1
		default:
			continue
		}
		t := &u.Stages[engine.StageTotal]
		c.times.Merge(&t.Steps)
		c.max = max(c.max, t.MaxNanos)
		c.commands[k] += float64(u.Commands)
		c.bytes[k] += float64(u.Bytes)
	}
	s := to.Sub(from).Seconds()
	h.total = control.Activity{
		Seconds: s, ReadIOPS: c.commands[0] / s, WriteIOPS: c.commands[1] / s, ReadBytes: c.bytes[0] / s, WriteBytes: c.bytes[1] / s,
		P50Nanos: c.times.Quantile(0.5, c.max), P99Nanos: c.times.Quantile(0.99, c.max),
	}
	if n := len(h.columns); n > 0 && h.columns[n-1].to.Equal(from) && to.Sub(h.columns[n-1].from) <= columnTime {
		l := &h.columns[n-1]
		l.to, l.max = to, max(l.max, c.max)
		l.times.Merge(&c.times)
		for k := range c.commands {
			l.commands[k] += c.commands[k]
			l.bytes[k] += c.bytes[k]
		}
		return
	}
	if len(h.columns) == maxColumns {
		h.columns = append(h.columns[:0], h.columns[1:]...)
	}
	h.columns = append(h.columns, c)
}

// spark adds the last IOPS of each unit to its line, and forgets units that have done nothing for as long as a line is.
func (h *history) spark() {
	next := map[control.UnitID][]float64{}
	push := func(id control.UnitID, v float64) {
		line := append(h.sparks[id], v)
		next[id] = line[max(0, len(line)-sparkPoints):]
	}
	for id := range h.sparks {
		v := 0.0
		if a := h.now[id]; a != nil {
			v = a.ReadIOPS + a.WriteIOPS
		}
		push(id, v)
	}
	for id, a := range h.now {
		if h.sparks[id] == nil {
			push(id, a.ReadIOPS+a.WriteIOPS)
		}
	}
	for id, line := range next {
		idle := true
		for _, v := range line {
			idle = idle && v == 0
		}
		if idle {
			delete(next, id)
		}
	}
	h.sparks = next
}

// slices returns the columns for the charts, and how far back they go, rounded up.
func (h *history) slices() (out []report.Slice, span time.Duration) {
	span = minSpan
	for i := range h.columns {
		c := &h.columns[i]
		s := c.to.Sub(c.from).Seconds()
		from, to := h.at.Sub(c.from), h.at.Sub(c.to)
		if from > maxSpan {
			continue
		}
		for span < from {
			span += spanStep
		}
		out = append(out, report.Slice{
			From: from, To: to, Times: c.times, Max: c.max,
			Rates: []float64{c.commands[0] / s, c.commands[1] / s, c.bytes[0] / s, c.bytes[1] / s},
		})
	}
	return out, min(span, maxSpan)
}
