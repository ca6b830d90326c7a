package session

import "github.com/ringtgt/ringtgt/pdu"

// serials are the sequence numbers that the connection sends, and the one that the initiator has acknowledged.
type serials struct {
	statSN    uint32 // of the next response
	expStatSN uint32 // what the initiator acknowledged
	toldMax   uint32 // the last MaxCmdSN that was sent
}

// acknowledge records an initiator's ExpStatSN: all responses before it have arrived (RFC 7143, 4.2.2.2). A number beyond what was
// sent acknowledges nothing.
func (s *serials) acknowledge(exp uint32) {
	if pdu.SNLess(s.expStatSN, exp) && pdu.SNLessEq(exp, s.statSN) {
		s.expStatSN = exp
	}
}

// snRule is how a PDU uses StatSN.
type snRule uint8

const (
	snNext    snRule = iota // carries the next StatSN and uses it up: every response
	snCurrent               // carries the next StatSN without using it up: R2T, NOP-In without Initiator Task Tag (11.8, 11.19.2)
	snNone                  // the field is reserved: Data-In without status (11.7.5)
)

// stamp completes the PDU in ev. It is the only place where StatSN, ExpCmdSN and MaxCmdSN are written.
func (c *Conn) stamp(ev *Event, rule snRule) {
	h := &ev.Header
	if rule != snNone {
		h.SetStatSN(c.sn.statSN)
	}
	if rule == snNext {
		c.sn.statSN++
	}
	exp, maxSN := c.cmdWindow()
	h.SetExpMaxCmdSN(exp, maxSN)
	c.sn.toldMax = maxSN
	if h.Opcode() != pdu.OpLoginResponse { // digests begin with full feature phase (13.1)
		ev.HeaderDigest, ev.DataDigest = c.cp.HeaderDigest, c.cp.DataDigest
	}
}

// cmdWindow returns ExpCmdSN and MaxCmdSN.
func (c *Conn) cmdWindow() (exp, maxSN uint32) {
	s := c.sess
	if s == nil {
		return c.login.window()
	}
	return s.window.ExpCmdSN(), s.window.MaxCmdSN()
}
