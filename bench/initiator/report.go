package initiator

import (
	"fmt"
	"time"

	"github.com/ringtgt/ringtgt/internal/hist"
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
	Started time.Time     // of what is measured: the warm-up is over
	Elapsed time.Duration // without the warm-up
	Ended   string        // EndedRuntime, ...
	Conns   []ConnReport  // session by session, in the order of CIDs
	Loops   []LoopReport
	// Series has the run's intervals when Workload.Interval asks for them. It is kept to 600: beyond, neighbours are one, so
	// a long run has longer intervals here than OnInterval is told.
	Series []Interval
	// Lag is how much later than intended an open loop gave a request to its connection, in ns, although Depth allowed it: what
	// the generator's own timers and its lack of processor time add to the latencies. Nil in a closed loop.
	Lag *Histogram
	// Held is how many requests of an open loop had to wait because Depth were under way.
	Held uint64

	lost error // what ended the run
}

// Sum is what requests of one direction came to.
type Sum struct {
	// Requests and Bytes are of those that were answered in the measured part of the run. IOPS are made of them.
	Requests, Bytes uint64
	// Late were answered after its end (the run waits for what is under way), or not even then. Undone are those of an open
	// loop that were due before the end and never sent. Both are in Latency, Undone and unanswered ones with the age that they
	// had reached, so Latency counts Requests + Late + Undone, and a target that stalls at the end does not get away with it.
	Late, Undone uint64
	Busy         uint64 // sent again after TASK SET FULL, BUSY or a unit attention; the latency is until GOOD
	Errors       uint64 // ended in something else, or with data that does not compare
	Latency      hist.Sparse
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

// LoopReport is one thread's part, of the measured part of the run.
type LoopReport struct {
	CPU              int           // -1: not pinned
	User, System     time.Duration // of the thread
	Turns            uint64        // of the loop
	Sends, SentPDUs  uint64
	Receives         uint64 // completions
	Enters, Blocking uint64 // io_uring_enter calls
	Read, Write      Sum    // of its connections
}

// Interval is a slice of a run. What is answered after the end of the run is in none.
type Interval struct {
	At            time.Duration // from the start of the measured part to the interval's end
	Length        time.Duration
	Reads, Writes uint64 // requests that were answered
	Bytes         uint64
	Errors        uint64
	// Behind is how many requests were due at the end and not sent: for want of Depth, or because the window is closed.
	Behind  uint64
	Latency *Histogram // of reads and writes, never nil
}

// Read and Write return the sums over all connections.
func (r *Report) Read() (s Sum) {
	for i := range r.Loops {
		s.merge(&r.Loops[i].Read)
	}
	return s
}

// Write is Read's other half.
func (r *Report) Write() (s Sum) {
	for i := range r.Loops {
		s.merge(&r.Loops[i].Write)
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

// IOPS returns requests a second.
func (r *Report) IOPS() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Requests()) / r.Elapsed.Seconds()
}

// CPUTime returns the processor time that the loops took.
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
