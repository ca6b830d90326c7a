package session

// loginPhase is the event that a login waits for. docs/session.md, "The login phase", has the drawing.
type loginPhase uint8

const (
	loginNew     loginPhase = iota // the first request
	loginServes                    // the next request
	loginDelays                    // the time at which an answer may be sent (guess.go)
	loginMoves                     // the host to take Move
	loginMoving                    // the host, which has taken Move, to call Moved
	loginWaits                     // the end of an older session or connection
	loginResumes                   // the timer to run: the older session or connection has ended
	loginOver                      // nothing: it was refused, or the connection has ended
	loginPhases
)

var loginPhaseNames = [loginPhases]string{
	loginNew: "new", loginServes: "serves", loginDelays: "delays", loginMoves: "moves", loginMoving: "moving", loginWaits: "waits",
	loginResumes: "resumes", loginOver: "over",
}

func (p loginPhase) String() string {
	if p < loginPhases {
		return loginPhaseNames[p]
	}
	return "no phase"
}

// loginNext is the table of transitions: which phases may follow each. A login that is granted just ends, in loginServes.
var loginNext = [loginPhases]uint8{
	loginNew:     1<<loginServes | 1<<loginOver,
	loginServes:  1<<loginDelays | 1<<loginMoves | 1<<loginWaits | 1<<loginOver,
	loginDelays:  1<<loginServes | 1<<loginOver,
	loginMoves:   1<<loginMoving | 1<<loginOver,
	loginMoving:  1<<loginServes | 1<<loginOver,
	loginWaits:   1<<loginResumes | 1<<loginOver,
	loginResumes: 1<<loginServes | 1<<loginOver,
}

// move takes the login to its next phase. It is the only code that changes the phase.
func (l *login) move(to loginPhase) {
	if loginNext[l.phase]>>to&1 == 0 {
		panic("session: a login cannot move from " + l.phase.String() + " to " + to.String())
	}
	l.phase = to
}

// answering reports whether the last request has not been answered yet.
func (p loginPhase) answering() bool { return p >= loginDelays && p <= loginResumes }
