package fullfeature

import (
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// segments has the cases of PDUs that consist of a header alone, and of a session as plain as it can be.
func segments() []conform.Case {
	return []conform.Case{
		{
			ID: "rfc7143/11.6.2/1", Title: "the length of a Task Management Function Response", Groups: []conform.Group{conform.TMF},
			Rule: "A Task Management Function Response has no additional header segment and no data.", Also: []string{"rfc7143/11.2.1.5/1", "rfc7143/11.2.1.6/1"},
			Run: func(t *conform.T) {
				l := open(t)
				l.bare(l.manage(l.abort(l.nextITT(), l.Session.CmdSN)))
			},
		},
		{
			ID: "rfc7143/11.15.2/1", Title: "the length of a Logout Response",
			Rule: "A Logout Response has no additional header segment and no data.", Also: []string{"rfc7143/11.2.1.5/1", "rfc7143/11.2.1.6/1"},
			Run: func(t *conform.T) {
				l := open(t)
				h := l.logout(pdu.LogoutCloseSession, 0)
				l.Send(h, nil)
				l.bare(l.answer(h, pdu.OpLogoutResponse, "the Logout Response"))
			},
		},
		{
			ID: "rfc7143/11.8.1/1", Title: "the length of an R2T", Needs: conform.Unit | conform.Writes,
			Rule: "An R2T has no additional header segment and no data.", Also: []string{"rfc7143/11.2.1.5/1", "rfc7143/11.2.1.6/1"},
			Run: func(t *conform.T) {
				l := solicited(t)
				h := l.write(0, 1)
				l.Send(h.BHS(), nil)
				p := l.r2t(h)
				l.bare(p)
				l.serve(h, p, l.pattern(l.unit().Block))
				l.good(l.finish(h, nil))
			},
		},
		{
			ID: "rfc7143/7.1.5/3", Title: "a session of one connection at ErrorRecoveryLevel 0",
			Rule: "Every target has ErrorRecoveryLevel 0, and sessions of one connection.", Also: []string{"rfc7143/4.2.1/1"},
			Run: func(t *conform.T) {
				l := open(t, "MaxConnections", "1", "ErrorRecoveryLevel", "0")
				t.Want(l.param("ErrorRecoveryLevel") == 0, "ErrorRecoveryLevel 0", "%d", l.param("ErrorRecoveryLevel"))
				l.ping()
			},
		},
		{
			ID: "rfc7143/6.2/6", Title: "a session that negotiates nothing", Needs: conform.Unit,
			Rule: "A negotiation rests on what was exchanged in it: for a key that nobody offers the default holds.",
			Run: func(t *conform.T) {
				l := open(t, "HeaderDigest", "", "DataDigest", "", "MaxRecvDataSegmentLength", "", "MaxConnections", "", "ErrorRecoveryLevel", "", "InitialR2T", "",
					"ImmediateData", "", "MaxBurstLength", "", "FirstBurstLength", "", "MaxOutstandingR2T", "", "DefaultTime2Wait", "", "DefaultTime2Retain", "",
					"DataPDUInOrder", "", "DataSequenceInOrder", "")
				n := l.blocks(64 << 10)
				l.sound(l.read(0, n), n*l.unit().Block) // in segments of at most 8192 bytes: more fails the case
			},
		},
	}
}

// bare expects a PDU that is a header alone.
func (l *link) bare(p *conform.PDU) {
	l.t.Want(p.AHSLen() == 0 && p.DataLen() == 0, "a PDU without additional header segment and data",
		"%d bytes of additional header segments, %d of data: %v", p.AHSLen(), p.DataLen(), p)
}
