package proto

import (
	"cmp"
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

// Keys are what an initiator offers (RFC 7143, 13). The zero value suits a fast network, without digests.
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
	// TaskReporting is a list such as "FastAbort,ResponseFence,RFC3720"; empty offers nothing (13.23).
	TaskReporting string
}

// Params are what was negotiated. They hold for all connections of a session, except Conn, which each connection negotiates for
// itself.
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
	Discovery          bool

	Conn ConnParams

	// Answers holds every key of the target's in order, as received.
	Answers []pdu.KeyValue
}

// ConnParams is what each connection negotiates for itself.
type ConnParams struct {
	HeaderDigest, DataDigest bool
	MaxRecvDataSegmentLength uint32 // ours: the longest data segment we take
	MaxSendDataSegmentLength uint32 // the target's MaxRecvDataSegmentLength
}

// either returns yes or no as v says.
func either(v bool, yes, no string) string {
	if v {
		return yes
	}
	return no
}

// base returns the RFC's defaults, which hold for every key that is not answered (13).
func (k *Keys) base(discovery bool) Params {
	return Params{
		MaxConnections: 1, InitialR2T: true, ImmediateData: true,
		MaxBurstLength: 262144, FirstBurstLength: 65536,
		DefaultTime2Wait: 2, DefaultTime2Retain: 20, MaxOutstandingR2T: 1,
		TaskReporting: "RFC3720", Discovery: discovery,
		Conn: k.conn(),
	}
}

func (k *Keys) conn() ConnParams {
	return ConnParams{
		MaxRecvDataSegmentLength: uint32(cmp.Or(k.MaxRecvDataSegmentLength, defaultMaxRecvDataSegmentLength)),
		MaxSendDataSegmentLength: DefaultDataSegmentLength,
	}
}

// offer returns the operational keys of a login: all of them for a leading
// one, else those that are a connection's own (13, "Use": LO).
func (k *Keys) offer(leading, discovery bool) []pdu.KeyValue {
	var all []pdu.KeyValue
	add := func(key, value string) { all = append(all, pdu.KeyValue{Key: key, Value: value}) }
	number := func(key string, n int) { add(key, strconv.Itoa(n)) }
	add("HeaderDigest", either(k.HeaderDigest, "CRC32C", "None"))
	add("DataDigest", either(k.DataDigest, "CRC32C", "None"))
	number("MaxRecvDataSegmentLength", int(k.conn().MaxRecvDataSegmentLength))
	if !leading {
		return all
	}
	number("DefaultTime2Wait", k.DefaultTime2Wait)
	number("DefaultTime2Retain", max(0, cmp.Or(k.DefaultTime2Retain, defaultTime2Retain)))
	number("ErrorRecoveryLevel", 0)
	if discovery { // 13.2 and following: "irrelevant" in a discovery session
		return all
	}
	number("MaxConnections", cmp.Or(k.MaxConnections, 1))
	add("InitialR2T", either(k.InitialR2T.or(false), "Yes", "No"))
	add("ImmediateData", either(k.ImmediateData.or(true), "Yes", "No"))
	number("MaxBurstLength", cmp.Or(k.MaxBurstLength, defaultMaxBurstLength))
	number("FirstBurstLength", k.firstBurst())
	number("MaxOutstandingR2T", cmp.Or(k.MaxOutstandingR2T, defaultMaxOutstandingR2T))
	add("DataPDUInOrder", "Yes")
	add("DataSequenceInOrder", "Yes")
	if k.TaskReporting != "" {
		add("TaskReporting", k.TaskReporting)
	}
	return all
}

// firstBurst never exceeds MaxBurstLength: "FirstBurstLength MUST NOT exceed MaxBurstLength" (13.14).
func (k *Keys) firstBurst() int {
	return min(cmp.Or(k.FirstBurstLength, defaultFirstBurstLength), cmp.Or(k.MaxBurstLength, defaultMaxBurstLength))
}

// KeyError is a target's answer to a key that does not follow from the offer (6.2). Offered is "" if there was none.
type KeyError struct{ Key, Value, Offered, Why string }

func (e *KeyError) Error() string {
	return fmt.Sprintf("initiator: login: %s=%s: %s (offered %q)", e.Key, e.Value, e.Why, e.Offered)
}

// answer applies one of the target's keys to p. offered is the value that we offered for it, "" for none. A target may only
// answer with a result of the key's function (chapter 13).
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
	k, known := answerKeys[kv.Key]
	if !known {
		return nil
	}
	if why := k.take(p, kv.Value, offered); why != "" {
		return bad(why)
	}
	if !leading && k.leadingOnly {
		return bad("a key of the leading login only")
	}
	return nil
}

// answerKey describes a key of the target's. take sets the parameter, or says what is wrong with the value.
type answerKey struct {
	leadingOnly bool // Use: LO (13): it has no place in a join
	take        func(p *Params, value, offered string) (why string)
}

const notTheResult = "not what the result function gives"

var answerKeys = map[string]answerKey{
	"HeaderDigest":             {false, digest(func(p *Params, on bool) { p.Conn.HeaderDigest = on })},
	"DataDigest":               {false, digest(func(p *Params, on bool) { p.Conn.DataDigest = on })},
	"MaxRecvDataSegmentLength": {false, ownNumber(512, 1<<24-1, func(p *Params, v uint64) { p.Conn.MaxSendDataSegmentLength = uint32(v) })},
	"MaxConnections":           {true, minimum(1, 65535, func(p *Params, v uint64) { p.MaxConnections = int(v) })},
	"InitialR2T":               {true, boolean("Yes", func(p *Params, yes bool) { p.InitialR2T = yes })},   // OR (13.10)
	"ImmediateData":            {true, boolean("No", func(p *Params, yes bool) { p.ImmediateData = yes })}, // AND (13.11)
	"MaxBurstLength":           {true, minimum(512, 1<<24-1, func(p *Params, v uint64) { p.MaxBurstLength = uint32(v) })},
	"FirstBurstLength":         {true, minimum(512, 1<<24-1, func(p *Params, v uint64) { p.FirstBurstLength = uint32(v) })},
	"DefaultTime2Wait":         {true, maximum(0, 3600, func(p *Params, v uint64) { p.DefaultTime2Wait = uint16(v) })},
	"DefaultTime2Retain":       {true, minimum(0, 3600, func(p *Params, v uint64) { p.DefaultTime2Retain = uint16(v) })},
	"MaxOutstandingR2T":        {true, minimum(1, 65535, func(p *Params, v uint64) { p.MaxOutstandingR2T = uint32(v) })},
	"ErrorRecoveryLevel":       {true, minimum(0, 2, func(*Params, uint64) {})},
	"DataPDUInOrder":           {true, always("Yes")},
	"DataSequenceInOrder":      {true, always("Yes")},
	"TaskReporting":            {true, text(func(p *Params, s string) { p.TaskReporting = s })},
}

type take = func(p *Params, value, offered string) string

// digest takes the one digest that we offered.
func digest(set func(*Params, bool)) take {
	return func(p *Params, value, offered string) string {
		if value != "CRC32C" && value != "None" || value != offered {
			return "not among what was offered"
		}
		set(p, value == "CRC32C")
		return ""
	}
}

func text(set func(*Params, string)) take {
	return func(p *Params, value, _ string) string {
		set(p, value)
		return ""
	}
}

func always(want string) take {
	return func(_ *Params, value, _ string) string {
		if value != want {
			return notTheResult
		}
		return ""
	}
}

// boolean takes Yes or No. If we offered decides, the result is that: Yes for OR, No for AND.
func boolean(decides string, set func(*Params, bool)) take {
	return func(p *Params, value, offered string) string {
		yes, err := pdu.ParseBool(value)
		if err != nil {
			return err.Error()
		}
		if offered == decides && value != decides {
			return notTheResult
		}
		set(p, yes)
		return ""
	}
}

// ownNumber takes a number that each side declares for itself, such as MaxRecvDataSegmentLength (13.12).
func ownNumber(lo, hi uint64, set func(*Params, uint64)) take {
	return number(lo, hi, func(_, _ uint64) bool { return true }, set)
}

// minimum takes a number that the target may only lower.
func minimum(lo, hi uint64, set func(*Params, uint64)) take {
	return number(lo, hi, func(v, ours uint64) bool { return v <= ours }, set)
}

// maximum takes a number that the target may only raise.
func maximum(lo, hi uint64, set func(*Params, uint64)) take {
	return number(lo, hi, func(v, ours uint64) bool { return v >= ours }, set)
}

func number(lo, hi uint64, result func(v, ours uint64) bool, set func(*Params, uint64)) take {
	return func(p *Params, value, offered string) string {
		v, err := pdu.ParseNumber(value, lo, hi)
		if err != nil {
			return err.Error()
		}
		if ours, err := pdu.ParseNumber(offered, 0, 1<<32); offered != "" && err == nil && !result(v, ours) {
			return notTheResult
		}
		set(p, v)
		return ""
	}
}
