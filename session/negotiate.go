package session

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/pdu"
)

// negotiation is what the keys of a login have come to.
type negotiation struct {
	limits Limits
	params Params
	conn   ConnParams

	firstBurst uint32 // the FirstBurstLength that was answered; 0: none yet
}

// defaultParams are in force for what nobody negotiates (RFC 7143, 13).
func defaultParams() Params {
	return Params{MaxConnections: 1, InitialR2T: true, ImmediateData: true, MaxBurstLength: 262144, FirstBurstLength: 65536,
		DefaultTime2Wait: 2, DefaultTime2Retain: 20, MaxOutstandingR2T: 1, ProtocolLevel: 1}
}

const answerReject = "Reject"

// answer negotiates one key and returns the answer, "" for none. A value out of its key's syntax or range is answered
// Reject and changes nothing (6.2, 6.2.2).
func (n *negotiation) answer(row *keyRow, value string) string {
	set := func(v uint32) {
		if row.set != nil {
			row.set(n, v)
		}
	}
	switch row.kind {
	case keyList:
		for v := range strings.SplitSeq(value, ",") {
			if i := slices.Index(row.list, v); i >= 0 {
				set(uint32(i))
				return v
			}
		}
		return answerReject
	case keyAnd, keyOr:
		v, err := pdu.ParseBool(value)
		if err != nil {
			return answerReject
		}
		if row.kind == keyAnd {
			v = v && row.yes(&n.limits)
		} else {
			v = v || row.yes(&n.limits)
		}
		if v {
			set(1)
			return "Yes"
		}
		set(0)
		return "No"
	case keyMin, keyMax:
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
		set(r)
		return strconv.FormatUint(uint64(r), 10)
	case keyDeclared:
		if row.set == nil {
			return ""
		}
		v, err := pdu.ParseNumber(value, row.lo, row.hi)
		if err != nil {
			return answerReject
		}
		set(uint32(v))
		return ""
	case keyFixed:
		return row.fixed
	}
	return answerReject
}

// inForce returns the answer to a session-wide key that a joining connection offers: the value that the leading login negotiated.
func (n *negotiation) inForce(row *keyRow) string {
	v := row.get(&n.params)
	switch row.kind {
	case keyList:
		return row.list[v]
	case keyAnd, keyOr:
		if v == 1 {
			return "Yes"
		}
		return "No"
	}
	return strconv.FormatUint(uint64(v), 10)
}

// settle adjusts defaults to negotiated values: the default FirstBurstLength may be above the negotiated MaxBurstLength, and
// "FirstBurstLength MUST NOT exceed MaxBurstLength" (13.14). It never changes an answered value: most and least of the two
// keys ensure that.
func (n *negotiation) settle() {
	n.params.FirstBurstLength = min(n.params.FirstBurstLength, n.params.MaxBurstLength)
}
