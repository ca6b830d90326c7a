package session

// Window is the command window of a session: it puts requests into CmdSN order and says how many more are welcome
// (RFC 7143, 4.2.2.1). It knows nothing else.
//
// A slot belongs to the CmdSN sn with sn mod len(slots) as its index, from the Offer of that number until ExpCmdSN has
// passed it. MaxCmdSN only rises: by one with each Release of a request that Take returned, and by one with each plug
// that ExpCmdSN passes. So MaxCmdSN - ExpCmdSN + 1 is always the window's size less the requests that Take returned and
// nobody released, and no two numbers of the window share a slot.
type Window struct {
	exp, max uint32
	slots    []slot
}

type slot struct {
	sn    uint32
	state slotState
	t     *Task
}

type slotState uint8

const (
	slotFree slotState = iota
	slotHeld           // t waits for its turn
	slotPlug           // nothing waits, but the number counts as received
)

// Verdict is what becomes of a CmdSN.
type Verdict uint8

const (
	// Ignore: outside the window or received before; "the target MUST silently ignore any non-immediate command
	// outside of this range or non-immediate duplicates within the range" (4.2.2.1).
	Ignore Verdict = iota
	// InTurn: it is ExpCmdSN.
	InTurn
	// Early: in the window, but earlier ones are missing.
	Early
)

// Init empties the window: the next request is exp, and size requests may be unanswered, 1 to MaxWindow.
func (w *Window) Init(exp uint32, size int) {
	n := 1
	for n < size {
		n *= 2
	}
	*w = Window{exp: exp, max: exp + uint32(size) - 1, slots: make([]slot, n)}
}

// ExpCmdSN is the next number that is expected.
func (w *Window) ExpCmdSN() uint32 { return w.exp }

// MaxCmdSN is the last number that is welcome; ExpCmdSN-1 when none is.
func (w *Window) MaxCmdSN() uint32 { return w.max }

// Check says what Offer would make of sn and changes nothing.
func (w *Window) Check(sn uint32) Verdict {
	// Distances from ExpCmdSN are below 2^31 inside the window, which is RFC 1982's order; all else is outside.
	ahead, size := sn-w.exp, w.max+1-w.exp
	switch {
	case ahead >= size, w.slot(sn).state != slotFree:
		return Ignore
	case ahead == 0:
		return InTurn
	}
	return Early
}

// Offer brings request t with number sn; a nil t only plugs the gap. Unless the verdict is Ignore, t is the window's until
// Take returns it.
func (w *Window) Offer(sn uint32, t *Task) Verdict {
	v := w.Check(sn)
	if v != Ignore {
		s := w.slot(sn)
		s.sn, s.t, s.state = sn, t, slotHeld
		if t == nil {
			s.state = slotPlug
		}
	}
	return v
}

// Take returns the next request whose turn it is, nil when there is none.
func (w *Window) Take() *Task {
	for {
		s := w.slot(w.exp)
		if s.state == slotFree {
			return nil
		}
		t := s.t
		*s = slot{}
		w.exp++
		if t != nil {
			return t
		}
		w.max++
	}
}

// Withdraw makes a plug of the held request sn: it was aborted before its turn.
func (w *Window) Withdraw(sn uint32) {
	if s := w.slot(sn); s.state == slotHeld && s.sn == sn {
		s.t, s.state = nil, slotPlug
	}
}

// Release lets one more request in: one that Take returned was answered or freed.
func (w *Window) Release() { w.max++ }

func (w *Window) slot(sn uint32) *slot { return &w.slots[sn&uint32(len(w.slots)-1)] }
