package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

func (r *rig) logout(reason pdu.LogoutReason, cid uint16) *pdu.LogoutRequest {
	h := (*pdu.LogoutRequest)(r.request(pdu.OpLogoutRequest, r.nextITT()))
	h.SetImmediate(true)
	h.SetReason(reason)
	h.SetCID(cid)
	return h
}

func (r *rig) wantLogout(itt uint32, code pdu.LogoutResponseCode) *pdu.LogoutResponse {
	r.Helper()
	w := r.want(pdu.OpLogoutResponse, "a logout is answered")
	h := (*pdu.LogoutResponse)(&w.h)
	must.Be(r, h.ITT() == itt && h.Response() == code, "%v; want %#x: %d", w, itt, code)
	return h
}

// Closing the session or its only connection: the response, then the end (RFC 7143, 11.14, 11.15).
func TestLogout(t *testing.T) {
	for _, reason := range []pdu.LogoutReason{pdu.LogoutCloseSession, pdu.LogoutCloseConnection} {
		for _, immediate := range []bool{true, false} {
			r := newRig(t)
			h := r.logout(reason, 7)
			h.SetImmediate(immediate)
			r.send(h.BHS(), nil)
			r.wantLogout(h.ITT(), pdu.LogoutResponseSuccess)
			r.wantEnd(Flush, errLogout)
			r.sendRead(0)
			r.wantIdle("nothing may follow a logout")
			r.wantDown()
		}
	}
}

// Answers that are queued go out before the response; what is still executed is implicitly terminated (11.14.5).
func TestLogoutWithTasks(t *testing.T) {
	r := newRig(t)
	a, b, w := r.read(512), r.read(512), r.write(4096)
	r.send(a.BHS(), nil)
	ta := r.wantExecute("")
	r.send(b.BHS(), nil)
	tb := r.wantExecute("")
	r.send(w.BHS(), nil)
	r.wantR2T(w.ITT(), 0, 0, 4096, "")
	r.room = false
	r.complete(ta, Result{In: pattern(0, 512)})
	h := r.sendLogout(pdu.LogoutCloseSession, 0)
	r.wantAbort(tb)
	r.makeRoom()
	r.want(pdu.OpDataIn, "this was answered before")
	r.wantIdle("a task is with the host")
	r.aborted(tb)
	r.wantLogout(h.ITT(), pdu.LogoutResponseSuccess)
	r.wantEvent(Flush)
	r.wantDown()
}

// What cannot be done is answered, and the session goes on (11.15.1).
func TestLogoutRefused(t *testing.T) {
	tests := []struct {
		reason pdu.LogoutReason
		cid    uint16
		want   pdu.LogoutResponseCode
	}{
		{pdu.LogoutCloseConnection, 8, pdu.LogoutResponseCIDNotFound},
		{pdu.LogoutRemoveConnectionForRecovery, 7, pdu.LogoutResponseRecoveryNotSupported},
		{pdu.LogoutRemoveConnectionForRecovery, 8, pdu.LogoutResponseCIDNotFound},
	}
	r := newRig(t)
	for _, tt := range tests {
		h := r.sendLogout(tt.reason, tt.cid)
		r.wantLogout(h.ITT(), tt.want)
		r.wantIdle("nothing was closed")
	}
	h := r.sendLogout(5, 7)
	r.wantReject(pdu.RejectInvalidPDUField, h.BHS(), "there is no such reason code (11.14.1)")
	r.sendRead(0)
	r.wantExecute("the session lives")
}
