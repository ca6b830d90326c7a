// Package script is the login and the logout of a bare responder: one that answers the initiator of the benchmarks and negotiates
// nothing. It agrees to what the initiator offers, except for the keys that the responder has a value of its own for.
package script

import (
	"strings"

	"github.com/ringtgt/ringtgt/pdu"
)

// MaxText is the text of a login request in one PDU, which is all that a login may have.
const MaxText = 8 << 10

// declared are keys that have no answer (RFC 7143, 13).
var declared = map[string]bool{
	"InitiatorName": true, "InitiatorAlias": true, "TargetName": true, "SessionType": true, "MaxRecvDataSegmentLength": true,
}

// Login answers a login request with the transition to full feature phase. ours are the responder's own values for keys that the
// initiator offers, and own is what the responder declares besides. The caller numbers the header. False: the request is more than
// the script has an answer to.
func Login(r *pdu.LoginRequest, text []byte, ours map[string]string, own ...pdu.KeyValue) (h pdu.BHS, answer []byte, ok bool) {
	offered, err := pdu.ParseText(text, 64)
	if err != nil || !r.Transit() || r.Continue() || r.CSG() != pdu.StageLoginOperationalNegotiation || r.TSIH() != 0 {
		return h, nil, false
	}
	answer = pdu.AppendText(nil, "TargetPortalGroupTag", "1")
	for _, kv := range own {
		answer = pdu.AppendText(answer, kv.Key, kv.Value)
	}
	for _, kv := range offered {
		if declared[kv.Key] {
			continue
		}
		if v, ok := ours[kv.Key]; ok {
			kv.Value = v
		}
		answer = pdu.AppendText(answer, kv.Key, kv.Value)
	}
	h.SetOpcode(pdu.OpLoginResponse)
	a := (*pdu.LoginResponse)(&h)
	a.SetTransit(true)
	a.SetCSG(r.CSG())
	a.SetNSG(pdu.StageFullFeaturePhase)
	a.SetISID(r.ISID())
	a.SetTSIH(1)
	a.SetITT(r.ITT())
	h.SetDataLen(len(answer))
	return h, answer, true
}

// Offers reports whether the initiator offers value for key, alone or in a list.
func Offers(text []byte, key, value string) bool {
	offered, err := pdu.ParseText(text, 64)
	if err != nil {
		return false
	}
	for _, kv := range offered {
		if kv.Key != key {
			continue
		}
		for v := range strings.SplitSeq(kv.Value, ",") {
			if v == value {
				return true
			}
		}
	}
	return false
}

// Logout answers a logout request: the session is closed. The caller numbers the header.
func Logout(r *pdu.LogoutRequest) (h pdu.BHS) {
	h.SetOpcode(pdu.OpLogoutResponse)
	h[1] = 0x80 // reserved bit, 1 (11.15)
	h.SetITT(r.ITT())
	return h
}
