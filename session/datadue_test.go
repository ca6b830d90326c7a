package session

import (
	"testing"
	"time"
)

// advance advances the clock by d and runs the timers that are due.
func (r *rig) advance(d time.Duration) {
	for end := r.now + int64(d); ; {
		at := r.conn.Timer()
		if at == 0 || at > end {
			r.now = end
			return
		}
		r.now = max(r.now, at)
		r.conn.Advance(r.now)
		r.pump()
	}
}

// A write whose data does not arrive ends its connection after DataTimeout, even if pings keep the connection alive. RFC 7143
// does not require a target to wait forever. Any arriving data restarts the timeout for all writes that wait behind it.
func TestDataDeadline(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes", "ImmediateData", "No", "MaxBurstLength", "4096"))
	pings := func(n int) {
		for range n {
			r.advance(5 * time.Second)
			r.ping("it lives")
		}
	}
	first, second := r.write(8192), r.write(8192)
	r.send(first.BHS(), nil)
	r2t := r.wantR2T(first.ITT(), 0, 0, 4096, "")
	r.send(second.BHS(), nil)
	r.wantR2T(second.ITT(), 0, 0, 4096, "")
	for k := range uint32(4) { // 80 s
		pings(4)
		r.send(r.dataOut(first.ITT(), r2t.TTT(), k, k*1024, k == 3).BHS(), pattern(0, 1024))
	}
	r.wantR2T(first.ITT(), 1, 4096, 4096, "the first burst is complete")
	pings(5)
	r.wantIdle("25 s are not too long")
	r.advance(6 * time.Second)
	r.wantEnd(Close, errNoData)
	r.closeNow()
	r.wantNoTasks()
}

// An idle connection, and one whose writes are complete, is not ended.
func TestDataDeadlineWithoutData(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes", "ImmediateData", "No"))
	h, r2t := r.solicited(4096)
	r.send(r.dataOut(h.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 4096))
	task := r.wantWritten(h.ITT(), 4096)
	for range 20 {
		r.advance(5 * time.Second)
		r.ping("")
	}
	r.wantIdle("the medium is slow, not the initiator")
	r.complete(task, Result{RequiredOut: 4096})
	r.wantStatus(h.ITT(), statusGood, "")
}
