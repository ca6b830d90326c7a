package lun

import (
	"errors"
	"strings"
	"sync/atomic"
)

// Lost writes. A write that was answered GOOD may still fail on its way from the cache to the medium. Whose write it was
// nobody knows, and SPC-4 4.5.7 has that case: "If the device server is unable to associate a deferred error with an I_T
// nexus or with a particular subset of data, the device server shall return a deferred error indication to an application
// client for each I_T nexus."
//
// So losses are numbered, over the whole target. A unit has the number of its last one, and every I_T nexus compares it
// with what it was told when a command is about to promise that data is on the medium: SYNCHRONIZE CACHE, a START STOP UNIT
// that stops, a write with FUA or with WCE zero. Other commands that meet the loss (a FUA READ, MODE SELECT, SANITIZE) note
// it and fail, and that counts as nobody's being told.
//
// The sense data is that of the command itself (70h), as SPC-4 4.5.7 wants for a command that "is affected by the error", and
// its key is HARDWARE ERROR. Both have a reason in the field: Linux repeats a command that ended with a deferred error (71h),
// or with MEDIUM ERROR and any ASC but 11h, 13h and 14h (scsi_check_sense), at once and on its other paths, and would never
// see what was said once. HARDWARE ERROR it passes on, and no multipath takes it for a broken path. For initiators that do
// repeat it, a nexus is told for lossWindow from the first time on.

// lossKind is what a command promises.
type lossKind uint8

const (
	promisesWrite lossKind = iota // its own data is on the medium: FUA, WCE zero
	promisesAll                   // so is everything before it: SYNCHRONIZE CACHE, stopping
	lossKinds
)

// toldLosses is what an I_T nexus was told of one unit, by what the commands promise: whoever waits for a SYNCHRONIZE CACHE
// may not be who saw a write fail.
type toldLosses [lossKinds]struct {
	loss atomic.Uint64 // the last loss it was told of
	at   atomic.Int64  // when it was first told of that one, on the loops' clock
}

// nexusLosses is an I_T nexus's part.
type nexusLosses struct {
	from uint64 // losses up to this one are none of its concern
	// told is made when the nexus is told for the first time, and so hardly ever.
	told atomic.Pointer[[MaxLUNs]toldLosses]
}

// lose notes that acknowledged writes of u may be lost. now is the time on the loops' clock.
func (u *Unit) lose(now int64, err error) {
	n := u.target.losses.Add(1)
	for {
		old := u.loss.Load()
		if old >= n || u.loss.CompareAndSwap(old, n) {
			break
		}
	}
	u.health.Report(FaultDataLost, -1, errnoOf(err), now)
}

// FlushFailed notes that a flush failed: one of the flusher, or the one at the end of the daemon, when no loop turns. now is the time on the loops' clock.
func (u *Unit) FlushFailed(err error, now int64) {
	u.health.Report(FaultFlush, -1, errnoOf(err), now)
	if errors.Is(err, ErrGone) {
		u.set(stateGone)
	}
	u.lose(now, err)
}

// owed says whether n must be told of a loss of u by a command that ends now, and takes it as told. Without a loss it is two
// loads.
func (u *Unit) owed(n *Nexus, kind lossKind, now int64) bool {
	loss := u.loss.Load()
	if loss <= n.losses.from {
		return false
	}
	return n.losses.tell(u.lun, kind, loss, now)
}

func (l *nexusLosses) tell(lun int, kind lossKind, loss uint64, now int64) bool {
	table := l.told.Load()
	if table == nil {
		l.told.CompareAndSwap(nil, new([MaxLUNs]toldLosses))
		table = l.told.Load()
	}
	told := &table[lun]
	is := &told[kind]
	if is.loss.Load() != loss {
		is.at.Store(now)
		is.loss.Store(loss)
		if kind == promisesAll && told[promisesWrite].loss.Load() != loss { // nothing says more than that
			told[promisesWrite].at.Store(now)
			told[promisesWrite].loss.Store(loss)
		}
		return true
	}
	return now-is.at.Load() < lossWindow
}

// knows says up to which loss the nexus need not be told again when its port comes back: all of them, or, when it was not
// told of one, none but those that it came with.
func (n *Nexus) knows() uint64 {
	table := n.losses.told.Load()
	for _, u := range n.target.Units() {
		loss := u.loss.Load()
		if loss <= n.losses.from {
			continue
		}
		if table == nil {
			return n.losses.from
		}
		told := &table[u.lun]
		through := u.is(stateWriteThrough) && told[promisesWrite].loss.Load() == loss // nobody synchronizes such a unit
		if told[promisesAll].loss.Load() != loss && !through {
			return n.losses.from
		}
	}
	return n.target.losses.Load()
}

// lossesOf is the loss from which on a new nexus of a port must be told, under mu. A port that was here before goes on from
// what it knew. A new port of an initiator that was here before may be the same host by another way: it goes on from what
// the initiator's best informed port knows. A stranger cannot have lost anything. When there are more ports than are
// remembered, nobody is a stranger.
func (tg *Target) lossesOf(name, port string) uint64 {
	if known, ok := tg.seen[port]; ok {
		return known
	}
	if len(tg.seen) >= maxSeenPorts {
		return 0
	}
	now := tg.losses.Load()
	if now == 0 {
		return 0
	}
	best, found := uint64(0), false
	for p, known := range tg.seen {
		if strings.HasPrefix(p, name) && strings.HasPrefix(p[len(name):], ",i,") {
			best, found = max(best, known), true
		}
	}
	if found {
		return best
	}
	return now
}

// kept ends a command that promised that data is on the medium: with GOOD, or by telling of a loss. err is what the write or
// the flush came to.
func (t *Task) kept(kind lossKind, err error) {
	switch {
	case err != nil && (!t.flushFailed() || errors.Is(err, ErrGone)):
		t.failed(err) // the command's own matter; a medium that is gone is told of what it lost when it is back
	case t.unit.owed(t.Nexus, kind, t.Loop.Now()):
		t.lost(err)
	case err != nil:
		t.failed(err)
	default:
		t.good()
	}
}

// flushFailed says whether the error that t stands before came from a flush.
func (t *Task) flushFailed() bool { return t.req.Kind == OpSync || t.scratch.cause != nil }

// throughDone ends a write that promised to be on the medium; syncDone ends a command that promised that everything is.
func throughDone(t *Task, err error) { t.kept(promisesWrite, err) }
func syncDone(t *Task, err error)    { t.kept(promisesAll, err) }

// writeDone is what ends a write: through says what it promised.
func writeDone(through bool) func(*Task, error) {
	if through {
		return throughDone
	}
	return ioDone
}

// lost ends t with the news that acknowledged data is not on the medium. No block is named: none is known.
func (t *Task) lost(err error) {
	if errors.Is(err, ErrNoSpace) { // SBC-3 4.7.3.6: which says what to do about it
		t.check(DataProtect, ascSpaceAllocationFailed)
		return
	}
	t.check(HardwareError, ascWriteError)
}

// write puts data at off on the medium. With through it is there, and not in a cache, before next is called.
func (t *Task) write(off int64, data []byte, through bool, next func(t *Task, err error)) {
	switch {
	case !through:
		t.io(OpWrite, off, data, false, next)
	case t.unit.geometry().Buffered:
		// RWF_DSYNC through a page cache is a write and a flush of its own, beside the flusher: see there.
		t.scratch.then = next
		t.io(OpWrite, off, data, false, writtenToFlush)
	default:
		t.scratch.then = next
		t.io(OpWrite, off, data, true, writtenThrough)
	}
}

func writtenToFlush(t *Task, err error) {
	if err != nil {
		t.scratch.then(t, err)
		return
	}
	t.ioRange(OpSync, 0, 0, t.scratch.then)
}

// writtenThrough looks at what failed in a write with FUA on a medium with a cache: the write, which is this command's own
// matter, or the flush behind it, by which anybody's data may be lost. The write is repeated without FUA to find out.
func writtenThrough(t *Task, err error) {
	if err == nil || !t.unit.geometry().Volatile || errors.Is(err, ErrBusy) || errors.Is(err, ErrGone) {
		t.scratch.then(t, err)
		return
	}
	t.burst = 0 // an abort must not come in between
	t.scratch.cause = err
	t.io(OpWrite, t.req.Off, t.req.Buf, false, rewritten)
}

func rewritten(t *Task, err error) {
	if err != nil {
		t.scratch.cause = nil // the write itself fails
		t.scratch.then(t, err)
		return
	}
	t.unit.lose(t.Loop.Now(), t.scratch.cause)
	t.scratch.then(t, t.scratch.cause)
}
