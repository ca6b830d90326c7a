package conform

import (
	"strconv"

	"github.com/ringtgt/ringtgt/pdu"
)

// Params are the operational keys in force. The values are those of the text.
type Params map[string]string

// defaults are those of RFC 7143, chapter 13.
func defaults() Params {
	return Params{
		"HeaderDigest": "None", "DataDigest": "None", "MaxConnections": "1", "InitialR2T": "Yes", "ImmediateData": "Yes",
		"MaxRecvDataSegmentLength": "8192", "MaxBurstLength": "262144", "FirstBurstLength": "65536", "DefaultTime2Wait": "2",
		"DefaultTime2Retain": "20", "MaxOutstandingR2T": "1", "DataPDUInOrder": "Yes", "DataSequenceInOrder": "Yes",
		"ErrorRecoveryLevel": "0", "TaskReporting": "RFC3720", "iSCSIProtocolLevel": "1",
	}
}

// Number returns a numerical value, 0 if it is none.
func (p Params) Number(key string) int {
	n, err := pdu.ParseNumber(p[key], 0, 1<<32-1)
	if err != nil {
		return 0
	}
	return int(n)
}

// Yes reports whether a boolean key is Yes.
func (p Params) Yes(key string) bool { return p[key] == "Yes" }

// take notes the target's answers. MaxRecvDataSegmentLength is then the target's.
func (p Params) take(answers []pdu.KeyValue) {
	for _, kv := range answers {
		switch kv.Value {
		case "Reject", "Irrelevant", "NotUnderstood":
		default:
			p[kv.Key] = kv.Value
		}
	}
}

// Variant is what the sessions of cases are like unless a case says otherwise.
type Variant struct {
	HeaderDigest, DataDigest bool
	Connections              int // 0 is 1
	ERL                      int
}

// keys are what a leading login offers.
func (v Variant) keys() []string {
	digest := map[bool]string{false: "None", true: "CRC32C,None"}
	return []string{
		"HeaderDigest", digest[v.HeaderDigest], "DataDigest", digest[v.DataDigest],
		"MaxRecvDataSegmentLength", strconv.Itoa(ourDataSegment),
		"MaxConnections", strconv.Itoa(max(v.Connections, 1)), "ErrorRecoveryLevel", strconv.Itoa(v.ERL),
		"InitialR2T", "No", "ImmediateData", "Yes", "MaxBurstLength", "262144", "FirstBurstLength", "65536", "MaxOutstandingR2T", "1",
		"DefaultTime2Wait", "0", "DefaultTime2Retain", "0", "DataPDUInOrder", "Yes", "DataSequenceInOrder", "Yes",
	}
}

// leadingOnly are the keys that a connection which joins a session does not negotiate (RFC 7143, chapter 13, Use: LO).
var leadingOnly = map[string]bool{
	"MaxConnections": true, "ErrorRecoveryLevel": true, "InitialR2T": true, "ImmediateData": true, "MaxBurstLength": true,
	"FirstBurstLength": true, "MaxOutstandingR2T": true, "DefaultTime2Wait": true, "DefaultTime2Retain": true, "DataPDUInOrder": true,
	"DataSequenceInOrder": true, "TaskReporting": true, "iSCSIProtocolLevel": true, "SessionType": true,
}

// override returns pairs with those of more in place of their own; an empty value takes a key out.
func override(pairs []string, more ...string) (out []string) {
	set := map[string]string{}
	for i := 0; i+1 < len(more); i += 2 {
		set[more[i]] = more[i+1]
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if _, ok := set[pairs[i]]; !ok {
			out = append(out, pairs[i], pairs[i+1])
		}
	}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			out = append(out, more[i], more[i+1])
		}
	}
	return out
}
