package conform

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// guard follows what a connection sends as the target will read it, and refuses a command that may change the unit. So a case
// without leave to write cannot, not even with bytes of its own making.
type guard struct {
	header pdu.BHS
	have   int // bytes of the header so far
	skip   int // bytes up to the next header
}

// pass looks at bytes that are about to be sent.
func (g *guard) pass(b []byte, d rawclient.Digests) error {
	for len(b) > 0 {
		if g.skip > 0 {
			n := min(g.skip, len(b))
			g.skip -= n
			b = b[n:]
			continue
		}
		n := copy(g.header[g.have:], b)
		g.have += n
		b = b[n:]
		if g.have < pdu.BHSLen {
			return nil
		}
		g.have = 0
		if g.header.Opcode() == pdu.OpSCSICommand {
			if cdb := (*pdu.SCSICommand)(&g.header).CDB(); !harmless(cdb) {
				return fmt.Errorf("operation code %02Xh may change the unit: without --destructive it is not sent", cdb[0])
			}
		}
		g.skip = rest(&g.header, d)
	}
	return nil
}

// rest is the length of what follows a basic header segment.
func rest(h *pdu.BHS, d rawclient.Digests) int {
	n := h.AHSLen()
	if d.Header {
		n += pdu.DigestLen
	}
	if data := h.DataLen(); data > 0 {
		n += data + pdu.Pad(data)
		if d.Data {
			n += pdu.DigestLen
		}
	}
	return n
}

// serviceActions are those of SERVICE ACTION IN(16) that only read (SBC-4): READ CAPACITY(16), GET LBA STATUS.
var serviceActions = map[byte]bool{0x10: true, 0x12: true}

// harmless reports whether a command leaves the unit, its reservations and its mode pages alone. What is not listed may not.
func harmless(cdb *[16]byte) bool {
	switch cdb[0] {
	case 0x00, // TEST UNIT READY
		0x03,                   // REQUEST SENSE
		0x08, 0x28, 0xa8, 0x88, // READ
		0x12,       // INQUIRY
		0x1a, 0x5a, // MODE SENSE
		0x25,       // READ CAPACITY(10)
		0x34, 0x90, // PRE-FETCH
		0x35, 0x91, // SYNCHRONIZE CACHE
		0x4d,             // LOG SENSE
		0x5e,             // PERSISTENT RESERVE IN
		0xa0,             // REPORT LUNS
		0xa3,             // MAINTENANCE IN
		0x1f,             // assigned to no command
		0x2f, 0xaf, 0x8f: // VERIFY
		return true
	case 0x9e:
		return serviceActions[cdb[1]&0x1f]
	}
	return false
}
