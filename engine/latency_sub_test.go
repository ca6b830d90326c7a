package engine

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// The difference of two readings is what happened in between, after a way through JSON as well; what did nothing is left out.
func TestLatencySub(t *testing.T) {
	r := newRig(t, 1, memory(t, 16<<20), memory(t, 1<<20))
	i, j := r.login(1), r.login(2)
	j.good(j.startRead(1, 0, 8))
	load(t, i, 5*loadDepth, false)
	r.counted(0, "read", 5*loadDepth)
	r.counted(1, "read", 1)
	before := r.e.Latency(10)
	load(t, i, 3*loadDepth, false)
	load(t, i, 2*loadDepth, true)
	r.counted(0, "read", 8*loadDepth)
	r.counted(0, "write", 2*loadDepth)
	var after, first Latency
	for to, from := range map[*Latency]Latency{&after: r.e.Latency(10), &first: before} {
		text := must.Get(json.Marshal(from))(t)
		must.OK(t, json.Unmarshal(text, to))
	}
	if !reflect.DeepEqual(first.Units, before.Units) || !reflect.DeepEqual(first.Loops, before.Loops) {
		t.Error("JSON and back is not the same")
	}
	after.Sub(&first)
	check.That(t, len(after.Units) == 2, "units %+v", after.Units)
	for _, u := range after.Units {
		want := map[string]uint64{"read": 3 * loadDepth, "write": 2 * loadDepth}[u.Operation]
		if u.LUN != 0 || u.Commands != want || u.Bytes != want*4096 {
			t.Errorf("%s of lun %d: %d commands, %d bytes, want %d", u.Operation, u.LUN, u.Commands, u.Bytes, want)
		}
		for s := range u.Stages {
			if n := u.Stages[s].Steps.Count(); n != want || u.Stages[s].SumNanos < 0 || u.Stages[s].MaxNanos < u.Stages[s].Quantile(1) {
				t.Errorf("%s, %v: %d of %d, %+v", u.Operation, Stage(s), n, want, u.Stages[s])
			}
		}
	}
	check.That(t, len(after.Connections) == 1 && after.Connections[0].Commands == 5*loadDepth, "connections %+v", after.Connections)
	l := after.Loops[0]
	if l.Stats.Commands != 5*loadDepth || l.TurnCommands.Sum > 5*loadDepth || l.Turn.Steps.Count() != l.Stats.Turns || l.CPUNanos <= 0 {
		t.Errorf("loop %+v", l)
	}
}

// A unit that was removed and added again between two readings counts from its addition on, whatever its predecessor had counted.
func TestLatencySubOfAReplacedUnit(t *testing.T) {
	unit := func(since int64, n uint64) (u UnitLatency) {
		u = UnitLatency{Target: "t", Operation: "read", Since: since, Commands: n, Bytes: n * 512}
		for s := range u.Stages {
			u.Stages[s].Steps.Add(1000, n)
		}
		return u
	}
	before := Latency{Units: []UnitLatency{unit(1, 100)}}
	after := Latency{Units: []UnitLatency{unit(1, 150), unit(2, 30)}}
	after.Sub(&before)
	check.Equal(t, len(after.Units), 2, "units:")
	for i, want := range []uint64{50, 30} {
		u := &after.Units[i]
		check.That(t, u.Commands == want && u.Bytes == want*512 && u.Stages[StageTotal].Steps.Count() == want, "unit %d: %d commands, want %d", i, u.Commands, want)
	}
}

// What is left after taking an earlier state away was no longer than the highest step that it has something in.
func TestTimesSub(t *testing.T) {
	var a, b Times
	for _, ns := range []int64{1000, 5_000_000} {
		a.Steps.Add(ns, 1)
		b.Steps.Add(ns, 1)
	}
	a.MaxNanos, b.MaxNanos = 5_000_000, 5_000_000
	a.Steps.Add(2000, 10)
	a.sub(&b)
	check.That(t, a.MaxNanos == 2048 && a.Steps.Count() == 10, "at most %d, %d times", a.MaxNanos, a.Steps.Count())
	a = Times{MaxNanos: 6_000_000}
	a.Steps.Add(6_000_000, 1)
	a.sub(&Times{})
	check.That(t, a.MaxNanos == 6_000_000, "at most %d: it was of that time", a.MaxNanos)
}
