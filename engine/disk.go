package engine

import (
	"github.com/ringtgt/ringtgt/lun"
)

// ioSlot is one operation at the kernel's block layer; its index is in the operation's user data.
type ioSlot struct {
	op   lun.QueueOp
	r    *lun.Request
	next int32 // free list
}

// ioTable numbers the operations in flight. Operations beyond maxIO wait in line, in order.
type ioTable struct {
	slots []ioSlot
	free  int32
	busy  int
	line  []ioWait // rarely used; never shrinks
	done  doneQueue
}

// doneQueue holds the operations that the kernel has completed and the backend has not been told about, in the order of their
// completion. A disk may complete all its operations at once; answering them takes several turns, and what initiators send
// meanwhile must not wait behind them in the ring.
type doneQueue struct {
	ops        [maxIO]ioResult // by position modulo maxIO: no more operations are in flight
	head, tail uint32
	batch      int // how many to answer in the next turn; 0: ioBatch
}

type ioResult struct{ slot, res int32 }

func (q *doneQueue) len() int { return int(q.tail - q.head) }

// next returns how many operations to answer in this turn.
func (q *doneQueue) next() int {
	n := q.len()
	if n <= max(q.batch, ioBatch) {
		q.batch = 0
		return n
	}
	n = max(q.batch, ioBatch)
	q.batch = min(2*n, ioBatchMost)
	return n
}

func (q *doneQueue) put(r ioResult) {
	q.ops[q.tail%maxIO] = r
	q.tail++
}

func (q *doneQueue) take() ioResult {
	r := q.ops[q.head%maxIO]
	q.head++
	return r
}

// ioWait is an operation that waits for a slot.
type ioWait struct {
	slot  ioSlot
	call  ioCall
	since int64
}

// ioCall holds the arguments of an operation.
type ioCall struct {
	kind  ioKind
	fd    int
	buf   []byte
	off   int64
	n     int64
	dsync bool
	mode  uint32
}

type ioKind uint8

const (
	ioRead ioKind = iota
	ioWrite
	ioSync
	ioAllocate
	ioDiscard
)

func newIOTable() ioTable {
	t := ioTable{slots: make([]ioSlot, maxIO)}
	for i := range t.slots {
		t.slots[i].next = int32(i) + 1
	}
	t.slots[maxIO-1].next = -1
	return t
}

// PRead implements lun.Queue.
func (l *loop) PRead(fd int, buf []byte, off int64, op lun.QueueOp, r *lun.Request) {
	l.io(ioCall{kind: ioRead, fd: fd, buf: buf, off: off}, op, r)
}

// PWrite implements lun.Queue.
func (l *loop) PWrite(fd int, buf []byte, off int64, dsync bool, op lun.QueueOp, r *lun.Request) {
	l.io(ioCall{kind: ioWrite, fd: fd, buf: buf, off: off, dsync: dsync}, op, r)
}

// FSync implements lun.Queue.
func (l *loop) FSync(fd int, op lun.QueueOp, r *lun.Request) {
	l.io(ioCall{kind: ioSync, fd: fd}, op, r)
}

// FAllocate implements lun.Queue.
func (l *loop) FAllocate(fd int, mode uint32, off, n int64, op lun.QueueOp, r *lun.Request) {
	l.io(ioCall{kind: ioAllocate, fd: fd, mode: mode, off: off, n: n}, op, r)
}

// Discard implements lun.Queue.
func (l *loop) Discard(fd int, off, n int64, op lun.QueueOp, r *lun.Request) {
	l.io(ioCall{kind: ioDiscard, fd: fd, off: off, n: n}, op, r)
}

func (l *loop) io(k ioCall, op lun.QueueOp, r *lun.Request) {
	t := &l.ios
	l.stats.DiskOps++
	if t.free < 0 || len(t.line) > 0 {
		t.line = append(t.line, ioWait{slot: ioSlot{op: op, r: r}, call: k, since: l.now})
		return
	}
	l.ioSubmit(k, op, r)
}

func (l *loop) ioSubmit(k ioCall, op lun.QueueOp, r *lun.Request) {
	t := &l.ios
	i := t.free
	s := &t.slots[i]
	t.free = s.next
	s.op, s.r = op, r
	t.busy++
	ud := userData(opDisk, int(i))
	fd := l.files.fixed(k.fd, op)
	switch k.kind {
	case ioRead:
		l.ring.ReadFixed(fd, k.buf, k.off, l.bufIndex(k.buf), ud)
	case ioWrite:
		if k.dsync {
			l.ring.WriteDsync(fd, k.buf, k.off, l.bufIndex(k.buf), ud)
		} else {
			l.ring.WriteFixed(fd, k.buf, k.off, l.bufIndex(k.buf), ud)
		}
	case ioSync:
		l.ring.Fsync(fd, true, ud)
	case ioAllocate:
		l.ring.Fallocate(fd, k.mode, k.off, k.n, ud)
	case ioDiscard:
		l.ring.Discard(fd, k.off, k.n, ud)
	}
	if l.stagedIO++; l.stagedIO >= t.early(l.stagedIO) {
		l.stagedIO = 0
		l.check(l.ring.Submit())
	}
}

// early returns how many staged operations are submitted before the turn ends, so that the medium works while the rest of a long
// run of commands is processed: ioBatch if it is idle, otherwise as many as it has. staged are not submitted yet.
func (t *ioTable) early(staged int) int {
	return min(max(t.busy-t.done.len()-staged, ioBatch), ioBatchMost)
}

// bufIndex returns the index of the registered buffer that b lies in, or -1.
func (l *loop) bufIndex(b []byte) int {
	if i := l.arena.slabOf(b); i >= 0 && i < l.slabsRegistered {
		return i
	}
	return -1
}

// finished takes the completion of operation i.
func (t *ioTable) finished(i int, res int32) { t.done.put(ioResult{int32(i), res}) }

// answerDisk passes completions to the backend: in the first turn after the disk completed some ioBatch, then twice as many in each
// turn until none are left.
func (l *loop) answerDisk() {
	q := &l.ios.done
	for n := q.next(); n > 0; n-- {
		r := q.take()
		l.ioDone(int(r.slot), int(r.res))
	}
}

// ioDone passes a completion to the backend.
func (l *loop) ioDone(i, res int) {
	t := &l.ios
	s := &t.slots[i]
	op, r := s.op, s.r
	*s = ioSlot{next: t.free}
	t.free = int32(i)
	t.busy--
	if len(t.line) > 0 {
		w := t.line[0]
		t.line[0] = ioWait{}
		t.line = t.line[1:]
		w.waited(l.now)
		l.ioSubmit(w.call, w.slot.op, w.slot.r)
	}
	l.lat.fromKernel = true
	op.QueueDone(l, r, res)
	l.lat.fromKernel = false
}
