package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// tmfRig is a session of several connections whose requests take their CmdSNs and tags from one place.
type tmfRig struct {
	*mcs
	sn uint32
}

func newTMF(t testing.TB, n int, keys ...string) *tmfRig {
	t.Helper()
	m := &tmfRig{mcs: newMCS(t, n, keys...), sn: 1}
	for i, r := range m.conns {
		r.itt = uint32(i) << 16 // tags are unique in a session (RFC 7143, 11.2.1.8)
	}
	return m
}

// number gives a request the session's next CmdSN; an immediate one does not use it up.
func (m *tmfRig) number(h *pdu.BHS) {
	(*pdu.SCSICommand)(h).SetCmdSN(m.sn)
	if !h.Immediate() {
		m.sn++
	}
}

// read sends a read on connection i; lun is a number, not the field.
func (m *tmfRig) read(i int, lun uint64) *pdu.SCSICommand {
	h := m.readLater(i, lun)
	m.conns[i].send(h.BHS(), nil)
	return h
}

// started is read, up to its Execute.
func (m *tmfRig) started(i int, lun uint64) (*pdu.SCSICommand, *Task) {
	m.Helper()
	h := m.read(i, lun)
	return h, m.conns[i].wantStart(h, "nothing is before it")
}

// executed sends a read, and has the host complete it: what becomes of the status is the test's.
func (m *tmfRig) executed(i int, lun uint64) *pdu.SCSICommand {
	m.Helper()
	h, task := m.started(i, lun)
	m.conns[i].complete(task, Result{})
	return h
}

// join adds a connection, with tags of its own.
func (m *tmfRig) join(cid uint16) *loginRig {
	m.Helper()
	r := m.mcs.join(cid)
	r.itt = uint32(cid) << 16
	return r
}

// readLater makes one with the session's next CmdSN, that is not sent.
func (m *tmfRig) readLater(i int, lun uint64) *pdu.SCSICommand {
	h := m.conns[i].read(512)
	h.SetLUN(lun << 48)
	m.number(h.BHS())
	return h
}

// write sends a write of n bytes without any data.
func (m *tmfRig) write(i int, lun uint64, n uint32) *pdu.SCSICommand {
	h := m.writeLater(i, lun, n)
	m.conns[i].send(h.BHS(), nil)
	return h
}

func (m *tmfRig) writeLater(i int, lun uint64, n uint32) *pdu.SCSICommand {
	h := m.conns[i].write(n)
	h.SetLUN(lun << 48)
	m.number(h.BHS())
	return h
}

// function makes a task-management function.
func (m *tmfRig) function(i int, f pdu.TaskFunction, immediate bool, lun uint64) *pdu.TaskManagementRequest {
	h := m.conns[i].manage(f, immediate)
	h.SetLUN(lun << 48)
	m.number(h.BHS())
	return h
}

func (m *tmfRig) manage(i int, f pdu.TaskFunction, immediate bool, lun uint64) *pdu.TaskManagementRequest {
	h := m.function(i, f, immediate, lun)
	m.conns[i].send(h.BHS(), nil)
	return h
}

// abortTask sends ABORT TASK for r on connection i.
func (m *tmfRig) abortTask(i int, r *pdu.SCSICommand) *pdu.TaskManagementRequest {
	return m.search(i, pdu.TMFAbortTask, r)
}

func (m *tmfRig) search(i int, f pdu.TaskFunction, r *pdu.SCSICommand) *pdu.TaskManagementRequest {
	h := m.function(i, f, true, r.BHS().LUN()>>48)
	h.SetReferencedTaskTag(r.ITT())
	h.SetRefCmdSN(r.CmdSN())
	m.conns[i].send(h.BHS(), nil)
	return h
}

// ack acknowledges what connection i has got, by a NOP-Out that wants no answer (11.18).
func (m *tmfRig) ack(i int) {
	r := m.conns[i]
	h := r.nopOut(pdu.ReservedTag, pdu.ReservedTag, true)
	(*pdu.NOPOut)(h).SetCmdSN(m.sn)
	r.send(h, nil)
	m.settle()
}

// idle says that nothing is to be seen anywhere.
func (m *tmfRig) idle(because string) {
	m.Helper()
	m.settle()
	for i, r := range m.conns {
		if len(r.got)+len(r.events) > 0 {
			m.Logf("connection %d:", i)
		}
		r.wantIdle(because)
	}
}

// clean says that nothing of any function is left behind.
func (m *tmfRig) clean() {
	m.Helper()
	m.idle("everything is over")
	s := m.conns[0].conn.sess
	must.Be(m, len(s.barriers) == 0 && s.watchers.Load() == 0, "%d barriers, %d watchers", len(s.barriers), s.watchers.Load())
	for i, r := range m.conns {
		tm := &r.conn.tm
		if len(tm.parts) > 0 || tm.waiting.head != nil || tm.barred.head != nil || tm.held.head != nil || tm.alert {
			m.Fatalf("connection %d: %+v", i, *tm)
		}
		must.Be(m, r.conn.end.closed() || r.conn.tm.diverts == s.fences(), "connection %d looks at its answers: %v", i, r.conn.tm.diverts)
		r.wantNoTasks()
	}
}

// A task is looked for where it has allegiance (4.2.5.1), whatever connection ABORT TASK comes on, and the response waits for
// its end.
func TestAbortTaskOnAnotherConnection(t *testing.T) {
	m := newTMF(t, 3)
	h, task := m.started(1, 0)
	f := m.abortTask(0, h)
	m.wantAbort(m.conns[1], task)
	m.idle("the backend has the task's buffers")
	m.conns[1].aborted(task)
	m.wantComplete(m.conns[0], f, "the task has ended")
	m.clean()
}

// A write that waits for data is over at once, one in the command window leaves a plug, and one that is on its way in its
// connection's inbox does not escape.
func TestAbortTaskOnAnotherConnectionEarly(t *testing.T) {
	m := newTMF(t, 2)
	a, b := m.conns[0], m.conns[1]
	w := m.write(1, 0, 4096)
	b.wantR2T(w.ITT(), 0, 0, 4096, "")
	f := m.abortTask(0, w)
	m.wantComplete(a, f, "the host never had it")

	missing := m.readLater(0, 0)
	held := m.read(1, 0)
	f = m.abortTask(0, held)
	m.wantComplete(a, f, "it waits in the window")
	a.send(missing.BHS(), nil)
	m.settle()
	a.serve(missing, "the gap is closed")
	check.Equal(t, a.expCmdSN, m.sn, "ExpCmdSN: the aborted command's number counts as received")

	missing = m.readLater(0, 0)
	held = m.read(1, 0)
	a.send(missing.BHS(), nil) // hands the held one over to connection 1, which has not looked yet
	a.serve(missing, "")
	f = m.abortTask(0, held)
	a.wantIdle("it is being delivered")
	m.wantComplete(a, f, "it was freed when it arrived")
	m.clean()
}

// Where no connection has the task, RefCmdSN decides (11.6.1).
func TestAbortTaskOnNoConnection(t *testing.T) {
	m := newTMF(t, 2)
	a, b := m.conns[0], m.conns[1]
	done := m.read(1, 0)
	b.serve(done, "")
	f := m.abortTask(0, done)
	m.settle()
	a.wantManaged(f.ITT(), pdu.TMFResponseTaskDoesNotExist, "RefCmdSN is outside the window")

	// Lost, or arriving: half of the PDU is here.
	lost := m.readLater(1, 0)
	half := b.write(512)
	m.number(half.BHS())
	raw := b.encode(half.BHS(), pattern(0, 512))
	b.feed(raw[:100])
	for _, h := range []*pdu.SCSICommand{lost, half} {
		f = m.abortTask(0, h)
		m.wantComplete(a, f, "RefCmdSN is in the window and before the function's")
	}
	b.feed(raw[100:])
	b.send(lost.BHS(), nil)
	m.idle("both are duplicates now")
	after := m.read(1, 0)
	b.serve(after, "nothing is missing")

	other, task := m.started(1, 3)
	other.SetLUN(4 << 48)
	f = m.abortTask(0, other)
	m.settle()
	a.wantManaged(f.ITT(), pdu.TMFResponseTaskDoesNotExist, "that task has another LUN")
	b.completeGood(other, task, "")
	m.clean()
}

// The task arrives on its connection after that was asked, and before its CmdSN could be plugged: it is aborted all the same.
func TestAbortTaskThatArrivesMeanwhile(t *testing.T) {
	m := newTMF(t, 2)
	a, b := m.conns[0], m.conns[1]
	late := m.readLater(1, 0)
	f := m.abortTask(0, late)
	b.turn() // does not have it
	b.send(late.BHS(), nil)
	task := b.wantExecute("it has its turn")
	m.wantAbort(b, task)
	a.wantIdle("it is still ending")
	b.aborted(task)
	m.wantComplete(a, f, "")
	m.clean()
}

// The connection that a function came on ends before its task has ended: the answer has no receiver.
func TestAbortTaskOriginDies(t *testing.T) {
	m := newTMF(t, 2)
	a, b := m.conns[0], m.conns[1]
	h, task := m.started(1, 0)
	m.abortTask(0, h)
	m.wantAbort(b, task)
	m.dies(a)
	b.aborted(task)
	m.clean()
}

// QUERY TASK and QUERY TASK SET (RFC 7144) ask all connections.
func TestQueryOnAnotherConnection(t *testing.T) {
	m := newTMF(t, 3, "iSCSIProtocolLevel", "2")
	h := m.write(2, 1, 512)
	m.conns[2].wantR2T(h.ITT(), 0, 0, 512, "")
	f := m.search(0, pdu.TMFQueryTask, h)
	m.settle()
	m.conns[0].wantManaged(f.ITT(), pdu.TMFResponseFunctionSucceeded, "connection 2 has it")
	h.SetITT(0x4711)
	f = m.search(0, pdu.TMFQueryTask, h)
	m.wantComplete(m.conns[0], f, "nobody has it")
	for lun, want := range map[uint64]pdu.TaskResponse{1: pdu.TMFResponseFunctionSucceeded, 2: pdu.TMFResponseComplete} {
		f = m.manage(1, pdu.TMFQueryTaskSet, true, lun)
		m.hostDone(m.conns[1])
		m.conns[1].wantManaged(f.ITT(), want, "the write waits for data, the session alone knows of it")
	}
}

// setFunctions are those over a task set, with what they are about.
var setFunctions = []struct {
	f      pdu.TaskFunction
	target bool // all logical units
}{
	{pdu.TMFAbortTaskSet, false}, {pdu.TMFClearTaskSet, false}, {pdu.TMFLogicalUnitReset, false},
	{pdu.TMFTargetWarmReset, true}, {pdu.TMFTargetColdReset, true}, {pdu.TMFITNexusReset, true},
}

// A function over a task set stops what is before it in CmdSN order, whatever connection it is on (11.5.1), then
// the host acts, then it is answered; what comes behind it waits everywhere and goes on when the host is through.
func TestTaskSetFunctionOverConnections(t *testing.T) {
	for _, c := range setFunctions {
		for _, immediate := range []bool{true, false} {
			m := newTMF(t, 3, "iSCSIProtocolLevel", "2")
			a, b, d := m.conns[0], m.conns[1], m.conns[2]
			_, tb := m.started(1, 0)
			_, td := m.started(2, 1)
			_, ta := m.started(0, 0)
			// Waits in an inbox when the function has its turn.
			missing := m.readLater(0, 0)
			m.read(1, 0)
			a.send(missing.BHS(), nil)
			tm := a.wantExecute("")
			f := m.manage(0, c.f, immediate, 0)
			m.settle()
			a.wantEvent(Abort)
			a.wantEvent(Abort)
			b.wantAbort(tb)
			if c.target {
				d.wantAbort(td)
			}
			later := m.read(1, 0)
			other := m.read(2, 1)
			m.settle()
			if !c.target {
				d.serve(other, "another unit's does not wait")
			}
			m.idle("tasks are still ending, and what is behind waits")
			a.aborted(ta)
			b.aborted(tb)
			if c.target {
				m.idle("one is left")
				d.aborted(td)
			}
			m.idle("one is left")
			a.aborted(tm)
			m.settle()
			ev := a.wantEvent(Manage)
			check.Equal(t, ev.Task.Manage, c.f, "the function")
			m.idle("the host is at it")
			a.managed(ev.Task, pdu.TMFResponseComplete)
			m.wantComplete(a, f, "")
			if c.f == pdu.TMFTargetColdReset || c.f == pdu.TMFITNexusReset {
				for _, r := range m.conns {
					r.events = nil
					r.gone()
				}
				continue
			}
			b.serve(later, "the function is over")
			if c.target {
				d.serve(other, "the function is over")
			} else {
				d.complete(td, Result{})
				d.want(pdu.OpSCSIResponse, "it was not affected")
			}
			m.clean()
		}
	}
}
