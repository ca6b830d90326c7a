package session

import (
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// A login request in full feature phase is a protocol error, and the connection ends.
func TestLoginInFullFeaturePhase(t *testing.T) {
	r := newRig(t)
	_, task := r.started(0)
	var b pdu.BHS
	b.Init(pdu.OpLoginRequest)
	b.SetImmediate(true)
	r.send(&b, []byte("InitiatorName=iqn.x\x00"))
	r.wantAbort(task)
	r.wantEnd(Close, errLoginInFullFeature)
	r.wantIdle("there is nothing to be said")
	r.aborted(task)
	r.wantDown()
}

// Opcodes that mean nothing here, with data and without: reserved, vendor specific, the target's own.
func TestUnknownOpcodes(t *testing.T) {
	r := newRig(t)
	for op := range pdu.Opcode(64) {
		switch op {
		case pdu.OpNOPOut, pdu.OpSCSICommand, pdu.OpTaskManagementRequest, pdu.OpLoginRequest, pdu.OpTextRequest, pdu.OpDataOut, pdu.OpLogoutRequest, pdu.OpSNACKRequest:
			continue
		}
		var b pdu.BHS
		b.SetOpcode(op)
		r.send(&b, pattern(0, 100))
		r.wantReject(pdu.RejectCommandNotSupported, &b, op.String()+" is none of an initiator's")
	}
	r.sendRead(0)
	r.wantExecute("the connection lives")
}

// No recovery level that has SNACK is offered (RFC 7143, 11.16).
func TestSNACK(t *testing.T) {
	r := newRig(t)
	for _, typ := range []pdu.SNACKType{pdu.SNACKDataR2T, pdu.SNACKStatus, pdu.SNACKDataACK, pdu.SNACKRData, 15} {
		var b pdu.BHS
		b.Init(pdu.OpSNACKRequest)
		(*pdu.SNACKRequest)(&b).SetType(typ)
		b.SetITT(pdu.ReservedTag)
		r.send(&b, nil)
		r.wantReject(pdu.RejectSNACK, &b, "ErrorRecoveryLevel is 0")
	}
}

// Rejects are bounded twice: by how many may wait for a peer that does not read, and by how many a connection gets at all.
func TestRejectsAreBounded(t *testing.T) {
	var b pdu.BHS
	b.SetOpcode(0x1c)
	r := newRig(t)
	r.room = false
	for range maxReplies {
		r.send(&b, nil)
	}
	r.wantIdle("there is no room")
	r.send(&b, nil)
	r.wantEnd(Close, errNotReading)

	r = newRig(t)
	for range maxRejects {
		r.send(&b, nil)
		r.wantReject(pdu.RejectCommandNotSupported, &b, "")
	}
	r.send(&b, nil)
	r.wantEnd(Close, errTooManyRejects)
}

// A connection that dies with tasks at every point: each is freed, those with the host after its answer, then the session
// ends, once.
func TestClosedAtEveryPoint(t *testing.T) {
	r := newRig(t, with("MaxRecvDataSegmentLength", "512"))
	r.host.holdSent = true
	running, stopping, answered, sending, partly := r.read(512), r.read(512), r.read(512), r.read(512), r.read(4096)
	var tasks []*Task
	for _, h := range []*pdu.SCSICommand{running, stopping, answered, sending, partly} {
		r.send(h.BHS(), nil)
		tasks = append(tasks, r.wantExecute(""))
	}
	r.complete(tasks[3], Result{In: pattern(0, 512)})
	r.want(pdu.OpDataIn, "sending")
	// One PDU of a longer answer.
	tasks[4].Result = Result{In: pattern(0, 4096)}
	r.conn.Complete(r.now, tasks[4])
	var ev Event
	must.Be(t, r.conn.Next(r.now, true, &ev) && ev.Kind == Send, "no Data-In")
	r.room = false
	r.complete(tasks[2], Result{})
	r.abort(stopping)
	r.wantAbort(tasks[1])
	r.sendWrite(4096, 0)
	lun := r.manage(pdu.TMFLogicalUnitReset, true)
	lun.SetLUN(1 << 48)
	r.send(lun.BHS(), nil)
	manage := r.wantEvent(Manage).Task
	r.send(r.read(0).BHS(), nil)
	readyTask := r.wantExecute("")
	gap := r.read(0)
	held := r.write(512)
	r.send(held.BHS(), pattern(0, 512))
	arriving := r.write(512)
	arriving.SetCmdSN(gap.CmdSN())
	b := r.encode(arriving.BHS(), pattern(0, 512))
	r.feed(b[:200])
	r.closeNow()
	aborts := map[*Task]bool{}
	for len(r.events) > 0 {
		aborts[r.wantEvent(Abort).Task] = true
	}
	must.Be(t, len(aborts) == 2 && aborts[tasks[0]] && aborts[readyTask], "aborts %v", aborts)
	r.aborted(tasks[0])
	r.complete(readyTask, Result{})
	r.aborted(tasks[1])
	r.wantIdle("a function is with the host")
	r.managed(manage, pdu.TMFResponseComplete)
	r.wantEvent(SessionDown)
	r.wantNoTasks()
	r.conn.Closed(r.now)
	r.pump()
	r.wantIdle("SessionDown comes once")
	check.Equal(t, len(r.node.Sessions()), 0, "sessions left")
}

// Shutdown asks for a logout (Asynchronous Message, event 1), and closes when none comes in time (11.9.1).
func TestShutdown(t *testing.T) {
	r := newRig(t)
	h, task := r.started(0)
	r.shutdown()
	w := r.want(pdu.OpAsyncMessage, "the initiator is asked to log out")
	a := (*pdu.AsyncMessage)(&w.h)
	if a.AsyncEvent() != pdu.AsyncEventLogoutRequest || a.Parameter3() != uint16(shutdownGrace/int64(time.Second)) || a.ITT() != pdu.ReservedTag {
		t.Fatalf("%v", w)
	}
	r.completeGood(h, task, "work goes on meanwhile")
	r.tick(shutdownGrace)
	w = r.want(pdu.OpAsyncMessage, "it did not")
	check.Equal(t, (*pdu.AsyncMessage)(&w.h).AsyncEvent(), pdu.AsyncEventDropAllConnections, "the message's event")
	r.wantEvent(Flush)
	r.wantDown()

	r = newRig(t)
	r.shutdown()
	r.want(pdu.OpAsyncMessage, "")
	l := r.sendLogout(pdu.LogoutCloseSession, 0)
	r.wantLogout(l.ITT(), pdu.LogoutResponseSuccess)
	r.wantEvent(Flush)
}

// A graceful close does not wait for ever for a peer that does not read.
func TestFlushTimeout(t *testing.T) {
	r := newRig(t)
	r.room = false
	l := r.sendLogout(pdu.LogoutCloseSession, 0)
	r.wantIdle("there is no room")
	r.makeRoom()
	r.wantLogout(l.ITT(), pdu.LogoutResponseSuccess)
	r.wantEvent(Flush)
	check.Equal(t, r.conn.Timer(), r.now+flushTimeout, "the timer")
	r.tick(flushTimeout)
	r.wantEnd(Close, errFlushTimeout)
	r.wantDown()
}

// ExpStatSN acknowledges what was sent, never more (4.2.2.2).
func TestExpStatSN(t *testing.T) {
	r := newRig(t)
	base := r.conn.Unacknowledged()
	for range 3 {
		h := r.read(0)
		h.SetExpStatSN(r.expStatSN - 1)
		r.send(h.BHS(), nil)
		r.serve(h, "")
	}
	ping := r.nopOut(pdu.ReservedTag, pdu.ReservedTag, true)
	(*pdu.NOPOut)(ping).SetExpStatSN(r.expStatSN + 1000)
	r.send(ping, nil)
	if n := r.conn.Unacknowledged(); n == base || n > 3 {
		t.Fatalf("%d unacknowledged (%d before)", n, base)
	}
	(*pdu.NOPOut)(ping).SetExpStatSN(r.expStatSN)
	r.send(ping, nil)
	check.Equal(t, r.conn.Unacknowledged(), 0, "responses unacknowledged")
}

// The node forgets a session only after the host has dropped its nexus: a reinstating login makes a nexus of the same name
// (6.3.5).
func TestSessionDownBeforeTheNodeForgets(t *testing.T) {
	r := newRig(t)
	r.conn.Closed(r.now)
	var ev Event
	must.Be(t, r.conn.Next(r.now, false, &ev) && ev.Kind == SessionDown, "event kind %d", ev.Kind)
	check.Equal(t, len(r.node.Sessions()), 1, "sessions while the host drops the nexus")
	must.Be(t, !r.conn.Next(r.now, false, &ev), "event kind %d", ev.Kind)
	check.Equal(t, len(r.node.Sessions()), 0, "sessions left")
}
