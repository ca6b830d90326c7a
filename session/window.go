package session

import "sync/atomic"

// Window is the command window of a session: it puts the requests of all its connections into CmdSN order and says how
// many more are welcome (RFC 7143, 4.2.2.1). It knows nothing else. Any loop calls any method at any time; there is no lock.
// docs/window.md has the drawing and the argument why it is right.
//
// Numbers are 64 bits wide inside, so that none ever comes back; the wire's 32 bits are the low half. A slot belongs to
// the numbers that are its index modulo len(slots), one after the other; its turn says which one now, and who may touch
// the task in it:
//
//	slotFree   whoever offers this number may claim the slot
//	slotTaken  he who claimed it, or takes it back, or delivers it: nobody else looks at the task
//	slotFull   the holder of the baton delivers it when it is ExpCmdSN; its owner may withdraw it
//
// He who raises the baton from zero holds it, and delivers for everybody until nobody has come meanwhile. So delivery is
// in order, by one loop at a time.
//
// MaxCmdSN only rises: by one with each Release of a request that was delivered, and by one with each plug that ExpCmdSN
// passes. So MaxCmdSN - ExpCmdSN + 1 is the window's size less the requests that were delivered and not released, never
// more than len(slots), and no two numbers of the window share a slot.
type Window struct {
	exp atomic.Uint64 // the next number to be delivered; stored by the holder of the baton only
	_   [56]byte

	max    atomic.Uint64 // the last number that is welcome
	size   atomic.Int32  // requests that may be unanswered
	wanted atomic.Int32  // what size is to become
	_      [48]byte

	baton atomic.Uint32 // calls that wanted a delivery since somebody took it from zero
	_     [60]byte

	slots  []slot
	shared bool
}

type slot struct {
	turn atomic.Uint64 // number*4 + slotFree, slotTaken or slotFull
	task *Task         // nil in a full slot: a plug
	_    [48]byte
}

const (
	slotFree = iota
	slotTaken
	slotFull
)

// courier takes the requests whose turn it is, in CmdSN order. The window is his while he is called: he keeps it short.
type courier interface{ delivered(t *Task) }

// firstTurn keeps the numbers before the first one above zero.
const firstTurn = 1 << 32

// Init empties the window: the next request is exp, and size requests may be unanswered, 1 to MaxWindow. shared says that
// several loops will use it; a session of one connection at a time spares itself their care.
func (w *Window) Init(exp uint32, size int, shared bool) {
	n := 1
	for n < size {
		n *= 2
	}
	first := firstTurn + uint64(exp)
	w.slots = make([]slot, n)
	w.shared = shared
	for i := range uint64(n) {
		w.slot(first + i).turn.Store((first+i)<<2 | slotFree)
	}
	w.exp.Store(first)
	w.max.Store(first + uint64(size) - 1)
	w.size.Store(int32(size))
	w.wanted.Store(int32(size))
	w.baton.Store(0)
}

// ExpCmdSN is the next number that is expected.
func (w *Window) ExpCmdSN() uint32 { return uint32(w.exp.Load()) }

// MaxCmdSN is the last number that is welcome; ExpCmdSN-1 when none is.
func (w *Window) MaxCmdSN() uint32 { return uint32(w.max.Load()) }

// Welcome says that Offer would take sn now: "the target MUST silently ignore any non-immediate command outside of this
// range or non-immediate duplicates within the range" (4.2.2.1).
func (w *Window) Welcome(sn uint32) bool {
	n := w.widen(sn)
	return n <= w.max.Load() && w.slot(n).turn.Load() == n<<2|slotFree
}

// widen finds the number that sn means: the one nearest to ExpCmdSN, which is RFC 1982's order. ExpCmdSN may have moved on
// since it was read; what sn means has not.
func (w *Window) widen(sn uint32) uint64 {
	exp := w.exp.Load()
	return exp + uint64(int64(int32(sn-uint32(exp))))
}

// Offer brings request t with number sn, nil to plug a gap, and delivers to the courier what has its turn. It reports
// whether the number was welcome: then t is the window's until it is delivered or withdrawn, which may be before Offer
// returns. again asks for another Deliver soon.
func (w *Window) Offer(sn uint32, t *Task, to courier) (ok, again bool) {
	n := w.widen(sn)
	if n > w.max.Load() {
		return false, false
	}
	s := w.slot(n)
	if !w.shared {
		return w.offerAlone(s, n, t, to), false
	}
	if !s.turn.CompareAndSwap(n<<2|slotFree, n<<2|slotTaken) {
		return false, false // a duplicate, or a number that was delivered long ago
	}
	s.task = t
	s.turn.Store(n<<2 | slotFull)
	return true, w.Deliver(to)
}

// offerAlone is Offer where nobody else can come in between: the next number needs no slot.
func (w *Window) offerAlone(s *slot, n uint64, t *Task, to courier) bool {
	if s.turn.Load() != n<<2|slotFree {
		return false
	}
	if n != w.exp.Load() || t == nil {
		s.task = t
		s.turn.Store(n<<2 | slotFull)
		w.Deliver(to)
		return true
	}
	s.turn.Store((n+uint64(len(w.slots)))<<2 | slotFree)
	w.exp.Store(n + 1)
	to.delivered(t)
	if next := w.slot(n + 1); next.turn.Load() == (n+1)<<2|slotFull {
		w.Deliver(to)
	}
	return true
}

// Deliver hands the requests whose turn it is to the courier, unless somebody is at it: then he does. After as many as
// the window has slots it lets go, so that one loop does not work for the others for ever, and asks to be called again.
func (w *Window) Deliver(to courier) (again bool) {
	if w.baton.Add(1) != 1 {
		return false // the holder sees this call before he lets go
	}
	left := len(w.slots)
	for n := uint32(1); n != 0; n = w.baton.Add(-n) {
		for w.deliverOne(to) {
			if left--; left < 0 {
				w.baton.Store(0) // those who counted on us are served by the next Deliver
				return true
			}
		}
	}
	return false
}

// deliverOne delivers ExpCmdSN, if it is there. The caller holds the baton.
func (w *Window) deliverOne(to courier) bool {
	n := w.exp.Load()
	s := w.slot(n)
	if !s.turn.CompareAndSwap(n<<2|slotFull, n<<2|slotTaken) {
		return false // not there yet; or being withdrawn, and who does that calls Deliver
	}
	t := s.task
	s.task = nil
	s.turn.Store((n+uint64(len(w.slots)))<<2 | slotFree)
	w.exp.Store(n + 1)
	if t == nil {
		w.Release()
	} else {
		to.delivered(t)
	}
	return true
}

// Withdraw makes a plug of request t, which was offered with number sn, and reports whether it still could: else t was
// delivered, or is being. After a withdrawal the caller calls Deliver.
func (w *Window) Withdraw(sn uint32) bool {
	n := w.widen(sn)
	s := w.slot(n)
	if !s.turn.CompareAndSwap(n<<2|slotFull, n<<2|slotTaken) {
		return false
	}
	s.task = nil
	s.turn.Store(n<<2 | slotFull)
	return true
}

// Release lets one more request in, since one that was delivered is answered or freed; unless the window is to become
// smaller.
func (w *Window) Release() {
	for {
		n := w.size.Load()
		if n <= w.wanted.Load() {
			w.max.Add(1)
			return
		}
		if w.size.CompareAndSwap(n, n-1) {
			return
		}
	}
}

// Resize sets how many requests may be unanswered, 1 to the number of slots. A smaller window comes about as requests
// are answered: MaxCmdSN does not go back. It reports whether MaxCmdSN rose.
func (w *Window) Resize(size int) bool {
	size = min(max(size, 1), len(w.slots))
	w.wanted.Store(int32(size))
	for {
		n := w.size.Load()
		if n >= int32(size) {
			return false
		}
		if w.size.CompareAndSwap(n, int32(size)) {
			w.max.Add(uint64(int32(size) - n))
			return true
		}
	}
}

func (w *Window) slot(n uint64) *slot { return &w.slots[n&uint64(len(w.slots)-1)] }
