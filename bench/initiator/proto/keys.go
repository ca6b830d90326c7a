package proto

import (
	"fmt"
	"strconv"

	"github.com/ringtgt/ringtgt/pdu"
)

// Bool is a boolean key that can be left to its default.
type Bool uint8

// Values of Bool.
const (
	Default Bool = iota
	Yes
	No
)

func (b Bool) or(def bool) bool {
	if b == Default {
		return def
	}
	return b == Yes
}

// Keys is what an initiator offers (RFC 7143, 13). The zero value is a good
// offer for a fast network without digests.
type Keys struct {
	HeaderDigest, DataDigest bool // offers CRC32C alone (13.1)
	MaxConnections           int  // 0 is 1 (13.2)
	InitialR2T               Bool // default No (13.10)
	ImmediateData            Bool // default Yes (13.11)
	MaxRecvDataSegmentLength int  // bytes; 0 is 256 KiB (13.12)
	MaxBurstLength           int  // bytes; 0 is 1 MiB (13.13)
	FirstBurstLength         int  // bytes; 0 is 256 KiB (13.14)
	DefaultTime2Wait         int  // seconds (13.15)
	DefaultTime2Retain       int  // seconds; 0 is 20, negative offers 0 (13.16)
	MaxOutstandingR2T        int  // 0 is 4 (13.17)
	// TaskReporting is a list such as "FastAbort,ResponseFence,RFC3720";
	// empty offers nothing (13.23).
	TaskReporting string
	// ProtocolLevel offers iSCSIProtocolLevel where it is not 0 (RFC 7144).
	ProtocolLevel int
	// Extra is offered as it stands, in the leading login.
	Extra []pdu.KeyValue
}

// Params is what was negotiated. Those of a session hold for all its
// connections; Conn is the connection's own.
type Params struct {
	MaxConnections     int
	InitialR2T         bool
	ImmediateData      bool
	MaxBurstLength     uint32
	FirstBurstLength   uint32
	DefaultTime2Wait   uint16
	DefaultTime2Retain uint16
	MaxOutstandingR2T  uint32
	TaskReporting      string // "RFC3720" unless negotiated
	ProtocolLevel      int    // 1 unless negotiated (RFC 7144, 13.24)
	Discovery          bool

	Conn ConnParams

	TargetPortalGroupTag string
	TargetAlias          string
	// Answers holds every key of the target's in order, as received.
	Answers []pdu.KeyValue
}

// ConnParams is what each connection negotiates for itself.
type ConnParams struct {
	HeaderDigest, DataDigest bool
	MaxRecvDataSegmentLength uint32 // ours: the longest data segment we take
	MaxSendDataSegmentLength uint32 // the target's MaxRecvDataSegmentLength
}

func orInt(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

func yesNo(v bool) string {
	if v {
		return "Yes"
	}
	return "No"
}

func digestOffer(on bool) string {
	if on {
		return "CRC32C"
	}
	return "None"
}

// base returns the RFC's defaults, which hold for every key that is not
// answered (13).
func (k *Keys) base(discovery bool) Params {
	return Params{
		MaxConnections: 1, InitialR2T: true, ImmediateData: true,
		MaxBurstLength: 262144, FirstBurstLength: 65536,
		DefaultTime2Wait: 2, DefaultTime2Retain: 20, MaxOutstandingR2T: 1,
		TaskReporting: "RFC3720", ProtocolLevel: 1, Discovery: discovery,
		Conn: k.conn(),
	}
}

func (k *Keys) conn() ConnParams {
	return ConnParams{
		MaxRecvDataSegmentLength: uint32(orInt(k.MaxRecvDataSegmentLength, defaultMaxRecvDataSegmentLength)),
		MaxSendDataSegmentLength: DefaultDataSegmentLength,
	}
}

// offer returns the operational keys of a login: all of them for a leading
// one, else those that are a connection's own (13, "Use": LO).
func (k *Keys) offer(leading, discovery bool) []pdu.KeyValue {
	n := strconv.Itoa
	kv := []pdu.KeyValue{
		{Key: "HeaderDigest", Value: digestOffer(k.HeaderDigest)},
		{Key: "DataDigest", Value: digestOffer(k.DataDigest)},
		{Key: "MaxRecvDataSegmentLength", Value: n(int(k.conn().MaxRecvDataSegmentLength))},
	}
	if !leading {
		return kv
	}
	kv = append(kv,
		pdu.KeyValue{Key: "DefaultTime2Wait", Value: n(k.DefaultTime2Wait)},
		pdu.KeyValue{Key: "DefaultTime2Retain", Value: n(max(0, orInt(k.DefaultTime2Retain, defaultTime2Retain)))},
		pdu.KeyValue{Key: "ErrorRecoveryLevel", Value: "0"},
	)
	if !discovery { // 13.2 and following: "irrelevant" in a discovery session
		kv = append(kv,
			pdu.KeyValue{Key: "MaxConnections", Value: n(orInt(k.MaxConnections, 1))},
			pdu.KeyValue{Key: "InitialR2T", Value: yesNo(k.InitialR2T.or(false))},
			pdu.KeyValue{Key: "ImmediateData", Value: yesNo(k.ImmediateData.or(true))},
			pdu.KeyValue{Key: "MaxBurstLength", Value: n(orInt(k.MaxBurstLength, defaultMaxBurstLength))},
			pdu.KeyValue{Key: "FirstBurstLength", Value: n(k.firstBurst())},
			pdu.KeyValue{Key: "MaxOutstandingR2T", Value: n(orInt(k.MaxOutstandingR2T, defaultMaxOutstandingR2T))},
			pdu.KeyValue{Key: "DataPDUInOrder", Value: "Yes"},
			pdu.KeyValue{Key: "DataSequenceInOrder", Value: "Yes"},
		)
		if k.TaskReporting != "" {
			kv = append(kv, pdu.KeyValue{Key: "TaskReporting", Value: k.TaskReporting})
		}
		if k.ProtocolLevel != 0 {
			kv = append(kv, pdu.KeyValue{Key: "iSCSIProtocolLevel", Value: n(k.ProtocolLevel)})
		}
	}
	return append(kv, k.Extra...)
}

// firstBurst never exceeds MaxBurstLength: "FirstBurstLength MUST NOT exceed
// MaxBurstLength" (13.14).
func (k *Keys) firstBurst() int {
	return min(orInt(k.FirstBurstLength, defaultFirstBurstLength), orInt(k.MaxBurstLength, defaultMaxBurstLength))
}

// KeyError says that the target's answer to a key is none to what was offered
// (6.2), "" for nothing.
type KeyError struct{ Key, Value, Offered, Why string }

func (e *KeyError) Error() string {
	return fmt.Sprintf("initiator: login: %s=%s: %s (offered %q)", e.Key, e.Value, e.Why, e.Offered)
}

// answer takes one key of the target's into p. offered says what we offered
// for it, "" for nothing. Numbers that the target may only lower, or only
// raise, are held to that (13, "Result function").
func (p *Params) answer(kv pdu.KeyValue, offered string, leading bool) error {
	p.Answers = append(p.Answers, kv)
	bad := func(why string) error { return &KeyError{Key: kv.Key, Value: kv.Value, Offered: offered, Why: why} }
	switch kv.Value {
	case "Reject":
		if offered != "" {
			return bad("the target rejects the offer")
		}
		return nil
	case "Irrelevant", "NotUnderstood":
		return nil // the default holds
	}
	number := func(lo, hi uint64) (uint64, error) {
		v, err := pdu.ParseNumber(kv.Value, lo, hi)
		if err != nil {
			return 0, bad(err.Error())
		}
		return v, nil
	}
	// lower and higher parse the result of the functions Minimum and Maximum.
	bound := func(lo, hi uint64, above bool) (uint64, error) {
		v, err := number(lo, hi)
		if err != nil || offered == "" {
			return v, err
		}
		if ours, perr := pdu.ParseNumber(offered, 0, 1<<32); perr == nil && (above && v < ours || !above && v > ours) {
			return 0, bad("not what the result function gives")
		}
		return v, nil
	}
	var v uint64
	var err error
	switch kv.Key {
	case "HeaderDigest", "DataDigest":
		on := kv.Value == "CRC32C"
		if !on && kv.Value != "None" || kv.Value != offered {
			return bad("not among what was offered")
		}
		if kv.Key == "HeaderDigest" {
			p.Conn.HeaderDigest = on
		} else {
			p.Conn.DataDigest = on
		}
	case "MaxRecvDataSegmentLength": // declared, each way its own (13.12)
		v, err = number(512, 1<<24-1)
		p.Conn.MaxSendDataSegmentLength = uint32(v)
	case "TargetPortalGroupTag":
		p.TargetPortalGroupTag = kv.Value
	case "TargetAlias":
		p.TargetAlias = kv.Value
	case "MaxConnections":
		v, err = bound(1, 65535, false)
		p.MaxConnections = int(v)
	case "InitialR2T", "ImmediateData":
		yes, perr := pdu.ParseBool(kv.Value)
		if perr != nil {
			return bad(perr.Error())
		}
		if kv.Key == "InitialR2T" { // OR (13.10)
			if !yes && offered == "Yes" {
				return bad("not what the result function gives")
			}
			p.InitialR2T = yes
		} else { // AND (13.11)
			if yes && offered == "No" {
				return bad("not what the result function gives")
			}
			p.ImmediateData = yes
		}
	case "MaxBurstLength":
		v, err = bound(512, 1<<24-1, false)
		p.MaxBurstLength = uint32(v)
	case "FirstBurstLength":
		v, err = bound(512, 1<<24-1, false)
		p.FirstBurstLength = uint32(v)
	case "DefaultTime2Wait":
		v, err = bound(0, 3600, true)
		p.DefaultTime2Wait = uint16(v)
	case "DefaultTime2Retain":
		v, err = bound(0, 3600, false)
		p.DefaultTime2Retain = uint16(v)
	case "MaxOutstandingR2T":
		v, err = bound(1, 65535, false)
		p.MaxOutstandingR2T = uint32(v)
	case "ErrorRecoveryLevel":
		_, err = bound(0, 2, false)
	case "DataPDUInOrder", "DataSequenceInOrder":
		if kv.Value != "Yes" {
			return bad("not what the result function gives")
		}
	case "TaskReporting":
		p.TaskReporting = kv.Value
	case "iSCSIProtocolLevel":
		v, err = bound(0, 31, false)
		p.ProtocolLevel = int(v)
	}
	if err != nil {
		return err
	}
	if !leading && leadingOnly[kv.Key] {
		return bad("a key of the leading login only")
	}
	return nil
}

// leadingOnly are the keys with Use LO: a target has no business with them in
// a join.
var leadingOnly = map[string]bool{
	"MaxConnections": true, "InitialR2T": true, "ImmediateData": true, "MaxBurstLength": true, "FirstBurstLength": true,
	"DefaultTime2Wait": true, "DefaultTime2Retain": true, "MaxOutstandingR2T": true, "DataPDUInOrder": true,
	"DataSequenceInOrder": true, "ErrorRecoveryLevel": true, "TaskReporting": true, "iSCSIProtocolLevel": true,
}
