package engine

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// extendedCopy sends an EXTENDED COPY of blocks of unit src to unit dst, from and to their first blocks (SPC-4 6.4).
func (i *initiator) extendedCopy(src, dst byte, blocks int) uint32 {
	i.t.Helper()
	list := make([]byte, 16)
	for _, l := range []byte{src, dst} {
		st, page := i.finish(i.start(l, []byte{0x12, 1, 0x83, 4, 0, 0}, 1024, false, nil))
		must.Be(i.t, st == 0, "INQUIRY: status %#x", st)
		for at := 4; at+4 <= len(page); at += 4 + int(page[at+3]) {
			if page[at+1]&0x3F == 0x03 { // NAA, of the unit
				d := make([]byte, 32)
				d[0], d[30] = 0xE4, 2 // blocks of 512 bytes
				copy(d[4:], page[at:at+4+int(page[at+3])])
				list = append(list, d...)
			}
		}
	}
	must.Be(i.t, len(list) == 16+2*32, "VPD page 83h has no NAA designator")
	s := make([]byte, 28)
	s[0], s[3], s[7] = 0x02, 0x18, 1
	binary.BigEndian.PutUint16(s[10:], uint16(blocks))
	list = append(list, s...)
	list[1] = 3 << 3 // no list identifier
	binary.BigEndian.PutUint16(list[2:], 2*32)
	binary.BigEndian.PutUint32(list[8:], uint32(len(s)))
	cdb := make([]byte, 16)
	cdb[0] = 0x83
	binary.BigEndian.PutUint32(cdb[10:], uint32(len(list)))
	return i.start(dst, cdb, len(list), true, list)
}

// A copy within the target counts as a read of its source and as a write to its destination, and waits for both limits.
func TestCopiesAreLimited(t *testing.T) {
	r := newLimited(t)
	i := r.login(1)
	data := make([]byte, 4096)
	r.e.SetUnitQoS(r.unit(0), Rate{ReadBytes: 4096, Burst: 10 * time.Millisecond})
	r.e.SetUnitQoS(r.unit(1), Rate{WriteBytes: 4096, Burst: 10 * time.Millisecond})
	r.e.Status()
	i.good(i.startRead(0, 0, 8))
	itt := i.extendedCopy(0, 1, 16)
	r.held(2) // by both limits
	i.good(i.startWrite(0, 0, data))
	r.pass(time.Second + tick)
	i.good(itt)
	read, write := i.startRead(0, 0, 8), i.startWrite(1, 0, data)
	r.held(2)
	i.good(i.startRead(1, 0, 8))
	r.pass(time.Second) // the copy has paid its write a second ago
	i.good(write)
	i.good(i.startRead(1, 0, 8))
	r.pass(time.Second)
	i.good(read)
}

// It counts toward the limit of the initiator that sent it, and of no other. A limit counts it once.
func TestCopiesAreTheirInitiators(t *testing.T) {
	r := newLimited(t)
	i, other := r.login(1), r.login(2)
	r.e.SetInitiatorQoS(r.target, []InitiatorRate{{Rate: Rate{ReadBytes: 4096, WriteBytes: 4096, Burst: 10 * time.Millisecond}}})
	r.e.Status()
	i.good(i.extendedCopy(0, 1, 8))
	again := i.extendedCopy(0, 1, 8)
	held := func() (n int64) {
		for _, s := range r.e.QoS() {
			n += s.HeldNow
		}
		return n
	}
	waitFor(t, "the copy to be held", func() bool { return held() > 0 })
	check.Equal(t, held(), 1, "commands held:")
	other.good(other.startWrite(1, 0, make([]byte, 4096)))
	other.good(other.startRead(0, 0, 8))
	r.pass(time.Second + tick)
	i.good(again)
	check.Equal(t, held(), 0, "commands held at the end:")
}
