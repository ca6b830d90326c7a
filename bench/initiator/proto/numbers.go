package proto

import (
	"sync/atomic"

	"github.com/ringtgt/ringtgt/pdu"
)

// Numbers is what all connections of a session share (RFC 7143, 4.2.2.1): the CmdSN that the next non-immediate request gets,
// and ExpCmdSN and MaxCmdSN as the target last stated them on any connection. Every method may be called by any connection at
// any time; none locks.
type Numbers struct {
	_     [64]byte // the three words are written by every thread: a line each
	cmdSN atomic.Uint32
	_     [60]byte
	exp   atomic.Uint32
	_     [60]byte
	max   atomic.Uint32
	_     [60]byte
	waits atomic.Int32
}

// Init sets the CmdSN that the leading login carries and the first non-immediate request will (4.2.2.1). The window is closed
// until the target opens it.
func (n *Numbers) Init(first uint32) {
	n.cmdSN.Store(first)
	n.exp.Store(first)
	n.max.Store(first - 1)
}

// Take returns the CmdSN of the next non-immediate request and advances it. It fails, and takes nothing, when the window is
// closed: the target would ignore a CmdSN above MaxCmdSN (4.2.2.1).
func (n *Numbers) Take() (cmdSN uint32, ok bool) {
	for {
		sn := n.cmdSN.Load()
		if !pdu.SNLessEq(sn, n.max.Load()) {
			return 0, false
		}
		if n.cmdSN.CompareAndSwap(sn, sn+1) {
			return sn, true
		}
	}
}

// Reserve takes k consecutive numbers, window or not, and returns the first.
// All of them must be sent: each is a hole until then.
func (n *Numbers) Reserve(k uint32) (first uint32) { return n.cmdSN.Add(k) - k }

// CmdSN returns the number of the next non-immediate request, which an
// immediate one carries too without advancing it (4.2.2.1).
func (n *Numbers) CmdSN() uint32 { return n.cmdSN.Load() }

// ExpCmdSN returns the highest ExpCmdSN that the target stated.
func (n *Numbers) ExpCmdSN() uint32 { return n.exp.Load() }

// MaxCmdSN returns the highest MaxCmdSN that the target stated.
func (n *Numbers) MaxCmdSN() uint32 { return n.max.Load() }

// Update takes ExpCmdSN and MaxCmdSN of a PDU of any connection and reports whether MaxCmdSN rose. PDUs of several connections
// pass one another, so lower numbers are ignored, and both are when MaxCmdSN is below ExpCmdSN-1 (4.2.2.1).
func (n *Numbers) Update(exp, max uint32) (opened bool) {
	if pdu.SNLess(max, exp-1) {
		return false
	}
	raise(&n.exp, exp)
	return raise(&n.max, max)
}

// Wait announces that a connection has a request which the closed window holds back, and returns whether it is still closed.
// The announcement comes before the second look, and Update stores before Waiting is asked: one of the two sees the other.
func (n *Numbers) Wait() (closed bool) {
	n.waits.Add(1)
	if pdu.SNLessEq(n.cmdSN.Load(), n.max.Load()) {
		n.waits.Add(-1)
		return false
	}
	return true
}

// Waited withdraws the announcement of Wait.
func (n *Numbers) Waited() { n.waits.Add(-1) }

// Waiting reports whether any connection has announced itself. The loop that opens the window then wakes them.
func (n *Numbers) Waiting() bool { return n.waits.Load() > 0 }

// raise stores v unless the word is already there or beyond.
func raise(w *atomic.Uint32, v uint32) bool {
	for {
		old := w.Load()
		if !pdu.SNLess(old, v) {
			return false
		}
		if w.CompareAndSwap(old, v) {
			return true
		}
	}
}
