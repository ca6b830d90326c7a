package lun

import "encoding/binary"

// copyOp is an EXTENDED COPY in progress. The copy manager is an application client of the units that it copies between: each
// piece is a READ(16) of the source and a WRITE(16) to the destination, as separate tasks (child, one at a time). They are subject
// to the units' reservations, states and gates like the initiator's own commands, but do not take unit attentions, which are for
// the initiator.
type copyOp struct {
	parent *Task
	record *copyRecord // nil: the copy has no name
	child  Task

	cscds    []cscd
	segments []copySegment

	at int // the segment being processed
	copyPlace
	done     int64 // bytes of it that have been copied
	backward bool  // it is copied from its end: source and destination overlap and the destination is behind

	writing bool   // the child is the WRITE
	piece   []byte // what the child reads or writes
	running bool   // run is on the stack
	ended   bool   // the child ended while it is
}

// copyPlace is what a segment copies.
type copyPlace struct {
	src, dst *Unit
	from, to int64 // byte offsets on each unit
	length   int64 // bytes
}

// start takes a buffer and begins.
func (op *copyOp) start() {
	t := op.parent
	t.scratch.any = op
	t.copy = op
	op.at = -1
	if len(op.segments) == 0 {
		op.good()
		return
	}
	if t.gated == gateAlone && op.leavesUnit() {
		// An ORDERED copy has waited for all earlier commands. It cannot hold the gate of its unit while it waits for the gate
		// of another: two such copies would wait for each other.
		t.unit.gate.leave(t)
	}
	if t.scratch.work = t.Loop.Alloc(copyPiece); t.scratch.work == nil {
		op.forget()
		t.busy()
		return
	}
	op.run(op.nextSegment())
}

// leavesUnit reports whether the copy works on other units than the one it was sent to.
func (op *copyOp) leavesUnit() bool {
	for _, c := range op.cscds {
		if c.unit != op.parent.unit {
			return true
		}
	}
	return false
}

// nextSegment begins the next segment that has anything to copy. It returns false if the task has ended.
func (op *copyOp) nextSegment() bool {
	for {
		op.at++
		op.record.segmentsDone(op.at)
		if op.at == len(op.segments) {
			op.good()
			return false
		}
		if !op.enter(&op.segments[op.at]) {
			return false
		}
		if op.length > 0 {
			return true
		}
	}
}

// enter begins a segment. It returns false if the task has ended.
func (op *copyOp) enter(s *copySegment) bool {
	p, asc, field := op.locate(s)
	if field != 0 {
		return op.abort(asc, field)
	}
	op.copyPlace = p
	op.done = 0
	op.backward = op.src == op.dst && op.from < op.to && op.to < op.from+op.length
	return true
}

// locate resolves a segment to units and bytes. If that fails, field is the byte of the descriptor that is at fault.
func (op *copyOp) locate(s *copySegment) (p copyPlace, asc ASC, field int) {
	// SPC-4 6.4.6.1: an index without a CSCD descriptor.
	if int(s.src) >= len(op.cscds) {
		return p, ascUnreachableCopyTarget, 4
	}
	if int(s.dst) >= len(op.cscds) {
		return p, ascUnreachableCopyTarget, 6
	}
	src, dst := &op.cscds[s.src], &op.cscds[s.dst]
	if src.unit == nil {
		return p, src.asc, 4
	}
	if dst.unit == nil {
		return p, dst.asc, 6
	}
	p.src, p.dst = src.unit, dst.unit
	srcG, dstG := p.src.geometry(), p.dst.geometry()
	srcSize, dstSize := int64(srcG.BlockSize), int64(dstG.BlockSize)
	p.length = s.count
	if s.kind == segmentBlocks {
		if s.dc {
			p.length *= dstSize
		} else {
			p.length *= srcSize
		}
	}
	// SPC-4 6.4.6.1 table 152: data that does not fill a block is padded or dropped with PAD, kept for the next segment with
	// CAT (not supported here), and otherwise an error.
	srcRest, dstRest := (s.srcByte+p.length)%srcSize, (s.dstByte+p.length)%dstSize
	switch {
	case s.srcByte%srcSize != 0 || s.dstByte%dstSize != 0,
		srcRest != 0 && (s.cat || !src.pad), dstRest != 0 && (s.cat || !dst.pad):
		return p, ascInexactSegment, 1
	}
	srcLBA, dstLBA := s.srcLBA+uint64(s.srcByte/srcSize), s.dstLBA+uint64(s.dstByte/dstSize)
	if srcLBA < s.srcLBA || !srcG.holds(srcLBA, uint64((p.length+srcSize-1)/srcSize)) {
		return p, ascNone, 12
	}
	if dstLBA < s.dstLBA || !dstG.holds(dstLBA, uint64((p.length+dstSize-1)/dstSize)) {
		return p, ascNone, 20
	}
	p.from, p.to = int64(srcLBA)*srcSize, int64(dstLBA)*dstSize
	return p, ascNone, 0
}

// run starts children until one does not end at once, or the task has.
func (op *copyOp) run(more bool) {
	op.running = true
	for more {
		if u := op.side(); !op.parent.Nexus.Sees(u) { // removed or masked meanwhile
			op.abort(ascCopyTargetNotReachable, -1)
			break
		}
		op.ended = false
		if op.writing {
			op.write()
		} else {
			op.read()
		}
		if !op.ended {
			break
		}
		more = op.next()
	}
	op.running = false
}

// side is the unit that the next child addresses.
func (op *copyOp) side() *Unit {
	if op.writing {
		return op.dst
	}
	return op.src
}

// bounds returns the next bytes of the segment to copy: at most a piece, from its start or from its end.
func (op *copyOp) bounds() (at, n int64) {
	n = min(op.length-op.done, copyPiece)
	if op.backward {
		// The end comes first and may be less than a piece, so that all others are aligned.
		if n = (op.length - op.done) % copyPiece; n == 0 {
			n = copyPiece
		}
		return op.length - op.done - n, n
	}
	return op.done, n
}

func (op *copyOp) read() {
	at, n := op.bounds()
	size := int64(op.src.blockSize())
	c := op.prepare(op.src, opRead16, op.from+at, (n+size-1)/size)
	if op.src.mapped == nil || n%size != 0 || n%int64(op.dst.blockSize()) != 0 {
		c.Buf = op.parent.scratch.work // otherwise the Mapped backend's memory is written directly
	}
	op.launch(c)
}

func (op *copyOp) write() {
	at, n := op.bounds()
	size := int64(op.dst.blockSize())
	c := op.prepare(op.dst, opWrite16, op.to+at, (n+size-1)/size)
	c.Out = op.piece
	if rest := n % size; rest != 0 { // PAD: zeroes up to the block's end
		c.Out = op.parent.scratch.work[:n+size-rest]
		clear(c.Out[n:])
	}
	op.launch(c)
}

const (
	opRead16  = 0x88
	opWrite16 = 0x8A
)

// prepare makes the child a command of n blocks at byte off of u.
func (op *copyOp) prepare(u *Unit, code byte, off, n int64) *Task {
	c := &op.child
	*c = Task{Nexus: op.parent.Nexus, Loop: op.parent.Loop, Owner: op, unit: u}
	c.CDB[0] = code
	binary.BigEndian.PutUint64(c.CDB[2:], uint64(off)/uint64(u.blockSize()))
	binary.BigEndian.PutUint32(c.CDB[10:], uint32(n))
	c.cmd, _ = find(&c.CDB)
	return c
}

// launch starts the child without the checks for unit attentions and validity.
func (op *copyOp) launch(c *Task) {
	c.phaseIs(taskRunning)
	c.driver = driverStepping
	if c.admit() {
		switch {
		case op.parent.gated == gateAlone && op.parent.unit == c.unit: // this copy has the unit to itself
			c.cmd.run(c)
		case c.unit.gate.enter(c, false):
			c.cmd.run(c)
		default:
			c.phaseIs(taskAtGate)
		}
	}
	c.drive()
}

// TaskDone implements TaskOwner for the children.
func (op *copyOp) TaskDone(*Task) {
	if op.running {
		op.ended = true
		return
	}
	if op.parent.enter() {
		op.run(op.next())
	}
	op.parent.drive()
}

// copyTurn continues a copy that has yielded the loop.
type copyTurn struct{ op *copyOp }

func (e copyTurn) Happen() {
	if e.op.parent.enter() {
		e.op.run(true)
	}
	e.op.parent.drive()
}

// next checks how the child ended. It returns false if the copy must wait or the task has ended.
func (op *copyOp) next() bool {
	t, c := op.parent, &op.child
	switch {
	case t.Aborted():
		op.forget()
		t.end(StatusTaskAborted)
		return false
	case c.Status != StatusGood:
		return op.abort(ascThirdPartyFailure, -1)
	}
	_, n := op.bounds()
	if !op.writing {
		op.piece = c.In[:n]
		op.writing = true
		return true
	}
	op.writing = false
	op.done += n
	op.record.moved(n)
	more := op.done < op.length || op.nextSegment()
	if more && t.spent(2*n) {
		t.Loop.Post(copyTurn{op})
		return false
	}
	return more
}

// good ends the task.
func (op *copyOp) good() {
	op.record.finish(StatusGood, nil)
	op.parent.good()
}

// forget drops the record of a copy that ends without an answer.
func (op *copyOp) forget() {
	if op.record != nil {
		op.parent.Nexus.copies.drop(op.record)
		op.record = nil
	}
}

// giveUp carries out Abort and Abandon: the task ends when the child ends, now or later.
func (op *copyOp) giveUp() (ended bool) {
	t, c := op.parent, &op.child
	op.forget()
	switch {
	case op.running: // next finds out
	case t.Abandoned():
		c.Abandon()
	default:
		c.abort()
	}
	return t.phase == taskEnded
}

// abort ends the task with COPY ABORTED in the current segment. field is the byte of the segment descriptor that is at
// fault; -1: none is.
func (op *copyOp) abort(asc ASC, field int) bool {
	t := op.parent
	s := copySense{asc: asc, segment: uint16(op.at), field: field}
	if asc == ascThirdPartyFailure {
		s.third, s.destination = &op.child, op.writing
	}
	t.SenseLen = s.encode(&t.Sense, t.unit.descriptorSense())
	op.record.finish(StatusCheckCondition, t.Sense[:t.SenseLen])
	t.end(StatusCheckCondition)
	return false
}

// copySense is sense data with sense key COPY ABORTED (SPC-4 6.4.4, 4.5.2.4.5).
type copySense struct {
	asc         ASC
	segment     uint16
	field       int   // of the segment descriptor
	third       *Task // what the third party answered: its status is added
	destination bool  // it was the destination
}

// encode writes s to dst and returns its length. COMMAND-SPECIFIC INFORMATION has the offsets of the status of the source and of
// the destination (zero if there is none), and the segment's number.
func (s *copySense) encode(dst *[SenseSize]byte, descriptor bool) int {
	*dst = [SenseSize]byte{}
	var specific [4]byte // COMMAND-SPECIFIC INFORMATION
	binary.BigEndian.PutUint16(specific[2:], s.segment)
	var pointer [3]byte
	if s.field >= 0 { // segment pointer: SKSV, SD
		pointer[0] = 0x80 | 0x20
		binary.BigEndian.PutUint16(pointer[1:], uint16(s.field))
	}
	if descriptor {
		// The status area has no place in descriptor format: SPC-4 4.5.2 leaves it to a descriptor of its own.
		dst[0], dst[1] = 0x72, byte(CopyAborted)
		binary.BigEndian.PutUint16(dst[2:], uint16(s.asc))
		n := 8
		dst[n], dst[n+1] = 0x01, 0x0A // command-specific information descriptor, SPC-4 4.5.2.3
		copy(dst[n+8:], specific[:])
		n += 12
		if s.field >= 0 {
			dst[n], dst[n+1] = 0x02, 0x06
			copy(dst[n+4:], pointer[:])
			n += 8
		}
		dst[7] = byte(n - 8)
		return n
	}
	dst[0], dst[2] = 0x70, byte(CopyAborted)
	binary.BigEndian.PutUint16(dst[12:], uint16(s.asc))
	copy(dst[15:], pointer[:])
	n := 18
	if s.third != nil {
		// A status byte and as much of its sense data as fits.
		which := 0
		if s.destination {
			which = 1
		}
		specific[which] = byte(n)
		dst[n] = byte(s.third.Status)
		n++
		n += copy(dst[n:], s.third.Sense[:s.third.SenseLen])
	}
	copy(dst[8:], specific[:])
	dst[7] = byte(n - 8)
	return n
}
