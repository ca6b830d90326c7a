package echo

import (
	"github.com/ringtgt/ringtgt/internal/bench/peer/script"
	"github.com/ringtgt/ringtgt/pdu"
)

// other answers a login that fits one PDU and a logout; false ends the connection.
func (s *server) other(fd int, h *pdu.BHS) bool {
	n := h.DataLen()
	if n > script.MaxText || h.AHSLen() != 0 || !s.recv(fd, s.in[:(n+3)&^3]) {
		return false
	}
	switch h.Opcode() {
	case pdu.OpLoginRequest:
		return s.login(fd, (*pdu.LoginRequest)(h), s.in[:n])
	case pdu.OpLogoutRequest:
		r := (*pdu.LogoutRequest)(h)
		a := script.Logout(r)
		s.stamp(&a, r.CmdSN())
		s.send(fd, a[:])
	}
	return false
}

// ours are the keys that are answered by something else than what was offered: one connection, and no digest.
var ours = map[string]string{"MaxConnections": "1", "HeaderDigest": "None", "DataDigest": "None"}

// login agrees to whatever is offered and goes to full feature phase.
func (s *server) login(fd int, r *pdu.LoginRequest, text []byte) bool {
	h, answer, ok := script.Login(r, text, ours)
	if !ok {
		return false
	}
	s.stamp(&h, r.CmdSN()) // immediate: it uses up no CmdSN
	return s.send(fd, pad(append(h[:], answer...)))
}

// pad completes a PDU to whole words (11.1); its header is of whole words.
func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
