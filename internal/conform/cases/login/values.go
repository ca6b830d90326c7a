package login

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// numeric is a negotiated key with a number.
type numeric struct {
	section, key string
	lo, hi       uint64
	maximum      bool     // the result function, else minimum
	with         []string // offered with it: other keys that bound the result
}

var numerics = []numeric{
	{"13.2", "MaxConnections", 1, 65535, false, nil},
	{"13.13", "MaxBurstLength", 512, 1<<24 - 1, false, []string{"FirstBurstLength", "512"}},
	{"13.14", "FirstBurstLength", 512, 1<<24 - 1, false, []string{"MaxBurstLength", "16777215", "InitialR2T", "No", "ImmediateData", "Yes"}},
	{"13.15", "DefaultTime2Wait", 0, 3600, true, nil},
	{"13.16", "DefaultTime2Retain", 0, 3600, false, nil},
	{"13.17", "MaxOutstandingR2T", 1, 65535, false, nil},
	{"13.20", "ErrorRecoveryLevel", 0, 2, false, nil},
}

// values are the cases of negotiated values.
func values() (all []conform.Case) {
	for _, k := range numerics {
		all = append(all, k.cases()...)
	}
	all = append(all, booleans()...)
	all = append(all, conform.Case{
		ID: "rfc7143/13.19/2", Title: "MaxOutstandingR2T at ErrorRecoveryLevel 1", Groups: loginGroup, Needs: conform.ERL1,
		Rule: "With DataSequenceInOrder=Yes and ErrorRecoveryLevel above 0, MaxOutstandingR2T is 1.",
		Run: func(t *conform.T) {
			_, a := t.Negotiate("ErrorRecoveryLevel", "1", "DataSequenceInOrder", "Yes", "MaxOutstandingR2T", "4")
			good(t, a)
			t.Want(a.Value("ErrorRecoveryLevel") == "0" || a.Value("MaxOutstandingR2T") == "1", "MaxOutstandingR2T=1", "MaxOutstandingR2T=%s", a.Value("MaxOutstandingR2T"))
		},
	})
	return append(all, lists()...)
}

// cases of legal values, in all forms of a number, and of illegal ones.
func (k numeric) cases() []conform.Case {
	var legal, illegal []row
	middle := k.lo + (k.hi-k.lo)/2
	for _, v := range []string{fmt.Sprint(k.lo), fmt.Sprint(middle), fmt.Sprint(k.hi),
		fmt.Sprintf("0x%x", middle), fmt.Sprintf("0X%X", k.hi), fmt.Sprintf("0x%08x", k.lo)} {
		legal = append(legal, row{k.key + "=" + v, func(t *conform.T) { k.legal(t, v) }})
	}
	outside := []string{fmt.Sprint(k.hi + 1), "4294967296", "18446744073709551616", "-1", "", "x", fmt.Sprintf("%d~%d", k.lo, k.hi), "0x", "1,2"}
	if k.lo > 0 {
		outside = append(outside, fmt.Sprint(k.lo-1))
	}
	for _, v := range outside {
		illegal = append(illegal, row{k.key + "=" + v, func(t *conform.T) { k.illegal(t, v) }})
	}
	return append(
		table(conform.Case{ID: "rfc7143/" + k.section + "/0login", Groups: loginGroup, Also: []string{"rfc7143/6.2.2/1", "rfc7143/6.2/13"},
			Rule: k.key + " is answered with a number in its range that its result function allows."}, legal),
		table(conform.Case{ID: "rfc7143/6.2.2/2" + lower(k.key), Groups: loginGroup,
			Rule: "A value that is not admissible is answered with Reject or an admissible one, or the login fails."}, illegal)...)
}

func (k numeric) legal(t *conform.T, v string) {
	_, a := t.Negotiate(append([]string{k.key, v}, k.with...)...)
	good(t, a)
	if k.key == "FirstBurstLength" && a.Value("InitialR2T") == "Yes" && a.Value("ImmediateData") == "No" {
		t.Skip("the target takes no unsolicited data: FirstBurstLength is irrelevant (13.14)")
	}
	offered, _ := pdu.ParseNumber(v, 0, 1<<32)
	lo, hi := k.lo, offered
	if k.maximum {
		lo, hi = offered, k.hi
	}
	_, err := pdu.ParseNumber(a.Value(k.key), lo, hi)
	t.Want(err == nil, fmt.Sprintf("%s from %d to %d", k.key, lo, hi), "%s=%s", k.key, a.Value(k.key))
}

func (k numeric) illegal(t *conform.T, v string) {
	c, first := t.Secure()
	c.SendLogin(c.Request(conform.Operational, conform.FullFeature), append(append(first, k.key, v), k.with...)...)
	admissible(t, c, k.key, func(got string) bool {
		_, err := pdu.ParseNumber(got, k.lo, k.hi)
		return err == nil
	})
}

// admissible judges the answer to a value that is not admissible.
func admissible(t *conform.T, c *conform.Conn, key string, fits func(value string) bool) {
	o := c.Outcome()
	t.Want(o.PDU != nil || o.Closed, "an answer", "%v", o)
	if o.PDU == nil {
		return
	}
	t.Want(o.PDU.Opcode() == pdu.OpLoginResponse, "a Login Response", "%v", o)
	if o.PDU.Login().Status() != pdu.LoginSuccess {
		return
	}
	keys, err := o.PDU.Keys()
	t.Want(err == nil, "well-formed keys (RFC 7143, 6.1)", "%q", o.PDU.Data)
	for _, kv := range keys {
		if kv.Key == key {
			t.Want(kv.Value == "Reject" || fits(kv.Value), key+"=Reject, an admissible value or a refused login", "%s=%s", key, kv.Value)
			return
		}
	}
	t.Want(!o.PDU.Login().Transit(), key+"=Reject, an admissible value or a refused login", "the login goes on without a word about it")
}

// boolean is a negotiated key with Yes or No.
type boolean struct {
	section, key string
	and          bool
}

var booleanKeys = []boolean{
	{"13.10", "InitialR2T", false}, {"13.11", "ImmediateData", true}, {"13.18", "DataPDUInOrder", false}, {"13.19", "DataSequenceInOrder", false},
}

func booleans() (all []conform.Case) {
	for _, k := range booleanKeys {
		var illegal []row
		for _, v := range []string{"yes", "NO", "true", "1", "", "Yes,No", "None"} {
			illegal = append(illegal, row{k.key + "=" + v, func(t *conform.T) {
				c, first := t.Secure()
				c.SendLogin(c.Request(conform.Operational, conform.FullFeature), append(first, k.key, v)...)
				admissible(t, c, k.key, func(got string) bool { return got == "Yes" || got == "No" })
			}})
		}
		legal := []row{{k.key + "=Yes", func(t *conform.T) { k.legal(t, "Yes") }}, {k.key + "=No", func(t *conform.T) { k.legal(t, "No") }}}
		all = append(all, table(conform.Case{ID: "rfc7143/" + k.section + "/0login", Groups: loginGroup, Also: []string{"rfc7143/6.2.2/4", "rfc7143/6.2.2/5"},
			Rule: k.key + " is answered with a result of its Boolean function, unless the offer decides it alone."}, legal)...)
		all = append(all, table(conform.Case{ID: "rfc7143/6.2.2/2" + lower(k.key), Groups: loginGroup,
			Rule: "A value other than Yes and No is answered with Reject, Yes or No, or the login fails."}, illegal)...)
	}
	return all
}

func (k boolean) legal(t *conform.T, v string) {
	_, a := t.Negotiate(k.key, v)
	good(t, a)
	got := a.Value(k.key)
	if decides := k.and == (v == "No"); decides {
		t.Want(got == v || !a.Has(k.key), k.key+"="+v+" or no answer", "%s=%s", k.key, got)
		return
	}
	t.Want(got == "Yes" || got == "No", k.key+"=Yes or No", "%s=%s", k.key, got)
}

// takes reports whether a target is known to take a value of a list key: from the logins before, or because it must.
func takes(t *conform.T, key, value string) bool {
	g := &t.Target.Grants
	switch value {
	case "None", "RFC3720":
		return true
	case "CRC32C":
		return key == "HeaderDigest" && g.HeaderDigest || key == "DataDigest" && g.DataDigest
	}
	return false
}

// choices returns the values of a list that a target may answer with: those that there are, up to the first that it takes. Reject is
// one if it takes none.
func choices(t *conform.T, key, list string) (right []string) {
	there := map[string]bool{"None": true, "CRC32C": true, "RFC3720": true, "ResponseFence": true, "FastAbort": true}
	for v := range strings.SplitSeq(list, ",") {
		if there[v] {
			right = append(right, v)
		}
		if takes(t, key, v) {
			return right
		}
	}
	return append(right, "Reject")
}

func lists() []conform.Case {
	var rows []row
	offer := func(key string, lists ...string) {
		for _, list := range lists {
			rows = append(rows, row{key + "=" + list, func(t *conform.T) {
				c, first := t.Secure()
				a := c.Exchange(c.Request(conform.Operational, conform.FullFeature), append(first, key, list)...)
				right := choices(t, key, list)
				if a.Status() != pdu.LoginSuccess && slices.Contains(right, "Reject") {
					c.Ended("the connection's end after a refused login (RFC 7143, 11.13.5)") // nothing in common may end the negotiation
					return
				}
				good(t, a)
				t.Want(slices.Contains(right, a.Value(key)), key+"="+strings.Join(right, " or "), "%s=%s", key, a.Value(key))
			}})
		}
	}
	for _, key := range []string{"HeaderDigest", "DataDigest"} {
		offer(key, "None", "CRC32C", "CRC32C,None", "None,CRC32C", "Y-com.example.crc64,None", "Y-com.example.crc64,CRC32C,None", "crc32c,None", "none",
			"Y-com.example.crc64")
	}
	offer("TaskReporting", "RFC3720,ResponseFence,FastAbort", "FastAbort,ResponseFence,RFC3720", "ResponseFence,RFC3720", "RFC3720,ResponseFence",
		"RFC9999,RFC3720,ResponseFence")
	return table(conform.Case{ID: "rfc7143/6.2.1/1", Groups: loginGroup, Also: []string{"rfc7143/6.2.1/2", "rfc7143/6.2.1/3", "rfc7143/6.2.1/4", "rfc7143/6.2/11"},
		Rule: "A list is answered with the same key and one of its values, the first that the target supports; unknown values are passed over."}, rows)
}

// lower is a key in letters for the ID of a case.
func lower(key string) string { return strings.ReplaceAll(strings.ToLower(key), "2", "to") }
