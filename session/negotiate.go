package session

import (
	"errors"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/pdu"
)

var (
	errNotLogin     = errors.New("first PDU is no login request")
	errLoginRefused = errors.New("login refused")
)

func defaultParams() Params {
	return Params{MaxConnections: 1, InitialR2T: true, ImmediateData: true, MaxBurstLength: 262144, FirstBurstLength: 65536,
		DefaultTime2Wait: 2, DefaultTime2Retain: 20, MaxOutstandingR2T: 1, ProtocolLevel: 1}
}

// negotiate answers the keys of one login request.
func (l *loginState) negotiate(c *Conn, req *pdu.LoginRequest, kvs []pdu.KeyValue) ([]byte, pdu.LoginStatus) {
	var out []byte
	say := func(k, v string) { out = pdu.AppendText(out, k, v) }
	number := func(v string, most uint32) uint32 {
		n, err := strconv.ParseUint(v, 0, 32)
		if err != nil {
			return most
		}
		return min(uint32(n), most)
	}
	p := &l.params
	for _, kv := range kvs {
		switch k, v := kv.Key, kv.Value; k {
		case "InitiatorName":
			l.name = v
		case "InitiatorAlias":
		case "SessionType":
			l.discovery = v == "Discovery"
		case "TargetName":
			if l.target = c.node.target(v); l.target == nil {
				return nil, pdu.LoginNotFound
			}
		case "AuthMethod":
			if !strings.Contains(v, "None") {
				return nil, pdu.LoginAuthenticationFailure
			}
			say(k, "None")
		case "HeaderDigest":
			l.conn.HeaderDigest = strings.HasPrefix(v, "CRC32C")
			say(k, digestName(l.conn.HeaderDigest))
		case "DataDigest":
			l.conn.DataDigest = strings.HasPrefix(v, "CRC32C")
			say(k, digestName(l.conn.DataDigest))
		case "MaxRecvDataSegmentLength":
			l.conn.MaxXmitDataSegmentLength = max(512, number(v, 1<<24-1))
		case "MaxConnections":
			say(k, "1")
		case "ErrorRecoveryLevel":
			say(k, "0")
		case "InitialR2T":
			p.InitialR2T = v == "Yes"
			say(k, v)
		case "ImmediateData":
			p.ImmediateData = v == "Yes"
			say(k, v)
		case "MaxBurstLength":
			p.MaxBurstLength = max(512, number(v, MaxBurstLength))
			say(k, strconv.Itoa(int(p.MaxBurstLength)))
		case "FirstBurstLength":
			p.FirstBurstLength = max(512, number(v, FirstBurstLength))
			say(k, strconv.Itoa(int(p.FirstBurstLength)))
		case "DefaultTime2Wait":
			say(k, v)
		case "DefaultTime2Retain":
			say(k, "0")
		case "MaxOutstandingR2T":
			p.MaxOutstandingR2T = max(1, number(v, MaxOutstandingR2T))
			say(k, strconv.Itoa(int(p.MaxOutstandingR2T)))
		case "DataPDUInOrder", "DataSequenceInOrder":
			say(k, "Yes")
		case "IFMarker", "OFMarker":
			say(k, "No")
		case "iSCSIProtocolLevel":
			p.ProtocolLevel = number(v, 2)
			say(k, strconv.Itoa(int(p.ProtocolLevel)))
		default:
			say(k, "NotUnderstood")
		}
	}
	if l.name == "" || (l.target == nil && !l.discovery) {
		return nil, pdu.LoginMissingParameter
	}
	if l.target != nil && !l.tpgtTold {
		l.tpgtTold = true
		say("TargetPortalGroupTag", "1")
	}
	if req.CSG() == pdu.StageLoginOperationalNegotiation && !l.answered["mrdsl"] {
		l.answered["mrdsl"] = true
		l.conn.MaxRecvDataSegmentLength = MaxRecvDataSegmentLength
		say("MaxRecvDataSegmentLength", strconv.Itoa(MaxRecvDataSegmentLength))
	}
	return out, pdu.LoginSuccess
}

func digestName(on bool) string {
	if on {
		return "CRC32C"
	}
	return "None"
}
