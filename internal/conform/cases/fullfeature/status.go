package fullfeature

import (
	"github.com/ringtgt/ringtgt/internal/conform"
)

// status has the cases of StatSN (RFC 7143, 4.2.2.2, 11.4.9).
func status() []conform.Case {
	const rule = "StatSN is incremented by 1 for every response sent on a connection."
	return []conform.Case{{
		ID: "rfc7143/4.2.2.2/3", Title: "StatSN goes on from the login",
		Rule: "Status numbering starts with the Login Response to the first Login Request; targets support it.",
		Run: func(t *conform.T) {
			l := open(t)
			want := l.ExpStatSN
			l.equal("StatSN", l.ping().StatSN(), want)
		},
	}, {
		ID: "rfc7143/11.4.9/0a", Title: "StatSN of ping echoes", Rule: rule,
		Run: func(t *conform.T) {
			l := open(t)
			for range 8 {
				want := l.ExpStatSN
				l.equal("StatSN", l.ping().StatSN(), want)
			}
		},
	}, {
		ID: "rfc7143/11.4.9/0b", Title: "StatSN of responses of all kinds", Rule: rule, Needs: conform.Unit,
		Run: func(t *conform.T) {
			l := open(t)
			for _, step := range []func() *conform.PDU{
				func() *conform.PDU { return l.run(testUnitReady, 0).End },
				func() *conform.PDU { return l.run(inquiry(36), 36).End },
				func() *conform.PDU { return l.manage(l.abort(l.nextITT(), l.Session.CmdSN-1)) },
				func() *conform.PDU { return l.run(unassigned, 0).End },
				l.ping,
			} {
				want := l.ExpStatSN
				p := step()
				l.equal("StatSN of "+p.Opcode().String(), p.StatSN(), want)
			}
		},
	}, {
		ID: "rfc7143/11.17.3/0", Title: "StatSN advances after a Reject",
		Rule: "StatSN, ExpCmdSN and MaxCmdSN of a Reject carry their usual values; StatSN is advanced after it.",
		Run: func(t *conform.T) {
			l := open(t)
			want := l.ExpStatSN
			_, p := l.rejected()
			l.equal("StatSN of the Reject", p.StatSN(), want)
			l.equal("ExpCmdSN of the Reject", p.ExpCmdSN(), l.Session.CmdSN)
			l.equal("StatSN after the Reject", l.ping().StatSN(), want+1)
		},
	}, {
		ID: "rfc7143/4.2.2.2/0a", Title: "Data-In without status uses up no StatSN", Needs: conform.Unit,
		Rule: "Only responses are numbered by StatSN; data is numbered by DataSN.",
		Run: func(t *conform.T) {
			l := open(t, "MaxRecvDataSegmentLength", "512")
			want := l.ExpStatSN
			r := l.read(0, l.blocks(4096))
			l.equal("StatSN of the status after several Data-In PDUs", r.End.StatSN(), want)
			l.equal("StatSN after it", l.ping().StatSN(), want+1)
		},
	}, {
		ID: "rfc7143/11.8.3/0", Title: "an R2T uses up no StatSN", Needs: conform.Unit | conform.Writes,
		Rule: "The StatSN field of an R2T contains the next StatSN, which is not advanced.",
		Run: func(t *conform.T) {
			l := open(t, "InitialR2T", "Yes", "ImmediateData", "No")
			want := l.ExpStatSN
			h := l.write(0, 1)
			l.Send(h.BHS(), nil)
			r := l.finish(h, l.pattern(l.unit().Block))
			l.good(r)
			for _, p := range r.R2T {
				l.equal("StatSN of the R2T", p.StatSN(), want)
			}
			l.equal("StatSN of the status", r.End.StatSN(), want)
		},
	}, {
		ID: "rfc7143/4.2.2.2/0b", Title: "StatSN is of the connection", Needs: conform.Several, Groups: []conform.Group{conform.MC},
		Rule: "StatSN is a counter of each connection.",
		Run: func(t *conform.T) {
			links := several(t, 2)
			a, b := links[0], links[1]
			for range 3 {
				want := a.ExpStatSN
				a.equal("StatSN of the first connection", a.ping().StatSN(), want)
			}
			want := b.ExpStatSN
			b.equal("StatSN of the second connection", b.ping().StatSN(), want)
		},
	}, {
		ID: "rfc7143/11.3.3/0", Title: "requests that acknowledge late", Needs: conform.Unit,
		Rule: "ExpStatSN acknowledges the responses before it; nothing asks an initiator to acknowledge at once.",
		Run: func(t *conform.T) {
			l := open(t)
			stale := l.ExpStatSN
			for range 8 {
				l.ExpStatSN = stale
				l.good(l.run(testUnitReady, 0))
			}
		},
	}}
}
