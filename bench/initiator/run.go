package initiator

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// run is the state that the loops of one run share.
type run struct {
	w         *Workload
	loops     []*loop
	started   time.Time // of the clock
	begin     chan struct{}
	intervals *intervals // nil: not asked for

	halted atomic.Uint32 // haltNone, ...
	lost   error         // with haltError; set before the loops end, read after
}

const (
	haltNone uint32 = iota
	haltInterrupted
	haltError
)

// halt ends the run early. The first reason counts, except that an error replaces an interruption.
func (r *run) halt(why uint32) (first bool) {
	for {
		old := r.halted.Load()
		if old >= why {
			return false
		}
		if r.halted.CompareAndSwap(old, why) {
			break
		}
	}
	for _, l := range r.loops {
		if l.ring != nil {
			l.ring.Notify()
		}
	}
	return true
}

// lose ends the run because of an error.
func (r *run) lose(err error) {
	if r.halt(haltError) {
		r.lost = err
	}
}

// Run carries out a workload on all connections and reports what was measured. When ctx ends, so does the run, and the report
// covers what was measured until then. If the run cannot start, there is an error and no report. If a connection is lost, the
// run ends with an error, and the report covers what was measured before. A request that the target answers with an error is
// only counted in the report.
func (ls *Loops) Run(ctx context.Context, w Workload) (*Report, error) {
	if err := ls.enter(); err != nil {
		return nil, err
	}
	defer ls.running.Store(false)
	if w.Capacity == 0 || w.BlockLen == 0 {
		if err := ls.Probe(ctx, &w); err != nil {
			return nil, err
		}
	}
	w.defaults()
	if err := w.check(); err != nil {
		return nil, err
	}
	ls.keeper.pause()
	defer ls.keeper.resume()
	ls.last = nil
	r, err := ls.execute(ctx, &w)
	if err == nil && w.Verify {
		ls.last = &w
	}
	return r, err
}

// ReadBack reads what the last Run wrote, over the same connections, and compares. That run must have had Verify. ReadBack
// generates the requests again from the same seed and turns each write into a read, so the run need not remember them. If a
// sequential workload of one block size went through its range several times, one pass is read. Depth is the workload's, at
// most 32, in a closed loop. The blocks of a write that failed are read too, but what is wrong with them is no second error.
func (ls *Loops) ReadBack(ctx context.Context) (*Report, error) {
	if err := ls.enter(); err != nil {
		return nil, err
	}
	defer ls.running.Store(false)
	if ls.last == nil {
		return nil, fmt.Errorf("%w: no run with Verify to read back", ErrUsage)
	}
	ls.keeper.pause()
	defer ls.keeper.resume()
	w := *ls.last
	w.readBack, w.Rate, w.Duration, w.Warmup, w.Count, w.Depth = true, 0, 0, 0, 0, min(w.Depth, maxFillDepth)
	return ls.execute(ctx, &w)
}

// enter begins what only one caller at a time may do.
func (ls *Loops) enter() error {
	if !ls.running.CompareAndSwap(false, true) {
		return fmt.Errorf("%w: a run is under way", ErrUsage)
	}
	return nil
}

// execute runs a workload that is complete.
func (ls *Loops) execute(ctx context.Context, w *Workload) (*Report, error) {
	rn := &run{w: w, begin: make(chan struct{}), loops: make([]*loop, len(ls.cpus))}
	for i := range rn.loops {
		rn.loops[i] = &loop{run: rn, index: i, cpu: ls.cpus[i], w: w}
	}
	for _, c := range ls.conns {
		if c.dead != nil {
			return nil, fmt.Errorf("initiator: session %d, CID %d is gone: %w", c.sessionIndex, c.cid, c.dead)
		}
		c.prepare(rn.loops[c.loopIndex], len(ls.conns))
	}
	if w.Interval > 0 {
		rn.intervals = newIntervals(w, len(rn.loops))
	}
	var ready, done sync.WaitGroup
	ready.Add(len(rn.loops))
	for _, l := range rn.loops {
		done.Go(func() {
			if err := l.life(&ready); err != nil {
				rn.lose(err)
			}
		})
	}
	ready.Wait() // every ring exists before one wakes another
	end := context.AfterFunc(ctx, func() { rn.halt(haltInterrupted) })
	rn.started = time.Now()
	close(rn.begin)
	done.Wait()
	end()
	return rn.report(ls.conns), rn.lost
}

// report sums up.
func (rn *run) report(conns []*loopConn) *Report {
	r := &Report{Started: rn.started.Add(rn.w.Warmup), lost: rn.lost}
	if rn.intervals != nil {
		r.Series = rn.intervals.end()
	}
	var ended [len(endings)]bool
	for _, l := range rn.loops {
		ended[l.ended] = true
		r.Loops = append(r.Loops, l.report)
		r.Elapsed = max(r.Elapsed, time.Duration(l.measured-l.countFrom))
		if rn.w.Rate > 0 {
			if r.Lag == nil {
				r.Lag = new(Histogram)
			}
			r.Lag.Merge(&l.lag)
			r.Held += l.waited
		}
	}
	ended[endError] = ended[endError] || rn.lost != nil
	for i, name := range endings {
		if ended[i] {
			r.Ended = name
		}
	}
	for _, c := range conns {
		c.report.WindowClosed = c.p.WindowClosed() - c.closedBefore
		r.Conns = append(r.Conns, c.report)
		l := &r.Loops[c.loopIndex]
		l.Read.merge(&c.report.Read)
		l.Write.merge(&c.report.Write)
	}
	return r
}
