package run

import (
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/hist"
)

// gather turns the initiator's report into the result.
func (p *plan) gather(r *result.Run, report *initiator.Report) {
	r.Started, r.Elapsed, r.Ended = report.Started, report.Elapsed, report.Ended
	stats := func(sums ...*initiator.Sum) result.Stats { return stats(report.Elapsed, sums...) }
	read, write := report.Read(), report.Write()
	r.Total = stats(&read, &write)
	if p.work.ReadPercent > 0 {
		s := stats(&read)
		r.Reads = &s
	}
	if p.work.ReadPercent < 100 {
		s := stats(&write)
		r.Writes = &s
	}
	for i := 0; i < len(report.Conns); {
		first := i
		var sums []*initiator.Sum
		for ; i < len(report.Conns) && report.Conns[i].Session == report.Conns[first].Session; i++ {
			c := &report.Conns[i]
			sums = append(sums, &c.Read, &c.Write)
			r.Conns = append(r.Conns, result.Conn{
				Session: c.Session, CID: c.CID, CPU: c.Loop, WindowClosed: c.WindowClosed, Stats: stats(&c.Read, &c.Write),
			})
		}
		s := result.Session{Index: report.Conns[first].Session}
		if i-first == 1 { // the histogram is the connection's
			s.Stats = r.Conns[len(r.Conns)-1].Stats
		} else {
			s.Stats = stats(sums...)
		}
		r.Sessions = append(r.Sessions, s)
	}
	for i := range report.Loops {
		l := &report.Loops[i]
		c := result.CPU{CPU: l.CPU, User: l.User, System: l.System, Enters: l.Enters, Stats: stats(&l.Read, &l.Write)}
		if l.Sends > 0 {
			c.PDUsPerSend = float64(l.SentPDUs) / float64(l.Sends)
		}
		r.CPUs = append(r.CPUs, c)
	}
	for i := range report.Series {
		r.Series = append(r.Series, interval(&report.Series[i]))
	}
}

func stats(elapsed time.Duration, sums ...*initiator.Sum) result.Stats {
	s := result.Stats{Latency: result.Latency{Histogram: new(hist.Histogram)}}
	for _, sum := range sums {
		s.Requests += sum.Requests
		s.Bytes += sum.Bytes
		s.Errors += sum.Errors
		s.Busy += sum.Busy
		s.Latency.MergeSparse(&sum.Latency)
	}
	if sec := elapsed.Seconds(); sec > 0 {
		s.IOPS, s.Rate = float64(s.Requests)/sec, float64(s.Bytes)/sec
	}
	return s
}

func interval(i *initiator.Interval) result.Interval {
	return result.Interval{
		At: i.At, Length: i.Length, Reads: i.Reads, Writes: i.Writes, Bytes: i.Bytes, Behind: i.Behind, Latency: result.Latency{Histogram: i.Latency},
	}
}
