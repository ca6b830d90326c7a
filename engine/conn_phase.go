package engine

import "fmt"

// connPhase is the phase of a connection's life. docs/engine.md draws the phases.
type connPhase uint8

const (
	connServing   connPhase = iota // receives and sends
	connMoving                     // receives nothing; moves to loop moveTo as soon as nothing is being sent
	connDraining                   // takes no more input; is shut down once what is queued has been sent
	connFlushing                   // discards input; its last PDU is being sent
	connLingering                  // has sent its FIN; discards input until the peer closes or lingerGrace is over
	connShut                       // both directions are shut down; the kernel still has one of its operations
	connClosed                     // its descriptor is closed and session.Conn.Closed was called; a backend still has tasks of it, or the kernel data
	connDropped                    // its index in loop.conns may be another connection's
)

var connPhaseNames = [...]string{"serving", "moving", "draining", "flushing", "lingering", "shut", "closed", "dropped"}

func (p connPhase) String() string {
	if int(p) < len(connPhaseNames) {
		return connPhaseNames[p]
	}
	return fmt.Sprintf("connPhase(%d)", uint8(p))
}

// connNext lists the phases that may follow each phase. Closing a socket with unread input resets the connection, and the peer
// may lose the last PDU: hence connLingering, which is entered only after the session's Flush event.
var connNext = [...]uint16{
	connServing:   phases(connMoving, connDraining, connFlushing, connShut),
	connMoving:    phases(connServing, connFlushing, connShut),
	connDraining:  phases(connFlushing, connShut),
	connFlushing:  phases(connLingering, connShut),
	connLingering: phases(connShut),
	connShut:      phases(connClosed),
	connClosed:    phases(connDropped),
	connDropped:   0,
}

func phases(all ...connPhase) (set uint16) {
	for _, p := range all {
		set |= 1 << p
	}
	return set
}

// enter moves the connection to its next phase. A transition that is not in connNext is a bug.
func (c *conn) enter(next connPhase) {
	if connNext[c.phase]>>next&1 == 0 {
		panic(fmt.Sprintf("engine: connection %s: phase %v after %v", c.name.remote, next, c.phase))
	}
	c.phase = next
}

// takesInput reports whether received data goes to the protocol.
func (c *conn) takesInput() bool { return c.phase < connDraining }

// mayReceive reports whether a receive may be with the kernel.
func (c *conn) mayReceive() bool {
	return c.phase == connServing || c.phase == connFlushing || c.phase == connLingering
}

// shut reports whether the connection sends nothing any more.
func (c *conn) shut() bool { return c.phase >= connShut }
