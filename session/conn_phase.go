package session

// connPhase is the phase of a connection between its first byte and the moment when the host may forget it. docs/session.md, "The
// end of a connection", has the drawing. The order of the constants matters to the methods below: a later phase never allows what
// an earlier one forbids.
type connPhase uint8

const (
	connOpen     connPhase = iota // takes input and sends
	connQuiet                     // another connection logs the session out: input is ignored
	connFlushing                  // input is ignored; Flush follows once everything queued has been sent
	connFlushed                   // the host has taken Flush; nothing more is sent
	connFailing                   // the host has to take Close
	connFailed                    // the host has taken Close, and owes Closed
	connClosed                    // the transport is gone; the host still has tasks
	connKeeping                   // it has left, and its session waits for a connection to continue it
	connExpired                   // no connection continued the session: the host has to take SessionDown
	connLast                      // its session is over, and must be removed from the registry
	connGone                      // nothing more follows
	connPhases
)

var connPhaseNames = [connPhases]string{
	connOpen: "open", connQuiet: "quiet", connFlushing: "flushing", connFlushed: "flushed", connFailing: "failing",
	connFailed: "failed", connClosed: "closed", connKeeping: "keeping", connExpired: "expired", connLast: "last", connGone: "gone",
}

func (p connPhase) String() string {
	if p < connPhases {
		return connPhaseNames[p]
	}
	return "no phase"
}

// connNext is the table of transitions: which phases may follow each.
var connNext = [connPhases]uint16{
	connOpen:     1<<connQuiet | 1<<connFlushing | 1<<connFailing | 1<<connClosed,
	connQuiet:    1<<connFlushing | 1<<connFailing | 1<<connClosed,
	connFlushing: 1<<connFlushed | 1<<connFailing | 1<<connClosed,
	connFlushed:  1<<connFailing | 1<<connClosed,
	connFailing:  1<<connFailed | 1<<connClosed,
	connFailed:   1 << connClosed,
	connClosed:   1<<connKeeping | 1<<connLast | 1<<connGone,
	connKeeping:  1<<connExpired | 1<<connGone,
	connExpired:  1 << connLast,
	connLast:     1 << connGone,
}

// deaf reports whether input is ignored.
func (p connPhase) deaf() bool { return p != connOpen }

// mute reports whether nothing is sent any more.
func (p connPhase) mute() bool { return p >= connFlushed }

// closed reports whether the transport is gone.
func (p connPhase) closed() bool { return p >= connClosed }

// endState is the connection's phase and what belongs to it.
type endState struct {
	connPhase
	asking asking
	enters EventKind // SessionUp, SessionJoined or DiscoveryUp while the host has to take that event; else 0
	reason error     // of Close and Flush
	// expired is why the kept session ended.
	expired error
	// by is the deadline of the phase, 0 if there is none. At the deadline, connOpen stops waiting for the logout that a shutdown
	// asked for, connQuiet for the logout on another connection, connFlushing and connFlushed for the initiator to read, and
	// connKeeping for a connection to continue the session.
	by int64
}

// move takes the connection to its next phase. It is the only code that changes the phase.
func (e *endState) move(to connPhase) {
	if connNext[e.connPhase]>>to&1 == 0 {
		panic("session: a connection cannot move from " + e.String() + " to " + to.String())
	}
	e.connPhase = to
}
