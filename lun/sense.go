package lun

import "encoding/binary"

// Status is a SCSI status code (SAM-5 5.3.1).
type Status uint8

const (
	StatusGood                Status = 0x00
	StatusCheckCondition      Status = 0x02
	StatusConditionMet        Status = 0x04
	StatusBusy                Status = 0x08
	StatusReservationConflict Status = 0x18
	StatusTaskSetFull         Status = 0x28
	StatusACAActive           Status = 0x30
	StatusTaskAborted         Status = 0x40
)

// SenseKey is a sense key (SPC-4 4.5.6).
type SenseKey uint8

const (
	NoSense        SenseKey = 0x0
	RecoveredError SenseKey = 0x1
	NotReady       SenseKey = 0x2
	MediumError    SenseKey = 0x3
	HardwareError  SenseKey = 0x4
	IllegalRequest SenseKey = 0x5
	UnitAttention  SenseKey = 0x6
	DataProtect    SenseKey = 0x7
	CopyAborted    SenseKey = 0xA
	AbortedCommand SenseKey = 0xB
	Miscompare     SenseKey = 0xE
)

// ASC is an additional sense code (high byte) with its qualifier (low byte), SPC-4 4.5.6.
type ASC uint16

const (
	ascNone                    = 0x0000
	ascSanitizeInProgressSense = 0x041B // LOGICAL UNIT NOT READY, SANITIZE IN PROGRESS
	ascNotReadyManual          = 0x0403 // LOGICAL UNIT NOT READY, MANUAL INTERVENTION REQUIRED
	ascWriteError              = 0x0C00
	ascUnrecoveredRead         = 0x1100
	ascParameterListLength     = 0x1A00
	ascMiscompareVerify        = 0x1D00 // MISCOMPARE DURING VERIFY OPERATION
	ascInvalidOpcode           = 0x2000
	ascInvalidFieldInUnit      = 0x0E03 // INVALID FIELD IN COMMAND INFORMATION UNIT
	ascLBAOutOfRange           = 0x2100
	ascInvalidFieldInCDB       = 0x2400
	ascLUNotSupported          = 0x2500
	ascInvalidFieldInParam     = 0x2600
	ascWriteProtected          = 0x2700
	ascSoftwareWriteProtected  = 0x2702 // LOGICAL UNIT SOFTWARE WRITE PROTECTED
	ascSpaceAllocationFailed   = 0x2707
	ascMediumMayHaveChanged    = 0x2800 // NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED
	ascSanitizeFailed          = 0x3103 // SANITIZE COMMAND FAILED
	ascSavingNotSupported      = 0x3900
	ascMediumNotPresent        = 0x3A00
	ascMediumNotPresentOpen    = 0x3A02 // MEDIUM NOT PRESENT - TRAY OPEN
	ascInternalTargetFailure   = 0x4400
	ascInvalidMessage          = 0x4900
	ascInsufficientResources   = 0x5503
	ascMediumRemovalPrevented  = 0x5302
)

// sense is sense data before it is encoded (SPC-4 4.5).
type sense struct {
	key      SenseKey
	asc      ASC
	hasInfo  bool
	info     uint64  // INFORMATION: an LBA or an offset
	specific [3]byte // SENSE KEY SPECIFIC with SKSV in bit 7 of byte 0; all zero: none
}

// encode writes s to dst, in descriptor format (SPC-4 4.5.2) or fixed format (SPC-4 4.5.3), and returns its length.
func (s *sense) encode(dst *[SenseSize]byte, descriptor bool) int {
	*dst = [SenseSize]byte{}
	if descriptor {
		dst[0] = 0x72
		dst[1] = byte(s.key)
		binary.BigEndian.PutUint16(dst[2:], uint16(s.asc))
		n := 8
		if s.hasInfo { // information descriptor, SPC-4 4.5.2.2
			dst[n], dst[n+1], dst[n+2] = 0x00, 0x0A, 0x80
			binary.BigEndian.PutUint64(dst[n+4:], s.info)
			n += 12
		}
		if s.specific[0]&0x80 != 0 { // sense key specific descriptor, SPC-4 4.5.2.4
			dst[n], dst[n+1] = 0x02, 0x06
			copy(dst[n+4:], s.specific[:])
			n += 8
		}
		dst[7] = byte(n - 8)
		return n
	}
	dst[0] = 0x70
	dst[2] = byte(s.key)
	// SPC-4 4.5.3: VALID is zero when the information does not fit four bytes.
	if s.hasInfo && s.info <= 0xFFFFFFFF {
		dst[0] |= 0x80
		binary.BigEndian.PutUint32(dst[3:], uint32(s.info))
	}
	dst[7] = 10
	binary.BigEndian.PutUint16(dst[12:], uint16(s.asc))
	copy(dst[15:18], s.specific[:])
	return 18
}

// fieldPointer returns the SENSE KEY SPECIFIC field of ILLEGAL REQUEST (SPC-4 4.5.2.4.2): it names the byte at fault in the CDB or
// in the parameter list, and its bit unless bit is negative.
func fieldPointer(inCDB bool, index, bit int) (p [3]byte) {
	p[0] = 0x80
	if inCDB {
		p[0] |= 0x40
	}
	if bit >= 0 {
		p[0] |= 0x08 | byte(bit&7)
	}
	binary.BigEndian.PutUint16(p[1:], uint16(index))
	return p
}

// The following end a command. One of them may be called once, on the task's loop.

// good ends t with GOOD status; t.In is its data-in.
func (t *Task) good() { t.end(StatusGood) }

// conflict ends t with RESERVATION CONFLICT (SPC-4 5.13).
func (t *Task) conflict() { t.end(StatusReservationConflict) }

// busy ends t with BUSY: resources are short, and the initiator may try again (SAM-5 5.3.1).
func (t *Task) busy() { t.end(StatusBusy) }

// check ends t with CHECK CONDITION and sense data.
func (t *Task) check(key SenseKey, asc ASC) { t.checkSense(&sense{key: key, asc: asc}) }

// checkInfo is check with the INFORMATION field.
func (t *Task) checkInfo(key SenseKey, asc ASC, info uint64) {
	t.checkSense(&sense{key: key, asc: asc, hasInfo: true, info: info})
}

// checkField ends t with INVALID FIELD IN CDB at CDB byte index; bit < 0 names no bit.
func (t *Task) checkField(index, bit int) {
	t.checkSense(&sense{key: IllegalRequest, asc: ascInvalidFieldInCDB, specific: fieldPointer(true, index, bit)})
}

// checkParam ends t with INVALID FIELD IN PARAMETER LIST at byte index of the list; bit < 0 names no bit.
func (t *Task) checkParam(index, bit int) {
	t.checkSense(&sense{key: IllegalRequest, asc: ascInvalidFieldInParam, specific: fieldPointer(false, index, bit)})
}

func (t *Task) checkSense(s *sense) {
	t.In = nil
	t.SenseLen = s.encode(&t.Sense, t.unit != nil && t.unit.descriptorSense())
	t.end(StatusCheckCondition)
}

// reply ends t with GOOD and data as its data-in, cut to the allocation length alloc (SPC-4 4.3.5.6: "the device server
// shall terminate transfers ... when the number of bytes specified by the ALLOCATION LENGTH field have been transferred").
func (t *Task) reply(data []byte, alloc int) {
	n := copy(t.Buf, data[:min(len(data), max(alloc, 0))])
	t.In = t.Buf[:n]
	t.good()
}
