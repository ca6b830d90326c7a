package session

// mcLoop is an event loop of the simulated host, with the parts of engine's turn: completions, letters that were posted,
// connections that another loop stirred, timers, connections to be pumped, receives to be asked for. The scheduler takes it
// one piece at a time, so that other loops come in between.
type mcLoop struct {
	w     *mcWorld
	index int
	now   int64
	busy  bool // in a step: it is interrupted
	stage mcStage

	cqes     []func()
	mail     []func() // posted
	letters  []func() // of these, taken in this turn
	stirs    []*mcTarget
	dirty    []*mcTarget
	rearms   []*mcTarget
	timers   []mcTimer
	waiting  []*mcTask // for memory
	released bool

	pool []*mcTask
	ev   Event
}

type mcStage uint8

const (
	mcIdle mcStage = iota
	mcCompletions
	mcLetters
	mcTimers
	mcPumps
)

type mcTimer struct {
	at   int64
	conn *mcTarget
	fn   func()
}

func (l *mcLoop) completed(fn func()) { l.cqes = append(l.cqes, fn) }

func (l *mcLoop) post(fn func()) { l.mail = append(l.mail, fn) }

func (l *mcLoop) after(d int64, fn func()) {
	l.timers = append(l.timers, mcTimer{at: l.now + d, fn: fn})
}

// due takes the earliest timer if it is due.
func (l *mcLoop) due() (mcTimer, bool) {
	best := -1
	for i, t := range l.timers {
		if t.at <= l.now && (best < 0 || t.at < l.timers[best].at) {
			best = i
		}
	}
	if best < 0 {
		return mcTimer{}, false
	}
	t := l.timers[best]
	l.timers = append(l.timers[:best], l.timers[best+1:]...)
	return t, true
}

// enabled says that a turn goes on, or would find something to do.
func (l *mcLoop) enabled() bool {
	if l.stage != mcIdle || len(l.cqes) > 0 || len(l.mail) > 0 || len(l.stirs) > 0 || len(l.dirty) > 0 || len(l.rearms) > 0 || l.released {
		return true
	}
	for _, t := range l.timers {
		if t.at <= l.w.now {
			return true
		}
	}
	return false
}

// step does one thing of a turn.
func (l *mcLoop) step() {
	l.busy = true
	for !l.piece() {
	}
	l.busy = false
}

// piece does the next thing of the stage that the turn is at, or goes to the next stage and reports false.
func (l *mcLoop) piece() bool {
	switch l.stage {
	case mcIdle:
		l.now = l.w.now
		l.stage = mcCompletions
	case mcCompletions:
		if len(l.cqes) > 0 {
			fn := l.cqes[0]
			l.cqes = l.cqes[1:]
			fn()
			return true
		}
		l.letters, l.mail = l.mail, nil
		l.stage = mcLetters
	case mcLetters:
		if len(l.letters) > 0 {
			fn := l.letters[0]
			l.letters = l.letters[1:]
			fn()
			return true
		}
		stirs := l.stirs
		l.stirs = nil
		for i := len(stirs) - 1; i >= 0; i-- { // a stack
			stirs[i].stirred = false
			l.stir(stirs[i])
		}
		l.stage = mcTimers
	case mcTimers:
		if t, ok := l.due(); ok {
			if t.conn == nil {
				t.fn()
			} else if t.conn.home == l {
				t.conn.timerDue(t.at)
			}
			return true
		}
		l.stage = mcPumps
	case mcPumps:
		if n := len(l.dirty); n > 0 {
			c := l.dirty[n-1]
			l.dirty = l.dirty[:n-1]
			c.dirty = false
			c.pump()
			return true
		}
		if l.released {
			l.released = false
			l.serveWaiting()
			return true
		}
		for _, c := range l.rearms {
			c.wantRecv = false
			c.armRecv()
		}
		l.rearms = l.rearms[:0]
		l.stage = mcIdle
		return true
	}
	return false
}

// stir looks at a connection to which another loop has handed something.
func (l *mcLoop) stir(c *mcTarget) {
	if c.home != l {
		c.Wake(-1) // it moved meanwhile
		return
	}
	c.mark()
}

// welcome accepts a connection.
func (l *mcLoop) welcome(s *mcSocket) {
	c := &mcTarget{w: l.w, loop: l, home: l, sock: s, byITT: map[uint32]*mcCmd{}, lastSN: map[uint64]uint32{}}
	c.s = NewConn(ConnConfig{Node: l.w.node, Host: c, Local: mcLocal, Remote: mcRemote, Loop: l.index, Rand: noRand, Now: l.now})
	s.target = c
	l.w.targets = append(l.w.targets, c)
	c.rearm()
	c.mark()
}

// serveWaiting gives memory to those who wait for it, some of them later.
func (l *mcLoop) serveWaiting() {
	for len(l.waiting) > 0 {
		if l.w.chance(3) {
			l.after(1e6, func() { l.released = true })
			return
		}
		t := l.waiting[0]
		l.waiting = l.waiting[1:]
		t.phase = mcCollecting
		t.give()
		t.conn.s.Buffer(l.now, &t.s)
		t.conn.mark()
	}
}

// leaveLine takes a task that ends out of the line for memory.
func (l *mcLoop) leaveLine(t *mcTask) {
	for i, o := range l.waiting {
		if o == t {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			l.released = true
			return
		}
	}
}
