package initiator

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
)

// Workload says what Loops do. With Rate 0 it is a closed loop: every connection keeps Depth requests under way, so the
// target sets the pace. With a Rate it is an open loop: requests are due at times that do not depend on the answers, and
// latencies count from there.
type Workload struct {
	LUN         uint64 // LUN field, see LUN
	ReadPercent int    // 0 to 100; the rest is written
	BlockSize   int    // bytes a request; 0 is 4096. With a Split it is the largest of it
	// Split has requests of several sizes (fio's bssplit), each for its share of the requests. Requests at random are aligned
	// to their own size.
	Split []Share
	// Depth is how many requests a connection has under way at most; 0 is 1, and 256 in an open loop.
	Depth       int
	Sequential  bool  // each connection runs through a part of its own of the range; else addresses are random
	First, Last int64 // the range in bytes, Last not included; 0 is the end of the LUN

	// Rate is how many requests a second are due over all connections, staggered, each of them in the same intervals; with
	// Poisson in random ones, exponentially distributed.
	Rate    float64
	Poisson bool
	// Spin is how long before a request is due a loop stops sleeping and polls. Without it requests are late by what the
	// kernel takes to wake a thread (Report.Lag): some microseconds, on virtual machines up to 50. It costs the loop's
	// processor up to Spin times Rate, so it is for a processor of its own.
	Spin time.Duration
	// Poll is how long a loop looks for what arrives before it sleeps, while requests are under way. With it the time that the
	// client takes to wake up is in no latency, and in a closed loop in no rate; it is for a processor that nothing else uses.
	Poll time.Duration

	// Verify writes data that depends on the address and Seed and compares what is read with it: what was not written so
	// before (see Fill, and Loops.ReadBack) does not compare.
	Verify bool
	// Seed makes addresses and data. To find writes that the target lost, it has to be another one than that of earlier runs.
	Seed uint64

	// The run ends after Duration, or Count requests a connection, whichever comes first; one of them is needed. What
	// completes in the first Warmup is not counted.
	Duration, Warmup time.Duration
	Count            uint64

	// Interval divides the measured part for Report.Series; 0 does not. OnInterval, if set, is told each slice as soon as all
	// loops are through it, by one goroutine that is none of theirs: if it is slow, it is told later, and nothing else waits.
	Interval   time.Duration
	OnInterval func(Interval)

	// Capacity and BlockLen are the LUN's, in logical blocks and bytes a block; 0 asks the target.
	Capacity uint64
	BlockLen uint32

	idle     bool // nothing is sent but answers to the target's pings
	readBack bool // see ReadBack
}

// Share is a part of a Split: Bytes a request, and the Percent of requests that have it. All shares are 100.
type Share struct{ Bytes, Percent int }

// Fill returns a workload that writes the whole range once, for a later one with Verify and the same Seed, range and BlockSize
// or Split. connections is how many all loops have together.
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
		w.BlockSize = 0
		for _, s := range w.Split {
			w.BlockSize = max(w.BlockSize, s.Bytes)
		}
	}
	w.BlockSize = orDefault(w.BlockSize, defaultBlockSize)
	if w.Rate != 0 {
		w.Depth = orDefault(w.Depth, defaultOpenDepth)
	}
	w.Depth = orDefault(w.Depth, 1)
	if w.Last == 0 {
		w.Last = int64(w.Capacity) * int64(w.BlockLen)
	}
}

func orDefault(v, def int) int {
	if v == 0 {
		return def
	}
	return v
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
