package fullfeature

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// withDigests begins a session with the digests.
func withDigests(t *conform.T, header, data bool, keys ...string) *link {
	offer := map[bool]string{true: "CRC32C", false: "None"}
	l := open(t, append([]string{"HeaderDigest", offer[header], "DataDigest", offer[data]}, keys...)...)
	l.needs(l.Digests.Header == header && l.Digests.Data == data, "the target makes it other digests")
	return l
}

// digestNeeds is what a case with digests needs.
func digestNeeds(header, data bool) (n conform.Needs) {
	if header {
		n |= conform.HeaderDigest
	}
	if data {
		n |= conform.DataDigest
	}
	return n
}

// digests has the cases of header and data digests (RFC 7143, 7.8, 11.2.3, 13.1). That those of the target are right is checked as
// each PDU comes.
func digests() (cases []conform.Case) {
	for i, c := range []struct {
		name         string
		header, data bool
	}{{"header", true, false}, {"data", false, true}, {"both", true, true}} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/13.1/2" + conform.Letters(i), Title: "PDUs of all kinds with digests: " + c.name, Needs: conform.Unit | digestNeeds(c.header, c.data),
			Rule: "A digest that was agreed on is used for every PDU of full feature phase.", Also: []string{"rfc7143/13.1/1", "rfc7143/13.1/4", "rfc7143/11.2.3/0"},
			Groups: []conform.Group{conform.Digest},
			Run: func(t *conform.T) {
				l := withDigests(t, c.header, c.data)
				for n := range 9 {
					h, data := l.nop(false), l.pattern(n)
					l.Send(h, data)
					l.same("the echoed data", l.answer(h, pdu.OpNOPIn, "the ping echo").Data, data)
				}
				l.good(l.run(testUnitReady, 0))
				l.good(l.run(inquiry(5), 5))
				n := l.blocks(16 << 10)
				l.sound(l.read(0, n), n*l.unit().Block)
				l.run(unassigned, 0)
				l.text(probe)
				l.manage(l.abort(l.nextITT(), l.Session.CmdSN-1))
				l.leave(l.logout(pdu.LogoutCloseSession, 0))
			},
		}, conform.Case{
			ID: "rfc7143/13.1/2" + conform.Letters(i+3), Title: "a write with digests: " + c.name, Needs: writing | digestNeeds(c.header, c.data),
			Rule: "A digest that was agreed on is used for every PDU of full feature phase.", Groups: []conform.Group{conform.Digest},
			Run: func(t *conform.T) {
				l := withDigests(t, c.header, c.data, "MaxBurstLength", "4096", "FirstBurstLength", "1024", "InitialR2T", "No", "ImmediateData", "Yes")
				tr := transfer{initialR2T: l.yes("InitialR2T"), most: 1000, immediate: 512}
				if !l.yes("ImmediateData") {
					tr.immediate = 0
				}
				n := l.blocks(16 << 10)
				data := l.pattern(n * l.unit().Block)
				l.good(tr.send(l, l.write(0, n), data))
				l.holds(0, data)
			},
		})
	}
	for i, c := range []struct {
		name string
		make func(l *link) *pdu.BHS
	}{
		{"NOP-Out", func(l *link) *pdu.BHS { return l.nop(false) }},
		{"immediate NOP-Out", func(l *link) *pdu.BHS { return l.nop(true) }},
		{"SCSI Command", func(l *link) *pdu.BHS { return l.scsi(testUnitReady, 0, 0).BHS() }},
		{"Task Management Function Request", func(l *link) *pdu.BHS { return l.tmf(pdu.TMFAbortTaskSet, true).BHS() }},
		{"Text Request", func(l *link) *pdu.BHS { return l.textRequest() }},
		{"Logout Request", func(l *link) *pdu.BHS { return l.logout(pdu.LogoutCloseSession, 0) }},
	} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/7.8/1" + conform.Letters(i), Title: "a broken header digest: " + c.name, Needs: conform.Unit | conform.HeaderDigest,
			Rule: "A PDU with a header digest error is discarded, or the connection is closed.", Groups: []conform.Group{conform.Digest},
			Run: func(t *conform.T) {
				l := withDigests(t, true, false)
				sn := l.Session.CmdSN
				h := c.make(l)
				l.SendWith(conform.Options{BreakHeaderDigest: true}, h, nil)
				l.Session.CmdSN = sn
				n := l.nop(true)
				l.Send(n, nil)
				if o := l.Outcome(); o.PDU != nil {
					l.t.Want(o.PDU.Opcode() == pdu.OpNOPIn && o.PDU.ITT() == n.ITT(), "the echo of the PDU after it, or the end of the connection", "%v", o)
				} else {
					l.t.Want(o.Closed, "the end of the connection", "%v", o)
				}
			},
		})
	}
	return append(append(cases, dataDigests()...), coverage()...)
}

// dataDigests has the cases of data digest errors.
func dataDigests() (cases []conform.Case) {
	const rule = "A PDU with a payload digest error is answered by a Reject with reason Data-Digest-Error, and discarded."
	for i, c := range []struct {
		name  string
		needs conform.Needs
		make  func(l *link) (*pdu.BHS, []byte)
	}{
		{"NOP-Out", 0, func(l *link) (*pdu.BHS, []byte) { return l.nop(false), l.pattern(16) }},
		{"immediate NOP-Out", 0, func(l *link) (*pdu.BHS, []byte) { return l.nop(true), l.pattern(7) }},
		{"Text Request", 0, func(l *link) (*pdu.BHS, []byte) { return l.textRequest(), []byte(probe) }},
		{"SCSI Command with immediate data", conform.Writes, func(l *link) (*pdu.BHS, []byte) {
			return l.write(0, 1).BHS(), l.pattern(l.unit().Block)
		}},
	} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/7.8/2" + conform.Letters(i), Title: "a broken data digest: " + c.name, Rule: rule, Also: []string{"rfc7143/7.3/2", "rfc7143/11.17.4/0"},
			Needs: conform.Unit | conform.DataDigest | c.needs, Groups: []conform.Group{conform.Digest},
			Run: func(t *conform.T) {
				l := withDigests(t, false, true, "ImmediateData", "Yes", "InitialR2T", "No")
				l.needs(c.needs == 0 || l.yes("ImmediateData"), "the target takes no immediate data")
				sn := l.Session.CmdSN
				h, data := c.make(l)
				l.SendWith(conform.Options{BreakDataDigest: true}, h, data)
				p := l.Expect(pdu.OpReject, "a Reject with reason Data-Digest-Error")
				l.equal("reason", uint32(p.Reject().Reason()), uint32(pdu.RejectDataDigestError))
				l.t.Want(len(p.Data) >= pdu.BHSLen, "the header of the PDU in the Reject", "%d bytes", len(p.Data))
				l.same("the header of the PDU in the Reject", p.Data[:pdu.BHSLen], h[:])
				l.Session.CmdSN = sn
				p = l.quiet("no other answer to the discarded PDU")
				l.equal("ExpCmdSN", p.ExpCmdSN(), sn)
				// The same PDU again, without the error, fills the gap.
				l.Send(h, data)
				if q := l.Recv("the answer to the retry"); q.ITT() != h.ITT() || q.Opcode() == pdu.OpReject {
					t.Fail("the answer to the retry", "%v", q)
				}
			},
		})
	}
	for i, last := range []bool{true, false} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/7.8/3" + conform.Letters(i), Title: fmt.Sprintf("a broken data digest: Data-Out with F %v", last), Needs: writing | conform.DataDigest,
			Rule: "After a digest error of Data-Out the target asks again, or ends the task with Protocol Service CRC error.",
			Also: []string{"rfc7143/7.8/2", "rfc7143/7.8/4", "rfc7143/11.17.1/4", "rfc7143/7.3/1"}, Groups: []conform.Group{conform.Digest},
			Run: func(t *conform.T) { brokenDataOut(t, last) },
		})
	}
	return cases
}

// brokenDataOut breaks the last of two Data-Out PDUs, or the one before it.
func brokenDataOut(t *conform.T, last bool) {
	l := withDigests(t, false, true, "InitialR2T", "Yes", "ImmediateData", "No")
	l.negotiated("InitialR2T", "Yes", "ImmediateData", "No")
	data := l.pattern(l.unit().Block)
	h := l.write(0, 1)
	l.Send(h.BHS(), nil)
	ttt, half := l.r2t(h).R2T().TTT(), len(data)/2
	l.SendWith(conform.Options{BreakDataDigest: !last}, l.dataOut(h, ttt, 0, 0, false), data[:half])
	rejected := func() {
		p := l.Expect(pdu.OpReject, "a Reject with reason Data-Digest-Error")
		l.equal("reason", uint32(p.Reject().Reason()), uint32(pdu.RejectDataDigestError))
	}
	if !last {
		rejected()
		if l.param("ErrorRecoveryLevel") == 0 {
			l.quiet("no response before the last Data-Out")
		}
	}
	l.SendWith(conform.Options{BreakDataDigest: last}, l.dataOut(h, ttt, 1, half, true), data[half:])
	if last {
		rejected()
	}
	r := l.finish(h, data)
	if r.Status == 0 {
		l.t.Want(len(r.R2T) > 0, "no GOOD status without a recovery R2T", "GOOD status")
		l.holds(0, data)
		return
	}
	l.sense(r, "CRC error detected", 0x0b, protocolCRC)
}

// coverage has the cases of what a digest covers.
func coverage() []conform.Case {
	return []conform.Case{{
		ID: "rfc7143/13.1/3", Title: "padding that is not zero under a data digest", Needs: conform.DataDigest, Groups: []conform.Group{conform.Digest},
		Rule: "Padding bytes are included in the CRC, whatever they are.",
		Run: func(t *conform.T) {
			l := withDigests(t, false, true)
			for n := 1; n < 4; n++ {
				h, data := l.nop(false), l.pattern(n)
				l.SendWith(conform.Options{Padding: 0xff}, h, data)
				l.same("the echoed data", l.answer(h, pdu.OpNOPIn, "the ping echo").Data, data)
			}
		},
	}, {
		ID: "rfc7143/11.2.3/0a", Title: "a header digest over additional header segments", Needs: conform.Unit | conform.HeaderDigest,
		Rule: "The header digest covers the header with its additional segments.", Groups: []conform.Group{conform.Digest},
		Run: func(t *conform.T) {
			l := withDigests(t, true, false)
			h := l.scsi(unassigned, 0, 0)
			l.SendWith(conform.Options{AHS: pdu.AppendExtendedCDB(nil, make([]byte, 16))}, h.BHS(), nil)
			l.t.Want(l.finish(h, nil).Status == 2, "CHECK CONDITION", "another status")
			l.good(l.run(testUnitReady, 0))
		},
	}, {
		ID: "rfc7143/11.2.3/0b", Title: "no data, no data digest", Needs: conform.Unit | conform.DataDigest, Groups: []conform.Group{conform.Digest},
		Rule: "A data segment of length 0 has no data digest.",
		Run: func(t *conform.T) {
			l := withDigests(t, false, true)
			for range 4 {
				l.ping()
				l.good(l.run(testUnitReady, 0))
			}
		},
	}}
}
