package session

import (
	"strconv"

	"github.com/ringtgt/ringtgt/pdu"
)

// textNegotiation is the Text exchange of a connection: "an initiator MUST NOT have more than one outstanding Text Request
// on a connection at any given time" (RFC 7143, 11.10).
type textNegotiation struct {
	itt, ttt uint32 // of the exchange that goes on; ttt 0: none
	gather   []byte // text of requests with the C bit so far
	rest     []byte // of the answer, still to be sent
}

// textReply is the Text Response of one request.
type textReply struct {
	data        []byte
	final, more bool
	ttt         uint32
}

// judge looks at a Text Request's header; 0 means that it is welcome.
func (x *textNegotiation) judge(h *pdu.TextRequest) pdu.RejectReason {
	switch {
	case h.Final() && h.Continue():
		return pdu.RejectProtocolError // 11.10.2
	case h.TTT() == pdu.ReservedTag:
		return 0 // a new exchange: what was negotiated before is reset (11.10.4)
	case x.ttt == 0 || h.TTT() != x.ttt || h.ITT() != x.itt:
		return pdu.RejectInvalidPDUField
	}
	return 0
}

// textTurn carries a Text Request out (11.10).
func (c *Conn) textTurn(t *Task) {
	x := &c.txt
	h := (*pdu.TextRequest)(&t.st.ctl.h)
	if h.TTT() == pdu.ReservedTag {
		*x = textNegotiation{itt: h.ITT()}
	}
	r := &t.st.ctl.reply
	data := t.st.ctl.data
	switch {
	case len(x.gather)+len(data) > maxText:
		*x = textNegotiation{}
		c.free(t)
		c.reject(pdu.RejectLongOperation, h.BHS())
		return
	case h.Continue():
		// The pieces are gathered, each answered by an empty response (6.2).
		x.gather = append(x.gather, data...)
	case len(x.rest) > 0 && len(data) == 0:
		// Asks for the next piece of the answer.
	default:
		text := append(x.gather, data...)
		x.gather = nil
		kvs, err := pdu.ParseText(text, maxKeys)
		if err != nil {
			*x = textNegotiation{}
			c.free(t)
			c.reject(pdu.RejectProtocolError, h.BHS())
			return
		}
		x.rest = c.textKeys(kvs)
	}
	if !h.Continue() {
		n := min(len(x.rest), int(c.cp.MaxXmitDataSegmentLength), maxPiece)
		if n > 0 {
			if r.data = c.host.Memory(n); r.data == nil {
				*x = textNegotiation{}
				c.free(t)
				c.reject(pdu.RejectLongOperation, h.BHS())
				return
			}
			copy(r.data, x.rest)
			x.rest = x.rest[n:]
		}
		r.more = len(x.rest) > 0
		r.final = h.Final() && !r.more
	}
	r.ttt = pdu.ReservedTag
	if r.final {
		*x = textNegotiation{}
	} else {
		x.ttt = c.newTTT()
		r.ttt = x.ttt
	}
	c.answer(t)
}

// textResponse makes the Text Response (11.11).
func (c *Conn) textResponse(t *Task, ev *Event) {
	r := &t.st.ctl.reply
	ev.Kind = Send
	ev.Data = r.data
	h := (*pdu.TextResponse)(&ev.Header)
	h.BHS().Init(pdu.OpTextResponse)
	h.BHS().SetDataLen(len(r.data))
	h.SetFinal(r.final)
	h.SetContinue(r.more)
	h.SetITT(t.ITT)
	h.SetTTT(r.ttt)
	c.last(t, ev)
}

// textKeys answers the keys of a Text exchange: those whose use is not limited to login (13).
func (c *Conn) textKeys(kvs []pdu.KeyValue) []byte {
	var out []byte
	for _, kv := range kvs {
		switch kv.Key {
		case "SendTargets":
			out = c.node.sendTargets(out, c, kv.Value)
		case "MaxRecvDataSegmentLength":
			// Declarative, and in force for what is sent from now on (13.12).
			n, err := strconv.ParseUint(kv.Value, 0, 32)
			if err != nil || n < 512 || n > 1<<24-1 {
				out = pdu.AppendText(out, kv.Key, "Reject")
				break
			}
			c.cp.MaxXmitDataSegmentLength = uint32(n)
		case "InitiatorAlias":
		default:
			if knownKey(kv.Key) {
				out = pdu.AppendText(out, kv.Key, "Reject") // negotiable at login only
			} else {
				out = pdu.AppendText(out, kv.Key, "NotUnderstood")
			}
		}
	}
	return out
}
