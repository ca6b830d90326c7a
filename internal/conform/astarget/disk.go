package astarget

import (
	"encoding/binary"
	"strings"
)

const blockLen = 512

// disk is a logical unit in memory: as much of SBC-4 as initiators need to work with it.
type disk struct{ data []byte }

func newDisk(size int64) *disk { return &disk{make([]byte, max(blockLen, size/blockLen*blockLen))} }

func (d *disk) blocks() uint64 { return uint64(len(d.data) / blockLen) }

// operation is what a command does.
type operation struct {
	status byte
	sense  []byte
	always bool   // no unit attention stops it (SPC-4, 5.14.1)
	data   []byte // what it returns
	at     int64  // of a read or write of blocks
	out    uint32 // bytes that are read
	in     uint32 // bytes that it takes in
	store  bool   // and writes
}

func (o *operation) failed() bool { return o.status != statusGood }

// failure ends a command with CHECK CONDITION and sense data in fixed format (SPC-4, 4.5.3), behind their length (RFC 7143, 11.4.7).
func failure(key, asc, ascq byte) operation {
	sense := make([]byte, 20)
	sense[1] = 18
	sense[2], sense[4], sense[9], sense[14], sense[15] = 0x70, key, 10, asc, ascq
	return operation{status: statusCheckCondition, sense: sense}
}

// plan decides what a command does.
func (d *disk) plan(cdb *[16]byte, lun uint64) operation {
	switch cdb[0] {
	case 0x12: // INQUIRY
		return d.inquiry(cdb, lun)
	case 0xa0: // REPORT LUNS
		list := make([]byte, 16)
		list[3] = 8
		return operation{data: list[:min(16, int(binary.BigEndian.Uint32(cdb[6:])))], always: true}
	case 0x03: // REQUEST SENSE
		none := make([]byte, 18)
		none[0], none[7] = 0x70, 10
		return operation{data: none[:min(18, int(cdb[4]))], always: true}
	}
	if lun != 0 {
		return failure(0x5, 0x25, 0x00) // LOGICAL UNIT NOT SUPPORTED
	}
	if lba, blocks, write, ok := transfer(cdb); ok {
		return d.transfer(lba, blocks, write)
	}
	return d.other(cdb)
}

// other are the commands that move no blocks.
func (d *disk) other(cdb *[16]byte) operation {
	switch {
	case cdb[0] == 0x00, cdb[0] == 0x1b, cdb[0] == 0x35, cdb[0] == 0x91, cdb[0] == 0x1e: // TEST UNIT READY, START STOP, SYNCHRONIZE CACHE, PREVENT ALLOW
		return operation{}
	case cdb[0] == 0x25: // READ CAPACITY(10)
		b := make([]byte, 8)
		binary.BigEndian.PutUint32(b, uint32(min(d.blocks()-1, 1<<32-1)))
		binary.BigEndian.PutUint32(b[4:], blockLen)
		return operation{data: b}
	case cdb[0] == 0x9e && cdb[1]&0x1f == 0x10: // READ CAPACITY(16)
		b := make([]byte, 32)
		binary.BigEndian.PutUint64(b, d.blocks()-1)
		binary.BigEndian.PutUint32(b[8:], blockLen)
		return operation{data: b[:min(32, int(binary.BigEndian.Uint32(cdb[10:])))]}
	case cdb[0] == 0x1a: // MODE SENSE(6)
		b := append([]byte{0, 0, 0, 0}, modePages(cdb[2]&0x3f)...)
		b[0] = byte(len(b) - 1)
		return operation{data: b[:min(len(b), int(cdb[4]))]}
	case cdb[0] == 0x5a: // MODE SENSE(10)
		b := append(make([]byte, 8), modePages(cdb[2]&0x3f)...)
		binary.BigEndian.PutUint16(b, uint16(len(b)-2))
		return operation{data: b[:min(len(b), int(binary.BigEndian.Uint16(cdb[7:])))]}
	}
	return failure(0x5, 0x20, 0x00) // INVALID COMMAND OPERATION CODE
}

// modePages are the caching page, which has no write cache, and the control page.
func modePages(page byte) (b []byte) {
	if page == 0x08 || page == 0x3f {
		b = append(append(b, 0x08, 18), make([]byte, 18)...)
	}
	if page == 0x0a || page == 0x3f {
		b = append(append(b, 0x0a, 10), make([]byte, 10)...)
	}
	return b
}

// transfer reads the CDB of a READ, WRITE or VERIFY.
func transfer(cdb *[16]byte) (lba uint64, blocks uint32, write, ok bool) {
	switch cdb[0] {
	case 0x08, 0x0a: // READ(6), WRITE(6)
		lba, blocks = uint64(binary.BigEndian.Uint32(cdb[0:])&0x1fffff), uint32(cdb[4])
		if blocks == 0 {
			blocks = 256
		}
	case 0x28, 0x2a, 0x2e: // (10), WRITE AND VERIFY
		lba, blocks = uint64(binary.BigEndian.Uint32(cdb[2:])), uint32(binary.BigEndian.Uint16(cdb[7:]))
	case 0xa8, 0xaa:
		lba, blocks = uint64(binary.BigEndian.Uint32(cdb[2:])), binary.BigEndian.Uint32(cdb[6:])
	case 0x88, 0x8a:
		lba, blocks = binary.BigEndian.Uint64(cdb[2:]), binary.BigEndian.Uint32(cdb[10:])
	default:
		return 0, 0, false, false
	}
	write = cdb[0] == 0x0a || cdb[0] == 0x2a || cdb[0] == 0x2e || cdb[0] == 0xaa || cdb[0] == 0x8a
	return lba, blocks, write, true
}

func (d *disk) transfer(lba uint64, blocks uint32, write bool) operation {
	switch {
	case lba > d.blocks() || uint64(blocks) > d.blocks()-lba:
		return failure(0x5, 0x21, 0x00) // LOGICAL BLOCK ADDRESS OUT OF RANGE
	case blocks > maxTransfer/blockLen:
		return failure(0x5, 0x24, 0x00) // INVALID FIELD IN CDB
	}
	o := operation{at: int64(lba) * blockLen}
	if write {
		o.in, o.store = blocks*blockLen, true
	} else {
		o.out = blocks * blockLen
	}
	return o
}

// read returns a copy of n bytes.
func (d *disk) read(at int64, n int) []byte { return append([]byte(nil), d.data[at:at+int64(n)]...) }

// write stores data at an offset, up to the end of the command's range.
func (d *disk) write(at int64, data []byte, end int64) {
	if at < end {
		copy(d.data[at:end], data)
	}
}

// inquiry answers INQUIRY (SPC-4, 6.6).
func (d *disk) inquiry(cdb *[16]byte, lun uint64) operation {
	var b []byte
	if cdb[1]&1 == 0 {
		b = make([]byte, 36)
		b[2], b[3], b[4], b[7] = 0x06, 0x02, 31, 0x02
		copy(b[8:], "RINGTGT CONFORM         0001")
	} else {
		page := d.vitalPage(cdb[2])
		if page == nil {
			o := failure(0x5, 0x24, 0x00)
			o.always = true
			return o
		}
		b = append([]byte{0, cdb[2], 0, byte(len(page))}, page...)
	}
	if lun != 0 {
		b[0] = 0x7f // no unit here, and there can be none
	}
	return operation{data: b[:min(len(b), int(binary.BigEndian.Uint16(cdb[3:])))], always: true}
}

// vitalPage is the content of a vital product data page, nil if there is no such page (SPC-4, 7.8; SBC-4, 6.6).
func (d *disk) vitalPage(page byte) []byte {
	switch page {
	case 0x00:
		return []byte{0x00, 0x80, 0x83, 0xb0, 0xb1}
	case 0x80:
		return []byte("CONFORM1")
	case 0x83:
		id := "RINGTGT " + strings.Repeat(" ", 8) + "CONFORM1"
		return append([]byte{0x02, 0x01, 0, byte(len(id))}, id...)
	case 0xb0:
		b := make([]byte, 60)
		binary.BigEndian.PutUint32(b[4:], maxTransfer/blockLen)
		return b
	case 0xb1:
		return append([]byte{0, 1}, make([]byte, 58)...) // no rotation
	}
	return nil
}
