package session

import (
	"hash/maphash"
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// keyKind is how the answer follows from the offered value (RFC 7143, 6.2, 13).
type keyKind uint8

const (
	keyDeclared keyKind = iota // no answer
	keyList                    // the first offered value that we support
	keyAnd                     // Boolean, result AND
	keyOr                      // Boolean, result OR
	keyMin                     // number, the smaller
	keyMax                     // number, the larger
	keyNotOurs                 // the initiator may not send it, or not any more: Reject
)

// keyStage is where a key may be used (13, "Use").
type keyStage uint8

const (
	useSecurity    keyStage = 1 << iota // during SecurityNegotiation
	useOperational                      // during LoginOperationalNegotiation
	useFull                             // in full feature phase
	useLogin       = useSecurity | useOperational
)

// keyRow describes one key.
type keyRow struct {
	name   string
	use    keyStage
	leads  bool // leading login only: the value is the session's
	kind   keyKind
	lo, hi uint64 // range of numbers
	// list is what we support, num and yes our own side of the result.
	list []string
	num  func(l *Limits) uint32
	yes  func(l *Limits) bool
	// set stores the result: a number, 0 or 1, or an index of list.
	set func(n *negotiation, v uint32)
	// get returns the session's value of a key that only a leading login negotiates.
	get func(p *Params) uint32

	// most and least are bounds of the result that depend on other keys (13.14). after names a key whose offer in the same request
	// is processed first.
	most, least func(n *negotiation) uint32
	after       string
}

func number(v uint32) func(*Limits) uint32 { return func(*Limits) uint32 { return v } }
func boolean(v bool) func(*Limits) bool    { return func(*Limits) bool { return v } }
func always(v uint32) func(*Params) uint32 { return func(*Params) uint32 { return v } }

func bit(v bool) uint32 {
	if v {
		return 1
	}
	return 0
}

// keyTable has a row for each key of RFC 7143, 12 and 13, and RFC 7144, in the RFC's order. Keys that identify (13.4, 13.5, 13.21)
// and those of CHAP (12.1.3) are handled by the login's own steps: their rows only say where they may be used.
var keyTable = [...]keyRow{
	{name: "AuthMethod", use: useSecurity},
	{name: "CHAP_A", use: useSecurity},
	{name: "CHAP_I", use: useSecurity},
	{name: "CHAP_C", use: useSecurity},
	{name: "CHAP_N", use: useSecurity},
	{name: "CHAP_R", use: useSecurity},
	{name: "HeaderDigest", use: useOperational, kind: keyList, list: []string{"None", "CRC32C"}, // 13.1
		set: func(n *negotiation, v uint32) { n.conn.HeaderDigest = v == 1 }},
	{name: "DataDigest", use: useOperational, kind: keyList, list: []string{"None", "CRC32C"},
		set: func(n *negotiation, v uint32) { n.conn.DataDigest = v == 1 }},
	{name: "MaxConnections", use: useOperational, kind: keyMin, lo: 1, hi: 65535, leads: true, // 13.2
		num: func(l *Limits) uint32 { return uint32(l.MaxConnections) },
		set: func(n *negotiation, v uint32) { n.params.MaxConnections = v },
		get: func(p *Params) uint32 { return p.MaxConnections }},
	{name: "SendTargets", use: useFull},                                  // 13.3
	{name: "TargetName", use: useLogin},                                  // 13.4
	{name: "InitiatorName", use: useLogin},                               // 13.5
	{name: "TargetAlias", use: useLogin | useFull, kind: keyNotOurs},     // 13.6
	{name: "InitiatorAlias", use: useLogin | useFull, kind: keyDeclared}, // 13.7
	{name: "TargetAddress", use: useLogin | useFull, kind: keyNotOurs},   // 13.8
	{name: "TargetPortalGroupTag", use: useLogin, kind: keyNotOurs},      // 13.9
	{name: "InitialR2T", leads: true, use: useOperational, kind: keyOr, // 13.10
		yes: func(l *Limits) bool { return l.InitialR2T },
		set: func(n *negotiation, v uint32) { n.params.InitialR2T = v == 1 },
		get: func(p *Params) uint32 { return bit(p.InitialR2T) }},
	{name: "ImmediateData", leads: true, use: useOperational, kind: keyAnd, // 13.11
		yes: func(l *Limits) bool { return !l.NoImmediateData },
		set: func(n *negotiation, v uint32) { n.params.ImmediateData = v == 1 },
		get: func(p *Params) uint32 { return bit(p.ImmediateData) }},
	{name: "MaxRecvDataSegmentLength", use: useOperational | useFull, kind: keyDeclared, lo: 512, hi: 1<<24 - 1, // 13.12
		set: func(n *negotiation, v uint32) { n.conn.MaxXmitDataSegmentLength = v }},
	{name: "MaxBurstLength", leads: true, use: useOperational, kind: keyMin, lo: 512, hi: 1<<24 - 1, // 13.13
		num:   func(l *Limits) uint32 { return l.MaxBurstLength },
		set:   func(n *negotiation, v uint32) { n.params.MaxBurstLength = v },
		get:   func(p *Params) uint32 { return p.MaxBurstLength },
		least: func(n *negotiation) uint32 { return n.firstBurst }},
	{name: "FirstBurstLength", leads: true, use: useOperational, kind: keyMin, lo: 512, hi: 1<<24 - 1, // 13.14
		num:   func(l *Limits) uint32 { return l.FirstBurstLength },
		set:   func(n *negotiation, v uint32) { n.params.FirstBurstLength, n.firstBurst = v, v },
		get:   func(p *Params) uint32 { return p.FirstBurstLength },
		most:  func(n *negotiation) uint32 { return n.params.MaxBurstLength },
		after: "MaxBurstLength"},
	{name: "DefaultTime2Wait", leads: true, use: useOperational, kind: keyMax, lo: 0, hi: 3600, num: number(0), // 13.15
		set: func(n *negotiation, v uint32) { n.params.DefaultTime2Wait = uint16(v) },
		get: func(p *Params) uint32 { return uint32(p.DefaultTime2Wait) }},
	{name: "DefaultTime2Retain", leads: true, use: useOperational, kind: keyMin, lo: 0, hi: 3600, num: number(DefaultTime2Retain), // 13.16
		set:   func(n *negotiation, v uint32) { n.params.DefaultTime2Retain = uint16(v) },
		get:   func(p *Params) uint32 { return uint32(p.DefaultTime2Retain) },
		most:  func(n *negotiation) uint32 { return n.params.mayRetain() }, // the answered value is enforced
		after: "DefaultTime2Wait"},
	{name: "MaxOutstandingR2T", leads: true, use: useOperational, kind: keyMin, lo: 1, hi: 65535, num: number(MaxOutstandingR2T), // 13.17
		set: func(n *negotiation, v uint32) { n.params.MaxOutstandingR2T = v },
		get: func(p *Params) uint32 { return p.MaxOutstandingR2T }},
	{name: "DataPDUInOrder", leads: true, use: useOperational, kind: keyOr, yes: boolean(true), get: always(1)},      // 13.18
	{name: "DataSequenceInOrder", leads: true, use: useOperational, kind: keyOr, yes: boolean(true), get: always(1)}, // 13.19
	{name: "ErrorRecoveryLevel", leads: true, use: useOperational, kind: keyMin, lo: 0, hi: 2, num: number(0), // 13.20
		set: func(n *negotiation, v uint32) { n.params.ErrorRecoveryLevel = uint8(v) },
		get: func(p *Params) uint32 { return uint32(p.ErrorRecoveryLevel) }},
	{name: "SessionType", use: useLogin}, // 13.21
	{name: "TaskReporting", leads: true, use: useOperational, kind: keyList, list: []string{"RFC3720", "ResponseFence", "FastAbort"}, // 13.23
		set: func(n *negotiation, v uint32) { n.params.TaskReporting = TaskReporting(v) },
		get: func(p *Params) uint32 { return uint32(p.TaskReporting) }},
	{name: "iSCSIProtocolLevel", leads: true, use: useOperational, kind: keyMin, lo: 0, hi: 31, num: number(2), // 13.24, RFC 7144
		set: func(n *negotiation, v uint32) { n.params.ProtocolLevel = v },
		get: func(p *Params) uint32 { return p.ProtocolLevel }},
	// RFC 7143 has no markers. Offers are answered Reject, or "alternatively" No for the first two (13.25), which initiators of
	// RFC 3720 expect.
	{name: "IFMarker", use: useOperational, kind: keyAnd, yes: boolean(false)},
	{name: "OFMarker", use: useOperational, kind: keyAnd, yes: boolean(false)},
	{name: "IFMarkInt", use: useOperational, kind: keyNotOurs},
	{name: "OFMarkInt", use: useOperational, kind: keyNotOurs},
}

// keyIndex maps names to rows, because a text may hold thousands of keys.
var keyIndex = func() map[string]int {
	m := make(map[string]int, len(keyTable))
	for i := range keyTable {
		m[keyTable[i].name] = i
	}
	return m
}()

// findKey returns the row of a key, or nil for a key that is not understood.
func findKey(name string) *keyRow {
	if i, ok := keyIndex[name]; ok {
		return &keyTable[i]
	}
	return nil
}

// keysSeen is the set of keys seen in a negotiation. Each key may come once (RFC 7143, 6.3, 6.4), including keys that we do not
// understand. For those it keeps hashes, since one text may bring thousands.
type keysSeen struct {
	known  [len(keyTable)]bool
	others []uint64 // sorted
}

var keySeed = maphash.MakeSeed()

// add adds the keys of one text and returns the first that was seen before, or "". Known keys for which spare is true may be
// repeated.
func (s *keysSeen) add(text pdu.Text, spare func(pdu.KeyValue) bool) (again string) {
	before := len(s.others)
	for kv := range text.Pairs() {
		i, ok := keyIndex[kv.Key]
		switch {
		case !ok:
			s.others = append(s.others, maphash.String(keySeed, kv.Key))
		case !s.known[i]:
			s.known[i] = true
		case spare == nil || !spare(kv):
			return kv.Key
		}
	}
	if len(s.others) == before {
		return ""
	}
	slices.Sort(s.others)
	for i := 1; i < len(s.others); i++ {
		if s.others[i] == s.others[i-1] {
			return "that is not understood"
		}
	}
	return ""
}
