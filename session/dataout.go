package session

import "github.com/ringtgt/ringtgt/pdu"

// dataOut is the state of a write's data transfer (RFC 7143, 4.2.5.2).
type dataOut struct {
	fault senseCode // the first fault; the answer is CHECK CONDITION once no more data is expected
	// memory is OutLater until Conn.Buffer is called. If it is OutRefused, the answer is TASK SET FULL once no more data is expected.
	memory OutState

	// unsolicited is set while unsolicited Data-Out PDUs are expected, in sequence first.
	unsolicited bool
	first       sequence

	since int64 // when data was last solicited, or announced as unsolicited

	asked     uint32 // bytes, counted from offset 0, that arrived unsolicited or that an R2T was sent for
	r2tSN     uint32 // of the next R2T
	n         uint8  // R2Ts outstanding
	solicited [MaxOutstandingR2T]sequence
}

// sequence is one data sequence: the unsolicited one, or that of an R2T (11.7.1, 11.8).
type sequence struct {
	ttt       uint32
	dataSN    uint32 // of the next PDU
	next, end uint32 // buffer offset of the next byte, and of the end
}

// pending reports whether Data-Out PDUs are still expected.
func (o *dataOut) pending() bool { return o.unsolicited || o.n > 0 }

// sound reports whether the data is still wanted: there was no fault, and there is memory for it.
func (o *dataOut) sound() bool { return o.fault == 0 && o.memory != OutRefused }

// dataHeader handles the header of a Data-Out PDU (11.7). A PDU that belongs to no task is silently discarded: it may have been in
// flight when its task was aborted or answered.
func (c *Conn) dataHeader(h *pdu.DataOut) {
	t := c.tags.find(h.ITT())
	if t == nil || t.st.kind != kindCommand || !t.Write || t.st.phase.stopped() && !t.st.phase.draining() {
		return
	}
	o := &t.st.out
	s := o.find(h.TTT())
	if s == nil {
		if !t.st.phase.stopped() {
			c.strayData(t, h)
		}
		return
	}
	c.rx.act, c.rx.task, c.rx.at = actData, t, s
	if !o.sound() {
		return
	}
	n := uint32(h.BHS().DataLen())
	if fault := o.judge(t, s, h, n); fault != 0 {
		t.spoil(fault)
	} else if n > 0 {
		c.land(t, s.next, n)
	}
}

// spoil records a fault of a command's data. The first one is answered once no more data is expected.
func (t *Task) spoil(fault senseCode) {
	c := t.Conn
	if t.st.out.fault == 0 {
		t.st.out.fault = fault
	}
	if t.st.on == &c.asking {
		t.unlist() // no further R2T
	}
}

// find returns the sequence of a Target Transfer Tag, nil if no PDU with that tag is expected.
func (o *dataOut) find(ttt uint32) *sequence {
	if ttt == pdu.ReservedTag {
		if o.unsolicited {
			return &o.first
		}
		return nil
	}
	for i := range o.solicited[:o.n] {
		if o.solicited[i].ttt == ttt {
			return &o.solicited[i]
		}
	}
	return nil
}

// judge checks a Data-Out PDU of n bytes against its sequence, and returns the sense code of the fault, or 0.
func (o *dataOut) judge(t *Task, s *sequence, h *pdu.DataOut, n uint32) senseCode {
	switch {
	case h.DataSN() != s.dataSN:
		// "When a target receives a data PDU with an out-of-order DataSN, it means that the target must have hit a header
		// or payload digest error on at least one of the earlier data PDUs. The target MUST address these implied digest
		// errors as described in Section 7.8" (7.9).
		return senseCRC
	case s != &o.first && h.LUN() != t.LUN:
		return senseDataPhase // with a Target Transfer Tag the LUN is that of the R2T (11.7.4)
	case s != &o.first && s != &o.solicited[0]:
		return senseOffset // DataSequenceInOrder=Yes (13.19)
	case h.BufferOffset() != s.next:
		return senseOffset // DataPDUInOrder=Yes (13.18)
	case n > s.end-s.next:
		return senseIncorrectAmount
	}
	return 0
}

// dataPayload handles a complete Data-Out PDU.
func (t *Task) dataPayload(h *pdu.DataOut, rx *rxState) {
	c := t.Conn
	o, s := &t.st.out, rx.at
	if h.BHS().DataLen() > 0 {
		c.data.came = c.now
	}
	if o.sound() {
		t.landed(rx)
		s.next += uint32(h.BHS().DataLen())
	}
	s.dataSN++
	t.sequenceEnd(s, h.Final())
}

// sequenceEnd closes a sequence at its F bit, and continues the task.
func (t *Task) sequenceEnd(s *sequence, final bool) {
	o := &t.st.out
	if !final {
		return // also after the last byte: "targets MUST be able to properly receive 0-length data segments" (11.7.7)
	}
	if o.sound() && s.short(t) {
		t.spoil(senseIncorrectAmount)
	}
	if s == &o.first {
		o.unsolicited = false
	} else {
		o.drop(s)
	}
	switch t.st.phase {
	case phaseDraining:
		t.drained()
	case phaseData:
		t.progress()
	}
}

// short reports whether a sequence has too little data. A solicited one has exactly the length of its R2T (11.8.4); an
// unsolicited one has FirstBurstLength if the command has more than that (11.4.7.2, "incorrect amount of data").
func (s *sequence) short(t *Task) bool {
	if s == &t.st.out.first && s.end == t.EDTL {
		return false
	}
	return s.next < s.end
}

// drop removes an R2T whose data is complete.
func (o *dataOut) drop(s *sequence) {
	for i := range o.solicited[:o.n] {
		if &o.solicited[i] == s {
			copy(o.solicited[i:o.n], o.solicited[i+1:o.n])
			o.n--
			return
		}
	}
}

// dataLost handles a Data-Out PDU whose data digest was wrong (7.8): "terminate the task with ... CHECK CONDITION ... it MUST
// wait to receive all the data (signaled by a data PDU with the Final bit set for all outstanding R2Ts)".
func (t *Task) dataLost(h *pdu.DataOut, rx *rxState) {
	t.spoil(senseCRC)
	t.sequenceEnd(rx.at, h.Final())
}

// strayData handles a Data-Out PDU that its task does not expect.
func (c *Conn) strayData(t *Task, h *pdu.DataOut) {
	switch {
	case h.TTT() != pdu.ReservedTag:
		c.refuse(pdu.RejectInvalidPDUField) // never given to this task, or answered with the F bit already
	case t.st.phase <= phaseData:
		c.rx.act, c.rx.task = actStray, t
	default:
		// The task has its data; more of it does no harm.
	}
}

// strayPayload handles unsolicited data that was not announced: "unexpected unsolicited data" (11.4.7.2).
func (t *Task) strayPayload() {
	t.spoil(senseUnexpectedData)
	if t.st.phase == phaseData {
		t.progress()
	}
}

// land has the framer write n bytes to t's buffer at offset. Bytes that the command does not take are discarded.
func (c *Conn) land(t *Task, offset, n uint32) {
	have := uint32(len(t.Out))
	switch {
	case offset >= have:
	case n <= have-offset:
		c.rx.data = t.Out[offset : offset+n]
	default:
		// Only the first part of the segment is wanted, but the framer writes whole segments. Without memory for one the command
		// cannot be executed now.
		if c.rx.data = c.borrow(int(n)); c.rx.data == nil {
			t.st.out.memory = OutRefused
			return
		}
		c.rx.part = t.Out[offset:]
	}
}

// borrow gets memory for a data segment of n bytes until the PDU is complete; nil if there is none.
func (c *Conn) borrow(n int) []byte {
	c.borrowed = c.host.Memory(n)
	return c.borrowed
}

// giveBack returns borrowed memory.
func (c *Conn) giveBack() {
	if b := c.borrowed; b != nil {
		c.borrowed = nil
		c.host.Release(b)
	}
}

// landed accounts for a data segment that land placed.
func (t *Task) landed(rx *rxState) {
	switch {
	case rx.part != nil:
		t.Received += uint32(copy(rx.part, rx.data))
	case rx.data != nil:
		t.Received += uint32(len(rx.data))
	}
}

// progress advances a command whose turn has come: to its next R2T, to the host or, after a fault, to its answer.
func (t *Task) progress() {
	o := &t.st.out
	if o.pending() {
		if o.sound() && !o.unsolicited {
			t.ask()
		}
		return
	}
	switch {
	case o.fault != 0:
		t.check()
	case o.memory == OutRefused:
		t.Result = Result{Status: statusTaskSetFull}
		t.answer()
	case o.memory == OutLater:
	case !t.Write || t.Received == uint32(len(t.Out)):
		t.ready()
	default:
		t.ask()
	}
}

// Buffer reports that the host has provided t.Out, which it had promised with OutLater.
func (c *Conn) Buffer(now int64, t *Task) {
	if t.st.out.memory != OutLater {
		panic("session: Buffer that was not promised")
	}
	c.now = now
	t.st.out.memory = OutReady
	if uint64(len(t.Out)) > uint64(t.EDTL) {
		t.Out = t.Out[:t.EDTL]
	}
	if t.st.phase == phaseData {
		t.progress()
	}
}
