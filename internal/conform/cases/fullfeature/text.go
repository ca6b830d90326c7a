package fullfeature

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// probe is a text that any target answers: with NotUnderstood.
const probe = "X-ringtgt.conform=1\x00"

// texts has the cases of Text Requests in full feature phase (RFC 7143, 6.4, 11.10, 11.11).
func texts() (cases []conform.Case) {
	const gathered = "X-a=1\x00X-bb=22\x00"
	for i := 1; i < len(gathered); i++ {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11.10.2/0" + conform.Letters(i-1), Title: fmt.Sprintf("a text that is cut after %d bytes", i),
			Rule: "With the C bit a text continues in the next request, also in the middle of a key or value.", Also: []string{"rfc7143/11.10.5/0"},
			Run: func(t *conform.T) {
				l := open(t)
				p := l.continued(gathered[:i], gathered[i:])
				l.wantKeys(p, "X-a", "X-bb")
			},
		})
	}
	cases = append(cases, textBits()...)
	return append(cases, textFaults()...)
}

// continued sends a text in pieces, all but the last with the C bit, and returns the answer to the last.
func (l *link) continued(pieces ...string) (p *conform.PDU) {
	ttt, itt := uint32(pdu.ReservedTag), l.nextITT()
	for i, piece := range pieces {
		last := i == len(pieces)-1
		h := l.textRequest()
		h.SetITT(itt)
		h.SetFinal(last)
		q := (*pdu.TextRequest)(h)
		q.SetContinue(!last)
		q.SetTTT(ttt)
		if p != nil {
			h.SetLUN(p.LUN())
		}
		l.Send(h, []byte(piece))
		p = l.answer(h, pdu.OpTextResponse, "the Text Response")
		if r := p.Text(); !last {
			l.t.Want(!r.Final() && len(p.Data) == 0, "an empty Text Response without the F bit", "F is %v, %d bytes", r.Final(), len(p.Data))
			ttt = r.TTT()
			l.t.Want(ttt != pdu.ReservedTag, "a Target Transfer Tag", "0xffffffff")
		}
	}
	return p
}

// wantKeys expects answers to keys that no target understands.
func (l *link) wantKeys(p *conform.PDU, keys ...string) {
	got, err := p.Keys()
	l.t.Want(err == nil, "well-formed text", "%v", err)
	for _, k := range keys {
		found := false
		for _, kv := range got {
			found = found || kv.Key == k && kv.Value == "NotUnderstood"
		}
		l.t.Want(found, k+"=NotUnderstood", "%q", p.Data)
	}
}

// textBits has the cases of the fields of text PDUs.
func textBits() []conform.Case {
	return []conform.Case{{
		ID: "rfc7143/11.11.1/2", Title: "a whole text", Also: []string{"rfc7143/11.11.4/2", "rfc7143/11.11.1/1", "rfc7143/11.11.3/0", "rfc7143/11.11.4/0", "rfc7143/6.2/5"},
		Rule: "A Text Response with the F bit has the Target Transfer Tag 0xffffffff.",
		Run: func(t *conform.T) {
			l := open(t)
			p := l.text(probe)
			l.wantKeys(p, "X-ringtgt.conform")
			l.t.Want(!p.Text().Continue(), "no C bit", "flags 0x%02x", p.Flags())
			l.t.Want(p.Final() == (p.Text().TTT() == pdu.ReservedTag), "the F bit or a Target Transfer Tag", "flags 0x%02x, tag 0x%08x", p.Flags(), p.Text().TTT())
			l.quiet("no second Text Response")
		},
	}, {
		ID: "rfc7143/11.11.1/3", Title: "a request without the F bit", Also: []string{"rfc7143/11.11.4/1", "rfc7143/11.10.4/1", "rfc7143/6.4/0", "rfc7143/11.11.1/0"},
		Rule: "The answer to a request without the F bit has no F bit, and a Target Transfer Tag.",
		Run: func(t *conform.T) {
			l := open(t)
			p := l.exchange(pdu.ReservedTag, l.nextITT(), false, probe)
			l.t.Want(!p.Final(), "a Text Response without the F bit", "it has F")
			ttt := p.Text().TTT()
			l.t.Want(ttt != pdu.ReservedTag, "a Target Transfer Tag", "0xffffffff")
			p = l.exchange(ttt, p.ITT(), true, "")
			l.t.Want(p.Final() && p.Text().TTT() == pdu.ReservedTag, "the F bit and tag 0xffffffff", "flags 0x%02x, tag 0x%08x", p.Flags(), p.Text().TTT())
		},
	}, {
		ID: "rfc7143/11.10.4/0", Title: "a new text instead of the rest", Also: []string{"rfc7143/11.11.4/0"},
		Rule: "A request with Target Transfer Tag 0xffffffff is a new one: what was gathered before is dropped.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.textRequest()
			h.SetFinal(false)
			(*pdu.TextRequest)(h).SetContinue(true)
			l.Send(h, []byte("X-half"))
			l.answer(h, pdu.OpTextResponse, "the Text Response")
			l.wantKeys(l.exchange(pdu.ReservedTag, h.ITT(), true, probe), "X-ringtgt.conform")
		},
	}, {
		ID: "rfc7143/11.11.5/0", Title: "text responses one after the other",
		Rule: "StatSN is advanced by each Text Response.",
		Run: func(t *conform.T) {
			l := open(t)
			for range 4 {
				want := l.ExpStatSN
				l.equal("StatSN", l.text(probe).StatSN(), want)
			}
		},
	}, {
		ID: "rfc7143/6.4/3", Title: "an empty text", Level: conform.Should, Also: []string{"rfc7143/11.9.1/5"},
		Rule: "The answer to an empty text is not empty without the F bit.",
		Run: func(t *conform.T) {
			l := open(t)
			p := l.text("")
			l.t.Want(p.Final() && len(p.Data) == 0, "an empty Text Response with the F bit", "flags 0x%02x, %d bytes", p.Flags(), len(p.Data))
		},
	}, {
		ID: "rfc7143/11.10/0", Title: "an immediate text",
		Rule: "A Text Request may be marked for immediate delivery; it uses up no CmdSN then.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.New(pdu.OpTextRequest, true)
			l.Send(h, []byte(probe))
			p := l.answer(h, pdu.OpTextResponse, "the Text Response")
			l.equal("ExpCmdSN", p.ExpCmdSN(), l.Session.CmdSN)
		},
	}, {
		ID: "rfc7143/11.11.6/1", Title: "a response longer than the initiator takes", Also: []string{"rfc7143/11.11.2/1", "rfc7143/11.10.4/3", "rfc7143/6.2/1"},
		Rule: "Text Responses do not exceed the initiator's MaxRecvDataSegmentLength; with the C bit they have no F bit.",
		Run: func(t *conform.T) {
			l := open(t, "MaxRecvDataSegmentLength", "512")
			var b strings.Builder
			for i := range 60 {
				fmt.Fprintf(&b, "X-key%02d=1\x00", i)
			}
			l.takes(b.Len())
			p := l.exchange(pdu.ReservedTag, l.nextITT(), true, b.String())
			all := append([]byte(nil), p.Data...)
			for range 16 {
				l.t.Want(p.DataLen() <= 512, "at most 512 bytes", "%d", p.DataLen())
				l.t.Want(!p.Text().Continue() || !p.Final(), "no F bit beside the C bit", "both")
				if p.Final() {
					break
				}
				p = l.exchange(p.Text().TTT(), p.ITT(), true, "")
				all = append(all, p.Data...)
			}
			l.t.Want(p.Final(), "the F bit at last", "none in 16 responses")
			p.Data = all
			l.wantKeys(p, "X-key00", "X-key31", "X-key59")
		},
	}, {
		ID: "rfc7143/13.12/0a", Title: "MaxRecvDataSegmentLength declared in full feature phase", Needs: conform.Unit,
		Rule: "MaxRecvDataSegmentLength may be declared at any time; it holds once the negotiation is complete.",
		Run: func(t *conform.T) {
			l := open(t, "MaxRecvDataSegmentLength", "8192")
			l.text("MaxRecvDataSegmentLength=1024\x00")
			n := l.blocks(8192)
			r := l.read(0, n)
			l.sound(r, n*l.unit().Block)
			for _, p := range r.In {
				l.t.Want(p.DataLen() <= 1024, "data segments of at most 1024 bytes", "%d", p.DataLen())
			}
		},
	}, {
		ID: "rfc7143/6.4/0b", Title: "MaxRecvDataSegmentLength before the negotiation is complete", Needs: conform.Unit, Also: []string{"rfc7143/6.2/16"},
		Rule: "What a text negotiates becomes effective only after the negotiation is complete.",
		Run: func(t *conform.T) {
			l := open(t, "MaxRecvDataSegmentLength", "512")
			p := l.exchange(pdu.ReservedTag, l.nextITT(), false, "MaxRecvDataSegmentLength=8192\x00")
			n := l.blocks(8192)
			for _, p := range l.read(0, n).In {
				l.t.Want(p.DataLen() <= 512, "data segments of at most 512 bytes", "%d", p.DataLen())
			}
			l.exchange(p.Text().TTT(), p.ITT(), true, "")
		},
	}, {
		ID: "rfc7143/11.10.3/0", Title: "SCSI commands between the requests of a text", Needs: conform.Unit,
		Rule: "A text negotiation is a task beside others.",
		Run: func(t *conform.T) {
			l := open(t)
			p := l.exchange(pdu.ReservedTag, l.nextITT(), false, probe)
			l.good(l.run(testUnitReady, 0))
			l.good(l.run(inquiry(36), 36))
			p = l.exchange(p.Text().TTT(), p.ITT(), true, "X-more=1\x00")
			l.wantKeys(p, "X-more")
		},
	}}
}

// exchange sends one request of a text.
func (l *link) exchange(ttt, itt uint32, final bool, keys string) *conform.PDU {
	h := l.textRequest()
	h.SetITT(itt)
	h.SetFinal(final)
	(*pdu.TextRequest)(h).SetTTT(ttt)
	l.Send(h, []byte(keys))
	return l.answer(h, pdu.OpTextResponse, "the Text Response")
}

// textFaults has the cases of texts that break a rule.
func textFaults() (cases []conform.Case) {
	for i, c := range []struct{ title, text string }{
		{"a key without =", "X-a\x00"},
		{"a key without a name", "=1\x00"},
		{"a text without a final null", "X-a=1"},
		{"a key of 300 bytes", strings.Repeat("X", 300) + "=1\x00"},
		{"only nulls", "\x00\x00\x00\x00"},
		{"bytes that are no text", "\xff\xfe\x80\x81=\xc0\x00"},
		{"a login key that cannot change", "MaxConnections=8\x00"},
		{"a digest that cannot change", "HeaderDigest=CRC32C\x00"},
		{"a MaxRecvDataSegmentLength of 0", "MaxRecvDataSegmentLength=0\x00"},
		{"a MaxRecvDataSegmentLength of words", "MaxRecvDataSegmentLength=plenty\x00"},
	} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/7.12/0" + conform.Letters(i), Title: c.title, Level: conform.Should, Needs: conform.Unit,
			Rule: "A failed negotiation changes nothing; the session works as before.", Also: []string{"rfc7143/7.12/3", "rfc7143/6.1/0"},
			Run: func(t *conform.T) {
				l := open(t)
				h := l.textRequest()
				l.Send(h, []byte(c.text))
				o := l.refused("a Text Response, a Reject, or the end of the connection", func(p *conform.PDU) bool { return p.Opcode() == pdu.OpTextResponse })
				if o.Closed {
					return
				}
				l.Session.CmdSN = l.ping().ExpCmdSN()
				n := l.blocks(8192)
				l.sound(l.read(0, n), n*l.unit().Block)
			},
		})
	}
	return append(cases, []conform.Case{{
		ID: "rfc7143/6.3/6", Title: "AuthMethod after the login",
		Rule: "Security keys are negotiated within the login: in full feature phase no method is chosen.",
		Run: func(t *conform.T) {
			l := open(t)
			l.Send(l.textRequest(), []byte("AuthMethod=CHAP,None\x00"))
			l.refused("a Reject, no method in a Text Response, or the end of the connection", func(p *conform.PDU) bool {
				keys, err := p.Keys()
				return p.Opcode() == pdu.OpTextResponse && err == nil && !slices.ContainsFunc(keys, func(kv pdu.KeyValue) bool {
					return kv.Key == "AuthMethod" && (kv.Value == "CHAP" || kv.Value == "None")
				})
			})
		},
	}, {
		ID: "rfc7143/6.4/6", Title: "a key twice", Also: []string{"rfc7143/11.17.1/0"},
		Rule: "A parameter that is declared or negotiated twice in a sequence is answered by a Reject with reason Protocol Error.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.textRequest()
			l.Send(h, []byte("MaxRecvDataSegmentLength=8192\x00MaxRecvDataSegmentLength=8192\x00"))
			p := l.Expect(pdu.OpReject, "a Reject with reason Protocol Error")
			l.equal("reason", uint32(p.Reject().Reason()), uint32(pdu.RejectProtocolError))
		},
	}, {
		ID: "rfc7143/7.12/4", Title: "a failed negotiation has no effect", Needs: conform.Unit, Also: []string{"rfc7143/7.12/3", "rfc7143/7.12/5", "rfc7143/6.2/16"},
		Rule: "After a failure the parameters stay as agreed before; partial results do not take effect.",
		Run: func(t *conform.T) {
			l := open(t, "MaxRecvDataSegmentLength", "512")
			h := l.textRequest()
			l.Send(h, []byte("MaxRecvDataSegmentLength=8192\x00MaxRecvDataSegmentLength=8192\x00"))
			if o := l.refused("a Reject", nothing); o.Closed {
				t.Skip("the target closes the connection")
			}
			l.Session.CmdSN = l.ping().ExpCmdSN()
			n := l.blocks(8192)
			for _, p := range l.read(0, n).In {
				l.t.Want(p.DataLen() <= 512, "data segments of at most 512 bytes", "%d", p.DataLen())
			}
		},
	}, {
		ID: "rfc7143/7.3/2", Title: "the CmdSN of a rejected request", Also: []string{"rfc7143/7.3/3"},
		Rule: "The CmdSN of a rejected command is not considered received: the initiator uses it again.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.textRequest()
			sn := (*pdu.TextRequest)(h).CmdSN()
			l.Send(h, []byte("X-a=1\x00X-a=1\x00"))
			o := l.Outcome()
			if o.Closed || o.PDU != nil && o.PDU.Opcode() == pdu.OpTextResponse {
				t.Skip("the target rejects no Text Request: %v", o)
			}
			l.t.Want(o.PDU != nil && o.PDU.Opcode() == pdu.OpReject, "a Reject", "%v", o)
			l.equal("ExpCmdSN", l.ping().ExpCmdSN(), sn)
			l.all("the echo of a ping with the CmdSN of the rejected request", l.fill(sn))
		},
	}, {
		ID: "rfc7143/11.10.2/1", Title: "the C and the F bit", Level: conform.Should,
		Rule: "A Text Request with the C bit has no F bit.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.textRequest()
			(*pdu.TextRequest)(h).SetContinue(true)
			l.Send(h, []byte(probe))
			l.mayIgnore("a Reject, or the end of the connection")
		},
	}, {
		ID: "rfc7143/11.11.4/0a", Title: "a Target Transfer Tag that was not given", Level: conform.Should, Also: []string{"rfc7143/11.17.1/0"},
		Rule: "A Text Request with a stale or invented Target Transfer Tag is rejected.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.textRequest()
			(*pdu.TextRequest)(h).SetTTT(0x1234)
			l.Send(h, []byte(probe))
			l.mustRefuse("a Reject, or the end of the connection")
		},
	}, {
		ID: "rfc7143/11.10.3/1", Title: "a Target Transfer Tag with another Initiator Task Tag", Level: conform.Should,
		Rule: "All requests of a sequence have the same Initiator Task Tag.",
		Run: func(t *conform.T) {
			l := open(t)
			p := l.exchange(pdu.ReservedTag, l.nextITT(), false, probe)
			h := l.textRequest()
			(*pdu.TextRequest)(h).SetTTT(p.Text().TTT())
			l.Send(h, []byte(probe))
			l.mustRefuse("a Reject, or the end of the connection")
		},
	}}...)
}
