package conform

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// Conn is a recorded connection to the target. Its numbers follow what comes; a case may set any of them. What fails on it ends
// the case.
type Conn struct {
	Digests   rawclient.Digests // those in force
	MaxRecv   int               // longest data segment that the target may send: what we declared
	CID       uint16
	ExpStatSN uint32   // of our next PDU
	Session   *Session // of a connection in full feature phase, or in a login that Login began

	t     *T
	id    int
	c     net.Conn
	guard guard
	over  bool // closed by either side
}

// Session is what its connections share.
type Session struct {
	ISID   [6]byte
	TSIH   uint16
	ITT    uint32 // of the last request
	CmdSN  uint32 // of the next request that is not immediate
	Conns  []*Conn
	Params Params // what was negotiated
}

// Dial connects to the target. A target that cannot be reached ends the case with an error.
func (t *T) Dial() *Conn {
	t.connections++
	d := net.Dialer{}
	c, err := d.DialContext(t.ctx, "tcp", t.Target.Portal)
	if err != nil {
		t.refused = err
		t.broken("the target cannot be reached: %v", err)
	}
	_ = c.SetDeadline(t.deadline)
	conn := &Conn{t: t, id: t.connections, c: c, MaxRecv: initialDataSegment}
	conn.Session = &Session{ISID: t.ISID(), CmdSN: t.FirstCmdSN, Params: defaults()}
	t.own(conn)
	t.record(conn, Connected, nil)
	return conn
}

// Options are how Send builds a PDU. The zero value is a right one.
type Options struct {
	AHS               []byte // a multiple of 4 bytes
	BreakHeaderDigest bool
	BreakDataDigest   bool
	Padding           byte // of each padding byte
}

// Send sends a PDU; its lengths are set from data.
func (c *Conn) Send(h *pdu.BHS, data []byte) { c.SendWith(Options{}, h, data) }

// SendWith sends a PDU as o says.
func (c *Conn) SendWith(o Options, h *pdu.BHS, data []byte) {
	b := c.Digests.Append(nil, h, data, o.AHS...)
	if o.BreakHeaderDigest && c.Digests.Header {
		b[pdu.BHSLen+len(o.AHS)] ^= 0xff
	}
	if pad := pdu.Pad(len(data)); pad > 0 && o.Padding != 0 {
		c.repad(b, pad, o.Padding)
	}
	if o.BreakDataDigest && c.Digests.Data && len(data) > 0 {
		b[len(b)-1] ^= 0xff
	}
	c.write(b, Sent)
}

// repad fills the padding at the end of the PDU b, and makes its data digest right again.
func (c *Conn) repad(b []byte, pad int, fill byte) {
	end := len(b)
	if c.Digests.Data {
		end -= pdu.DigestLen
	}
	for i := end - pad; i < end; i++ {
		b[i] = fill
	}
	if c.Digests.Data {
		from := end - (*pdu.BHS)(b).DataLen() - pad
		pdu.PutDigest(b[end:], pdu.Digest(0, b[from:end]))
	}
}

// SendRaw sends bytes as they are.
func (c *Conn) SendRaw(b []byte) { c.write(b, SentRaw) }

// write sends bytes. That the target has closed shows when the case receives.
func (c *Conn) write(b []byte, k Kind) {
	if !c.t.destructive {
		if err := c.guard.pass(b, c.Digests); err != nil {
			c.t.Skip("%v", err)
		}
	}
	c.t.record(c, k, b)
	if _, err := c.c.Write(b); errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fail("the target takes what is sent", "it took nothing for %v", c.t.limit)
	}
}

// Outcome is what came of a request that the standard allows several answers to.
type Outcome struct {
	PDU    *PDU // nil: none came
	Closed bool // the target closed the connection. Neither: it was silent
}

func (o Outcome) String() string {
	switch {
	case o.PDU != nil:
		return o.PDU.String()
	case o.Closed:
		return "the target closed the connection"
	}
	return "nothing came"
}

// Outcome waits for the next PDU that is neither a ping of the target's, which it answers, nor an Asynchronous Message; or for the
// end of the connection; at most for the time of the case.
func (c *Conn) Outcome() Outcome { return c.OutcomeWithin(c.t.limit) }

// OutcomeWithin is Outcome with a time of its own.
func (c *Conn) OutcomeWithin(d time.Duration) Outcome {
	deadline := time.Now().Add(d)
	if deadline.After(c.t.deadline) {
		deadline = c.t.deadline
	}
	for {
		o := c.next(deadline)
		if o.PDU == nil || !c.aside(o.PDU) {
			return o
		}
	}
}

// aside deals with a PDU that may come at any time.
func (c *Conn) aside(p *PDU) bool {
	switch p.Opcode() {
	case pdu.OpNOPIn:
		n := p.NOPIn()
		if p.ITT() != pdu.ReservedTag {
			return false
		}
		if n.TTT() != pdu.ReservedTag {
			h := rawclient.Request(pdu.OpNOPOut, pdu.ReservedTag, c.Session.CmdSN, c.ExpStatSN)
			h.SetImmediate(true)
			h.SetLUN(n.LUN())
			(*pdu.NOPOut)(h).SetTTT(n.TTT())
			c.Send(h, nil)
		}
		return true
	case pdu.OpAsyncMessage:
		c.t.async = append(c.t.async, p)
		return true
	}
	return false
}

// Next returns the next PDU whatever it is, pings and Asynchronous Messages too.
func (c *Conn) Next() Outcome { return c.next(c.t.deadline) }

// Recv returns the next PDU of Outcome. If none comes, the case fails: due says what should have come.
func (c *Conn) Recv(due string) *PDU {
	o := c.Outcome()
	if o.PDU == nil {
		c.t.Fail(due, "%v", o)
	}
	return o.PDU
}

// Expect is Recv for a PDU with that opcode.
func (c *Conn) Expect(op pdu.Opcode, due string) *PDU {
	p := c.Recv(due)
	if p.Opcode() != op {
		c.t.Fail(due, "%v", p)
	}
	return p
}

// Closed expects that the target closes the connection and sends nothing more.
func (c *Conn) Closed(due string) {
	if o := c.Outcome(); !o.Closed {
		c.t.Fail(due, "%v", o)
	}
}

// Ended expects that the target closes the connection; it may send something first.
func (c *Conn) Ended(due string) {
	for {
		if o := c.Outcome(); o.Closed {
			return
		} else if o.PDU == nil {
			c.t.Fail(due, "the target did not close the connection")
		}
	}
}

// Close closes the connection.
func (c *Conn) Close() {
	if !c.over {
		c.over = true
		c.t.record(c, ClosedByUs, nil)
	}
	_ = c.c.Close()
}

// Reset closes the connection by a TCP reset.
func (c *Conn) Reset() {
	if tcp, ok := c.c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

// CloseWrite ends our direction of the connection.
func (c *Conn) CloseWrite() {
	if tcp, ok := c.c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// next reads one PDU.
func (c *Conn) next(deadline time.Time) Outcome {
	if time.Now().After(c.t.deadline) {
		c.t.Fail("an end of the exchange", "the case has lasted %v", c.t.limit)
	}
	_ = c.c.SetReadDeadline(deadline)
	p := new(PDU)
	n, err := io.ReadFull(c.c, p.BHS[:])
	if err != nil {
		return c.cut(p.BHS[:n], err)
	}
	c.t.received(pdu.BHSLen + p.DataLen())
	if limit := min(c.MaxRecv, maxDataSegment); p.DataLen() > limit {
		c.t.record(c, ReceivedPart, p.BHS[:])
		c.t.Fail(fmt.Sprintf("a data segment of at most %d bytes: the initiator declared so (RFC 7143, 13.12)", limit), "%v announces %d bytes", p, p.DataLen())
	}
	wire := make([]byte, pdu.BHSLen+rest(&p.BHS, c.Digests))
	copy(wire, p.BHS[:])
	if n, err := io.ReadFull(c.c, wire[pdu.BHSLen:]); err != nil {
		return c.cut(wire[:pdu.BHSLen+n], err)
	}
	c.t.record(c, Received, wire)
	at := pdu.BHSLen + p.AHSLen()
	if c.Digests.Header {
		c.checkDigest("header digest", wire[:at], wire[at:])
		at += pdu.DigestLen
	}
	if n := p.DataLen(); n > 0 {
		p.Data = wire[at : at+n]
		end := at + n + pdu.Pad(n)
		if p.Pad = wire[at+n : end]; c.Digests.Data {
			c.checkDigest("data digest", wire[at:end], wire[end:])
		}
	}
	c.note(p)
	return Outcome{PDU: p}
}

func (c *Conn) checkDigest(name string, covered, digest []byte) {
	if want, got := pdu.Digest(0, covered), pdu.GetDigest(digest); want != got {
		c.t.Fail(fmt.Sprintf("a %s of 0x%08x (RFC 7143, 13.1)", name, want), "0x%08x", got)
	}
}

// cut is a read that ended within a PDU, or before one.
func (c *Conn) cut(part []byte, err error) Outcome {
	if len(part) > 0 {
		c.t.record(c, ReceivedPart, part)
	}
	late := errors.Is(err, os.ErrDeadlineExceeded)
	if errors.Is(err, net.ErrClosed) && !c.over {
		c.t.broken("the run was ended")
	}
	if !late {
		if !c.over {
			c.over = true
			c.t.record(c, ClosedByTarget, nil)
		}
		return Outcome{Closed: true}
	}
	if len(part) > 0 {
		c.t.Fail("the rest of the PDU", "the target sent the first %d bytes of a PDU and then nothing", len(part))
	}
	return Outcome{}
}

// note follows the numbers of the target. A PDU that has a StatSN of its own moves ours on.
func (c *Conn) note(p *PDU) {
	switch p.Opcode() {
	case pdu.OpR2T:
		return
	case pdu.OpDataIn:
		if !p.DataIn().StatusPresent() {
			return
		}
	case pdu.OpNOPIn:
		if p.ITT() == pdu.ReservedTag {
			return
		}
	}
	c.ExpStatSN = p.StatSN() + 1
}
