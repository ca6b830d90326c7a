package session

import (
	"bytes"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// nopOut makes a NOP-Out.
func (r *rig) nopOut(itt, ttt uint32, immediate bool) *pdu.BHS {
	b := r.request(pdu.OpNOPOut, itt)
	(*pdu.NOPOut)(b).SetTTT(ttt)
	b.SetImmediate(immediate)
	if !immediate {
		r.cmdSN++
	}
	return b
}

// A NOP-Out with an Initiator Task Tag is a ping: its data comes back (RFC 7143, 11.18, 11.19), up to our MaxRecvDataSegmentLength
// (13.12), and cut at the initiator's (11.18.3).
func TestPing(t *testing.T) {
	for _, c := range []struct {
		declared   string
		sent, back int
	}{
		{"65536", 0, 0}, {"65536", 1, 1}, {"65536", 5, 5}, {"65536", 4096, 4096}, {"65536", 8192, 8192}, {"512", 1000, 512},
		{"16777215", 8193, 8193}, {"16777215", 65536, 65536}, {"16777215", MaxRecvDataSegmentLength, MaxRecvDataSegmentLength},
	} {
		for _, immediate := range []bool{true, false} {
			r := newRig(t, with("MaxRecvDataSegmentLength", c.declared))
			h := r.nopOut(r.nextITT(), pdu.ReservedTag, immediate)
			r.send(h, pattern(1, c.sent))
			w := r.want(pdu.OpNOPIn, "a ping is answered")
			in := (*pdu.NOPIn)(&w.h)
			if in.ITT() != h.ITT() || in.TTT() != pdu.ReservedTag || !bytes.Equal(w.data, pattern(1, c.back)) {
				t.Fatalf("%d bytes came back of %d: %v", len(w.data), c.sent, w)
			}
			check.Equal(t, in.ExpCmdSN(), r.cmdSN, "ExpCmdSN")
			r.wantNoTasks()
		}
	}
}

// A ping's data and text need memory from the host. Without it the request is refused, immediate or not, and the initiator may
// use its CmdSN again (RFC 7143, 11.17.1).
func TestRequestsWithoutMemory(t *testing.T) {
	r := newRig(t)
	r.host.short = true
	now := r.nopOut(r.nextITT(), pdu.ReservedTag, true)
	r.send(now, []byte("ping"))
	r.wantReject(pdu.RejectImmediateCommand, now, "there is no memory for it")
	later := r.nopOut(r.nextITT(), pdu.ReservedTag, false)
	r.send(later, []byte("ping"))
	r.wantReject(pdu.RejectLongOperation, later, "there is no memory for it")
	r.wantNoTasks()
	r.host.short = false
	r.send(later, []byte("ping"))
	check.Equal(t, string(r.want(pdu.OpNOPIn, "its CmdSN was not used up").data), "ping", "the ping's data")
	text := r.text(r.nextITT(), pdu.ReservedTag, true, false)
	r.host.short = true
	r.send(text.BHS(), []byte("SendTargets=\x00"))
	r.wantReject(pdu.RejectLongOperation, text.BHS(), "there is no memory for it")
	r.wantNoTasks()
	r.host.short = false
	r.send(text.BHS(), []byte("SendTargets=\x00"))
	if _, data := r.wantText(text.ITT(), true, false, "its CmdSN was not used up"); len(data) == 0 {
		t.Fatal("no target")
	}
	r.wantNoTasks()
}

// A ping waits for its turn in CmdSN order, and keeps its data meanwhile.
func TestPingInOrder(t *testing.T) {
	r := newRig(t)
	a := r.nopOut(r.nextITT(), pdu.ReservedTag, false)
	b := r.nopOut(r.nextITT(), pdu.ReservedTag, false)
	r.send(b, []byte("second"))
	r.wantIdle("an earlier request is missing")
	r.send(a, []byte("first"))
	for _, want := range []string{"first", "second"} {
		check.Equal(t, string(r.want(pdu.OpNOPIn, "").data), want, "the ping's data")
	}
}

// A NOP-Out without Initiator Task Tag is not answered; it has to be immediate (11.18.1).
func TestNOPOutWithoutTag(t *testing.T) {
	r := newRig(t)
	r.send(r.nopOut(pdu.ReservedTag, pdu.ReservedTag, true), []byte("data"))
	r.wantIdle("no answer is wanted")
	h := r.nopOut(pdu.ReservedTag, pdu.ReservedTag, false)
	r.send(h, nil)
	r.wantReject(pdu.RejectProtocolError, h, "it takes no CmdSN")
}

// A silent initiator is asked whether it lives; any PDU is an answer, none ends the connection.
func TestKeepalive(t *testing.T) {
	r := newRig(t, func(o *rigOptions) {
		o.node.NOPInterval, o.node.NOPTimeout = int64(10*time.Second), int64(5*time.Second)
	})
	advance := func(d time.Duration) {
		r.tick(int64(d))
	}
	check.Equal(t, r.conn.Timer(), r.now+int64(10*time.Second), "the timer")
	advance(10*time.Second - 1)
	r.wantIdle("it is not time")
	advance(1)
	w := r.want(pdu.OpNOPIn, "it was silent for 10 s")
	in := (*pdu.NOPIn)(&w.h)
	must.Be(t, in.ITT() == pdu.ReservedTag && in.TTT() != pdu.ReservedTag, "%v asks for no answer", w)
	advance(4 * time.Second)
	pong := r.nopOut(pdu.ReservedTag, in.TTT(), true)
	r.send(pong, nil)
	r.wantIdle("a pong is not answered")
	advance(9 * time.Second)
	r.wantIdle("it is not time again")
	advance(time.Second)
	r.want(pdu.OpNOPIn, "silent again")
	advance(3 * time.Second)
	_, task := r.started(0)
	advance(9 * time.Second)
	r.wantIdle("a command showed that it lives")
	advance(time.Second)
	r.want(pdu.OpNOPIn, "silent for 10 s")
	r.room = false
	advance(5 * time.Second)
	must.Be(t, r.events[1].Kind == Close || r.events[0].Kind == Close, "events %v", r.events)
	kinds := map[EventKind]int{}
	for _, ev := range r.events {
		kinds[ev.Kind]++
	}
	if kinds[Close] != 1 || kinds[Abort] != 1 || len(r.events) != 2 {
		t.Fatalf("%v; want Close, although the client does not read, and the task's Abort", kinds)
	}
	r.events = nil
	r.closeNow()
	r.wantIdle("a task is with the host")
	r.aborted(task)
	r.wantEvent(SessionDown)
	r.wantNoTasks()
	check.Equal(t, r.conn.Timer(), 0, "the timer after the end")
}

// Switched off, nothing is asked.
func TestKeepaliveOff(t *testing.T) {
	r := newRig(t, func(o *rigOptions) { o.node.NOPInterval = -1 })
	check.Equal(t, r.conn.Timer(), 0, "the timer")
}
