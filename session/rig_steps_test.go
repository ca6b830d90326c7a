package session

import (
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// Steps that many tests share, on one connection: what the initiator sends, and what the host does about it.

// sendRead sends a read of n bytes.
func (r *rig) sendRead(n uint32) *pdu.SCSICommand {
	h := r.read(n)
	r.send(h.BHS(), nil)
	return h
}

// readAt sends a read of 512 bytes with that CmdSN.
func (r *rig) readAt(sn uint32) *pdu.SCSICommand {
	h := r.read(512)
	h.SetCmdSN(sn)
	r.send(h.BHS(), nil)
	return h
}

// sendWrite sends a write of n bytes with the first of them as immediate data.
func (r *rig) sendWrite(n uint32, immediate int) *pdu.SCSICommand {
	h := r.write(n)
	r.send(h.BHS(), pattern(0, immediate))
	return h
}

// started sends a read of n bytes and takes its Execute.
func (r *rig) started(n uint32) (*pdu.SCSICommand, *Task) {
	r.Helper()
	h := r.sendRead(n)
	return h, r.wantStart(h, "nothing is before it")
}

// solicited sends a write of n bytes without data and takes the R2T for all of them.
func (r *rig) solicited(n uint32) (*pdu.SCSICommand, *pdu.R2T) {
	r.Helper()
	h := r.sendWrite(n, 0)
	return h, r.wantR2T(h.ITT(), 0, 0, n, "the write has no data")
}

// wantStart takes the Execute of h.
func (r *rig) wantStart(h *pdu.SCSICommand, because string) *Task {
	r.Helper()
	t := r.wantExecute(because)
	must.Be(r, t.ITT == h.ITT(), "%#x is executed; want %#x, because %s", t.ITT, h.ITT(), because)
	return t
}

// serve executes h, which moves no data, and wants GOOD for it.
func (r *rig) serve(h *pdu.SCSICommand, because string) {
	r.Helper()
	r.complete(r.wantStart(h, because), Result{})
	r.wantStatus(h.ITT(), statusGood, because)
}

// completeGood has the host complete h, which moves no data, and wants GOOD for it.
func (r *rig) completeGood(h *pdu.SCSICommand, t *Task, because string) {
	r.Helper()
	r.complete(t, Result{})
	r.wantStatus(h.ITT(), statusGood, because)
}

// announceWrite is sendWrite with the F bit 0: more unsolicited data is to follow.
func (r *rig) announceWrite(n uint32, immediate int) *pdu.SCSICommand {
	h := r.write(n)
	h.SetFinal(false)
	r.send(h.BHS(), pattern(0, immediate))
	return h
}

// serveWrite executes a write with n bytes of data, and wants GOOD for it.
func (r *rig) serveWrite(h *pdu.SCSICommand, n int, because string) *pdu.SCSIResponse {
	r.Helper()
	r.complete(r.wantWritten(h.ITT(), n), Result{RequiredOut: int64(n)})
	return r.wantStatus(h.ITT(), statusGood, because)
}

// ping sends a NOP-Out that wants an answer, and takes that.
func (r *rig) ping(because string) {
	r.Helper()
	r.send(r.nopOut(r.nextITT(), pdu.ReservedTag, true), nil)
	r.want(pdu.OpNOPIn, because)
}

func (r *rig) abortTasks(which func(*Task) bool) { r.conn.AbortTasks(r.now, which); r.pump() }
func (r *rig) shutdown()                         { r.conn.Shutdown(r.now); r.pump() }
func (r *rig) terminate(why error)               { r.conn.Terminate(r.now, why); r.pump() }

// wantUnderflow wants n bytes of the EDTL to be reported as not transferred (RFC 7143, 11.4.5.1).
func (r *rig) wantUnderflow(resp *pdu.SCSIResponse, n uint32) {
	r.Helper()
	if !resp.Underflow() || resp.Overflow() || resp.ResidualCount() != n {
		r.Errorf("U %v O %v residual %d; want an underflow of %d", resp.Underflow(), resp.Overflow(), resp.ResidualCount(), n)
	}
}

// sendManage sends a task-management function.
func (r *rig) sendManage(f pdu.TaskFunction, immediate bool) *pdu.TaskManagementRequest {
	m := r.manage(f, immediate)
	r.send(m.BHS(), nil)
	return m
}

// abort sends an immediate ABORT TASK for h.
func (r *rig) abort(h *pdu.SCSICommand) *pdu.TaskManagementRequest {
	m := r.manage(pdu.TMFAbortTask, true)
	m.SetReferencedTaskTag(h.ITT())
	m.SetRefCmdSN(h.CmdSN())
	r.send(m.BHS(), nil)
	return m
}

// hostDone has the host complete the function that it was handed.
func (r *rig) hostDone() {
	r.Helper()
	r.managed(r.wantEvent(Manage).Task, pdu.TMFResponseComplete)
}

// carryOut has the host complete function m, and wants the response.
func (r *rig) carryOut(m *pdu.TaskManagementRequest, because string) {
	r.Helper()
	r.hostDone()
	r.wantManaged(m.ITT(), pdu.TMFResponseComplete, because)
}

// sendLogout sends a Logout Request.
func (r *rig) sendLogout(reason pdu.LogoutReason, cid uint16) *pdu.LogoutRequest {
	h := r.logout(reason, cid)
	r.send(h.BHS(), nil)
	return h
}

// sendText sends a whole text in one Text Request.
func (r *rig) sendText(text string) *pdu.TextRequest {
	h := r.text(r.nextITT(), pdu.ReservedTag, true, false)
	r.send(h.BHS(), []byte(text))
	return h
}

// tick advances the clock and lets the connection look at its timers.
func (r *rig) tick(ns int64) {
	r.now += ns
	r.conn.Advance(r.now)
	r.pump()
}

// makeRoom lets the connection send again.
func (r *rig) makeRoom() {
	r.room = true
	r.pump()
}

// wantEnd takes the event that ends the connection, and its reason.
func (r *rig) wantEnd(kind EventKind, reason error) {
	r.Helper()
	if ev := r.wantEvent(kind); ev.Reason != reason {
		r.Fatalf("the connection ends because %v; want %v", ev.Reason, reason)
	}
}

// wantDown closes the session's last connection and wants nothing to be left of either.
func (r *rig) wantDown() {
	r.Helper()
	r.closeNow()
	r.wantEvent(SessionDown)
	r.wantNoTasks()
}

// Steps over several connections: what one connection tells another arrives first.

// wantComplete takes the response to function f, which came on r.
func (m *mcs) wantComplete(r *loginRig, f *pdu.TaskManagementRequest, because string) {
	m.Helper()
	m.settle()
	r.wantManaged(f.ITT(), pdu.TMFResponseComplete, because)
}

// hostDone has the host complete the function that came on r.
func (m *mcs) hostDone(r *loginRig) {
	m.Helper()
	m.settle()
	r.hostDone()
}

// carryOut has the host complete function f, which came on r, and wants the response.
func (m *mcs) carryOut(r *loginRig, f *pdu.TaskManagementRequest, because string) {
	m.Helper()
	m.hostDone(r)
	m.wantComplete(r, f, because)
}

// wantAbort takes the Abort of t.
func (m *mcs) wantAbort(r *loginRig, t *Task) {
	m.Helper()
	m.settle()
	r.wantAbort(t)
}

// stop takes the Abort of t and has the host end it.
func (m *mcs) stop(r *loginRig, t *Task) {
	m.Helper()
	m.settle()
	r.stop(t)
}

// dies ends the transport of r.
func (m *mcs) dies(r *loginRig) {
	r.gone()
	m.settle()
}

// wantGranted takes the response that ends the login.
func (r *loginRig) wantGranted(because string) {
	r.Helper()
	if resp, _ := r.answer(because); resp.Status() != pdu.LoginSuccess || !resp.Transit() {
		r.Fatalf("status %#04x, T %v; want the login granted, because %s", uint16(resp.Status()), resp.Transit(), because)
	}
}
