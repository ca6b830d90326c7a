package session

// sessionPhase is the phase of a session between its first connection's login and its removal from the registry. docs/session.md,
// "The end of a session", has the drawing.
type sessionPhase uint8

const (
	sessionNew    sessionPhase = iota // its leading login is not complete: no login can find it
	sessionUp                         // it has connections, and others may join
	sessionKept                       // it has lost its last connection, and waits for another to continue it (kept.go)
	sessionAsked                      // the administrator ends it: no connection may join, and it is not kept (ask.go)
	sessionEnding                     // logged out, replaced or expired: no connection may join any more
	sessionGone                       // removed from the registry
	sessionPhases
)

var sessionPhaseNames = [sessionPhases]string{
	sessionNew: "new", sessionUp: "up", sessionKept: "kept", sessionAsked: "asked", sessionEnding: "ending", sessionGone: "gone",
}

func (p sessionPhase) String() string {
	if p < sessionPhases {
		return sessionPhaseNames[p]
	}
	return "no phase"
}

// sessionNext is the table of transitions: which phases may follow each.
var sessionNext = [sessionPhases]uint8{
	sessionNew:    1 << sessionUp,
	sessionUp:     1<<sessionKept | 1<<sessionAsked | 1<<sessionEnding,
	sessionKept:   1<<sessionUp | 1<<sessionAsked | 1<<sessionEnding,
	sessionAsked:  1 << sessionEnding,
	sessionEnding: 1 << sessionGone,
}

// move takes the session to its next phase, under mu. It is the only code that changes the phase.
func (m *members) move(to sessionPhase) {
	if sessionNext[m.phase]>>to&1 == 0 {
		panic("session: a session cannot move from " + m.phase.String() + " to " + to.String())
	}
	m.phase = to
}

// stop is the administrator's end of the session, under mu. With force it begins at once, else when the initiator has logged out or
// its time is up.
func (m *members) stop(force bool) {
	switch {
	case force:
		m.end()
	case m.phase < sessionAsked:
		m.move(sessionAsked)
	}
}

// end begins the session's end, under mu, unless that has begun already: a session may be logged out, replaced and lose its last
// connection at the same time.
func (m *members) end() {
	if m.phase < sessionEnding {
		m.move(sessionEnding)
	}
}
