package session

// taskPhase is the state of a task. docs/session.md, "The life of a task", has the drawing. The order of the constants matters where
// phases are compared: the host has not started a task before phaseRunning.
type taskPhase uint8

const (
	phaseArriving     taskPhase = iota // its own PDU is not complete
	phaseHeld                          // in the command window, before its turn
	phaseHeldStopped                   // stopped, but the window had begun to deliver it: it ends at its turn
	phaseHeldDraining                  // stopped in the command window; waits for announced data
	phaseData                          // its turn has come; it waits for data-out, for memory or for other tasks
	phaseDraining                      // stopped; waits for announced data, which is discarded
	phaseBarred                        // complete, but a task management function must be carried out first
	phaseReady                         // on Conn.todo: the host has to take Execute or Manage
	phaseDeferred                      // with the host, which has yet to start it
	phaseRunning                       // with the host
	phaseStop                          // on Conn.todo: the host has to take Abort
	phaseStopping                      // with the host, which owes Aborted
	phaseUnwanted                      // a function with the host whose response will not be sent: Managed frees it
	phaseAnswer                        // on Conn.answers
	phaseFenced                        // answered, but the response has to wait for a fence
	phaseSending                       // on Conn.sending: the host owes Sent
	phaseFreed
	phases
)

var phaseNames = [phases]string{
	phaseArriving: "arriving", phaseHeld: "held", phaseHeldStopped: "held-stopped", phaseHeldDraining: "held-draining",
	phaseData: "data", phaseDraining: "draining", phaseBarred: "barred", phaseReady: "ready", phaseDeferred: "deferred",
	phaseRunning: "running",
	phaseStop:    "stop", phaseStopping: "stopping", phaseUnwanted: "unwanted", phaseAnswer: "answer", phaseFenced: "fenced",
	phaseSending: "sending", phaseFreed: "freed",
}

func (p taskPhase) String() string {
	if p < phases {
		return phaseNames[p]
	}
	return "no phase"
}

// phaseSet is a set of phases, one bit each.
type phaseSet uint32

func setOf(ps ...taskPhase) (s phaseSet) {
	for _, p := range ps {
		s |= 1 << p
	}
	return s
}

func (s phaseSet) has(p taskPhase) bool { return s>>p&1 != 0 }

// phasesActive are those of a command that was received in CmdSN order and is not answered.
var phasesActive = setOf(phaseData, phaseDraining, phaseBarred, phaseReady, phaseDeferred, phaseRunning)

// phaseNext is the table of transitions: to which phases a task may move from each.
var phaseNext = [phases]phaseSet{
	phaseArriving:     setOf(phaseHeld, phaseData, phaseFreed),
	phaseHeld:         setOf(phaseHeldStopped, phaseHeldDraining, phaseData, phaseFreed),
	phaseHeldStopped:  setOf(phaseHeldDraining, phaseFreed),
	phaseHeldDraining: setOf(phaseHeldStopped, phaseDraining, phaseFreed),
	phaseData:         setOf(phaseDraining, phaseBarred, phaseReady, phaseAnswer, phaseFreed),
	phaseDraining:     setOf(phaseFreed),
	phaseBarred:       setOf(phaseReady, phaseFreed),
	phaseReady:        setOf(phaseRunning, phaseFreed),
	phaseDeferred:     setOf(phaseRunning, phaseStop, phaseFreed),
	phaseRunning:      setOf(phaseDeferred, phaseStop, phaseUnwanted, phaseData, phaseAnswer, phaseFreed),
	phaseStop:         setOf(phaseStopping, phaseFreed),
	phaseStopping:     setOf(phaseFreed),
	phaseUnwanted:     setOf(phaseFreed),
	phaseAnswer:       setOf(phaseFenced, phaseSending, phaseFreed),
	phaseFenced:       setOf(phaseAnswer, phaseFreed),
	phaseSending:      setOf(phaseFreed),
}

// move takes a task to its next phase. It is the only code that changes the phase.
func (t *Task) move(to taskPhase) {
	if !phaseNext[t.st.phase].has(to) {
		t.illegal(to)
	}
	t.st.phase = to
}

func (t *Task) illegal(to taskPhase) {
	panic("session: a task cannot move from " + t.st.phase.String() + " to " + to.String())
}

// stopped reports whether no answer of the task will be sent any more.
func (p taskPhase) stopped() bool { return phasesStopped.has(p) }

// draining reports whether the task is stopped and stays until the data that was announced has come.
func (p taskPhase) draining() bool { return p == phaseDraining || p == phaseHeldDraining }

const phasesStopped phaseSet = 1<<phaseHeldStopped | 1<<phaseHeldDraining | 1<<phaseDraining | 1<<phaseStop | 1<<phaseStopping |
	1<<phaseUnwanted

// phasesUnreceived are those in which a request does not count as received: its CmdSN has not had its turn.
const phasesUnreceived phaseSet = 1<<phaseArriving | 1<<phaseHeld | 1<<phaseHeldStopped | 1<<phaseHeldDraining
