package login

import (
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// offers are legal values of the keys that may come once in a login.
var offers = [][2]string{
	{"HeaderDigest", "None"}, {"DataDigest", "None"}, {"MaxConnections", "1"}, {"InitialR2T", "Yes"}, {"ImmediateData", "Yes"},
	{"MaxRecvDataSegmentLength", "8192"}, {"MaxBurstLength", "262144"}, {"FirstBurstLength", "65536"}, {"DefaultTime2Wait", "2"},
	{"DefaultTime2Retain", "20"}, {"MaxOutstandingR2T", "1"}, {"DataPDUInOrder", "Yes"}, {"DataSequenceInOrder", "Yes"},
	{"ErrorRecoveryLevel", "0"}, {"InitiatorAlias", "conform"}, {"TaskReporting", "RFC3720,ResponseFence"},
}

// repeats are the cases of keys that come twice, and of keys that are unknown or in the wrong place.
func repeats() (all []conform.Case) {
	var once, again []row
	for _, kv := range offers {
		once = append(once, row{kv[0] + " twice in one request", func(t *conform.T) {
			c, first := t.Secure()
			c.SendLogin(c.Request(conform.Operational, conform.FullFeature), append(first, kv[0], kv[1], kv[0], kv[1])...)
			initiatorError(t, c)
		}})
		again = append(again, row{kv[0] + " in two requests", func(t *conform.T) {
			c, first := t.Secure()
			good(t, c.Exchange(c.Request(conform.Operational, conform.Operational), append(first, kv[0], kv[1])...))
			c.SendLogin(c.Request(conform.Operational, conform.FullFeature), kv[0], kv[1])
			initiatorError(t, c)
		}})
	}
	for _, key := range []string{"InitiatorName", "TargetName", "SessionType"} {
		once = append(once, row{key + " twice in the first request", func(t *conform.T) {
			c := t.Dial()
			who := t.Who()
			for i := 0; i < len(who); i += 2 {
				if who[i] == key {
					who = append(who, key, who[i+1])
					break
				}
			}
			c.SendLogin(c.Request(conform.Security, conform.Security), who...)
			initiatorError(t, c)
		}})
	}
	all = table(conform.Case{ID: "rfc7143/6.3/10", Groups: loginGroup, Also: []string{"rfc7143/6.3/11"},
		Rule: "A key that is declared or negotiated twice in a login is detected and answered with a Login reject, initiator error."}, once)
	all = append(all, table(conform.Case{ID: "rfc7143/6.3/11", Groups: loginGroup, Also: []string{"rfc7143/6.3/10", "rfc7143/7.12/2"},
		Rule: "A key of an earlier request that comes again in the same login is answered with a Login reject, initiator error."}, again)...)
	return append(all, unknown()...)
}

func initiatorError(t *conform.T, c *conform.Conn) {
	o := c.Outcome()
	t.Want(o.PDU != nil && o.PDU.Opcode() == pdu.OpLoginResponse, "a Login reject, initiator error", "%v", o)
	s := o.PDU.Login().Status()
	t.Want(s.Class() == 2, "a Login reject of class 2, initiator error", "status 0x%04x", uint16(s))
	c.Ended("the connection's end after a refused login (RFC 7143, 11.13.5)")
}

func unknown() (all []conform.Case) {
	long := "X-com.example." + string(make63())
	var rows, obsolete, stage []row
	for _, kv := range [][2]string{
		{"X-com.example.ringtgt.conform", "1"}, {"X-com.example.ringtgt.empty", ""}, {long, "a"}, {"Z9", "b"}, {"Headerdigest", "None"},
		{"X-com.example.long", string(filled(255))}, {"X-com.example.list", "a,b,None"},
	} {
		rows = append(rows, row{"the unknown key " + short(kv[0]) + "=" + short(kv[1]), func(t *conform.T) {
			_, a := t.Negotiate(kv[0], kv[1])
			good(t, a)
			t.Want(a.Value(kv[0]) == "NotUnderstood", kv[0]+"=NotUnderstood", "%s=%s", kv[0], a.Value(kv[0]))
		}})
	}
	for _, kv := range [][2]string{{"IFMarker", "No"}, {"OFMarker", "No"}, {"IFMarker", "Yes"}, {"OFMarker", "Yes"}, {"IFMarkInt", "2048~65535"}, {"OFMarkInt", "2048~65535"}} {
		obsolete = append(obsolete, row{"the obsolete key " + kv[0] + "=" + kv[1], func(t *conform.T) {
			_, a := t.Negotiate(kv[0], kv[1])
			good(t, a)
			v := a.Value(kv[0])
			t.Want(v == "Reject" || v == "No" && len(kv[0]) == len("IFMarker"), kv[0]+"=Reject, or No for a marker", "%s=%s", kv[0], v)
		}})
	}
	for _, kv := range offers[:14] {
		if kv[0] == "MaxRecvDataSegmentLength" {
			continue // declarative: no answer shows what the target makes of it
		}
		stage = append(stage, row{kv[0] + " in SecurityNegotiation", func(t *conform.T) {
			c := t.Dial()
			c.Send(c.Request(conform.Security, conform.Security).Header(), rawclient.Text(append(t.Who(), kv[0], kv[1])...))
			o := c.Outcome()
			t.Want(o.PDU != nil || o.Closed, "an answer", "%v", o)
			if o.PDU == nil || o.PDU.Opcode() != pdu.OpLoginResponse || o.PDU.Login().Status() != pdu.LoginSuccess {
				return
			}
			keys, _ := o.PDU.Keys()
			for _, got := range keys {
				none := got.Value == "Reject" || got.Value == "Irrelevant" || got.Value == "NotUnderstood"
				t.Want(got.Key != kv[0] || none, "no negotiation of "+kv[0]+" in this stage", "%s=%s", got.Key, got.Value)
			}
		}})
	}
	all = table(conform.Case{ID: "rfc7143/6.2/7", Groups: loginGroup, Also: []string{"rfc7143/6.1/1"}, Rule: "A key that is not understood is answered with NotUnderstood."}, rows)
	all = append(all, table(conform.Case{ID: "rfc7143/13.25/0", Groups: loginGroup, Also: []string{"rfc7143/13.25/1", "rfc7143/13.25/3"},
		Rule: "Obsolete marker keys are answered with Reject, or IFMarker and OFMarker with No; never with NotUnderstood."}, obsolete)...)
	return append(all, table(conform.Case{ID: "rfc7143/12/1", Groups: loginGroup,
		Rule: "Operational keys are not negotiated in SecurityNegotiation: there a target does not answer them with a value."}, stage)...)
}

func filled(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'k'
	}
	return b
}

// make63 fills a key up to 63 characters, the longest there are.
func make63() []byte { return filled(63 - len("X-com.example.")) }
