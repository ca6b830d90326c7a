package lun

import (
	"errors"
	"strings"
	"sync/atomic"
)

// Lost writes. A write that was answered with GOOD may still fail on its way from the cache to the medium. The device server
// cannot tell whose write it was, a case that SPC-4 4.5.7 covers: "If the device server is unable to associate a deferred
// error with an I_T nexus or with a particular subset of data, the device server shall return a deferred error indication to an
// application client for each I_T nexus."
//
// So losses are numbered across the target. Each unit keeps the number of its last loss. Before a command promises that data is
// on the medium (SYNCHRONIZE CACHE, a START STOP UNIT that stops, a write with FUA or with WCE zero) that number is compared
// with the last loss reported to the command's I_T nexus. Other commands whose flush reveals a loss (a READ with FUA, MODE SELECT,
// SANITIZE) record it and fail, which does not count as a report.
//
// The report is current sense data (70h), as SPC-4 4.5.7 requires for a command that "is affected by the error", with the sense
// key HARDWARE ERROR. Both follow from practice. Linux retries a command that ends with a deferred error (71h), or with MEDIUM
// ERROR and any ASC other than 11h, 13h and 14h (scsi_check_sense), at once or on another path, so a single report would be
// lost. Linux passes HARDWARE ERROR up, and multipath does not treat it as a path failure. For initiators that retry nevertheless,
// the loss is reported to a nexus for lossWindow from the first report on.

// lossKind is what a command guarantees when it ends with GOOD.
type lossKind uint8

const (
	promisesWrite lossKind = iota // its own data is on the medium: FUA, WCE zero
	promisesAll                   // so is everything before it: SYNCHRONIZE CACHE, stopping
	lossKinds
)

// toldLosses records the losses of one unit that were reported to an I_T nexus, by the kind of promise: the thread that waits for
// a SYNCHRONIZE CACHE may not be the one that saw a write fail.
type toldLosses [lossKinds]struct {
	loss atomic.Uint64 // the last loss reported
	at   atomic.Int64  // time of its first report on the loops' clock, ns
}

// nexusLosses is an I_T nexus's state.
type nexusLosses struct {
	from uint64 // losses up to this one need no report
	// told is allocated at the first report to the nexus.
	told atomic.Pointer[[MaxLUNs]toldLosses]
}

// lose records that acknowledged writes of u may be lost. now is the time on the loops' clock, ns.
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

// FlushFailed records a failed flush. The flusher calls it, and the daemon when it ends and no loop runs any more. now is the time
// on the loops' clock, ns.
func (u *Unit) FlushFailed(err error, now int64) {
	u.health.Report(FaultFlush, -1, errnoOf(err), now)
	if errors.Is(err, ErrGone) {
		u.set(stateGone)
	}
	u.lose(now, err)
}

// owed reports whether a command that ends now must report a loss of u to n, and marks it reported. Without a loss it costs two
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
		if kind == promisesAll && told[promisesWrite].loss.Load() != loss { // the failed flush covers the writes as well
			told[promisesWrite].at.Store(now)
			told[promisesWrite].loss.Store(loss)
		}
		return true
	}
	return now-is.at.Load() < lossWindow
}

// knows returns the last loss that need not be reported again if the nexus's port comes back: the latest one if all were
// reported, otherwise the one it started from.
func (n *Nexus) knows() uint64 {
	table := n.losses.told.Load()
	for _, u := range n.view.Load().list {
		loss := u.loss.Load()
		if loss <= n.losses.from {
			continue
		}
		if table == nil {
			return n.losses.from
		}
		told := &table[u.lun]
		through := u.is(stateWriteThrough) && told[promisesWrite].loss.Load() == loss // such a unit gets no SYNCHRONIZE CACHE
		if told[promisesAll].loss.Load() != loss && !through {
			return n.losses.from
		}
	}
	return n.target.losses.Load()
}

// lossesOf returns the last loss that need not be reported to a new nexus of a port, under mu. A known port continues from what was
// reported to it. A new port of a known initiator may be the same host on another path: it continues from that of the initiator's
// ports that has been told most. An unknown initiator cannot have lost anything. Once more ports exist than are remembered, every
// initiator counts as known.
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

// kept ends a command that promises that data is on the medium, with GOOD or with the report of a loss. err is the result of the
// write or flush.
func (t *Task) kept(kind lossKind, err error) {
	switch {
	case err != nil && (!t.flushFailed() || errors.Is(err, ErrGone)):
		t.failed(err) // this command's own error; losses of a medium that is gone are reported when it is back
	case t.unit.owed(t.Nexus, kind, t.Loop.Now()):
		t.lost(err)
	case err != nil:
		t.failed(err)
	default:
		t.good()
	}
}

// flushFailed reports whether t's error came from a flush.
func (t *Task) flushFailed() bool { return t.req.Kind == OpSync || t.scratch.cause != nil }

// throughDone ends a write that promises its own data; syncDone ends a command that promises all earlier data.
func throughDone(t *Task, err error) { t.kept(promisesWrite, err) }
func syncDone(t *Task, err error)    { t.kept(promisesAll, err) }

// writeDone returns the step that ends a write. through is set if the write promises to be on the medium.
func writeDone(through bool) requestStep {
	if through {
		return stepWritten
	}
	return stepEnd
}

// lost ends t with a report that acknowledged data was lost. The sense data names no block, since none is known.
func (t *Task) lost(err error) {
	if errors.Is(err, ErrNoSpace) { // SBC-3 4.7.3.6 has a code of its own for that
		t.check(DataProtect, ascSpaceAllocationFailed)
		return
	}
	t.check(HardwareError, ascWriteError)
}

// write writes data at off. With through the data is on the medium, not in a cache, when next begins.
func (t *Task) write(off int64, data []byte, through bool, next requestStep) {
	switch {
	case !through:
		t.io(OpWrite, off, data, false, next)
	case t.unit.geometry().Buffered:
		// RWF_DSYNC on a page cache would flush without the flusher, which must see all flushes.
		t.scratch.then = next
		t.io(OpWrite, off, data, false, stepWrittenToFlush)
	default:
		t.scratch.then = next
		t.io(OpWrite, off, data, true, stepWrittenThrough)
	}
}

func writtenToFlush(t *Task, err error) {
	if err != nil {
		t.scratch.then.take(t, err)
		return
	}
	t.ioRange(OpSync, 0, 0, t.scratch.then)
}

// writtenThrough determines what failed in a write with FUA on a medium with a cache: the write, which concerns only this
// command, or the flush after it, which may have lost any data. To find out it repeats the write without FUA.
func writtenThrough(t *Task, err error) {
	if err == nil || !t.unit.geometry().Volatile || errors.Is(err, ErrBusy) || errors.Is(err, ErrGone) {
		t.scratch.then.take(t, err)
		return
	}
	t.burst = 0 // an abort must not interfere
	t.scratch.cause = err
	t.io(OpWrite, t.req.Off, t.req.Buf, false, stepRewritten)
}

func rewritten(t *Task, err error) {
	if err != nil {
		t.scratch.cause = nil // the write itself failed
		t.scratch.then.take(t, err)
		return
	}
	t.unit.lose(t.Loop.Now(), t.scratch.cause)
	t.scratch.then.take(t, t.scratch.cause)
}
