package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
)

// What accounting costs a command: a batch of 32 whose times are all the same, as those of a memory unit's are, and one in which
// no two are.
func BenchmarkAccount(b *testing.B) {
	for _, alike := range []bool{true, false} {
		b.Run(fmt.Sprintf("alike=%v", alike), func(b *testing.B) {
			l := &loop{}
			c := &conn{loop: l}
			u := &unitLatency{target: lun.NewTarget(lun.TargetConfig{})}
			c.lat.unit = u
			batch := &batch{pdus: 32}
			t := &task{}
			t.s.CDB[0] = 0x28
			for n := 0; n < b.N; n += 32 {
				l.now += 50000
				l.lat.began = l.now
				for i := range int64(32) {
					at := l.now - 40000
					if !alike {
						at += i * 100
					}
					t.s.Times = session.Times{Header: at, Complete: at, Turn: at, Ready: at}
					t.times = taskTimes{begun: at + 5000, done: at + 5000}
					batch.note(t)
				}
				c.account(batch)
				batch.nrec = 0
			}
		})
	}
}

func BenchmarkTick(b *testing.B) {
	l := &loop{}
	for b.Loop() {
		l.tick()
	}
}

// BenchmarkLatencyHolds tells how long a reading keeps a loop from its work: ns at a time, with many connections and units.
func BenchmarkLatencyHolds(b *testing.B) {
	r := newRig(b, 1, memory(b, 16<<20))
	const conns, units = 1000, 64
	r.e.on(r.e.loops[0], func() {
		l := r.e.loops[0]
		for range conns {
			c := &conn{loop: l, fd: -1, s: session.NewConn(session.ConnConfig{Node: r.e.node})}
			c.lat.ops[OperationRead] = &connOp{n: 1}
			l.conns = append(l.conns, c)
		}
		t := l.lat.targetOf(r.target)
		for range units {
			for op := range NumOperations {
				l.lat.add(&unitLatency{target: t.target}, op, 0)
			}
		}
	})
	b.ResetTimer()
	var held []time.Duration
	for range b.N {
		held = append(held, r.e.Latency(10).Held)
	}
	slices.Sort(held)
	b.ReportMetric(float64(held[len(held)/2]), "held-ns/median")
	b.ReportMetric(float64(held[0]), "held-ns/least")
	b.StopTimer()
	r.e.on(r.e.loops[0], func() { r.e.loops[0].conns = r.e.loops[0].conns[:0] })
}
