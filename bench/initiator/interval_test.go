package initiator

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Parts of two loops become whole intervals, told in order and once, however far one loop is ahead; the last one is as long as
// the run lasted in it.
func TestIntervals(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		const length, whole = 10 * time.Millisecond, 7
		end := whole*length + time.Duration(rng.IntN(int(length)))
		var told []Interval
		v := newIntervals(&Workload{Interval: length, OnInterval: func(i Interval) { told = append(told, i) }}, 2)
		next := [2]int{}
		for next[0] <= whole || next[1] <= whole {
			loop := rng.IntN(2)
			if next[loop] > whole {
				continue
			}
			p := v.take()
			p.loop, p.upTo = loop, next[loop]
			p.Reads, p.Writes, p.Bytes, p.Behind = 1, 2, 512, uint64(loop)
			p.Latency.Add(int64(100 * (loop + 1)))
			if p.last = next[loop] == whole; p.last {
				p.end = end - time.Duration(loop) // one is through a little earlier
			}
			v.give(p)
			next[loop]++
		}
		series := v.end()
		if len(told) != whole+1 || len(series) != whole+1 {
			t.Fatalf("%d intervals are told and %d kept, want %d", len(told), len(series), whole+1)
		}
		for i, x := range told {
			at, long := time.Duration(i+1)*length, length
			if i == whole {
				at, long = end, end-whole*length
			}
			if x.At != at || x.Length != long || x.Reads != 2 || x.Writes != 4 || x.Bytes != 1024 || x.Behind != 1 || x.Latency.Count() != 2 {
				t.Errorf("interval %d: %+v; want it to end at %v, %v long, with both loops' parts", i, x, at, long)
			}
		}
	}
}

// A run that ends with an interval has none that is empty after it; a loop that is through early leaves the others' whole.
func TestIntervalsEnd(t *testing.T) {
	const length = 10 * time.Millisecond
	var told []Interval
	v := newIntervals(&Workload{Interval: length, OnInterval: func(i Interval) { told = append(told, i) }}, 2)
	v.give(&part{loop: 1, upTo: 0, last: true, end: length / 2, Interval: Interval{Reads: 1, Latency: one()}})
	for i := range 3 {
		v.give(&part{loop: 0, upTo: i, Interval: Interval{Reads: 1, Latency: one()}})
	}
	v.give(&part{loop: 0, upTo: 3, last: true, end: 3 * length, Interval: Interval{Latency: new(Histogram)}})
	v.end()
	if len(told) != 3 {
		t.Fatalf("%d intervals, want 3", len(told))
	}
	for i, x := range told {
		if want := uint64(1); i == 0 && x.Reads != 2 || i > 0 && x.Reads != want || x.Length != length {
			t.Errorf("interval %d: %d reads in %v", i, x.Reads, x.Length)
		}
	}
}

func one() *Histogram {
	h := new(Histogram)
	h.Add(1)
	return h
}

// A long run's series stays bounded: neighbours become one, and nothing is lost.
func TestIntervalsBounded(t *testing.T) {
	const n = 5*maxSeries + 17
	told := 0
	v := newIntervals(&Workload{Interval: time.Second, OnInterval: func(i Interval) { told++ }}, 1)
	for i := range n {
		p := v.take()
		p.upTo, p.Reads = i, 1
		p.Latency.Add(1)
		v.parts <- p
	}
	v.parts <- &part{upTo: n, last: true, end: n * time.Second, Interval: Interval{Latency: new(Histogram)}}
	series := v.end()
	if told != n || len(series) > maxSeries || len(series) < maxSeries/2 {
		t.Errorf("%d of %d are told, %d kept", told, n, len(series))
	}
	at := time.Duration(0)
	for i, x := range series {
		at += x.Length
		if x.At != at || x.Reads != uint64(x.Length/time.Second) || x.Latency.Count() != x.Reads {
			t.Fatalf("interval %d ends at %v, want %v; %d reads in %v", i, x.At, at, x.Reads, x.Length)
		}
	}
	if at != n*time.Second {
		t.Errorf("the series ends at %v, want %v", at, n*time.Second)
	}
}

// A listener that does not return delays only the end of the run: what the loops cannot hand over goes into the next part.
func TestIntervalsSlowListener(t *testing.T) {
	enter, leave := make(chan struct{}, 1), make(chan struct{})
	var reads uint64
	v := newIntervals(&Workload{Interval: time.Second, OnInterval: func(i Interval) {
		reads += i.Reads
		select {
		case enter <- struct{}{}:
		default:
		}
		<-leave
	}}, 1)
	const n = 3 * partsUnderWay
	p := v.take()
	for i := range n {
		p.upTo = i
		p.Reads++
		p = v.give(p)
		if i == 0 {
			<-enter
		}
	}
	close(leave)
	p.upTo, p.last, p.end, p.Reads = n, true, n*time.Second+1, p.Reads+1
	v.give(p)
	v.end()
	if reads != n+1 {
		t.Errorf("%d reads are told, want %d", reads, n+1)
	}
}
