package session

import "sync/atomic"

// Window is the command window of a session: it puts the requests of all its connections into CmdSN order and says how
// many more are welcome (RFC 7143, 4.2.2.1). It knows nothing else. Any loop calls any method at any time; there is no
// lock, and no loop ever waits for another. docs/window.md has the drawing and the argument why it is right.
//
// Numbers are 62 bits wide inside, so that none ever comes back; the wire's 32 bits are the low half. A slot belongs to
// the numbers that are its index modulo len(slots), one after the other; its turn says which one now, and who may touch
// the task in it:
//
//	slotFree   nobody; he who brings this number may claim the slot
//	slotTaken  he who claimed it, to put his task in
//	slotFull   nobody; he who has the right to deliver may take it, and its owner withdraw it
//	slotPlug   nobody; he who has the right to deliver may take it
//
// The right to deliver n is his who takes n's slot while exp is n and the baton is not held. As only one can take it, only
// one holds the baton: he raises exp, calls the courier, and goes on with n+1 as long as that is there. Having laid the
// baton down he looks at the slot once more, and he who fills a slot looks at the baton after that: one of them sees the
// other, so nothing is left lying.
//
// MaxCmdSN only rises: by one with each Release of a request that was delivered, and by one with each plug that ExpCmdSN
// passes. So MaxCmdSN - ExpCmdSN + 1 is the window's size less the requests that were delivered and not released, never
// more than len(slots), and no two numbers of the window share a slot.
type Window struct {
	_   [64]byte      // what is around the window does not travel with it from core to core
	exp atomic.Uint64 // number*4 + state of the baton: the next number to be delivered
	_   [56]byte

	max  atomic.Uint64 // the last number that is welcome
	size atomic.Uint64 // requests that may be unanswered; in the high half, what that is to become
	_    [48]byte

	slots  []slot
	shared bool
	seen   atomic.Uint64 // a MaxCmdSN of the past: as long as it suffices, max stays with those who release
}

// slot is small: neighbours come and go together, so one cache line brings four of them.
type slot struct {
	turn atomic.Uint64 // number*4 + slotFree, slotTaken, slotFull or slotPlug
	task *Task         // of a full slot
}

const (
	slotFree = iota
	slotTaken
	slotFull
	slotPlug
)

const (
	batonIdle = iota // lies there: nothing can be delivered before exp is brought
	batonHeld        // somebody delivers
	batonLeft        // laid down with work left: whoever comes may go on
)

// courier takes the requests whose turn it is, in CmdSN order. The window is his while he is called: he keeps it short.
type courier interface{ delivered(t *Task) }

// Init empties the window: the next request is exp, and size requests may be unanswered, 1 to MaxWindow. shared says that
// several loops will use it; a session of one connection at a time spares itself their care.
func (w *Window) Init(exp uint32, size int, shared bool) {
	n := 1
	for n < size {
		n *= 2
	}
	first := uint64(exp)
	w.slots = make([]slot, n)
	w.shared = shared
	for i := range uint64(n) {
		w.slot(uint32(first + i)).turn.Store((first+i)<<2 | slotFree)
	}
	w.exp.Store(first<<2 | batonIdle)
	w.max.Store(first + uint64(size) - 1)
	w.seen.Store(first + uint64(size) - 1)
	w.size.Store(uint64(size)<<32 | uint64(size))
}

// ExpCmdSN is the next number that is expected. Who wants MaxCmdSN too asks for that afterwards: then it is not behind.
func (w *Window) ExpCmdSN() uint32 { return uint32(w.exp.Load() >> 2) }

// MaxCmdSN is the last number that is welcome; ExpCmdSN-1 when none is.
func (w *Window) MaxCmdSN() uint32 { return uint32(w.max.Load()) }

// Welcome says that Offer would take sn now: "the target MUST silently ignore any non-immediate command outside of this
// range or non-immediate duplicates within the range" (4.2.2.1).
func (w *Window) Welcome(sn uint32) bool {
	_, ok := w.missing(sn)
	return ok
}

// missing finds the number that sn means, if that is in the window and was not brought: then its slot waits for it.
func (w *Window) missing(sn uint32) (n uint64, ok bool) {
	turn := w.slot(sn).turn.Load()
	n = turn >> 2
	if turn&3 != slotFree || uint32(n) != sn {
		return 0, false // a duplicate, a number that was delivered long ago, or one for which the ring is too small
	}
	if n > w.seen.Load() {
		last := w.max.Load()
		if n > last {
			return 0, false
		}
		w.seen.Store(last)
	}
	return n, true
}

// Offer brings request t with number sn, nil to plug a gap, and delivers to the courier what has its turn. It reports
// whether the number was welcome: then t is the window's until it is delivered or withdrawn, which may be before Offer
// returns. again asks for another Deliver soon.
func (w *Window) Offer(sn uint32, t *Task, to courier) (ok, again bool) {
	n, ok := w.missing(sn)
	if !ok {
		return false, false
	}
	s := w.slot(sn)
	if !w.shared {
		return true, w.offerAlone(s, n, t, to)
	}
	switch e := w.exp.Load(); {
	case e>>2 == n && e&3 != batonHeld:
		// It has its turn at once. Nobody moves exp from here but he who takes this slot.
		if !s.turn.CompareAndSwap(n<<2|slotFree, w.later(n)<<2|slotFree) {
			return false, false // a duplicate was faster
		}
		return true, w.deliver(n, t, to)
	case t == nil:
		if !s.turn.CompareAndSwap(n<<2|slotFree, n<<2|slotPlug) {
			return false, false
		}
	default:
		if !s.turn.CompareAndSwap(n<<2|slotFree, n<<2|slotTaken) {
			return false, false
		}
		s.task = t
		s.turn.Store(n<<2 | slotFull)
	}
	if e := w.exp.Load(); e == n<<2|batonIdle || e&3 == batonLeft {
		return true, w.Deliver(to)
	}
	return true, false // whoever moves exp to n looks at its slot after that
}

// offerAlone is Offer where no other loop can come in between.
func (w *Window) offerAlone(s *slot, n uint64, t *Task, to courier) (again bool) {
	if n != w.exp.Load()>>2 {
		if t == nil {
			s.turn.Store(n<<2 | slotPlug)
			return false
		}
		s.task = t
		s.turn.Store(n<<2 | slotFull)
		return false
	}
	s.turn.Store(w.later(n)<<2 | slotFree)
	n++
	w.exp.Store(n<<2 | batonIdle)
	if t == nil {
		w.Release()
	} else {
		to.delivered(t)
	}
	if turn := w.slot(uint32(n)).turn.Load(); turn>>2 == n && turn&3 >= slotFull {
		return w.Deliver(to)
	}
	return false
}

// Deliver hands the requests whose turn it is to the courier, unless somebody is at it: then he does.
func (w *Window) Deliver(to courier) (again bool) {
	e := w.exp.Load()
	if e&3 == batonHeld {
		return false
	}
	t, ok := w.take(e >> 2)
	return ok && w.deliver(e>>2, t, to)
}

// deliver hands over request t, nil for a plug, with number n, and those that follow. The caller took its slot, and with
// that the baton. What is there in a row is taken first, and exp raised once for all of it, since every loop looks at exp.
// After as many as the window has slots he lays the baton down, so that one loop does not work for the others for ever,
// and asks to be called again.
func (w *Window) deliver(n uint64, t *Task, to courier) (again bool) {
	held := uint64(batonHeld)
	if !w.shared {
		held = batonIdle
	}
	var run [windowRun]*Task
	for left, ok := len(w.slots)+1, true; ; {
		run[0] = t
		k := 1
		for ; k < min(len(run), left); k++ {
			if run[k], ok = w.take(n + uint64(k)); !ok {
				break
			}
		}
		n += uint64(k)
		w.exp.Store(n<<2 | held)
		for _, t := range run[:k] {
			if t == nil {
				w.Release()
			} else {
				to.delivered(t)
			}
		}
		if left -= k; left == 0 {
			w.exp.Store(n<<2 | batonLeft)
			return true
		}
		if t, ok = w.take(n); !ok && w.shared {
			w.exp.Store(n<<2 | batonIdle)
			t, ok = w.take(n) // from one who saw us hold the baton
		}
		if !ok {
			return false
		}
	}
}

// windowRun is how many requests are taken before exp is raised.
const windowRun = 8

// take empties the slot of number n, if that is there. The caller has the baton, or saw it lie at n.
func (w *Window) take(n uint64) (t *Task, ok bool) {
	s := w.slot(uint32(n))
	turn := s.turn.Load()
	if turn == n<<2|slotFull {
		if s.turn.CompareAndSwap(turn, w.later(n)<<2|slotFree) {
			return s.task, true // which nobody replaces yet: the slot's next number is welcome after n's release
		}
		turn = n<<2 | slotPlug // it was withdrawn, or another took it
	}
	return nil, turn == n<<2|slotPlug && s.turn.CompareAndSwap(turn, w.later(n)<<2|slotFree)
}

// Withdraw makes a plug of request t, which was offered with number sn, and reports whether it still could: else t was
// delivered, or is being.
func (w *Window) Withdraw(sn uint32) bool {
	s := w.slot(sn)
	turn := s.turn.Load()
	n := turn >> 2
	return uint32(n) == sn && turn&3 == slotFull && s.turn.CompareAndSwap(turn, n<<2|slotPlug)
}

// Release lets one more request in, since one that was delivered is answered or freed; unless the window is to become
// smaller.
func (w *Window) Release() {
	for {
		v := w.size.Load()
		if uint32(v) <= uint32(v>>32) {
			w.max.Add(1)
			return
		}
		if w.size.CompareAndSwap(v, v-1) {
			return
		}
	}
}

// Resize sets how many requests may be unanswered, 1 to the number of slots. A smaller window comes about as requests
// are answered: MaxCmdSN does not go back. It reports whether MaxCmdSN rose.
func (w *Window) Resize(size int) bool {
	want := uint64(min(max(size, 1), len(w.slots)))
	for {
		v := w.size.Load()
		now := uint64(uint32(v))
		if w.size.CompareAndSwap(v, want<<32|max(now, want)) {
			if want > now {
				w.max.Add(want - now)
			}
			return want > now
		}
	}
}

func (w *Window) slot(sn uint32) *slot { return &w.slots[sn&uint32(len(w.slots)-1)] }

// later is the next number that has n's slot.
func (w *Window) later(n uint64) uint64 { return n + uint64(len(w.slots)) }
