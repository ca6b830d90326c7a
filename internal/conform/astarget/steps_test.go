package astarget

import (
	"strconv"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// fill uses the window up, with a scenario that does not open it.
func fill(l *lab) {
	for l.c.s.exp != l.c.s.max+1 {
		l.do(0)
	}
}

// join adds a connection to the session.
func (l *lab) join(cid uint16, pairs ...string) *labConn {
	l.t.Helper()
	k := l.connect()
	k.loginAs(request1(func(q *rawclient.Login) { q.TSIH, q.CID, q.CmdSN = l.c.s.tsih, cid, l.CmdSN }), pairs...)
	if k.c.phase != full {
		l.t.Fatal("the connection does not join")
	}
	return k
}

// partly is a login that goes on after its first request.
func (l *lab) partly() {
	l.loginAs(request1(func(q *rawclient.Login) { q.Transit = false }))
}

// again is the next request of a login.
func (l *lab) again(pairs ...string) {
	l.put(request1(func(q *rawclient.Login) { q.ExpStatSN = l.ExpStatSN }).Header(), rawclient.Text(pairs...))
}

// cutWrite is a write whose connection is cut after its first data.
func cutWrite(l *lab) {
	l.only("cut in a write").begun()
	h := l.write(8, 0, true)
	l.out(h.ITT(), l.r2t().TTT(), 0, 0, 512, false)
}

// abort1 aborts a task.
func (k *labConn) abort1(itt, refCmdSN uint32) {
	q := k.Manage(pdu.TMFAbortTask, 0, true)
	q.SetReferencedTaskTag(itt)
	q.SetRefCmdSN(refCmdSN)
	q.SetCmdSN(k.c.s.exp)
	k.put(q.BHS(), nil)
}

func (k *labConn) logout(reason pdu.LogoutReason) {
	h := k.Next(pdu.OpLogoutRequest, true)
	(*pdu.LogoutRequest)(h).SetReason(reason)
	k.put(h, nil)
}

// text sends a text request without text.
func (k *labConn) text(ttt uint32, immediate bool) {
	h := k.Next(pdu.OpTextRequest, immediate)
	(*pdu.TextRequest)(h).SetTTT(ttt)
	k.put(h, nil)
}

// half asks for the targets, and returns the Target Transfer Tag of the first half.
func half(l *lab) uint32 {
	l.only("response in two halves").begun()
	l.put(l.Next(pdu.OpTextRequest, true), rawclient.Text("SendTargets", "All"))
	return (*pdu.TextResponse)(l.next(pdu.OpTextResponse).h).TTT()
}

// chosen is a login that came to CHAP.
func (l *lab) chosen() {
	l.secure(0, false, append([]string{"AuthMethod", "CHAP"}, who...)...)
}

// mutual is CHAP of both sides.
func (l *lab) mutual() {
	l.chosen()
	k := l.secure(0, false, "CHAP_A", "5")
	id, _ := strconv.Atoi(k["CHAP_I"])
	challenge, err := pdu.DecodeBinary(k["CHAP_C"], maxCHAP)
	if err != nil {
		l.t.Fatal(err)
	}
	proof := conform.CHAPResponse("5", byte(id), "twelvebytes12345", challenge)
	l.secure(pdu.StageLoginOperationalNegotiation, true, "CHAP_N", "user", "CHAP_R", pdu.EncodeHex(proof), "CHAP_I", "7", "CHAP_C", "0x0102030405060708")
}
