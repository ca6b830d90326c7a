package session

//lint:file-ignore SA4016 a state whose value is 0 is named like the others

import "sync/atomic"

// Window is the command window of a session: it puts the requests of all connections into CmdSN order and limits how many more
// may come (RFC 7143, 4.2.2.1). Any loop may call any method at any time. There is no lock, and no loop ever waits for another.
// docs/session.md has a drawing and the proof.
//
// Internally numbers have 62 bits, so none ever recurs; the CmdSN on the wire is the low 32 bits. A slot serves the numbers that
// equal its index modulo len(slots), one after the other. Its turn has the current number and decides who may access the task:
//
//	slotFree   no one; a loop that offers this number may claim the slot
//	slotTaken  the loop that claimed it, to store its task
//	slotFull   no one; the holder of the token may take it, and its owner may withdraw it
//	slotPlug   no one; the holder of the token may take it
//
// The token is the right to deliver. A loop gets it by taking the slot of number n while exp is n and the token is not held. Only
// one loop can take the slot, so only one holds the token: it raises exp, calls the receiver and continues with n+1 while that is
// there. After releasing the token it reads the slot once more, and a loop that fills a slot reads the token after that. One of
// them sees the other, so no request is left behind.
//
// MaxCmdSN only rises: by one with each Release of a request that was delivered, and by one with each plug that ExpCmdSN
// passes. So MaxCmdSN - ExpCmdSN + 1 is the window's size less the requests that were delivered and not released, never
// more than len(slots), and no two numbers of the window share a slot.
type Window struct {
	_   [64]byte      // neighbours in memory do not share the window's cache lines
	exp atomic.Uint64 // number*4 + state of the token: the next number to be delivered
	_   [56]byte

	max  atomic.Uint64 // the last number that may come
	size atomic.Uint64 // requests that may be unanswered; the high half is the target of a Resize
	_    [48]byte

	slots  []slot
	shared bool
	seen   atomic.Uint64 // an earlier MaxCmdSN: while it suffices, max stays in the caches of loops that release
}

// slot is small: neighbouring slots are used together, and a cache line holds four.
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
	tokenIdle = iota // not held: nothing can be delivered until exp arrives
	tokenHeld        // a loop delivers
	tokenLeft        // released with work left: any loop may continue
)

// receiver receives requests in CmdSN order. The token is held during the call, so it must be short.
type receiver interface{ delivered(t *Task) }

// Init resets the window: the next request is exp, and size requests may be unanswered, 1 to MaxWindow. shared is set if several
// loops may use the window; a session with one connection at a time needs no synchronization.
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
	w.exp.Store(first<<2 | tokenIdle)
	w.max.Store(first + uint64(size) - 1)
	w.seen.Store(first + uint64(size) - 1)
	w.size.Store(uint64(size)<<32 | uint64(size))
}

// ExpCmdSN returns the next expected number. Read MaxCmdSN after it, so that MaxCmdSN is not behind.
func (w *Window) ExpCmdSN() uint32 { return uint32(w.exp.Load() >> 2) }

// MaxCmdSN returns the last number that may come; ExpCmdSN-1 if none may.
func (w *Window) MaxCmdSN() uint32 { return uint32(w.max.Load()) }

// Welcome reports whether Offer would accept sn now: "the target MUST silently ignore any non-immediate command outside of this
// range or non-immediate duplicates within the range" (4.2.2.1).
func (w *Window) Welcome(sn uint32) bool {
	_, ok := w.missing(sn)
	return ok
}

// missing returns the full number of sn, if it is in the window and has not arrived.
func (w *Window) missing(sn uint32) (n uint64, ok bool) {
	turn := w.slot(sn).turn.Load()
	n = turn >> 2
	if turn&3 != slotFree || uint32(n) != sn {
		return 0, false // a duplicate, a number delivered long ago, or one beyond the ring
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

// Offer adds request t with number sn (nil plugs a gap) and delivers all requests whose turn it is. It reports whether the number
// was accepted: the window then owns t until it is delivered or withdrawn, possibly before Offer returns. again asks for another
// call of Deliver soon.
func (w *Window) Offer(sn uint32, t *Task, to receiver) (ok, again bool) {
	n, ok := w.missing(sn)
	if !ok {
		return false, false
	}
	s := w.slot(sn)
	if !w.shared {
		return true, w.offerAlone(s, n, t, to)
	}
	switch e := w.exp.Load(); {
	case e>>2 == n && e&3 != tokenHeld:
		// Its turn has come. Only the loop that takes this slot moves exp from here.
		if !s.turn.CompareAndSwap(n<<2|slotFree, w.later(n)<<2|slotFree) {
			return false, false // a duplicate won the race
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
	if e := w.exp.Load(); e == n<<2|tokenIdle || e&3 == tokenLeft {
		return true, w.Deliver(to)
	}
	return true, false // the loop that moves exp to n reads its slot after that
}

// offerAlone is Offer for a window that is not shared.
func (w *Window) offerAlone(s *slot, n uint64, t *Task, to receiver) (again bool) {
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
	w.exp.Store(n<<2 | tokenIdle)
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

// Deliver delivers the requests whose turn it is, unless another loop holds the token: then that loop does.
func (w *Window) Deliver(to receiver) (again bool) {
	e := w.exp.Load()
	if e&3 == tokenHeld {
		return false
	}
	t, ok := w.take(e >> 2)
	return ok && w.deliver(e>>2, t, to)
}

// deliver delivers request t (nil for a plug) with number n, and those that follow. The caller has taken its slot, and with it the
// token. A run of requests is taken first, and exp is raised once for all of them, since every loop reads exp. After one request
// more than the window has slots it releases the token and asks to be called again, so that one loop does not work for the others
// forever.
func (w *Window) deliver(n uint64, t *Task, to receiver) (again bool) {
	held := uint64(tokenHeld)
	if !w.shared {
		held = tokenIdle
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
			w.exp.Store(n<<2 | tokenLeft)
			return true
		}
		if t, ok = w.take(n); !ok && w.shared {
			w.exp.Store(n<<2 | tokenIdle)
			t, ok = w.take(n) // from a loop that saw us hold the token
		}
		if !ok {
			return false
		}
	}
}

// windowRun is the number of requests taken before exp is raised.
const windowRun = 8

// take empties the slot of number n, if the request is there. The caller has the token, or saw it idle at n.
func (w *Window) take(n uint64) (t *Task, ok bool) {
	s := w.slot(uint32(n))
	turn := s.turn.Load()
	if turn == n<<2|slotFull {
		if s.turn.CompareAndSwap(turn, w.later(n)<<2|slotFree) {
			return s.task, true // not replaced yet: the slot's next number may come only after n's release
		}
		turn = n<<2 | slotPlug // it was withdrawn, or another loop took it
	}
	return nil, turn == n<<2|slotPlug && s.turn.CompareAndSwap(turn, w.later(n)<<2|slotFree)
}

// Withdraw turns the request with number sn into a plug. False: it was delivered, or is being delivered.
func (w *Window) Withdraw(sn uint32) bool {
	s := w.slot(sn)
	turn := s.turn.Load()
	n := turn >> 2
	return uint32(n) == sn && turn&3 == slotFull && s.turn.CompareAndSwap(turn, n<<2|slotPlug)
}

// Release admits one more request after a delivered one was answered or freed, unless the window is shrinking.
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

// Resize sets how many requests may be unanswered, 1 to the number of slots. The window shrinks as requests are answered, since
// MaxCmdSN never goes back. It reports whether MaxCmdSN rose.
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

// later returns the next number of n's slot.
func (w *Window) later(n uint64) uint64 { return n + uint64(len(w.slots)) }
