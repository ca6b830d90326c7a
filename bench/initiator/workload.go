package initiator

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
)

// Workload says what Loops do. With Rate 0 it is a closed loop: every connection keeps Depth requests in flight, so the target
// sets the pace. With a Rate it is an open loop: requests are due at times that do not depend on the answers, and latencies
// count from those times.
type Workload struct {
	LUN         uint64 // LUN field, see LUN
	ReadPercent int    // 0 to 100; the rest is written
	BlockSize   int    // bytes per request; 0 means 4096. With a Split it is the largest size in it
	// Split mixes requests of several sizes (fio's bssplit). Random requests are aligned to their own size.
	Split []Share
	// Depth is the most requests that a connection has in flight; 0 means 1, and 256 in an open loop.
	Depth       int
	Sequential  bool  // each connection goes through its own part of the range; otherwise addresses are random
	First, Last int64 // the range in bytes, Last not included; a Last of 0 means the end of the LUN

	// Rate is how many requests per second are due, over all connections together. Each connection's are due at equal
	// intervals, and the connections are staggered; with Poisson the intervals are random, exponentially distributed.
	Rate    float64
	Poisson bool
	// Spin is how long before a request is due a loop stops sleeping and polls. Without it requests are late by the time that
	// the kernel takes to wake a thread (Report.Lag): some microseconds, on virtual machines up to 50. It costs CPU time, up to
	// Spin times Rate, so use it only on a CPU that runs nothing else.
	Spin time.Duration
	// Poll is how long a loop polls for answers before it sleeps, while requests are in flight. Latencies then do not include
	// the client's wake-ups, and neither does the rate of a closed loop. Use it only on a CPU that runs nothing else.
	Poll time.Duration

	// Verify writes data that depends on the address and Seed, and compares all data read with it. A block that was not written
	// that way before (see Fill and Loops.ReadBack) is a miscompare.
	Verify bool
	// Seed determines addresses and data. To find writes that the target lost, it must differ from those of earlier runs.
	Seed uint64

	// The run ends after Duration, or after Count requests per connection, whichever comes first; one of them is needed.
	// Requests that complete during Warmup are not counted.
	Duration, Warmup time.Duration
	Count            uint64

	// Interval is the length of the slices in Report.Series; 0 means no slices. OnInterval, if set, is called with each slice
	// as soon as all loops have finished it, from a goroutine that is not a loop's: if it is slow, later calls are late, and
	// nothing else waits.
	Interval   time.Duration
	OnInterval func(Interval)

	// Capacity and BlockLen describe the LUN: its logical blocks, and the bytes in each. If 0, the target is asked.
	Capacity uint64
	BlockLen uint32

	idle     bool // nothing is sent but answers to the target's pings
	readBack bool // see ReadBack
}

// Share is a part of a Split: a request size, and the percentage of requests that have it. The shares add up to 100.
type Share struct{ Bytes, Percent int }

// Fill returns a workload that writes the whole range once, for a later one with Verify and the same Seed, range and BlockSize
// or Split. connections is the number of connections of all loops together.
func (w Workload) Fill(connections int) Workload {
	w.defaults()
	w.ReadPercent, w.Sequential, w.Verify, w.Duration, w.Warmup, w.Split, w.Rate = 0, true, true, 0, 0, nil, 0
	w.Depth = min(w.Depth, maxFillDepth)
	requests := uint64((w.Last - w.First) / int64(w.BlockSize))
	w.Count = (requests + uint64(connections) - 1) / uint64(connections)
	return w
}

func (w *Workload) defaults() {
	if len(w.Split) > 0 {
		w.BlockSize = slices.MaxFunc(w.Split, func(a, b Share) int { return a.Bytes - b.Bytes }).Bytes
	}
	w.BlockSize = cmp.Or(w.BlockSize, defaultBlockSize)
	if w.Rate != 0 {
		w.Depth = cmp.Or(w.Depth, defaultOpenDepth)
	}
	w.Depth = cmp.Or(w.Depth, 1)
	if w.Last == 0 {
		w.Last = int64(w.Capacity) * int64(w.BlockLen)
	}
}

// check validates a workload that has its defaults.
func (w *Workload) check() error {
	switch {
	case w.BlockLen == 0 || w.Capacity == 0:
		return fmt.Errorf("%w: the LUN has no capacity", ErrUsage)
	case w.BlockSize < 0 || w.BlockSize > maxBlockSize || w.BlockSize%int(w.BlockLen) != 0:
		return fmt.Errorf("%w: BlockSize %d is not of whole blocks of %d up to %d", ErrUsage, w.BlockSize, w.BlockLen, maxBlockSize)
	case w.Depth < 0 || w.Depth > proto.MaxTasks:
		return fmt.Errorf("%w: Depth %d", ErrUsage, w.Depth)
	case w.ReadPercent < 0 || w.ReadPercent > 100:
		return fmt.Errorf("%w: ReadPercent %d", ErrUsage, w.ReadPercent)
	case w.First < 0 || w.Last-w.First < int64(w.BlockSize) || w.First%int64(w.BlockLen) != 0 || w.Last > int64(w.Capacity)*int64(w.BlockLen):
		return fmt.Errorf("%w: the range %d to %d", ErrUsage, w.First, w.Last)
	}
	if err := w.checkTimes(); err != nil {
		return err
	}
	return w.checkSplit()
}

// checkTimes checks the durations and the rate.
func (w *Workload) checkTimes() error {
	switch {
	case w.Duration <= 0 && w.Count == 0:
		return fmt.Errorf("%w: neither Duration nor Count", ErrUsage)
	case w.Duration < 0 || w.Warmup < 0:
		return fmt.Errorf("%w: Duration %v, Warmup %v", ErrUsage, w.Duration, w.Warmup)
	case !(w.Rate >= 0 && w.Rate <= maxRate):
		return fmt.Errorf("%w: Rate %v, at most %v per second", ErrUsage, w.Rate, float64(maxRate))
	case w.Spin < 0 || w.Spin > maxSpin:
		return fmt.Errorf("%w: Spin %v, at most %v", ErrUsage, w.Spin, maxSpin)
	case w.Poll < 0 || w.Poll > maxSpin:
		return fmt.Errorf("%w: Poll %v, at most %v", ErrUsage, w.Poll, maxSpin)
	case w.Interval < 0 || w.Interval > 0 && w.Interval < minInterval:
		return fmt.Errorf("%w: Interval %v, at least %v", ErrUsage, w.Interval, minInterval)
	}
	return nil
}

func (w *Workload) checkSplit() error {
	if len(w.Split) == 0 {
		return nil
	}
	all := 0
	for _, s := range w.Split {
		if s.Bytes <= 0 || s.Bytes%int(w.BlockLen) != 0 || s.Percent < 0 || s.Percent > 100 {
			return fmt.Errorf("%w: Split has %d%% of %d bytes, with blocks of %d", ErrUsage, s.Percent, s.Bytes, w.BlockLen)
		}
		all += s.Percent
	}
	if all != 100 {
		return fmt.Errorf("%w: the shares of Split are %d%% together", ErrUsage, all)
	}
	return nil
}

// ErrMiscompare: data that was read is not what was written.
var ErrMiscompare = errors.New("initiator: data miscompare")
