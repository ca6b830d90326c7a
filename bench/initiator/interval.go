package initiator

import (
	"math"
	"time"
)

// part is one loop's share of an interval.
type part struct {
	loop     int
	upTo     int           // index of the interval, from 0, that it ends with
	end      time.Duration // of the measured part, when upTo does
	last     bool
	Interval // its counts
}

// intervals merges what the loops of a run counted in each interval.
type intervals struct {
	length time.Duration
	tell   func(Interval)
	parts  chan *part
	free   chan *part
	done   chan struct{}

	// upTo is how many intervals each loop has finished. pending are those that not all loops have; the first is number told.
	upTo    []int
	pending []Interval
	told    int
	ends    time.Duration // of the last interval that was told
	runEnds time.Duration // of the loops that are through, the latest
	through int           // loops that are

	series []Interval
	each   int // intervals in one of series
	inLast int // intervals in the last of it
}

// newIntervals starts to collect.
func newIntervals(w *Workload, loops int) *intervals {
	v := &intervals{
		length: w.Interval, tell: w.OnInterval, parts: make(chan *part, partsUnderWay*loops), free: make(chan *part, 2*loops),
		done: make(chan struct{}), upTo: make([]int, loops), each: 1,
	}
	go v.collect()
	return v
}

// take returns an empty part.
func (v *intervals) take() *part {
	select {
	case p := <-v.free:
		*p.Latency = Histogram{}
		*p = part{Interval: Interval{Latency: p.Latency}}
		return p
	default:
		return &part{Interval: Interval{Latency: new(Histogram)}}
	}
}

// give hands over a part and returns an empty one; or p itself, to continue with, if the receiver has fallen far behind.
func (v *intervals) give(p *part) *part {
	if p.last {
		v.parts <- p
		return nil
	}
	select {
	case v.parts <- p:
		return v.take()
	default:
		return p
	}
}

// end waits until everything was told, and returns the series. Each loop has given its last part, or never will.
func (v *intervals) end() []Interval {
	close(v.parts)
	<-v.done
	return v.series
}

func (v *intervals) collect() {
	defer close(v.done)
	for p := range v.parts {
		v.add(p)
		select {
		case v.free <- p:
		default:
		}
		through := v.upTo[0]
		for _, n := range v.upTo {
			through = min(through, n)
		}
		for ; v.told < through && len(v.pending) > 0; v.told++ {
			v.conclude()
		}
	}
	for len(v.pending) > 0 { // a loop failed
		v.conclude()
	}
}

func (v *intervals) add(p *part) {
	v.upTo[p.loop] = p.upTo + 1
	if p.last {
		v.upTo[p.loop] = math.MaxInt
		v.runEnds = max(v.runEnds, p.end)
		v.through++
	}
	if p.last && p.end <= time.Duration(p.upTo)*v.length && p.Latency.Count()+p.Errors == 0 {
		return // the run ended with an interval
	}
	for len(v.pending) <= p.upTo-v.told {
		v.pending = append(v.pending, Interval{At: time.Duration(v.told+len(v.pending)+1) * v.length, Latency: new(Histogram)})
	}
	i := &v.pending[p.upTo-v.told]
	i.add(&p.Interval)
	i.Behind += p.Behind
}

// add adds the counts of another interval, Behind left out.
func (i *Interval) add(o *Interval) {
	i.Reads += o.Reads
	i.Writes += o.Writes
	i.Bytes += o.Bytes
	i.Errors += o.Errors
	i.Latency.Merge(o.Latency)
}

// conclude tells the first that is pending and keeps it.
func (v *intervals) conclude() {
	i := v.pending[0]
	copy(v.pending, v.pending[1:])
	v.pending[len(v.pending)-1] = Interval{}
	v.pending = v.pending[:len(v.pending)-1]
	if len(v.pending) == 0 && v.through == len(v.upTo) {
		i.At = min(i.At, v.runEnds) // the last one is cut off
	}
	i.Length = i.At - v.ends
	v.ends = i.At
	if v.tell != nil {
		v.tell(i)
	}
	v.keep(i)
}

// keep adds an interval to the series. When it is full, neighbours become one, as all that follow do.
func (v *intervals) keep(i Interval) {
	if len(v.series) > 0 && v.inLast < v.each {
		v.series[len(v.series)-1].follow(&i)
		v.inLast++
		return
	}
	if len(v.series) == maxSeries {
		for j := range maxSeries / 2 {
			v.series[2*j].follow(&v.series[2*j+1])
			v.series[j] = v.series[2*j]
		}
		clear(v.series[maxSeries/2:])
		v.series = v.series[:maxSeries/2]
		v.each *= 2
	}
	v.series = append(v.series, i)
	v.inLast = 1
}

// follow adds the interval that follows i.
func (i *Interval) follow(o *Interval) {
	h := new(Histogram) // i's own was given away
	h.Merge(i.Latency)
	i.At, i.Length, i.Latency, i.Behind = o.At, i.Length+o.Length, h, o.Behind
	i.add(o)
}
