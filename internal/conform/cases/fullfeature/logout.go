package fullfeature

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// logouts has the cases of the Logout Request on one connection (RFC 7143, 11.14, 11.15).
func logouts() []conform.Case {
	return []conform.Case{{
		ID: "rfc7143/11.15/1a", Title: "close the connection", Also: []string{"rfc7143/11.14/0", "rfc7143/11.15.1/0"},
		Rule: "After the logout of a connection it is closed.",
		Run: func(t *conform.T) {
			l := open(t)
			l.leave(l.logout(pdu.LogoutCloseConnection, l.CID))
		},
	}, {
		ID: "rfc7143/11.15/1b", Title: "close the session", Also: []string{"rfc7143/11.14.1/0"},
		Rule: "After the logout of a session its connections are closed.",
		Run: func(t *conform.T) {
			l := open(t)
			l.leave(l.logout(pdu.LogoutCloseSession, 0))
		},
	}, {
		ID: "rfc7143/11.14.3/0", Title: "close the session, with any CID",
		Rule: "The CID is only valid if the reason is not to close the session.",
		Run: func(t *conform.T) {
			l := open(t)
			l.leave(l.logout(pdu.LogoutCloseSession, l.CID+100))
		},
	}, {
		ID: "rfc7143/11.14/0a", Title: "an immediate logout",
		Rule: "A Logout Request may be immediate.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.logout(pdu.LogoutCloseSession, 0)
			h.SetImmediate(true)
			l.leave(h)
		},
	}, {
		ID: "rfc7143/4.2.2.1/6y", Title: "a logout before its turn", Also: []string{"rfc7143/11.14/0"},
		Rule: "A Logout Request that is not immediate is executed in the order of CmdSN.",
		Run: func(t *conform.T) {
			l := open(t)
			gap := l.gap()
			h := l.logout(pdu.LogoutCloseSession, 0)
			l.Send(h, nil)
			l.quiet("no Logout Response before the command before it has arrived")
			f := l.fill(gap)
			l.answer(f, pdu.OpNOPIn, "the echo of the ping that fills the gap")
			l.answer(h, pdu.OpLogoutResponse, "the Logout Response")
			l.Closed("the end of the connection")
		},
	}, {
		ID: "rfc7143/11.15.1/0a", Title: "a CID that does not exist",
		Rule: "Logout Response 1 says that the CID was not found.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.logout(pdu.LogoutCloseConnection, l.CID+100)
			l.Send(h, nil)
			l.code(h, pdu.LogoutResponseCIDNotFound)
			l.ping()
		},
	}, {
		ID: "rfc7143/11.15.1/0b", Title: "removal for recovery at ErrorRecoveryLevel 0",
		Rule: "Logout Response 2 says that connection recovery is not supported, as ErrorRecoveryLevel indicates.",
		Run: func(t *conform.T) {
			l := open(t)
			l.needs(l.param("ErrorRecoveryLevel") < 2, "the session has ErrorRecoveryLevel 2")
			h := l.logout(pdu.LogoutRemoveConnectionForRecovery, l.CID)
			l.Send(h, nil)
			l.code(h, pdu.LogoutResponseRecoveryNotSupported)
		},
	}, {
		ID: "rfc7143/11/3" + conform.Letters(61), Title: "a reserved logout reason", Also: []string{"rfc7143/11.14.1/0"},
		Rule: "A reserved code value in a defined field is reported as a protocol error.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.logout(0x35, l.CID)
			l.Send(h, nil)
			l.refused("a Reject, a response that is no success, or the end of the connection", func(p *conform.PDU) bool {
				return p.Opcode() == pdu.OpLogoutResponse && p.Logout().Response() != pdu.LogoutResponseSuccess
			})
		},
	}, {
		ID: "rfc7143/11.14/3a", Title: "a logout while a write waits for its data", Needs: writing, Also: []string{"rfc7143/11.14.5/0", "rfc7143/7.6/0"},
		Rule: "A logout that closes the connection terminates its pending commands, which are not answered any more.",
		Run: func(t *conform.T) {
			l := solicited(t)
			h := l.write(0, 1)
			l.Send(h.BHS(), nil)
			l.r2t(h)
			l.leave(l.logout(pdu.LogoutCloseSession, 0))
		},
	}, {
		ID: "rfc7143/11.14/3b", Title: "an immediate logout over a gap", Also: []string{"rfc7143/11.14/0"},
		Rule: "A logout that closes the session terminates pending commands, acknowledged or not.",
		Run: func(t *conform.T) {
			l := open(t)
			l.gap()
			l.Send(l.nop(false), nil) // waits for ever
			h := l.logout(pdu.LogoutCloseSession, 0)
			h.SetImmediate(true)
			l.leave(h)
		},
	}, {
		ID: "rfc7143/4.2.6/0", Title: "an initiator that just closes the connection",
		Rule: "A connection may end by a transport shutdown; the target lives with that.",
		Run: func(t *conform.T) {
			for range 4 {
				l := open(t)
				l.ping()
				l.Close()
			}
		},
	}}
}

// code expects a Logout Response with a code.
func (l *link) code(h *pdu.BHS, want pdu.LogoutResponseCode) {
	p := l.answer(h, pdu.OpLogoutResponse, "the Logout Response")
	l.t.Want(p.Logout().Response() == want, fmt.Sprintf("response %d", want), "%v", p)
}

// leave sends a Logout Request that must succeed, after which the target closes the connection.
func (l *link) leave(h *pdu.BHS) {
	l.Send(h, nil)
	l.code(h, pdu.LogoutResponseSuccess)
	l.Closed("the end of the connection")
}

// rejects has the cases of Reject and SNACK at ErrorRecoveryLevel 0 (RFC 7143, 11.16, 11.17).
func rejects() (cases []conform.Case) {
	for i, c := range []struct {
		typ  pdu.SNACKType
		name string
	}{
		{pdu.SNACKDataR2T, "Data/R2T SNACK"}, {pdu.SNACKStatus, "Status SNACK"}, {pdu.SNACKDataACK, "DataACK"}, {pdu.SNACKRData, "R-Data SNACK"},
		{4, "SNACK of the reserved type 4"}, {15, "SNACK of the reserved type 15"},
	} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11.16/7" + conform.Letters(i), Title: "a " + c.name + " of what was not sent",
			Rule: "A SNACK that requests what was not sent, or was acknowledged, is rejected.", Groups: []conform.Group{conform.ER},
			Run: func(t *conform.T) {
				l := open(t)
				l.atERL0()
				h := l.snack(c.typ)
				s := (*pdu.SNACKRequest)(h)
				s.SetBegRun(5)
				s.SetRunLength(1)
				switch c.typ {
				case pdu.SNACKDataR2T:
					h.SetITT(l.nextITT())
				case pdu.SNACKRData:
					h.SetITT(l.nextITT())
					s.SetTTT(7) // SNACK Tag
					s.SetBegRun(0)
					s.SetRunLength(0)
				}
				l.Send(h, nil)
				l.mustRefuse("a Reject, or the end of the connection")
			},
		})
	}
	// rejected provokes a Reject.
	rejected := func(t *conform.T) (*link, *pdu.BHS, *conform.PDU) {
		l := open(t)
		h, p := l.rejected()
		return l, h, p
	}
	return append(cases, []conform.Case{{
		ID: "rfc7143/11.17.4/0", Title: "the header in a Reject", Also: []string{"rfc7143/4.6.3.5/0"},
		Rule: "A Reject has the complete header of the rejected PDU as its data.",
		Run: func(t *conform.T) {
			l, h, p := rejected(t)
			l.t.Want(len(p.Data) >= pdu.BHSLen, "at least 48 bytes of data", "%d", len(p.Data))
			l.same("the header of the rejected PDU", p.Data[:pdu.BHSLen], h[:])
		},
	}, {
		ID: "rfc7143/11.17.1/2", Title: "the reason of a Reject", Also: []string{"rfc7143/11.17.1/1"},
		Rule: "Reason 0x0b is deprecated; reasons beyond 0x0c are unassigned.",
		Run: func(t *conform.T) {
			l, _, p := rejected(t)
			r := p.Reject().Reason()
			l.t.Want(r >= 0x02 && r <= 0x0c && r != 0x0b, "a reason of the table", "0x%02x", byte(r))
		},
	}, {
		ID: "rfc7143/11.17/0", Title: "the tag of a Reject", Also: []string{"rfc7143/11.17.2/0"},
		Rule: "The Initiator Task Tag of a Reject is 0xffffffff.",
		Run: func(t *conform.T) {
			l, _, p := rejected(t)
			l.equal("Initiator Task Tag", p.ITT(), pdu.ReservedTag)
		},
	}, {
		ID: "rfc7143/7.3/0", Title: "a Reject ends nothing else", Needs: conform.Unit,
		Rule: "A Reject of a PDU that is no command does not end tasks.",
		Run: func(t *conform.T) {
			l := open(t)
			gap := l.gap()
			h := l.scsi(inquiry(36), 36, 0)
			l.Send(h.BHS(), nil)
			l.rejected()
			f := l.fill(gap)
			l.answer(f, pdu.OpNOPIn, "the ping echo")
			l.good(l.finish(h, nil))
		},
	}}...)
}
