package lun

import "encoding/binary"

// EXTENDED COPY(LID1), SPC-4 6.4: the parameter list. copy_run.go carries it out, copy_results.go reports on it.
//
// The copy manager can access only the logical units that the nexus sees in the target that got the command. It
// copies blocks to blocks (segment descriptors 02h and 0Ah), between units named by identification descriptors (E4h).
// Hypervisors need no more.

var copyCommands = []command{
	{op: 0x83, sa: 0x00, name: "EXTENDED COPY(LID1)", class: accessWrite, plan: planOut32(10), run: extendedCopy,
		usage: [16]byte{10: 0xFF, 0xFF, 0xFF, 0xFF, 15: 0x04}},
	{op: 0x84, sa: 0x00, name: "RECEIVE COPY STATUS(LID1)", class: accessAllowed, plan: planIn32(10), run: copyStatus,
		usage: [16]byte{2: 0xFF, 10: 0xFF, 0xFF, 0xFF, 0xFF, 15: 0x04}},
	{op: 0x84, sa: 0x01, name: "RECEIVE COPY DATA(LID1)", class: accessAllowed, plan: planIn32(10), run: copyData,
		usage: [16]byte{2: 0xFF, 10: 0xFF, 0xFF, 0xFF, 0xFF, 15: 0x04}},
	{op: 0x84, sa: 0x03, name: "RECEIVE COPY OPERATING PARAMETERS", class: accessAllowed, plan: planIn32(10), run: copyParameters,
		usage: [16]byte{10: 0xFF, 0xFF, 0xFF, 0xFF, 15: 0x04}},
	{op: 0x84, sa: 0x04, name: "RECEIVE COPY FAILURE DETAILS(LID1)", class: accessAllowed, plan: planIn32(10), run: copyFailure,
		usage: [16]byte{2: 0xFF, 10: 0xFF, 0xFF, 0xFF, 0xFF, 15: 0x04}},
}

// Additional sense codes of copies (SPC-4 annex D).
const (
	ascUnreachableCopyTarget  = 0x0804
	ascThirdPartyFailure      = 0x0D01 // THIRD PARTY DEVICE FAILURE
	ascCopyTargetNotReachable = 0x0D02 // COPY TARGET DEVICE NOT REACHABLE
	ascCopyTargetType         = 0x0D03 // INCORRECT COPY TARGET DEVICE TYPE
	ascOperationInProgress    = 0x0016
	ascTooManyTargets         = 0x2606 // TOO MANY TARGET DESCRIPTORS
	ascTargetTypeCode         = 0x2607 // UNSUPPORTED TARGET DESCRIPTOR TYPE CODE
	ascTooManySegments        = 0x2608 // TOO MANY SEGMENT DESCRIPTORS
	ascSegmentTypeCode        = 0x2609 // UNSUPPORTED SEGMENT DESCRIPTOR TYPE CODE
	ascInexactSegment         = 0x260A // UNEXPECTED INEXACT SEGMENT
	ascInlineLength           = 0x260B // INLINE DATA LENGTH EXCEEDED
)

// Lengths in bytes of the parameter list (SPC-4 6.4.3, 6.4.5.4, 6.4.6).
const (
	copyHeader      = 16
	copyCSCD        = 32
	copyCSCDType    = 0xE4 // identification descriptor
	segmentBlocks   = 0x02 // block device to block device
	segmentOffset   = 0x0A // the same, by bytes
	segmentMinimum  = 8    // up to the destination's index
	blocksLength    = 0x18 // DESCRIPTOR LENGTH of each: what follows its fourth byte
	offsetLength    = 0x1C
	segmentHeader   = 4
	copyStatusBytes = 12
)

// Values of LIST ID USAGE (SPC-4 6.4.3.2).
const (
	listIDHold    = 0 // it names the copy, and the results are kept
	listIDDiscard = 2 // it names the copy
	listIDNone    = 3 // it is zero and unused
)

// cscd is a copy source or copy destination of the list.
type cscd struct {
	unit *Unit // nil: it cannot be reached; asc is the reason
	asc  ASC
	pad  bool
}

// copySegment is a segment descriptor, parsed as far as that is possible without its CSCDs.
type copySegment struct {
	kind     byte
	dc, cat  bool
	src, dst uint16 // indexes of CSCDs
	count    int64  // blocks (02h) or bytes (0Ah)
	srcLBA   uint64
	dstLBA   uint64
	srcByte  int64 // byte offsets in the first blocks (0Ah)
	dstByte  int64
}

// extendedCopy: SPC-4 6.4.
func extendedCopy(t *Task) {
	if cdb32(&t.CDB, 10) == 0 { // "this condition shall not be considered an error"
		t.good()
		return
	}
	list := t.Out[:min(len(t.Out), int(cdb32(&t.CDB, 10)))]
	if len(list) < copyHeader {
		t.check(IllegalRequest, ascParameterListLength)
		return
	}
	usage := list[1] >> 3 & 3
	targets, segments := int64(binary.BigEndian.Uint16(list[2:])), int64(binary.BigEndian.Uint32(list[8:]))
	switch {
	case usage == 1: // reserved
		t.checkParam(1, 4)
		return
	case usage == listIDNone && list[0] != 0:
		t.checkParam(0, -1)
		return
	case targets+segments > maxCopyList, int64(len(list)) < copyHeader+targets+segments:
		t.check(IllegalRequest, ascParameterListLength)
		return
	case binary.BigEndian.Uint32(list[12:]) != 0:
		t.check(IllegalRequest, ascInlineLength)
		return
	}
	op := &copyOp{parent: t}
	if !op.parseCSCDs(list[copyHeader : copyHeader+targets]) {
		return
	}
	first := copyHeader + int(targets)
	if !op.parseSegments(list[first:first+int(segments)], first) {
		return
	}
	if usage != listIDNone {
		rec, ok := t.Nexus.copies.begin(t.unit, list[0])
		if !ok { // SPC-4 6.4.3.2: a list identifier that this nexus uses already
			t.check(IllegalRequest, ascOperationInProgress)
			return
		}
		op.record = rec
	}
	op.start()
}

// checkList ends t with asc, pointing at byte index of the parameter list.
func (t *Task) checkList(asc ASC, index int) {
	t.checkSense(&sense{key: IllegalRequest, asc: asc, specific: fieldPointer(false, index, -1)})
}

// parseCSCDs reads the CSCD descriptor list. False: it ended the task.
func (op *copyOp) parseCSCDs(list []byte) bool {
	t := op.parent
	for at := 0; at < len(list); at += copyCSCD {
		d := list[at:]
		switch {
		case len(op.cscds) == maxCopyTargets:
			t.check(IllegalRequest, ascTooManyTargets)
			return false
		case d[0] != copyCSCDType:
			t.checkList(ascTargetTypeCode, copyHeader+at)
			return false
		case len(d) < copyCSCD:
			t.check(IllegalRequest, ascParameterListLength)
			return false
		}
		d = d[:copyCSCD]
		// SPC-4 6.4.5.1: LU ID TYPE is ignored for E4h, and the relative initiator port identifier has no meaning within one
		// target. 6.4.5.4: the designator has at most 20 bytes.
		if d[7] > 20 {
			t.checkParam(copyHeader+at+7, -1)
			return false
		}
		c := cscd{asc: ascCopyTargetNotReachable, pad: d[28]&0x04 != 0}
		if kind := d[1] & 0x1F; kind != 0 { // PERIPHERAL DEVICE TYPE: only disks are here
			c.asc = ascCopyTargetType
		} else if c.unit = t.Nexus.designated(d[4]&0x0F, d[5]&0x3F, d[8:8+d[7]]); c.unit != nil {
			bs := uint32(d[29])<<16 | uint32(d[30])<<8 | uint32(d[31])
			if bs != 0 && bs != c.unit.blockSize() { // DISK BLOCK LENGTH: the initiator means another unit
				t.checkParam(copyHeader+at+29, -1)
				return false
			}
		}
		op.cscds = append(op.cscds, c)
	}
	return true
}

// designated finds the unit of a designation descriptor (SPC-4 7.8.6): one of those in VPD page 83h with
// association logical unit. how is ASSOCIATION and DESIGNATOR TYPE. nil: it is none that the nexus sees.
func (n *Nexus) designated(code, how byte, id []byte) *Unit {
	for _, u := range n.view.Load().list {
		switch {
		case how == ofUnit|typeNAA && code == codeBinary && string(id) == string(u.names.naa[:]):
			return u
		case how == ofUnit|typeT10Vendor && code == codeASCII && len(id) > 8:
			vendor := make([]byte, 8)
			padASCII(vendor, n.target.cfg.Vendor)
			if string(id[:8]) == string(vendor) && string(id[8:]) == u.names.serial {
				return u
			}
		}
	}
	return nil
}

// parseSegments reads the segment descriptor list, which begins at byte first of the parameter list. False: it ended the
// task.
func (op *copyOp) parseSegments(list []byte, first int) bool {
	t := op.parent
	for at := 0; at < len(list); {
		d := list[at:]
		var length int
		switch {
		case len(op.segments) == maxCopySegments:
			t.check(IllegalRequest, ascTooManySegments)
			return false
		case d[0] == segmentBlocks:
			length = blocksLength
		case d[0] == segmentOffset:
			length = offsetLength
		default:
			t.checkList(ascSegmentTypeCode, first+at)
			return false
		}
		switch {
		case len(d) < segmentHeader+length:
			t.check(IllegalRequest, ascParameterListLength)
			return false
		case int(binary.BigEndian.Uint16(d[2:])) != length:
			t.checkParam(first+at+2, -1)
			return false
		}
		s := copySegment{
			kind: d[0], dc: d[1]&0x02 != 0, cat: d[1]&0x01 != 0,
			src: binary.BigEndian.Uint16(d[4:]), dst: binary.BigEndian.Uint16(d[6:]),
			count:  int64(binary.BigEndian.Uint16(d[10:])),
			srcLBA: binary.BigEndian.Uint64(d[12:]), dstLBA: binary.BigEndian.Uint64(d[20:]),
		}
		if s.kind == segmentOffset {
			s.count = int64(binary.BigEndian.Uint32(d[8:]))
			s.srcByte, s.dstByte = int64(binary.BigEndian.Uint16(d[28:])), int64(binary.BigEndian.Uint16(d[30:]))
			if s.count > maxCopySegment {
				t.checkParam(first+at+8, -1)
				return false
			}
		}
		op.segments = append(op.segments, s)
		at += segmentHeader + length
	}
	return true
}
