package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

const simInitiator = "iqn.2026-11.io.example:host"

// wire is a PDU as it was sent: its header and its data segment.
type wire struct {
	h    pdu.BHS
	data []byte
}

func (x wire) String() string {
	return fmt.Sprintf("%v ITT %#x, %d bytes", x.h.Opcode(), x.h.ITT(), len(x.data))
}

// pattern returns n bytes, from position from on, of a sequence with a period of 16 MiB.
func pattern(from, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		v := from + i
		b[i] = byte(v ^ v>>8 ^ v>>16)
	}
	return b
}

// simSession is the initiator's view of a session: the state that its connections share.
type simSession struct {
	w        *simWorld
	name     string // of the initiator; "": simInitiator
	isid     [6]byte
	tsih     uint16
	cmdSN    uint32
	exp, max uint32
	params   *session.Params
	first    uint32 // CmdSN of the leading login
	conns    []*simConn
	cmds     map[uint32]*simCmd // unanswered requests by ITT
	up, over bool
	unsaid   bool // a Resize has opened the window beyond unsaidAt, and no PDU has announced it
	unsaidAt uint32
}

// simConn is the initiator's end of a connection.
type simConn struct {
	w     *simWorld
	sess  *simSession
	cid   uint16
	sock  *simSocket
	state simConnState

	expStatSN uint32
	in        []byte
	hd, dd    bool
	keys      map[string]string // of the login's answer
	status    pdu.LoginStatus

	queue []*simSender
	// For scenarios: PDUs that the story has not looked at yet, whether it inspects the login, and whether the connection
	// acknowledges only when told to.
	got         []wire
	asked, mute bool
	why         string
}

type simConnState uint8

const (
	simLogin   simConnState = iota
	simFull                 // full feature phase
	simLeaving              // its logout is under way
	simLost                 // lost, as the initiator knows; the target may still have its tasks
	simGone
)

// simSender is a queue of PDUs that must be sent in order.
type simSender struct {
	cmd  *simCmd
	pdus [][]byte
}

func (c *simConn) String() string { return fmt.Sprintf("conn cid %d/%d", c.cid, c.sock.id) }

// connect opens a connection and sends one Login Request that asks for full feature phase.
func (s *simSession) connect(cid uint16, loop int, keys ...string) *simConn {
	w := s.w
	c := &simConn{w: w, sess: s, cid: cid, sock: w.dial(loop), expStatSN: 700 + uint32(w.dialed)<<8}
	c.sock.conn = c
	s.conns = append(s.conns, c)
	l := rawclient.OneRequest(s.isid)
	l.TSIH, l.CID, l.ITT, l.CmdSN, l.ExpStatSN = s.tsih, cid, 0x77, s.cmdSN, c.expStatSN
	text := rawclient.Text(append([]string{"InitiatorName", cmp.Or(s.name, simInitiator), "TargetName", testTarget}, keys...)...)
	c.transmit(c.encode(l.Header(), text), nil)
	w.logf("%v: login, TSIH %d, on loop %d", c, s.tsih, loop)
	return c
}

// encode returns a PDU's bytes, with the digests that the connection uses.
func (c *simConn) encode(h *pdu.BHS, data []byte) []byte {
	return rawclient.Digests{Header: c.hd, Data: c.dd}.Append(make([]byte, 0, 48+len(data)+12), h, data)
}

// transmit sends a PDU with the current ExpStatSN. cmd is the request that it belongs to; nil: the oracle does not track it.
func (c *simConn) transmit(b []byte, cmd *simCmd) {
	if c.state != simGone && c.state != simLost {
		c.sock.send(b, cmd)
	}
}

// read receives the next PDU or the end of the connection, and reports whether there was either.
func (c *simConn) read() bool {
	if c.state == simGone || c.state == simLost {
		return false
	}
	b, end := c.sock.s.Read()
	if c.sock.s.WasReset() {
		c.die("reset")
		return true
	}
	news := len(b) > 0
	c.in = append(c.in, b...)
	if len(c.in) < pdu.BHSLen {
		if end {
			c.die("closed by the target")
			return true
		}
		return news
	}
	h := pdu.BHS(c.in[:pdu.BHSLen])
	n := h.DataLen()
	at, tail := pdu.BHSLen, pdu.BHSLen+n+pdu.Pad(n)
	if c.hd {
		at, tail = at+4, tail+4
	}
	size := tail
	if c.dd && n > 0 {
		size += 4
	}
	if len(c.in) < size {
		if end {
			c.die("closed by the target within a PDU")
			return true
		}
		return news
	}
	if c.hd && pdu.GetDigest(c.in[pdu.BHSLen:]) != pdu.Digest(0, c.in[:pdu.BHSLen]) {
		c.w.Fatalf("%v: header digest of %v", c, h.Opcode())
	}
	if c.dd && n > 0 && pdu.GetDigest(c.in[tail:]) != pdu.Digest(0, c.in[at:tail]) {
		c.w.Fatalf("%v: data digest of %v", c, h.Opcode())
	}
	x := wire{h, slices.Clone(c.in[at : at+n])}
	c.in = c.in[size:]
	if len(c.in) == 0 {
		c.in = nil
	}
	c.take(x)
	return true
}

// take processes the fields that every PDU carries, then passes the PDU on.
func (c *simConn) take(x wire) {
	s := c.sess
	in := (*pdu.DataIn)(&x.h)
	switch op := x.h.Opcode(); {
	case op == pdu.OpLoginResponse:
		c.expStatSN = in.StatSN() + 1
	case op == pdu.OpDataIn && !in.StatusPresent(), op == pdu.OpR2T, op == pdu.OpNOPIn && x.h.ITT() == pdu.ReservedTag:
	default:
		if in.StatSN() != c.expStatSN {
			c.w.Fatalf("%v: %v has StatSN %d; the next is %d", c, op, in.StatSN(), c.expStatSN)
		}
		c.expStatSN++
	}
	if pdu.SNLess(s.exp, in.ExpCmdSN()) {
		s.exp = in.ExpCmdSN()
	}
	if pdu.SNLess(s.max, in.MaxCmdSN()) {
		s.max = in.MaxCmdSN()
	}
	if x.h.Opcode() == pdu.OpLoginResponse {
		c.loginAnswer(x)
	}
	c.w.onPDU(c, x)
}

// loginAnswer processes a Login Response.
func (c *simConn) loginAnswer(x wire) {
	r := (*pdu.LoginResponse)(&x.h)
	c.status = r.Status()
	if c.status != pdu.LoginSuccess {
		return
	}
	kvs, err := pdu.ParseText(x.data, 64)
	if err != nil {
		c.w.Fatalf("%v: %q: %v", c, x.data, err)
	}
	c.keys = map[string]string{}
	for _, kv := range kvs {
		c.keys[kv.Key] = kv.Value
	}
	c.hd, c.dd = c.keys["HeaderDigest"] == "CRC32C", c.keys["DataDigest"] == "CRC32C"
	s := c.sess
	s.tsih, s.up = r.TSIH(), true
	s.params = &c.sock.target.c.s.Session().Params
	c.state = simFull
}

// die closes the initiator's end of the connection.
func (c *simConn) die(why string) {
	if c.state == simGone || c.state == simLost {
		return
	}
	c.w.logf("%v: is lost: %s", c, why)
	c.why = why
	c.sock.s.CloseWrite()
	if c.state == simLogin {
		c.state = simGone
	} else {
		c.state = simLost
	}
	c.queue = nil
}

// live reports whether requests may be sent.
func (c *simConn) live() bool { return c.state == simFull && !c.sock.s.WasReset() }

// header returns the header of a new request.
func (c *simConn) header(op pdu.Opcode, itt uint32, immediate bool) pdu.BHS {
	h := rawclient.Request(op, itt, c.sess.cmdSN, 0)
	h.SetFinal(true)
	if h.SetImmediate(immediate); !immediate {
		c.sess.cmdSN++
	}
	return *h
}

// stamped updates ExpStatSN in a PDU that was queued: it acknowledges what has arrived since (RFC 7143, 4.2.2.2).
func (c *simConn) stamped(b []byte) []byte {
	h := (*pdu.BHS)(b[:pdu.BHSLen])
	(*pdu.SCSICommand)(h).SetExpStatSN(c.expStatSN)
	if c.hd {
		pdu.PutDigest(b[pdu.BHSLen:], pdu.Digest(0, h[:]))
	}
	return b
}
