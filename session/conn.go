// Package session is the iSCSI protocol (RFC 7143) without I/O: login, full feature phase, the command window and
// sessions. PDUs go in, events come out; time and randomness are arguments. docs/session.md describes its files.
package session

import (
	"net/netip"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// ConnConfig describes a connection that was just accepted.
type ConnConfig struct {
	Node          *Node
	Host          Host
	Local, Remote netip.AddrPort
	Loop          int
	Rand          func([]byte) // fills its argument with cryptographic randomness
	Now           int64        // ns, monotonic
	Wall          time.Time    // the same moment on the wall clock, for Session.Since
}

// Conn is one connection. All its methods are called on its loop's thread. None blocks. In full feature phase
// commands take no lock and allocate nothing once the queues have grown to what the initiator uses; task management and logout may
// do both.
type Conn struct {
	cfg    ConnConfig
	node   *Node
	host   Host
	framer pdu.Framer
	now    int64 // the latest time passed to Header, Payload, Buffer and Next: for Times

	login *login // nil from full feature phase on, and only then
	// sess is the session that the connection is a member of. It is set when the login is granted, which may be long before
	// the answer (members.enroll), and never changes again; nil before.
	sess *Session
	cp   ConnParams
	cid  uint16

	turns delivery
	at    int // the loop it is on; guarded by the session's mu
	// left is closed when the connection leaves its session; nil if nobody waits for that. Guarded by the session's mu.
	left chan struct{}

	rx      rxState
	tags    tagTable
	todo    taskList // Execute, Abort and Manage events to be taken
	asking  taskList // writes with an R2T to be sent
	answers taskList // tasks with Data-In and responses to be sent
	sending taskList // tasks whose last PDU the host has not yet reported sent
	replies replyQueue
	sn      serials
	tm      management
	out     logout
	nop     nopState
	data    dataWatch
	txt     textNegotiation
	end     endState

	live       int // tasks from NewTask to FreeTask
	immediates int // unanswered immediate requests
	rejects    int // Rejects sent so far
	ttt        transferTags
	scratch    [maxSense + 2]byte // data segment of the response at hand
	borrowed   []byte             // memory for a data segment of which a command takes only the first part
}

// NewConn makes the protocol side of a connection that was just accepted.
func NewConn(cfg ConnConfig) *Conn {
	c := &Conn{cfg: cfg, node: cfg.Node, host: cfg.Host, at: cfg.Loop}
	// A login request has no additional header segments, so the framer refuses a PDU that announces any before they arrive.
	c.framer.SetLimits(0, DefaultDataSegmentLength)
	c.cp = ConnParams{MaxRecvDataSegmentLength: DefaultDataSegmentLength, MaxXmitDataSegmentLength: DefaultDataSegmentLength}
	c.tm.conn, c.turns.c, c.out.conn = tmConn{c}, c, connLogout{c}
	c.data.timeout = cfg.Node.config().DataTimeout
	c.login = startLogin(&c.cfg, connLogin{c}, c.cp)
	return c
}

// Framer is the connection's own framer, fed by the host. The login sets its limits and digests.
func (c *Conn) Framer() *pdu.Framer { return &c.framer }

// Session returns the connection's session, nil before full feature phase.
func (c *Conn) Session() *Session {
	if !c.fullFeature() {
		return nil
	}
	return c.sess
}

// fullFeature reports whether the connection is in full feature phase. A member of a session need not be: its login may wait
// for another connection to end.
func (c *Conn) fullFeature() bool { return c.login == nil }

// Params returns the parameters negotiated for this connection alone.
func (c *Conn) Params() *ConnParams { return &c.cp }

// DataDigest reports whether data segments carry digests in full feature phase.
func (c *Conn) DataDigest() bool { return c.cp.DataDigest }

// CID returns the connection's identifier in its session (RFC 7143, 11.12.7).
func (c *Conn) CID() uint16 { return c.cid }

// Remote returns the initiator's address.
func (c *Conn) Remote() netip.AddrPort { return c.cfg.Remote }

// Local returns the portal's address.
func (c *Conn) Local() netip.AddrPort { return c.cfg.Local }

// Loop returns the index of the loop that the connection is on.
func (c *Conn) Loop() int { return c.cfg.Loop }

// Unacknowledged returns how many responses the initiator has not acknowledged by ExpStatSN (RFC 7143, 4.2.2.2).
func (c *Conn) Unacknowledged() uint32 { return c.sn.statSN - c.sn.expStatSN }

// InFlight returns how many requests of the connection are unanswered.
func (c *Conn) InFlight() int { return c.tags.n }
