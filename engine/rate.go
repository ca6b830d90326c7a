package engine

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Rate bounds traffic, in commands and bytes a second; 0: no bound. What was not used is saved up for Burst; 0: defaultBurst.
type Rate struct {
	ReadIOPS, WriteIOPS   int64
	ReadBytes, WriteBytes int64
	Burst                 time.Duration
}

// bounds reports whether r bounds anything.
func (r Rate) bounds() bool { return r.ReadIOPS|r.WriteIOPS|r.ReadBytes|r.WriteBytes != 0 }

// bucket bounds one resource by the generic cell rate algorithm (ITU-T I.371): its whole state is the time at which all that was
// taken has been paid for, the theoretical arrival time. So loops share it by compare-and-swap. While that time has come, more may be
// taken, in any amount: a large command passes and leaves a debt. Unused time is credit, up to burst.
//
// Times are in ticks of 1/16 ns, so that a million commands a second are counted to a hundredth of a percent. That lasts for 18
// years of uptime.
type bucket struct {
	paid  atomic.Int64 // when what was taken is paid for
	rate  atomic.Int64 // units a second; 0: no bound
	burst atomic.Int64
}

const (
	ticksPerNano   = 16
	ticksPerSecond = ticksPerNano * int64(time.Second)
)

// cost returns the time that n units take, at most maxDebt.
func (b *bucket) cost(n int64) int64 {
	r := uint64(b.rate.Load())
	if r == 0 || n <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(n), uint64(ticksPerSecond))
	if hi >= r {
		return maxDebt * ticksPerNano
	}
	q, _ := bits.Div64(hi, lo, r)
	return int64(min(q, uint64(maxDebt*ticksPerNano)))
}

// take takes what costs cost at time now, in ns, and reports whether it may.
func (b *bucket) take(now, cost int64) bool {
	if cost == 0 {
		return true
	}
	now *= ticksPerNano
	for {
		paid := b.paid.Load()
		if paid > now {
			return false
		}
		if b.paid.CompareAndSwap(paid, max(paid, now-b.burst.Load())+cost) {
			return true
		}
	}
}

// giveBack returns what take took.
func (b *bucket) giveBack(cost int64) {
	if cost != 0 {
		b.paid.Add(-cost)
	}
}

// ready returns the time in ns from which take succeeds.
func (b *bucket) ready() int64 {
	if b.rate.Load() == 0 {
		return 0
	}
	return (b.paid.Load() + ticksPerNano - 1) / ticksPerNano
}

// set changes the rate. A debt stays as it is in units, and no credit comes about.
func (b *bucket) set(now, rate int64, burst time.Duration) {
	now *= ticksPerNano
	b.burst.Store(int64(burst) * ticksPerNano)
	old := b.rate.Swap(rate)
	if old == rate || rate == 0 {
		return
	}
	for {
		paid := b.paid.Load()
		next := now
		if debt := paid - now; old > 0 && debt > 0 {
			hi, lo := bits.Mul64(uint64(debt), uint64(old))
			next += maxDebt * ticksPerNano
			if hi < uint64(rate) {
				q, _ := bits.Div64(hi, lo, uint64(rate))
				next = now + int64(min(q, uint64(maxDebt*ticksPerNano)))
			}
		}
		if b.paid.CompareAndSwap(paid, next) {
			return
		}
	}
}

// meter bounds one direction of a unit's or an initiator's traffic: commands, and bytes. A command takes both or none.
type meter struct {
	ops, bytes bucket
	lines      atomic.Int32 // initiators that wait for it, on all loops
	virtual    atomic.Int64 // the latest tag of a command that has started: see held.go
	limit      *limit
	queues     []queue // by loop
	_          [64]byte
}

// take starts a command of n bytes, and reports whether it may.
func (m *meter) take(now, n int64) bool {
	op := m.ops.cost(1)
	if !m.ops.take(now, op) {
		return false
	}
	if !m.bytes.take(now, m.bytes.cost(n)) {
		m.ops.giveBack(op)
		return false
	}
	return true
}

// giveBack returns what a command of n bytes took. If the rate has changed since, it returns what the command would take now.
func (m *meter) giveBack(n int64) {
	m.ops.giveBack(m.ops.cost(1))
	m.bytes.giveBack(m.bytes.cost(n))
}

// cost is the larger of a command's two costs.
func (m *meter) cost(n int64) int64 { return max(m.ops.cost(1), m.bytes.cost(n)) }

// ready returns the time in ns from which a command of n bytes may start.
func (m *meter) ready(n int64) int64 {
	if n == 0 {
		return m.ops.ready()
	}
	return max(m.ops.ready(), m.bytes.ready())
}

// free reports whether no held command waits for m, on any loop. A command that comes later waits behind those that do.
func (m *meter) free() bool { return m.lines.Load() == 0 }
