package session

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/pdu"
)

// negotiation is the result of the keys of a login so far.
type negotiation struct {
	limits Limits
	params Params
	conn   ConnParams

	firstBurst uint32 // the FirstBurstLength that was answered; 0: none yet
}

// defaultParams returns the defaults of RFC 7143, 13, for keys that are not negotiated.
func defaultParams() Params {
	return Params{MaxConnections: 1, InitialR2T: true, ImmediateData: true, MaxBurstLength: 262144, FirstBurstLength: 65536,
		DefaultTime2Wait: 2, DefaultTime2Retain: 20, MaxOutstandingR2T: 1, ProtocolLevel: 1}
}

const answerReject = "Reject"

// answer negotiates one key and returns the answer, "" for none. A value that violates its key's syntax or range is answered
// Reject and changes nothing (6.2, 6.2.2).
func (n *negotiation) answer(row *keyRow, value string) string {
	switch row.kind {
	case keyList:
		return n.answerList(row, value)
	case keyAnd, keyOr:
		return n.answerBool(row, value)
	case keyMin, keyMax:
		return n.answerNumber(row, value)
	case keyDeclared:
		return n.declare(row, value)
	}
	return answerReject
}

// store stores the result of a key, unless there is nothing to store.
func (r *keyRow) store(n *negotiation, v uint32) {
	if r.set != nil {
		r.set(n, v)
	}
}

// answerList chooses the first of the offered values that we support.
func (n *negotiation) answerList(row *keyRow, value string) string {
	for v := range strings.SplitSeq(value, ",") {
		if i := slices.Index(row.list, v); i >= 0 {
			row.store(n, uint32(i))
			return v
		}
	}
	return answerReject
}

// answerBool combines the offered value with ours.
func (n *negotiation) answerBool(row *keyRow, value string) string {
	v, err := pdu.ParseBool(value)
	if err != nil {
		return answerReject
	}
	if row.kind == keyAnd {
		v = v && row.yes(&n.limits)
	} else {
		v = v || row.yes(&n.limits)
	}
	row.store(n, bit(v))
	return yesNo(v)
}

// answerNumber chooses the smaller or larger of the offered number and ours, within the bounds that other keys set.
func (n *negotiation) answerNumber(row *keyRow, value string) string {
	v, err := pdu.ParseNumber(value, row.lo, row.hi)
	if err != nil {
		return answerReject
	}
	r := min(uint32(v), row.num(&n.limits))
	if row.kind == keyMax {
		r = max(uint32(v), row.num(&n.limits))
	}
	if row.most != nil {
		r = min(r, row.most(n))
	}
	if row.least != nil && r < row.least(n) {
		// An earlier answer stands: "The negotiated key is left at its current value" (6.2).
		return answerReject
	}
	row.store(n, r)
	return strconv.FormatUint(uint64(r), 10)
}

// declare stores a value that the initiator declares. It is not answered unless it is malformed.
func (n *negotiation) declare(row *keyRow, value string) string {
	if row.set == nil {
		return ""
	}
	v, err := pdu.ParseNumber(value, row.lo, row.hi)
	if err != nil {
		return answerReject
	}
	row.store(n, uint32(v))
	return ""
}

func yesNo(v bool) string {
	if v {
		return "Yes"
	}
	return "No"
}

// inForce returns the answer to a session-wide key that a joining connection offers: the value that the leading login negotiated.
func (n *negotiation) inForce(row *keyRow) string {
	v := row.get(&n.params)
	switch row.kind {
	case keyList:
		return row.list[v]
	case keyAnd, keyOr:
		return yesNo(v == 1)
	}
	return strconv.FormatUint(uint64(v), 10)
}

// adjustDefaults adjusts defaults to negotiated values: the default FirstBurstLength may be above the negotiated MaxBurstLength, and
// "FirstBurstLength MUST NOT exceed MaxBurstLength" (13.14). It never changes an answered value: most and least of the two
// keys ensure that.
func (n *negotiation) adjustDefaults() {
	n.params.FirstBurstLength = min(n.params.FirstBurstLength, n.params.MaxBurstLength)
}
