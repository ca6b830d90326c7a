package lun

import (
	"encoding/binary"
	"sync"
)

// What RECEIVE COPY RESULTS reports about copies (SPC-4 6.24 to 6.27), and what VPD page 8Fh and RECEIVE COPY OPERATING
// PARAMETERS report about the copy manager.

// copyLog has the copies of one I_T nexus by unit and list identifier: those in progress, and the last maxCopyRecords that
// ended. It goes away with the nexus.
type copyLog struct {
	mu      sync.Mutex
	records []*copyRecord // by age
}

// copyRecord is the record of one copy. The log's mu guards its fields except unit and id.
type copyRecord struct {
	log      *copyLog
	unit     *Unit
	id       byte
	ended    bool
	status   Status // of the EXTENDED COPY, when it ended
	sense    [SenseSize]byte
	senseLen int
	segments int
	bytes    uint64
}

// begin records a new copy and drops an older one with the same identifier. It returns false if that one is still in progress.
func (l *copyLog) begin(u *Unit, id byte) (*copyRecord, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.find(u, id); r != nil {
		if !r.ended {
			return nil, false
		}
		l.remove(r)
	}
	r := &copyRecord{log: l, unit: u, id: id}
	l.records = append(l.records, r)
	return r, true
}

// find and remove run under mu.
func (l *copyLog) find(u *Unit, id byte) *copyRecord {
	for _, r := range l.records {
		if r.unit == u && r.id == id {
			return r
		}
	}
	return nil
}

func (l *copyLog) remove(r *copyRecord) {
	for i := range l.records {
		if l.records[i] == r {
			l.records = append(l.records[:i], l.records[i+1:]...)
			return
		}
	}
}

// drop removes the record of an aborted copy.
func (l *copyLog) drop(r *copyRecord) {
	l.mu.Lock()
	l.remove(r)
	l.mu.Unlock()
}

// get returns a snapshot of a record, if there is one.
func (l *copyLog) get(u *Unit, id byte) (r copyRecord, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.find(u, id); p != nil {
		return *p, true
	}
	return r, false
}

// The following do nothing for a copy without a name (nil).

func (r *copyRecord) segmentsDone(n int) {
	if r != nil {
		r.log.mu.Lock()
		r.segments = n
		r.log.mu.Unlock()
	}
}

func (r *copyRecord) moved(n int64) {
	if r != nil {
		r.log.mu.Lock()
		r.bytes += uint64(n)
		r.log.mu.Unlock()
	}
}

// finish records how the copy ended, and drops the oldest finished copies beyond the limit.
func (r *copyRecord) finish(status Status, sense []byte) {
	if r == nil {
		return
	}
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	r.ended, r.status = true, status
	r.senseLen = copy(r.sense[:], sense)
	l.remove(r)
	l.records = append(l.records, r) // by age of their end
	n := 0
	for _, o := range l.records {
		if o.ended {
			n++
		}
	}
	for i := 0; n > maxCopyRecords; {
		if l.records[i].ended {
			l.remove(l.records[i])
			n--
		} else {
			i++
		}
	}
}

// theCopy finds the copy that the CDB names. It ends t and returns false if there is none, or if ended is set and the copy is still
// in progress.
func (t *Task) theCopy(ended bool) (r copyRecord, ok bool) {
	r, ok = t.Nexus.copies.get(t.unit, t.CDB[2])
	if !ok || ended && !r.ended {
		t.checkField(2, -1)
		return r, false
	}
	return r, true
}

// copyStatus: RECEIVE COPY STATUS(LID1), SPC-4 6.27.
func copyStatus(t *Task) {
	r, ok := t.theCopy(false)
	if !ok {
		return
	}
	var b [copyStatusBytes]byte
	binary.BigEndian.PutUint32(b[0:], copyStatusBytes-4) // AVAILABLE DATA
	switch {                                             // COPY MANAGER STATUS
	case !r.ended:
		b[4] = 0x00 // in progress
	case r.status == StatusGood:
		b[4] = 0x01 // completed without errors
	default:
		b[4] = 0x02 // completed with errors
	}
	b[4] |= 0x80 // HDD: no data is held
	binary.BigEndian.PutUint16(b[5:], uint16(r.segments))
	n := r.bytes
	for n > 0xFFFFFFFF { // TRANSFER COUNT UNITS: powers of 1024
		n >>= 10
		b[7]++
	}
	binary.BigEndian.PutUint32(b[8:], uint32(n))
	t.reply(b[:], int(cdb32(&t.CDB, 10)))
}

// copyData: RECEIVE COPY DATA(LID1), SPC-4 6.24. No segment descriptor here makes the copy manager hold data.
func copyData(t *Task) {
	if _, ok := t.theCopy(true); !ok {
		return
	}
	var b [4]byte // AVAILABLE DATA: none
	t.reply(b[:], int(cdb32(&t.CDB, 10)))
}

// copyFailure: RECEIVE COPY FAILURE DETAILS(LID1), SPC-4 6.25.
func copyFailure(t *Task) {
	r, ok := t.theCopy(true)
	if !ok {
		return
	}
	var b [60 + SenseSize]byte
	n := 4 // AVAILABLE DATA is zero when nothing failed
	if r.status != StatusGood {
		n = 60 + r.senseLen
		b[56] = byte(r.status) // EXTENDED COPY COMMAND STATUS
		binary.BigEndian.PutUint16(b[58:], uint16(r.senseLen))
		copy(b[60:], r.sense[:r.senseLen])
	}
	binary.BigEndian.PutUint32(b[0:], uint32(n-4))
	t.reply(b[:n], int(cdb32(&t.CDB, 10)))
}

// implementedDescriptors are the descriptor type codes, in ascending order.
var implementedDescriptors = [...]byte{segmentBlocks, segmentOffset, copyCSCDType}

// copyParameters: RECEIVE COPY OPERATING PARAMETERS, SPC-4 6.26.
func copyParameters(t *Task) {
	var b [44 + len(implementedDescriptors)]byte
	binary.BigEndian.PutUint32(b[0:], uint32(len(b)-4)) // AVAILABLE DATA
	b[4] = 0x01                                         // SNLID: a copy need not have a list identifier
	binary.BigEndian.PutUint16(b[8:], maxCopyTargets)   // MAXIMUM CSCD DESCRIPTOR COUNT
	binary.BigEndian.PutUint16(b[10:], maxCopySegments) // MAXIMUM SEGMENT DESCRIPTOR COUNT
	binary.BigEndian.PutUint32(b[12:], maxCopyList)     // MAXIMUM DESCRIPTOR LIST LENGTH
	binary.BigEndian.PutUint32(b[16:], maxCopySegment)  // MAXIMUM SEGMENT LENGTH
	binary.BigEndian.PutUint16(b[34:], maxCopies)       // TOTAL CONCURRENT COPIES
	b[36] = maxCopies                                   // MAXIMUM CONCURRENT COPIES
	b[37] = copyGranularity                             // DATA SEGMENT GRANULARITY
	b[43] = byte(len(implementedDescriptors))           // IMPLEMENTED DESCRIPTOR LIST LENGTH
	copy(b[44:], implementedDescriptors[:])
	t.reply(b[:], int(cdb32(&t.CDB, 10)))
}

// copyGranularity is log2 of the smallest data segment: a logical block.
const copyGranularity = 9

// vpdThirdParty: Third-party Copy, SPC-4 7.8.17. The mandatory descriptors, in ascending order of their types.
func vpdThirdParty(_ *Task, w *pageWriter) {
	// Each is padded to a multiple of four bytes (7.8.17.2).
	add := func(kind uint16, data []byte) {
		d := w.grow(4 + (len(data)+3)&^3)
		binary.BigEndian.PutUint16(d[0:], kind)
		binary.BigEndian.PutUint16(d[2:], uint16(len(d)-4))
		copy(d[4:], data)
	}
	// Supported Commands, 7.8.17.4: operation codes with their service actions.
	var list []byte
	for i := 0; i < len(copyCommands); {
		op, at := copyCommands[i].op, len(list)+1
		list = append(list, op, 0)
		for ; i < len(copyCommands) && copyCommands[i].op == op; i++ {
			list = append(list, byte(copyCommands[i].sa))
			list[at]++
		}
	}
	add(0x0001, append([]byte{byte(len(list))}, list...))
	// Parameter Data, 7.8.17.5.
	var b [28]byte
	binary.BigEndian.PutUint16(b[4:], maxCopyTargets)
	binary.BigEndian.PutUint16(b[6:], maxCopySegments)
	binary.BigEndian.PutUint32(b[8:], maxCopyList)
	add(0x0004, b[:])
	// Supported Descriptors, 7.8.17.6.
	add(0x0008, append([]byte{byte(len(implementedDescriptors))}, implementedDescriptors[:]...))
	// Supported CSCD Descriptor IDs, 7.8.17.7: none but the indexes of the list.
	add(0x000C, []byte{0, 0})
	// General Copy Operations, 7.8.17.10.
	var g [32]byte
	binary.BigEndian.PutUint32(g[0:], maxCopies)
	binary.BigEndian.PutUint32(g[4:], maxCopies)
	binary.BigEndian.PutUint32(g[8:], maxCopySegment)
	g[12] = copyGranularity
	add(0x8001, g[:])
}
