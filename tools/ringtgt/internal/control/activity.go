package control

import "github.com/ringtgt/ringtgt/engine"

// UnitID identifies a unit of the node.
type UnitID struct {
	Target string
	LUN    int
}

// SetActivity fills in the activity of the units from a reading.
func (st *Status) SetActivity(l *Latency) {
	if !l.Since.Equal(l.Started) {
		st.Since = &l.Since
	}
	all := Activities(l.Units, l.At.Sub(l.Since).Seconds())
	for i := range st.Targets {
		t := &st.Targets[i]
		for j := range t.LUNs {
			t.LUNs[j].Activity = all[UnitID{t.Name, t.LUNs[j].LUN}]
		}
	}
}

// Activities returns what units did in a number of seconds, summed over the loops.
func Activities(units []engine.UnitLatency, seconds float64) map[UnitID]*Activity {
	if seconds <= 0 {
		return nil
	}
	out := map[UnitID]*Activity{}
	times := map[UnitID]*engine.UnitLatency{}
	for i := range units {
		u := &units[i]
		id := UnitID{u.Target, u.LUN}
		a := out[id]
		if a == nil {
			a = &Activity{Seconds: seconds}
			out[id], times[id] = a, &engine.UnitLatency{}
		}
		a.Failed += u.Failed - u.Harmless
		n, bytes := float64(u.Commands)/seconds, float64(u.Bytes)/seconds
		switch u.Operation {
		case engine.OperationRead.String():
			a.ReadIOPS, a.ReadBytes = a.ReadIOPS+n, a.ReadBytes+bytes
		case engine.OperationWrite.String():
			a.WriteIOPS, a.WriteBytes = a.WriteIOPS+n, a.WriteBytes+bytes
		default:
			continue // a flush may take long by nature, and TEST UNIT READY says nothing about the medium
		}
		times[id].Add(u)
	}
	for id, a := range out {
		total := &times[id].Stages[engine.StageTotal]
		a.P50Nanos, a.P99Nanos = total.Quantile(0.5), total.Quantile(0.99)
	}
	return out
}
