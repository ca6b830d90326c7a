package session

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// textNegotiation is the Text exchange of a connection: "an initiator MUST NOT have more than one outstanding Text Request
// on a connection at any given time" (RFC 7143, 11.10).
type textNegotiation struct {
	task     *Task      // the request that was accepted, until its response is sent
	itt, ttt uint32     // of the current exchange; ttt 0: none
	gather   []byte     // text of preceding requests with the C bit
	answer   textAnswer // the rest of the answer
	seen     keysSeen   // keys seen in the exchange
	// segment is the MaxRecvDataSegmentLength that the initiator declared in the exchange; 0: none. "Parameters negotiated by a
	// text exchange negotiation sequence only become effective after the negotiation sequence is completed" (6.4).
	segment uint32
}

// reset drops the exchange, but not a request that has not been answered yet.
func (x *textNegotiation) reset() { *x = textNegotiation{task: x.task} }

// textReply is the Text Response to one request.
type textReply struct {
	data        []byte // in the host's memory
	own         bool   // in Go memory, since the host had none
	final, more bool
	ttt         uint32
}

// textRequest is the result of checking a text on arrival.
type textRequest struct {
	keys pdu.Text
	seen keysSeen // the exchange's keys, including these
}

// judge checks the header of a Text Request, and returns why it is rejected, or 0.
func (x *textNegotiation) judge(h *pdu.TextRequest) pdu.RejectReason {
	fresh := h.TTT() == pdu.ReservedTag // a new exchange resets earlier negotiation (11.10.4)
	switch {
	case x.task != nil:
		return pdu.RejectProtocolError // one at a time
	case h.Final() && h.Continue():
		return pdu.RejectProtocolError // 11.10.2
	case !fresh && (x.ttt == 0 || h.TTT() != x.ttt || h.ITT() != x.itt):
		return pdu.RejectInvalidPDUField
	case !fresh && x.answer.pending() && (h.BHS().DataLen() > 0 || h.Continue()):
		// When asked to continue, the initiator "MUST answer with a Text or Login Request with no data segment" (6.2).
		return pdu.RejectProtocolError
	case h.BHS().DataLen() > maxText, !fresh && len(x.gather)+h.BHS().DataLen() > maxText:
		x.reset() // "a target may reset ... by answering a Text Request with a Reject PDU" (6.4)
		return pdu.RejectLongOperation
	}
	return 0
}

// arrived checks the text of a request before its CmdSN counts as received, because a rejected request's CmdSN does not (7.3). No
// other request can change the exchange until this one is answered: judge rejects it.
func (x *textNegotiation) arrived(ctl *ctlRequest) pdu.RejectReason {
	h := (*pdu.TextRequest)(&ctl.h)
	fresh := h.TTT() == pdu.ReservedTag
	if h.Continue() || !fresh && x.answer.pending() {
		return 0
	}
	text := ctl.data
	if !fresh && len(x.gather) > 0 {
		text = append(x.gather, text...)
	}
	keys, err := pdu.ReadText(text)
	var seen keysSeen
	if !fresh {
		seen = x.seen
		seen.others = slices.Clip(seen.others)
	}
	if err != nil || seen.add(keys, nil) != "" { // 6.4: the reason is the same
		x.reset()
		return pdu.RejectProtocolError
	}
	ctl.text = &textRequest{keys, seen}
	return 0
}

// execute carries out a Text Request (11.10); its response is then ready.
func (x *textNegotiation) execute(ctl *ctlRequest, conn textConn) {
	h := (*pdu.TextRequest)(&ctl.h)
	if h.TTT() == pdu.ReservedTag {
		x.reset()
		x.itt = h.ITT()
	}
	r := &ctl.reply
	switch {
	case h.Continue():
		// The pieces are gathered, each answered by an empty response (6.2).
		x.gather = append(x.gather, ctl.data...)
	default:
		if !x.answer.pending() {
			x.gather, x.seen = nil, ctl.text.seen
			x.keys(ctl.text.keys)
			ctl.text = nil // do not keep it while the response waits for an initiator that does not read
		}
		x.piece(r, conn)
		r.more = x.answer.pending()
		r.final = h.Final() && !r.more
	}
	r.ttt = pdu.ReservedTag
	if r.final {
		if x.segment != 0 {
			conn.params().MaxXmitDataSegmentLength = x.segment
		}
		x.reset()
	} else {
		x.ttt = conn.newTTT()
		r.ttt = x.ttt
	}
}

// keys starts the answer to the keys of an exchange.
func (x *textNegotiation) keys(keys pdu.Text) {
	if v, ok := keys.Get("MaxRecvDataSegmentLength"); ok {
		if n, ok := segmentLength(v); ok {
			x.segment = n
		}
	}
	x.answer = textAnswer{keys: keys}
}

// piece builds the next response, as long as the initiator's MaxRecvDataSegmentLength allows (13.12): libiscsi accepts only
// answers of one PDU. The request cannot be refused any more, since its CmdSN counts as received, so if memory is short the
// piece is shorter.
func (x *textNegotiation) piece(r *textReply, conn textConn) {
	most := min(int(conn.params().MaxXmitDataSegmentLength), maxTextPiece)
	if x.segment != 0 {
		most = min(most, int(x.segment))
	}
	who := conn.asker()
	look := x.answer
	n := look.advance(who, nil, most)
	for n > 0 {
		if r.data = conn.memory(n); r.data != nil {
			break
		}
		if n <= minSegment {
			r.data, r.own = make([]byte, n), true // at most one for each connection
			break
		}
		n = max(n/4, minSegment)
	}
	x.answer.advance(who, r.data[:0], n)
}

// response makes the Text Response (11.11).
func (r *textReply) response(itt uint32, ev *Event) {
	ev.Kind, ev.Data, ev.Keep = Send, r.data, r.own
	h := (*pdu.TextResponse)(&ev.Header)
	h.BHS().Init(pdu.OpTextResponse)
	h.BHS().SetDataLen(len(r.data))
	h.SetFinal(r.final)
	h.SetContinue(r.more)
	h.SetITT(itt)
	h.SetTTT(r.ttt)
}

// segmentLength parses a MaxRecvDataSegmentLength (13.12).
func segmentLength(value string) (uint32, bool) {
	row := findKey("MaxRecvDataSegmentLength")
	n, err := pdu.ParseNumber(value, row.lo, row.hi)
	return uint32(n), err == nil
}

// textAnswer generates an answer piece by piece, and stores only its position, however long the answer is.
type textAnswer struct {
	keys    pdu.Text // keys still to be answered
	targets []*listing
	skip    int // bytes of the current record already sent
}

func (a *textAnswer) pending() bool {
	kv, _ := a.keys.First()
	return kv.Key != ""
}

// advance moves forward by up to most bytes, appends them to dst unless dst is nil, and returns their number.
func (a *textAnswer) advance(who asker, dst []byte, most int) (n int) {
	var buf [512]byte
	for a.pending() {
		record, next := a.record(who, buf[:0])
		if a.skip < len(record) {
			if n == most {
				return n
			}
			part := record[a.skip:]
			part = part[:min(len(part), most-n)]
			n += len(part)
			if dst != nil {
				dst = append(dst, part...)
			}
			if a.skip += len(part); a.skip < len(record) {
				return n
			}
		}
		*a = next // its skip is 0
	}
	return n
}

// record returns the next record of the answer, for a key or a target, and the position after it.
func (a *textAnswer) record(who asker, dst []byte) (record []byte, next textAnswer) {
	kv, rest := a.keys.First()
	next = textAnswer{keys: rest}
	if kv.Key == "SendTargets" {
		if a.targets == nil {
			a.targets = who.list(kv.Value)
		}
		if len(a.targets) == 0 {
			return dst, next
		}
		if dst = a.targets[0].record(dst, who); len(a.targets) > 1 {
			next = textAnswer{keys: a.keys, targets: a.targets[1:]}
		}
		return dst, next
	}
	if v := textKey(kv); v != "" {
		dst = pdu.AppendText(dst, kv.Key, v)
	}
	return dst, next
}

// textKey returns the answer to a key of a text exchange, "" for none. Keys that may be used only during login are refused (13).
func textKey(kv pdu.KeyValue) string {
	switch row := findKey(kv.Key); {
	case row == nil:
		return "NotUnderstood"
	case row.use&useFull == 0 || row.kind != keyDeclared:
		return answerReject
	case row.set != nil:
		if _, ok := segmentLength(kv.Value); !ok {
			return answerReject
		}
	}
	return ""
}
