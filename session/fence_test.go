package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// newFenced makes a session of n connections with TaskReporting=how, that have acknowledged all they got.
func newFenced(t testing.TB, n int, how string, keys ...string) *tmfRig {
	t.Helper()
	m := newTMF(t, n, append(keys, "TaskReporting", how)...)
	for i := range m.conns {
		m.ack(i)
	}
	return m
}

// wantAsked wants a NOP-In that asks for an answer, and with that for ExpStatSN.
func (m *tmfRig) wantAsked(i int, because string) {
	m.Helper()
	w := m.conns[i].want(pdu.OpNOPIn, because)
	if h := (*pdu.NOPIn)(&w.h); h.ITT() != pdu.ReservedTag || h.TTT() == pdu.ReservedTag {
		m.Fatalf("NOP-In %v; want one that asks", w)
	}
}

// acknowledges answers such a NOP-In.
func (m *tmfRig) acknowledges(i int, because string) {
	m.Helper()
	m.wantAsked(i, because)
	m.ack(i)
}

// answers acknowledges everything that comes, for some rounds, and counts the responses.
func (m *tmfRig) answers() (n int) {
	for range 4 {
		for i, r := range m.conns {
			for _, w := range r.got {
				if w.h.Opcode() != pdu.OpNOPIn {
					n++
				}
			}
			r.got = nil
			m.ack(i)
		}
	}
	return n
}

// reset has the host carry out a LUN RESET of connection 0, up to its response.
func (m *tmfRig) reset() *pdu.TaskManagementRequest {
	m.Helper()
	f := m.manage(0, pdu.TMFLogicalUnitReset, true, 0)
	m.hostDone(m.conns[0])
	m.settle()
	return f
}

// The Response Fence (RFC 7143, 4.2.2.3.3): what was sent on other connections is acknowledged before the response is sent
// (b), the response is acknowledged (c), and until then no status of the I_T_L nexus is sent (d).
func TestResponseFence(t *testing.T) {
	for _, how := range []string{"ResponseFence", "FastAbort"} {
		m := newFenced(t, 3, how)
		a, b, d := m.conns[0], m.conns[1], m.conns[2]
		running, other := m.started(1, 1)
		m.finishRead(1, m.read(1, 0), "") // not acknowledged yet
		f := m.reset()
		m.wantAsked(1, "its last response is not acknowledged")
		a.wantIdle("the fence is not cleared")
		d.wantIdle("it has acknowledged everything")

		// New status of the unit waits, that of other units does not; nor do commands.
		held := m.read(2, 0)
		d.complete(d.wantExecute("the host has carried the function out"), Result{In: pattern(0, 512)})
		b.completeGood(running, other, "another unit")
		mine := m.executed(0, 0)
		m.idle("status of the unit is held on all connections")

		m.ack(1)
		m.wantComplete(a, f, "all responses are acknowledged")
		m.wantAsked(0, "the fence is cleared when the response is acknowledged")
		m.idle("which it is not")
		m.ack(0)
		a.wantStatus(mine.ITT(), statusGood, "the fence is cleared")
		w := d.want(pdu.OpDataIn, "the fence is cleared")
		check.Equal(t, w.h.ITT(), held.ITT(), "what the fence held")
		m.clean()
	}
}

// Answers that are queued behind the socket when the fence comes up are held as well, but not those of commands before it.
func TestResponseFenceHoldsQueuedAnswers(t *testing.T) {
	m := newFenced(t, 2, "ResponseFence")
	a, b := m.conns[0], m.conns[1]
	before, task := m.started(1, 0)
	b.room = false
	b.complete(task, Result{})
	f := m.manage(0, pdu.TMFLogicalUnitReset, true, 0)
	m.read(0, 0) // of the function's own connection, which does not hear of the other's
	m.hostDone(a)
	behind := m.read(1, 0)
	m.settle()
	b.complete(b.wantExecute(""), Result{})
	m.settle()
	b.makeRoom()
	b.wantStatus(before.ITT(), statusGood, "it precedes the function")
	m.wantAsked(1, "and is to be acknowledged")
	a.complete(a.wantExecute(""), Result{})
	m.idle("status is held")
	m.ack(1)
	m.wantComplete(a, f, "")
	m.acknowledges(0, "")
	a.want(pdu.OpSCSIResponse, "the fence is cleared")
	b.wantStatus(behind.ITT(), statusGood, "the fence is cleared")
	m.clean()
}

// Without the key, with one connection, and for ABORT TASK there is no fence.
func TestNoFence(t *testing.T) {
	m := newFenced(t, 2, "RFC3720")
	m.finishRead(1, m.read(1, 0), "")
	f := m.reset()
	m.conns[0].wantManaged(f.ITT(), pdu.TMFResponseComplete, "RFC3720")
	m.clean()

	m = newFenced(t, 1, "FastAbort")
	m.finishRead(0, m.read(0, 0), "")
	f = m.reset()
	m.conns[0].wantManaged(f.ITT(), pdu.TMFResponseComplete, "one connection needs none (4.2.2.3.3, a)")
	m.clean()

	m = newFenced(t, 2, "ResponseFence")
	m.finishRead(1, m.read(1, 0), "")
	h, task := m.started(1, 0)
	f = m.abortTask(0, h)
	m.stop(m.conns[1], task)
	m.wantComplete(m.conns[0], f, "it is about one task (4.2.2.3.4)")
	m.clean()
}

// A connection that dies clears its part, and the death of the function's own connection the whole.
func TestFenceAndDeath(t *testing.T) {
	m := newFenced(t, 3, "ResponseFence")
	a, b := m.conns[0], m.conns[1]
	_, stuck := m.started(1, 1)
	m.finishRead(1, m.read(1, 0), "")
	f := m.reset()
	m.wantAsked(1, "")
	a.wantIdle("the fence is not cleared")
	b.gone()
	m.wantComplete(a, f, "connection 1 is gone, although the backend has a task of it")
	m.wantAsked(0, "")
	b.stop(stuck)
	held := m.executed(2, 0)
	m.idle("the response is not acknowledged")
	m.dies(a)
	m.conns[2].wantStatus(held.ITT(), statusGood, "it never will be")
	m.clean()

	// Before the response is sent.
	m = newFenced(t, 3, "ResponseFence")
	a, b = m.conns[0], m.conns[1]
	m.finishRead(1, m.read(1, 0), "")
	m.reset()
	m.wantAsked(1, "")
	held = m.executed(2, 0)
	mine := m.readLater(1, 0)
	mine.SetExpStatSN(b.expStatSN - 1) // acknowledges nothing
	b.send(mine.BHS(), nil)
	b.complete(b.wantExecute(""), Result{})
	m.idle("held")
	m.dies(a)
	m.conns[2].wantStatus(held.ITT(), statusGood, "there is no response to wait for")
	b.wantStatus(mine.ITT(), statusGood, "there is no response to wait for")
	m.clean()

	// With status held.
	m = newFenced(t, 2, "ResponseFence")
	m.finishRead(1, m.read(1, 0), "")
	f = m.reset()
	m.wantAsked(1, "")
	mine = m.readLater(1, 0)
	mine.SetExpStatSN(m.conns[1].expStatSN - 1)
	m.conns[1].send(mine.BHS(), nil)
	m.conns[1].complete(m.conns[1].wantExecute(""), Result{})
	m.idle("held")
	m.conns[1].gone()
	m.wantComplete(m.conns[0], f, "")
	m.ack(0)
	m.conns[0].got = nil
	m.clean()
}

// An initiator that does not acknowledge loses the connection, and nothing waits for ever.
func TestFenceEnds(t *testing.T) {
	m := newFenced(t, 2, "ResponseFence")
	a, b := m.conns[0], m.conns[1]
	m.finishRead(1, m.read(1, 0), "")
	f := m.reset()
	m.wantAsked(1, "")
	if at := b.conn.Timer(); at > b.now+fenceGrace {
		t.Fatalf("Timer %d", at)
	}
	b.now += fenceGrace
	b.conn.nop.heard(b.now) // it does send PDUs
	b.turn()
	b.wantEnd(Close, errNoAcknowledgement)
	m.dies(b)
	a.got = a.got[len(a.got)-2:] // a connection was dropped: event 2
	a.wantManaged(f.ITT(), pdu.TMFResponseComplete, "")
	m.acknowledges(0, "")
	m.clean()
}

// A connection that joins behind a fence holds status as well; and a logout of it goes through.
func TestFenceAndJoin(t *testing.T) {
	m := newFenced(t, 2, "ResponseFence")
	m.finishRead(1, m.read(1, 0), "")
	f := m.reset()
	m.wantAsked(1, "")
	d := m.join(9)
	h := m.executed(2, 0)
	m.idle("status is held")
	m.ack(1)
	m.wantComplete(m.conns[0], f, "")
	m.acknowledges(0, "")
	d.wantStatus(h.ITT(), statusGood, "the fence is cleared")
	m.clean()
}

// Two fenced functions on two connections wait for each other's connections, not for each other.
func TestTwoFences(t *testing.T) {
	m := newFenced(t, 2, "ResponseFence")
	a, b := m.conns[0], m.conns[1]
	m.manage(0, pdu.TMFLogicalUnitReset, false, 0)
	m.manage(1, pdu.TMFLogicalUnitReset, false, 0)
	m.settle()
	a.hostDone()
	b.hostDone()
	check.Equal(t, m.answers(), 2, "responses to two functions")
	m.clean()
}

func (r *rig) wantTerminated(lun uint64, because string) {
	r.Helper()
	w := r.want(pdu.OpAsyncMessage, because)
	if h := (*pdu.AsyncMessage)(&w.h); h.AsyncEvent() != pdu.AsyncEventTasksTerminated || h.LUN() != lun<<48 {
		r.Fatalf("%v; want event 5 of LUN %d, because %s", w, lun, because)
	}
}

// FastAbort (4.2.3.4, d): event 5 goes to "each connection except the issuing connection of the issuing session that has at
// least one allegiant affected task", before the function's response, which it is fenced by.
func TestFastAbortMessages(t *testing.T) {
	m := newFenced(t, 4, "FastAbort", "InitialR2T", "Yes")
	a, b := m.conns[0], m.conns[1]
	_, ta := m.started(0, 0)
	_, tb := m.started(1, 0)
	w := m.write(1, 0, 4096)
	b.wantR2T(w.ITT(), 0, 0, 4096, "")
	_, td := m.started(2, 1)
	f := m.manage(0, pdu.TMFLogicalUnitReset, true, 0)
	m.wantAbort(a, ta)
	b.wantAbort(tb)
	a.aborted(ta)
	b.aborted(tb)
	m.settle()
	ev := a.wantEvent(Manage)
	behind := m.write(1, 0, 512)
	m.idle("the host is at it; an R2T sent before the message would not be answered")
	a.managed(ev.Task, pdu.TMFResponseComplete)
	m.settle()
	b.wantTerminated(0, "two of its tasks are affected")
	m.wantAsked(1, "the message is to be acknowledged")
	b.wantR2T(behind.ITT(), 0, 0, 512, "behind the message the tag is valid")
	m.idle("not the issuing connection, and not those without an affected task")
	m.ack(1)
	m.wantComplete(a, f, "the message is acknowledged")
	m.acknowledges(0, "")
	m.conns[2].complete(td, Result{})
	m.conns[2].want(pdu.OpSCSIResponse, "")
	m.abortTask(1, behind)
	b.want(pdu.OpTaskManagementResponse, "")
	m.clean()
}

// "If there are multiple affected LUs (say, due to a target reset), then one Async Message PDU MUST be sent for each".
func TestFastAbortTargetReset(t *testing.T) {
	m := newFenced(t, 2, "FastAbort")
	b := m.conns[1]
	for lun := range uint64(3) {
		m.read(1, lun)
		b.wantExecute("")
	}
	m.read(1, 2)
	b.wantExecute("")
	f := m.manage(0, pdu.TMFTargetWarmReset, true, 0)
	m.settle()
	for range 4 {
		b.aborted(b.wantEvent(Abort).Task)
	}
	m.finishFenced(0, f, func() {
		luns := map[uint64]bool{}
		for range 3 {
			w := b.want(pdu.OpAsyncMessage, "one for each unit")
			luns[w.h.LUN()>>48] = true
		}
		must.Be(t, luns[0] && luns[1] && luns[2], "%v", luns)
		m.acknowledges(1, "")
	})
	m.ack(0)
	m.clean()
}

// finishFenced is finish with what happens on other connections before the response.
func (m *tmfRig) finishFenced(i int, f *pdu.TaskManagementRequest, others func()) {
	m.Helper()
	r := m.conns[i]
	m.hostDone(r)
	m.settle()
	others()
	m.wantComplete(r, f, "")
	m.wantAsked(i, "")
}

// A write behind the function whose R2T had gone out before the function was known here gets no data after the message: it
// ends with it.
func TestFastAbortEndsUnfedWrites(t *testing.T) {
	m := newFenced(t, 2, "FastAbort", "InitialR2T", "Yes")
	b := m.conns[1]
	_, tb := m.started(1, 0)
	f := m.function(0, pdu.TMFLogicalUnitReset, true, 0)
	w := m.write(1, 0, 512)
	b.wantR2T(w.ITT(), 0, 0, 512, "the function has not come yet")
	m.conns[0].send(f.BHS(), nil)
	m.stop(b, tb)
	m.finishFenced(0, f, func() {
		b.wantTerminated(0, "")
		m.acknowledges(1, "")
	})
	m.ack(0)
	m.clean()
}

// Tasks that another session's function ended (4.2.3.4, d.1): event 5 where this session negotiated FastAbort, and with it those
// end that wait for data.
func TestFastAbortThirdParty(t *testing.T) {
	for _, how := range []string{"RFC3720", "ResponseFence", "FastAbort"} {
		m := newFenced(t, 2, how, "InitialR2T", "Yes")
		b := m.conns[1]
		_, tb := m.started(1, 0)
		_, other := m.started(1, 1)
		w := m.write(1, 0, 512)
		r2t := b.wantR2T(w.ITT(), 0, 0, 512, "")
		for _, r := range m.conns {
			r.abortTasks(func(t *Task) bool { return t.LUN == 0 })
		}
		b.stop(tb)
		if how == "FastAbort" {
			b.wantTerminated(0, "two of its tasks are affected")
		}
		m.idle("no other connection has an affected task")
		b.send(b.dataOut(w.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 512))
		if how != "FastAbort" {
			b.serveWrite(w, 512, "it was not in the task set yet")
		}
		b.complete(other, Result{})
		b.want(pdu.OpSCSIResponse, "")
		m.clean()
	}
}

// unitAttention is fixed format sense data (SPC-4 4.5.3).
func unitAttention(asc, ascq byte) []byte {
	b := make([]byte, 18)
	b[0], b[2], b[12], b[13] = 0x70, 6, asc, ascq
	return b
}

// Responses of commands that tell of many tasks' end are fenced as well (4.2.2.3.4, a and f), others are not.
func TestFencedCommands(t *testing.T) {
	descriptor := []byte{0x72, 6, 0x2f, 0, 0, 0, 0, 0}
	for _, c := range []struct {
		name   string
		cdb    [2]byte
		result Result
		fenced bool
	}{
		{"PREEMPT AND ABORT", [2]byte{0x5f, 5}, Result{}, true},
		{"PREEMPT", [2]byte{0x5f, 4}, Result{}, false},
		{"bus device reset function occurred", [2]byte{}, Result{Status: statusCheckCondition, Sense: unitAttention(0x29, 3)}, true},
		{"commands cleared by another initiator", [2]byte{}, Result{Status: statusCheckCondition, Sense: descriptor}, true},
		{"registrations preempted", [2]byte{}, Result{Status: statusCheckCondition, Sense: unitAttention(0x2a, 5)}, true},
		{"capacity data has changed", [2]byte{}, Result{Status: statusCheckCondition, Sense: unitAttention(0x2a, 9)}, false},
		{"no sense data", [2]byte{}, Result{Status: statusCheckCondition}, false},
	} {
		for _, dies := range []bool{false, true} {
			m := newFenced(t, 2, "ResponseFence")
			a := m.conns[0]
			m.finishRead(1, m.read(1, 0), "")
			h := a.command(false, false, 0)
			copy(h.CDB()[:], c.cdb[:])
			m.number(h.BHS())
			a.send(h.BHS(), nil)
			a.complete(a.wantExecute(""), c.result)
			m.settle()
			if !c.fenced {
				a.wantStatus(h.ITT(), c.result.Status, c.name)
				m.clean()
				continue
			}
			m.wantAsked(1, c.name)
			a.wantIdle(c.name)
			behind := m.executed(0, 0)
			m.idle("status is held")
			if dies {
				a.gone()
				m.clean()
				continue
			}
			m.ack(1)
			a.wantStatus(h.ITT(), c.result.Status, c.name)
			m.wantAsked(0, c.name)
			m.idle("the response is not acknowledged")
			m.ack(0)
			a.wantStatus(behind.ITT(), statusGood, "the fence is cleared")
			m.clean()
		}
	}
}

// Two such responses on two connections do not wait for each other, nor does one for a function's.
func TestFencedCommandsTogether(t *testing.T) {
	m := newFenced(t, 3, "ResponseFence")
	for i := range 2 {
		m.read(i, 0)
	}
	m.manage(2, pdu.TMFAbortTaskSet, true, 7)
	m.settle()
	for i := range 2 {
		m.conns[i].complete(m.conns[i].wantExecute(""), Result{Status: statusCheckCondition, Sense: unitAttention(0x29, 2)})
	}
	m.conns[2].managed(m.conns[2].wantEvent(Manage).Task, pdu.TMFResponseComplete)
	m.settle()
	check.Equal(t, m.answers(), 3, "responses to two commands and a function")
	m.clean()
}

// An initiator may leave a bounded number of fenced responses (4.2.2.3.4) unacknowledged. One more ends its connection, and the
// command with that response.
func TestUnacknowledgedFencedCommands(t *testing.T) {
	m := newFenced(t, 2, "ResponseFence")
	a, b := m.conns[0], m.conns[1]
	before := a.expStatSN
	fenced := func() {
		h := a.command(false, false, 0)
		h.CDB()[0], h.CDB()[1] = opPersistentReserveOut, actionPreemptAndAbort
		m.number(h.BHS())
		h.SetExpStatSN(before)
		a.send(h.BHS(), nil)
		a.complete(a.wantExecute(""), Result{})
		m.settle()
	}
	for i := range maxFences {
		if fenced(); len(a.conn.tm.parts) != i+1 || len(a.events) > 0 {
			t.Fatalf("%d responses wait for an acknowledgement after %d commands, %v", len(a.conn.tm.parts), i+1, a.events)
		}
		a.got = nil
		m.ack(1)
	}
	fenced()
	a.wantEnd(Close, errNoAcknowledgement)
	a.gone()
	a.wantIdle("nothing of the command is left to be aborted")
	m.settle()
	b.got = nil // NOP-Ins that announce the window
	m.clean()
}

// A command whose status a fence holds is not over: ABORT TASK and further functions end it, and its status never comes.
func TestHeldStatusIsAborted(t *testing.T) {
	for _, set := range []bool{false, true} {
		m := newFenced(t, 2, "ResponseFence")
		a, b := m.conns[0], m.conns[1]
		first := m.reset()
		a.wantManaged(first.ITT(), pdu.TMFResponseComplete, "")
		m.wantAsked(0, "")
		h := m.executed(1, 0)
		m.idle("status is held")
		if set {
			f := m.manage(1, pdu.TMFAbortTaskSet, false, 0)
			m.hostDone(b)
			m.settle()
			m.acknowledges(0, "the first response")
			m.wantComplete(b, f, "")
			m.acknowledges(1, "")
		} else {
			f := m.abortTask(1, h)
			m.wantComplete(b, f, "the task has no status yet")
			m.ack(0)
		}
		m.clean()
	}
}
