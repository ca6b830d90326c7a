package session

// SCSI status codes that the session itself answers (SAM-5, 5.3.1).
const (
	statusGood           = 0x00
	statusCheckCondition = 0x02
	statusTaskSetFull    = 0x28
)

// senseCode is a sense key, an additional sense code and its qualifier: 0xKKAAQQ.
type senseCode uint32

// The iSCSI conditions of RFC 7143, 11.4.7.2, and SPC-4's codes for a data phase gone wrong.
const (
	senseInvalidField    senseCode = 0x052400 // INVALID FIELD IN CDB
	senseUnexpectedData  senseCode = 0x0b0c0c // unexpected unsolicited data
	senseIncorrectAmount senseCode = 0x0b0c0d // incorrect amount of data
	senseCRC             senseCode = 0x0b4705 // protocol service CRC error
	senseDataPhase       senseCode = 0x0b4b00 // DATA PHASE ERROR
	senseOffset          senseCode = 0x0b4b05 // DATA OFFSET ERROR
)

// maxSense is the longest sense data that is passed on (SPC-4, 4.5.1).
const maxSense = 252

// fixedSenseLen is the length of fixed format sense data (SPC-4, 4.5.3).
const fixedSenseLen = 18

// putFixed writes fixed format sense data for a current error into b, fixedSenseLen bytes.
func (s senseCode) putFixed(b []byte) {
	clear(b[:fixedSenseLen])
	b[0] = 0x70
	b[2] = byte(s >> 16)
	b[7] = fixedSenseLen - 8
	b[12], b[13] = byte(s>>8), byte(s)
}
