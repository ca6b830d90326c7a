package lun

import (
	"encoding/binary"
	"math"
)

// lbaQuery is a GET LBA STATUS while the backend reads its metadata.
type lbaQuery struct {
	t       *Task
	backend Backend
	lba     uint64
	limit   int
	extents []Extent
	err     error
}

// lbaStatus: SBC-3 5.4.
func lbaStatus(t *Task) {
	u := t.unit
	lba := cdb64(&t.CDB, 2)
	g := u.geometry()
	if lba >= g.Blocks {
		t.check(IllegalRequest, ascLBAOutOfRange)
		return
	}
	alloc := int(min(cdb32(&t.CDB, 10), MaxParam))
	q := &lbaQuery{lba: lba}
	t.scratch.any, t.scratch.lba = q, lba
	if !u.thin() { // SBC-3 4.7.2: every block of a fully provisioned unit is mapped
		q.extents = []Extent{{LBA: lba, Blocks: g.Blocks - lba, Mapped: true}}
		lbaAnswer(t)
		return
	}
	limit := min(max((alloc-8)/16, 1), maxLBAExtents)
	q.t, q.backend, q.limit = t, u.backend, limit
	t.Loop.Go(q)
}

// Do implements Work. The task may be aborted meanwhile.
func (q *lbaQuery) Do() { q.extents, q.err = q.backend.Extents(nil, q.lba, q.limit) }

// Happen implements Work.
func (q *lbaQuery) Happen() { q.t.resume(stepLBAStatus) }

func lbaAnswer(t *Task) {
	q := t.scratch.any.(*lbaQuery)
	if q.err != nil {
		t.unit.faulted(t.Loop, &Request{Kind: OpRead, Off: int64(t.scratch.lba) * int64(t.unit.blockSize())}, q.err)
		t.failed(q.err)
		return
	}
	var w lbaWriter
	next, end := t.scratch.lba, t.unit.blocks()
	w.n = 8
	for _, e := range q.extents {
		// The answer is contiguous from the starting LBA on, whatever the backend returned (SBC-3 5.4.2).
		if e.LBA > next || e.LBA+e.Blocks <= next {
			break
		}
		last := min(e.LBA+e.Blocks, end)
		if next >= last || !w.add(next, uint32(min(last-next, math.MaxUint32)), e.Mapped) {
			break
		}
		next += min(last-next, math.MaxUint32)
		if next < last {
			break // a run beyond 32 bits: the initiator continues from here
		}
	}
	if w.n == 8 { // at least one descriptor (SBC-3 5.4.2); what is not known to be deallocated is mapped
		w.add(next, uint32(min(end-next, math.MaxUint32)), true)
	}
	binary.BigEndian.PutUint32(w.b[0:], uint32(w.n-4)) // PARAMETER DATA LENGTH
	t.reply(w.b[:w.n], int(min(cdb32(&t.CDB, 10), MaxParam)))
}

// lbaWriter collects LBA status descriptors: the header and maxLBAExtents of them.
type lbaWriter struct {
	b [8 + 16*maxLBAExtents]byte
	n int
}

func (w *lbaWriter) add(lba uint64, blocks uint32, mapped bool) bool {
	if w.n+16 > len(w.b) {
		return false
	}
	d := w.b[w.n:]
	binary.BigEndian.PutUint64(d[0:], lba)
	binary.BigEndian.PutUint32(d[8:], blocks)
	if !mapped {
		d[12] = 0x01 // PROVISIONING STATUS: deallocated
	}
	w.n += 16
	return true
}
