package engine

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// The time that a backend has for an aborted task (abortGrace) belongs to that task. When it is over, another task may use the
// same structure: one that was aborted later has its own time.
func TestTimeOfAnAbortIsItsTasks(t *testing.T) {
	f := faulttest.New(memory(t, 1<<20))
	r := newTimed(t, Config{}, f)
	i := r.login(1)
	f.Hold()
	first := i.startRead(0, 0, 8)
	waitFor(t, "the read to be there", func() bool { return f.Held() == 1 })
	abort := i.manage(pdu.TMFAbortTask, 0, first, i.CmdSN-1)
	i.ping() // the function waits for the backend
	f.Release(1)
	i.wantManaged(abort, pdu.TMFResponseComplete)

	// Two, so that one of them uses the structure of the first, in whatever order structures are reused.
	var reads, aborts [2]uint32
	for k := range reads {
		reads[k] = i.startRead(0, 0, 8)
	}
	waitFor(t, "both to be there", func() bool { return f.Held() == 2 })
	r.now.Add(int64(abortGrace) / 2)
	for k := range reads {
		aborts[k] = i.manage(pdu.TMFAbortTask, 0, reads[k], i.CmdSN-2+uint32(k))
	}
	i.ping()
	r.now.Add(int64(abortGrace)/2 + 1) // the first one's time is over
	i.ping()
	i.ping() // a response would have come before the answer
	r.e.on(r.e.loops[0], func() {
		for task := r.e.loops[0].conns[0].tasks; task != nil; task = task.next {
			check.That(t, !task.l.Abandoned(), "a task is abandoned before its time")
		}
	})
	r.now.Add(int64(abortGrace) / 2)
	r.e.Status() // wakes the loop
	for k := range aborts {
		i.wantManaged(aborts[k], pdu.TMFResponseComplete)
	}
	f.Release(-1)
	waitFor(t, "tasks and buffers to come back", r.quiet(1))
}

// An initiator that aborts command after command costs the loop one deadline: a task that has ended leaves none. The number of
// log lines about tasks that a backend keeps is bounded.
func TestAbortsLeaveNoTimers(t *testing.T) {
	log := new(lockedBuffer)
	f := faulttest.New(memory(t, 1<<20))
	r := newTimed(t, Config{Log: slog.New(slog.NewTextHandler(log, nil))}, f)
	i := r.login(1)
	f.Hold()
	for range 20 {
		itt := i.startRead(0, 0, 8)
		waitFor(t, "the read to be there", func() bool { return f.Held() == 1 })
		abort := i.manage(pdu.TMFAbortTask, 0, itt, i.CmdSN-1)
		i.ping() // the function waits for the backend
		f.Release(1)
		i.wantManaged(abort, pdu.TMFResponseComplete)
	}
	l := r.e.loops[0]
	r.e.on(l, func() {
		if n := len(l.timers.heap); n > 1 {
			t.Errorf("%d deadlines for one connection", n)
		}
	})
	const kept = stuckLines + 5
	for range kept {
		i.startRead(0, 0, 8)
	}
	waitFor(t, "the reads to be there", func() bool { return f.Held() == kept })
	reset := i.manage(pdu.TMFLogicalUnitReset, 0, pdu.ReservedTag, 0)
	i.ping()
	r.now.Add(int64(abortGrace))
	r.e.Status() // wakes the loop
	i.wantManaged(reset, pdu.TMFResponseComplete)
	if n := strings.Count(log.String(), "aborted task is still in the backend"); n != stuckLines {
		t.Errorf("%d lines about %d tasks, want %d", n, kept, stuckLines)
	}
	f.Release(-1)
	waitFor(t, "tasks and buffers to come back", r.quiet(1))
}

// A block in which a payload is arriving is not reused until the payload is complete, even if its task is gone: the receive in
// flight writes to it.
func TestBlockStaysWhileItsPayloadArrives(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, memory(t, 1<<20))
	j := r.join(1, 2, "InitialR2T", "Yes", "ImmediateData", "No")
	c := j.next(0, false)
	const n = 64 << 10
	var h pdu.BHS
	itt := c.command(&h, 0, rawclient.RW10(true, 0, n/512), n, true)
	sn := (*pdu.SCSICommand)(&h).CmdSN()
	c.send(&h, nil)
	c.read()
	d := c.DataOut(0, itt, (*pdu.R2T)(&c.Header).TTT(), 0, 0, true)
	data := rawclient.Append(nil, d, make([]byte, n))
	c.Conn.Write(data[:pdu.BHSLen+512])
	l := r.e.loops[0]
	waitFor(t, "the payload to begin", func() (begun bool) {
		r.e.on(l, func() {
			for _, c := range l.conns {
				begun = begun || c != nil && len(c.s.Framer().Pending()) > 0
			}
		})
		return begun
	})
	a := j.next(1, true)
	a.wantManaged(a.manage(pdu.TMFAbortTask, 0, itt, sn), pdu.TMFResponseComplete)
	if used := r.e.Status().Loops[0]; used.ArenaInUse < n || used.Tasks > 1 {
		t.Errorf("%d bytes are in use by %d tasks while %d bytes are arriving", used.ArenaInUse, used.Tasks, n)
	}
	c.Conn.Write(data[pdu.BHSLen+512:])
	waitFor(t, "the block to come back", r.quiet(2))
}
