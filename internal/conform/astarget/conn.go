package astarget

import (
	"fmt"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// phase is how far a connection is.
type phase uint8

// Phases of a connection. A connection that is over sends nothing and takes nothing in.
const (
	loggingIn phase = iota
	full
	loggedOut // the logout response is sent
	refused   // a login response with a status other than success is sent
	cutShort  // a scenario ended this end of the stream
	over
)

// outlet is where a connection's bytes go. Its methods do not block.
type outlet interface {
	send(wire []byte)
	finish() // no more is sent: what is queued, then the end of the stream
	abort()
}

// conn is a connection.
type conn struct {
	t     *Target
	n     int // counts connections from 1
	out   outlet
	local string
	peer  string
	phase phase
	login loginState
	s     *session // from the final login response on
	cid   uint16

	digests rawclient.Digests
	sendMax int    // the initiator's MaxRecvDataSegmentLength
	statSN  uint32 // of the next response
	acked   uint32 // highest ExpStatSN that came
	cmdSN   uint32 // of the last command of this connection that was not immediate
	any     bool   // there was one
	urgent  bool   // the last request was immediate

	burst    []*task // tasks whose unsolicited Data-Out is due, in the order of their commands
	text     *textState
	expected []*expectation
	pings    map[uint32]uint64 // Target Transfer Tag to LUN
	bare     int               // NOP-Ins without a tag that were sent, of which no answer is due
	logout   bool              // a logout request came

	events []conform.Event
}

// received is a PDU that came.
type received struct {
	h       *pdu.BHS
	ahs     []byte
	data    []byte
	pad     []byte
	badHdr  bool // the header digest is wrong
	badDat  bool // the data digest is wrong
	endless bool // the data segment is so long that it was not read
}

// attach makes a connection. It returns nil when there are too many.
func (t *Target) attach(out outlet, local, peer string) *conn {
	if len(t.conns) >= maxConns {
		out.abort()
		return nil
	}
	t.made++
	c := &conn{t: t, n: t.made, out: out, local: local, peer: peer, statSN: 1, acked: 1, sendMax: loginDataSegment, pings: map[uint32]uint64{}}
	t.conns[c] = true
	c.event(conform.Event{Kind: conform.Connected, Local: peer, Remote: local})
	return c
}

// event keeps what happened, from the initiator's point of view.
func (c *conn) event(e conform.Event) {
	e.Conn, e.At, e.Digests = c.n, c.t.clock.now(), c.digests
	e.Length = len(e.Wire)
	e.Wire = slices.Clone(e.Wire[:min(len(e.Wire), keptBytes)])
	if len(c.events) >= keptEvents {
		// The first event says who is connected.
		c.events = slices.Delete(c.events, 1, 2)
	}
	c.events = append(c.events, e)
}

// kept notes that a rule was kept.
func (c *conn) kept(id string) { c.t.judge.of(id).kept++ }

// broke notes that a rule was broken, and how.
func (c *conn) broke(id, came string, args ...any) {
	v := c.t.judge.of(id)
	v.broke++
	if v.broke == 1 {
		v.came, v.trace, v.at = fmt.Sprintf("connection %d: ", c.n)+fmt.Sprintf(came, args...), slices.Clone(c.events), c.t.clock.now().Sub(c.t.began)
		c.t.say(fmt.Sprintf("broken: rfc7143/%s: %s", id, v.came))
	}
}

// want is kept or broke.
func (c *conn) want(ok bool, id, came string, args ...any) {
	if ok {
		c.kept(id)
	} else {
		c.broke(id, came, args...)
	}
}

// take notes, judges and answers a PDU.
func (c *conn) take(r *received) {
	if c.phase == over {
		return
	}
	h := *r.h
	c.event(conform.Event{Kind: conform.Sent, Wire: c.digests.Append(nil, &h, r.data, r.ahs...)})
	if r.badHdr {
		// Its lengths are not to be trusted, so nothing after it can be found (RFC 7143, 7.8).
		c.broke("13.1/2", "a header digest is wrong")
		c.end("a header digest is wrong")
		return
	}
	c.common(r)
	if r.endless {
		c.broke("11.7.1/1", "a %v with %d bytes", r.h.Opcode(), r.h.DataLen())
		c.end("a data segment without an end")
		return
	}
	c.judgeExpected(r)
	switch c.phase {
	case loggingIn:
		c.takeLogin(r)
	case full:
		c.takeFull(r)
	case loggedOut:
		if r.h.Opcode() != pdu.OpDataOut {
			c.broke("11.14/1", "%v after the logout was answered", r.h.Opcode())
		}
	}
}

// common judges what every PDU has.
func (c *conn) common(r *received) {
	op := r.h.Opcode()
	c.want(!op.FromTarget(), "11.2.1.2/1", "%v", op)
	if len(r.pad) > 0 {
		c.want(!slices.ContainsFunc(r.pad, func(b byte) bool { return b != 0 }), "11.1/1", "padding %x in a %v", r.pad, op)
	}
	if op != pdu.OpSCSICommand {
		c.want(len(r.ahs) == 0, "11.2.1.5/1", "%d bytes of additional headers in a %v", len(r.ahs), op)
	}
	if c.phase != loggingIn && (c.digests.Header || c.digests.Data && len(r.data) > 0) {
		c.want(!r.badDat, "13.1/2", "a wrong data digest in a %v", op)
	}
	if at, value := reserved(r.h); at >= 0 {
		c.broke("11/1", "byte %d of a %v has 0x%02x in reserved bits", at, op, value)
	} else {
		c.kept("11/1")
	}
	limit := loginDataSegment
	if c.phase != loggingIn && c.login.declared {
		limit = recvDataSegment
	}
	c.want(len(r.data) <= limit, "11.7.1/1", "a %v with %d bytes, where the target takes %d", op, len(r.data), limit)
}

// send queues a PDU. Numbers are those of the moment; status uses a StatSN up.
func (c *conn) send(h *pdu.BHS, data []byte, status bool) { c.sendDamaged(h, data, status, 0) }

// damage is what is wrong with a PDU on purpose.
type damage uint8

const damagedData damage = 1

func (c *conn) sendDamaged(h *pdu.BHS, data []byte, status bool, d damage) {
	if c.phase == over {
		return
	}
	h.SetStatSN(c.statSN)
	if status {
		c.statSN++
	} else if h.Opcode() == pdu.OpDataIn {
		h.SetStatSN(0) // reserved (RFC 7143, 11.7)
	}
	exp, max := c.login.cmdSN, c.login.cmdSN
	if c.s != nil {
		exp, max = c.s.exp, c.s.max
	}
	h.SetExpMaxCmdSN(exp, max)
	wire := c.digests.Append(nil, h, data)
	if d == damagedData {
		wire[len(wire)-1] ^= 0x55
	}
	c.event(conform.Event{Kind: conform.Received, Wire: wire})
	c.out.send(wire)
}

// end ends the connection at once.
func (c *conn) end(why string) {
	if c.phase == over {
		return
	}
	c.event(conform.Event{Kind: conform.ClosedByTarget})
	c.t.say(fmt.Sprintf("connection %d: closed: %s", c.n, why))
	c.leave()
	c.out.abort()
}

// gone is called when the initiator's end of the stream came, or an error.
func (c *conn) gone() {
	if c.phase == over {
		return
	}
	c.event(conform.Event{Kind: conform.ClosedByUs})
	c.leave()
	c.out.abort()
}

// leave takes the connection out of everything.
func (c *conn) leave() {
	was := c.phase
	c.phase = over
	for _, e := range c.expected {
		e.stop()
		if e.closed != nil {
			e.closed()
		}
	}
	c.expected = nil
	delete(c.t.conns, c)
	s := c.s
	if s == nil {
		c.t.plan.again(c.login.play)
		return
	}
	if s.closed && s.many && was != loggedOut {
		c.kept("11.14/2")
	}
	s.over()
	for itt, k := range s.tasks {
		if k.c == c {
			delete(s.tasks, itt)
		}
	}
	for sn, k := range s.held {
		if k.c == c {
			delete(s.held, sn)
		}
	}
	if s.conns[c.cid] == c {
		delete(s.conns, c.cid)
	}
	if len(s.conns) == 0 {
		s.forget()
	}
}

// finish sends what is queued and then the end of the stream, and waits a while for the initiator's end.
func (c *conn) finish(id string) {
	for _, e := range c.expected {
		e.stop() // it is due no more
	}
	c.expected = nil
	c.event(conform.Event{Kind: conform.ClosedByTarget})
	c.out.finish()
	c.expect(&expectation{
		within: lingerFor,
		closed: func() { c.kept(id) },
		late: func() {
			c.broke(id, "the connection is still open after %v", lingerFor)
			c.end("the initiator leaves it open")
		},
	})
}

// expectation is an answer that the initiator owes.
type expectation struct {
	within time.Duration
	met    func(r *received) bool // whether a PDU of the connection is it; may be nil
	late   func()
	closed func() // the connection ended first; may be nil
	stop   func()
}

// expect waits for an answer.
func (c *conn) expect(e *expectation) {
	if len(c.expected) >= maxExpected {
		return
	}
	e.stop = c.t.clock.after(e.within, func() {
		if i := slices.Index(c.expected, e); i >= 0 {
			c.expected = slices.Delete(c.expected, i, i+1)
			e.late()
		}
	})
	c.expected = append(c.expected, e)
}

func (c *conn) judgeExpected(r *received) {
	for _, e := range slices.Clone(c.expected) {
		if e.met != nil && e.met(r) {
			e.stop()
			if i := slices.Index(c.expected, e); i >= 0 {
				c.expected = slices.Delete(c.expected, i, i+1)
			}
		}
	}
}
