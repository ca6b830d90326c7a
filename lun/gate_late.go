package lun

// A backend may still execute a request whose task was aborted and abandoned: a disk that hangs for seconds may write the
// blocks in the end. An initiator relies on an aborted task having no effect once the task management function is complete
// (SAM-5 7.2 and 5.5: an aborted command is no longer in the task set). So the gate guards the blocks of such a request until
// the backend has released it: commands that touch them wait, all others pass. A command that sees the blocks sees them as if
// the request had taken effect just before the abort.

// byteRange is a range of bytes on the medium.
type byteRange struct{ off, end int64 }

func (a byteRange) overlaps(b byteRange) bool { return a.off < b.end && b.off < a.end }

// wholeMedium is the range of a command whose CDB does not determine its blocks.
var wholeMedium = byteRange{0, 1<<63 - 1}

// bytes returns the range of a request.
func (r *Request) bytes() byteRange { return byteRange{r.Off, r.Off + r.Len} }

// changes reports whether a request of that kind changes the medium.
func (k OpKind) changes() bool { return k == OpWrite || k == OpDiscard || k == OpZero }

// touches returns the bytes that a command at the gate reads or writes. If the CDB has no LOGICAL BLOCK ADDRESS and length at their
// usual offsets (UNMAP, SANITIZE) that is the whole medium. none is set if the command touches no block.
func (t *Task) touches() (r byteRange, none bool) {
	if t.cmd.flags&(gated|exclusive) == 0 || t.cmd.flags&needsMedium == 0 {
		return r, true // an ORDERED command of another kind; MODE SELECT, START STOP UNIT
	}
	lba, n, _ := extent(&t.CDB)
	switch t.CDB[0] {
	case 0x08, 0x28, 0xA8, 0x88, // READ
		0x0A, 0x2A, 0xAA, 0x8A, // WRITE
		0x2F, 0xAF, 0x8F, // VERIFY
		0x2E, 0xAE, 0x8E, // WRITE AND VERIFY
		0x8B: // ORWRITE(16)
	case 0x41, 0x93: // WRITE SAME: a length of zero is up to the end (SBC-3 5.42)
		if n == 0 {
			n = 1<<64 - 1
		}
	case 0x89: // COMPARE AND WRITE (SBC-3 5.2)
		n = uint64(t.CDB[13])
	case 0x9C: // WRITE ATOMIC(16) (SBC-4 5.48)
		n = uint64(cdb16(&t.CDB, 12))
	case 0x35, 0x91: // SYNCHRONIZE CACHE concerns acknowledged writes only
		return r, true
	default:
		return wholeMedium, false
	}
	if n == 0 {
		return r, true
	}
	// The capacity does not matter here: a resize may come between the gate and the command.
	bs := uint64(t.unit.blockSize())
	end := uint64(wholeMedium.end) / bs
	if lba >= end {
		return r, true
	}
	return byteRange{int64(lba * bs), int64((lba + min(n, end-lba)) * bs)}, false
}

// The rest runs under the gate's mu.

// behindLate reports whether t touches blocks that a late request may still change.
func (g *gate) behindLate(t *Task) bool {
	if g.late == nil {
		return false
	}
	r, none := t.touches()
	if none {
		return false
	}
	for w := g.late; w != nil; w = w.gateNext {
		if r.overlaps(w.req.bytes()) {
			return true
		}
	}
	return false
}

// linger takes an abandoned task out of the gate, which still guards the blocks that its request may change.
func (g *gate) linger(t *Task) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := t.gated
	t.gated = gateLate
	t.gateNext, g.late = g.late, t
	if was == gateAlone {
		g.next()
		return
	}
	if was == gateShared { // otherwise t is a copy's own write, which passed with its parent
		g.counts[t.Loop.Index()].n.Add(-1)
	}
	g.set(g.state()) // before the counts are read: a task that enters from now on sees that there is a late request
	if g.state() == gateClosing && g.stepsAside(g.owner) {
		g.next()
	} else {
		g.drained()
	}
}

// arrived removes a late request that the backend has released, and readmits the tasks that waited for it.
func (g *gate) arrived(t *Task) {
	for p := &g.late; *p != nil; p = &(*p).gateNext {
		if *p == t {
			*p = t.gateNext
			break
		}
	}
	t.gateNext, t.gated = nil, gateOutside
	g.set(g.state())
	var rest taskQueue
	for w := g.behind.pop(); w != nil; w = g.behind.pop() {
		// A task that does not touch these blocks waits for another late request: no need to search for it.
		if r, _ := w.touches(); !r.overlaps(t.req.bytes()) || g.behindLate(w) {
			rest.push(w)
			continue
		}
		g.readmit(w)
	}
	g.behind = rest
	g.drained()
}

// readmit puts t back at the gate, ahead of the waiting tasks and of an owner that has not begun: they are all younger, unless t
// is HEAD OF QUEUE.
func (g *gate) readmit(t *Task) {
	alone := t.gated == gateWaitLateAlone
	switch s := g.state(); {
	case alone && (s == gateOpen || s == gateClosing && g.owner.Attr == AttrOrdered):
		if o := g.owner; o != nil {
			o.gated = gateWaitAlone
			g.queue.pushFront(o)
		}
		g.owner = t
		t.gated = gateDraining
		g.set(gateClosing)
	case alone:
		t.gated = gateWaitAlone
		g.queue.pushFront(t)
	case s == gateHeld:
		t.gated = gateWaitShared
		g.queue.pushFront(t)
	default:
		g.counts[t.Loop.Index()].n.Add(1)
		g.grant(t, gateGrantedShared)
	}
}
