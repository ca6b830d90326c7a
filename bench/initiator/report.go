package initiator

import (
	"fmt"
	"time"
)

// Why a run ended.
const (
	EndedRuntime     = "runtime"     // Duration was over
	EndedSize        = "size"        // Count requests were made by every connection
	EndedInterrupted = "interrupted" // the context ended
	EndedError       = "error"       // a connection was lost, or a loop failed: see Report.Err
)

// Report is what a run measured.
type Report struct {
	Started time.Time     // start of the measured part, after the warm-up
	Elapsed time.Duration // length of the measured part, without the warm-up
	Ended   string        // EndedRuntime, ...
	Conns   []ConnReport  // session by session, in the order of CIDs
	Loops   []LoopReport
	// Series has the run's intervals when Workload.Interval asks for them. It has at most 600: beyond that neighbours are
	// merged, so a long run has longer intervals here than OnInterval gets.
	Series []Interval
	// Lag is how much later than intended an open loop gave a request to its connection, in ns, although Depth allowed it: the
	// generator's own timers, and its lack of CPU time, add this to the latencies. Nil in a closed loop.
	Lag *Histogram
	// Held is how many requests of an open loop had to wait because Depth others were in flight.
	Held uint64

	lost error // what ended the run
}

// Sum adds up the requests of one direction.
type Sum struct {
	// Requests and Bytes count requests that were answered within the measured part of the run. IOPS are computed from them.
	Requests, Bytes uint64
	// Late counts requests that were in flight at the end of the measured part: answered later (the run waits for them), or
	// never. Undone counts requests of an open loop that were due before the end and never sent. Latency includes both, and
	// requests without an answer with the age that they had reached. So Latency counts Requests + Late + Undone, and a stall at
	// the end is visible.
	Late, Undone uint64
	Busy         uint64 // sent again after TASK SET FULL, BUSY or a unit attention; the latency counts from the first time until GOOD
	Errors       uint64 // failed otherwise, or returned wrong data
	Latency      Sparse
}

func (s *Sum) merge(o *Sum) {
	s.Requests += o.Requests
	s.Bytes += o.Bytes
	s.Late += o.Late
	s.Undone += o.Undone
	s.Busy += o.Busy
	s.Errors += o.Errors
	s.Latency.Merge(&o.Latency)
}

// ConnReport is one connection's part.
type ConnReport struct {
	Session, Loop int
	CID           uint16
	Read, Write   Sum
	Err           error  // the first error
	WindowClosed  uint64 // times that the command window held the connection up
}

// LoopReport describes one loop's thread in the measured part of the run.
type LoopReport struct {
	CPU              int           // -1: not pinned
	User, System     time.Duration // of the thread
	Turns            uint64        // of the loop
	Sends, SentPDUs  uint64
	Receives         uint64 // completions
	Enters, Blocking uint64 // io_uring_enter calls
	Read, Write      Sum    // of its connections
}

// Interval is a slice of a run. Requests answered after the end of the measured part are in none.
type Interval struct {
	At            time.Duration // from the start of the measured part to the interval's end
	Length        time.Duration
	Reads, Writes uint64 // requests that were answered
	Bytes         uint64
	Errors        uint64
	// Behind is how many requests were due by the end of the interval but not sent, because Depth were in flight or the window
	// was closed.
	Behind  uint64
	Latency *Histogram // of reads and writes, never nil
}

// Read returns the sum of reads over all connections.
func (r *Report) Read() (s Sum) { return r.sum(func(l *LoopReport) *Sum { return &l.Read }) }

// Write returns the sum of writes over all connections.
func (r *Report) Write() (s Sum) { return r.sum(func(l *LoopReport) *Sum { return &l.Write }) }

func (r *Report) sum(of func(*LoopReport) *Sum) (s Sum) {
	for i := range r.Loops {
		s.merge(of(&r.Loops[i]))
	}
	return s
}

// Requests returns how many requests were answered in the measured part.
func (r *Report) Requests() (n uint64) {
	for i := range r.Loops {
		n += r.Loops[i].Read.Requests + r.Loops[i].Write.Requests
	}
	return n
}

// IOPS returns the requests per second.
func (r *Report) IOPS() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Requests()) / r.Elapsed.Seconds()
}

// CPUTime returns the CPU time of all loops.
func (r *Report) CPUTime() (t time.Duration) {
	for i := range r.Loops {
		t += r.Loops[i].User + r.Loops[i].System
	}
	return t
}

// Latency returns the latencies of all connections, reads and writes.
func (r *Report) Latency() *Histogram {
	h := new(Histogram)
	for i := range r.Loops {
		h.MergeSparse(&r.Loops[i].Read.Latency)
		h.MergeSparse(&r.Loops[i].Write.Latency)
	}
	return h
}

// Err returns what ended the run, if that was an error, or the first error of any connection.
func (r *Report) Err() error {
	if r.lost != nil {
		return r.lost
	}
	for i := range r.Conns {
		if c := &r.Conns[i]; c.Err != nil {
			return fmt.Errorf("session %d, CID %d: %w", c.Session, c.CID, c.Err)
		}
	}
	return nil
}
