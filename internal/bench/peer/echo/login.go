package echo

import "github.com/ringtgt/ringtgt/pdu"

// other answers a login that fits one PDU and a logout; false ends the connection.
func (s *server) other(fd int, h *pdu.BHS) bool {
	n := h.DataLen()
	if n > maxText || h.AHSLen() != 0 || !s.recv(fd, s.in[:(n+3)&^3]) {
		return false
	}
	switch h.Opcode() {
	case pdu.OpLoginRequest:
		return s.login(fd, (*pdu.LoginRequest)(h), s.in[:n])
	case pdu.OpLogoutRequest:
		return s.logout(fd, (*pdu.LogoutRequest)(h))
	}
	return false
}

// ours are the keys that are answered by something else than what was offered: one connection, and no digest.
var ours = map[string]string{"MaxConnections": "1", "HeaderDigest": "None", "DataDigest": "None"}

// declared are keys that have no answer (RFC 7143, 13).
var declared = map[string]bool{
	"InitiatorName": true, "InitiatorAlias": true, "TargetName": true, "SessionType": true, "MaxRecvDataSegmentLength": true,
}

// login agrees to whatever is offered and goes to full feature phase.
func (s *server) login(fd int, r *pdu.LoginRequest, text []byte) bool {
	offered, err := pdu.ParseText(text, 64)
	if err != nil || !r.Transit() || r.Continue() || r.CSG() != pdu.StageLoginOperationalNegotiation || r.TSIH() != 0 {
		return false
	}
	answer := pdu.AppendText(nil, "TargetPortalGroupTag", "1")
	for _, kv := range offered {
		if declared[kv.Key] {
			continue
		}
		if v, ok := ours[kv.Key]; ok {
			kv.Value = v
		}
		answer = pdu.AppendText(answer, kv.Key, kv.Value)
	}
	var h pdu.BHS
	h.SetOpcode(pdu.OpLoginResponse)
	a := (*pdu.LoginResponse)(&h)
	a.SetTransit(true)
	a.SetCSG(r.CSG())
	a.SetNSG(pdu.StageFullFeaturePhase)
	a.SetISID(r.ISID())
	a.SetTSIH(1)
	a.SetITT(r.ITT())
	h.SetDataLen(len(answer))
	s.stamp(&h, r.CmdSN()) // immediate: it uses up no CmdSN
	return s.send(fd, pad(append(h[:], answer...)))
}

func (s *server) logout(fd int, r *pdu.LogoutRequest) bool {
	var h pdu.BHS
	h.SetOpcode(pdu.OpLogoutResponse)
	h[1] = 0x80 // F (11.15)
	h.SetITT(r.ITT())
	s.stamp(&h, r.CmdSN())
	s.send(fd, h[:])
	return false
}

// pad completes a PDU to whole words (11.2.3); its header is of whole words.
func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
