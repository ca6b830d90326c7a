package engine

// Add adds the counts of o, for example of the same unit on another loop.
func (u *UnitLatency) Add(o *UnitLatency) {
	u.Commands += o.Commands
	u.Bytes += o.Bytes
	u.Failed += o.Failed
	u.Harmless += o.Harmless
	for s := range u.Stages {
		a, b := &u.Stages[s], &o.Stages[s]
		a.SumNanos += b.SumNanos
		a.MaxNanos = max(a.MaxNanos, b.MaxNanos)
		a.Steps.Merge(&b.Steps)
	}
}

// Sub subtracts before, an earlier reading of the same engine, so that y covers the time between the two. Times.MaxNanos keeps the
// maximum since the start where that may have occurred in between; quantiles are still correct to within a step.
func (y *Latency) Sub(before *Latency) {
	for i := range y.Loops {
		for j := range before.Loops {
			if y.Loops[i].Loop == before.Loops[j].Loop {
				y.Loops[i].sub(&before.Loops[j])
			}
		}
	}
	type unit struct {
		target    string
		lun, loop int
		operation string
		since     int64
	}
	units := map[unit]*UnitLatency{}
	for i := range before.Units {
		u := &before.Units[i]
		units[unit{u.Target, u.LUN, u.Loop, u.Operation, u.Since}] = u
	}
	y.Units = keep(y.Units, func(u *UnitLatency) bool {
		if b := units[unit{u.Target, u.LUN, u.Loop, u.Operation, u.Since}]; b != nil {
			u.Commands -= b.Commands
			u.Bytes -= b.Bytes
			u.Failed -= b.Failed
			u.Harmless -= b.Harmless
			subStages(&u.Stages, &b.Stages)
		}
		return u.Commands > 0
	})
	y.subConnections(before)
}

func (y *Latency) subConnections(before *Latency) {
	type end struct {
		remote, local string
		since         int64
	}
	conns := map[end]*ConnLatency{}
	for i := range before.Connections {
		c := &before.Connections[i]
		conns[end{c.Remote, c.Local, c.Since.UnixNano()}] = c
	}
	y.Connections = keep(y.Connections, func(c *ConnLatency) bool {
		b := conns[end{c.Remote, c.Local, c.Since.UnixNano()}]
		if b == nil {
			return true
		}
		c.Commands -= b.Commands
		c.Bytes -= b.Bytes
		c.Operations = keep(c.Operations, func(o *ConnOperation) bool {
			for i := range b.Operations {
				if q := &b.Operations[i]; q.Operation == o.Operation {
					o.Commands -= q.Commands
					o.Bytes -= q.Bytes
					o.Failed -= q.Failed
					subStages(&o.Stages, &q.Stages)
				}
			}
			return o.Commands > 0
		})
		return c.Commands > 0
	})
}

func keep[T any](list []T, want func(*T) bool) []T {
	out := list[:0]
	for i := range list {
		if want(&list[i]) {
			out = append(out, list[i])
		}
	}
	return out
}

func subStages(a, b *[NumStages]Times) {
	for s := range a {
		a[s].sub(&b[s])
	}
}

// sub keeps the maximum if it may be among the remaining times, that is, if it has grown or its step is not empty. Otherwise the
// maximum becomes the upper end of the highest step that is not empty.
func (t *Times) sub(b *Times) {
	t.SumNanos -= b.SumNanos
	t.Steps.Sub(&b.Steps)
	if t.MaxNanos > b.MaxNanos || t.Steps.Count() == 0 {
		return
	}
	t.MaxNanos = t.Steps.Quantile(1, t.MaxNanos)
}

func (s *Sizes) sub(b *Sizes) {
	for i := range s.Counts {
		s.Counts[i] -= b.Counts[i]
	}
	s.Sum -= b.Sum
}

func (k *LoopLatency) sub(b *LoopLatency) {
	k.CPUNanos -= b.CPUNanos
	k.TurnCommands.sub(&b.TurnCommands)
	k.SendPDUs.sub(&b.SendPDUs)
	k.TurnTasks.sub(&b.TurnTasks)
	k.TurnIO.sub(&b.TurnIO)
	k.Turn.sub(&b.Turn)
	s, o := &k.Stats, &b.Stats
	s.Turns -= o.Turns
	s.Accepted -= o.Accepted
	s.Refused -= o.Refused
	s.Commands -= o.Commands
	s.PDUsSent -= o.PDUsSent
	s.Sends -= o.Sends
	s.Receives -= o.Receives
	s.SendsZeroCopied -= o.SendsZeroCopied
	s.SendsCopied -= o.SendsCopied
	s.DirectReceives -= o.DirectReceives
	s.DiskOps -= o.DiskOps
	s.Polls -= o.Polls
	s.PollNanos -= o.PollNanos
	s.Enters -= o.Enters
	s.BlockingEnters -= o.BlockingEnters
	s.Sweeps -= o.Sweeps
	s.Wakes -= o.Wakes
}
