package lun

import "encoding/binary"

// inquiryCommands: INQUIRY (SPC-4 6.6).
var inquiryCommands = []command{
	{op: 0x12, sa: noSA, name: "INQUIRY", usage: [16]byte{1: 0x01, 0xFF, 0xFF, 0xFF, 0x04},
		class: accessAllowed, flags: ignoresUA | withoutUnit | duringSanitize, plan: planIn16(3), run: inquiry},
}

// versionDescriptors are the standards claimed in the standard INQUIRY data (SPC-4 table 148).
var versionDescriptors = [...]uint16{
	0x00A0, // SAM-5
	iSCSIVersion,
	0x0460, // SPC-4
	0x04C0, // SBC-3
	0x0600, // SBC-4: WRITE ATOMIC, SANITIZE
}

// iSCSIVersion claims no version of iSCSI. INQUIRY data has "the sum of the base value (0960h) plus the negotiated value of the
// iSCSIProtocolLevel key" instead (RFC 7144, 4.2).
const iSCSIVersion = 0x0960

// Peripheral device types and qualifiers (SPC-4 6.6.2): a direct access block device, and "the device server is not
// capable of supporting a peripheral device on this logical unit".
const (
	peripheralDisk = 0x00
	peripheralNone = 0x7F
)

func inquiry(t *Task) {
	evpd, page := t.CDB[1]&1 != 0, t.CDB[2]
	if t.CDB[1]&0x02 != 0 { // SPC-4 6.6.1: CMDDT is obsolete
		t.checkField(1, 1)
		return
	}
	if !evpd && page != 0 { // SPC-4 6.6.1: "If the EVPD bit is set to zero and the PAGE CODE field is not ... zero"
		t.checkField(2, -1)
		return
	}
	alloc := int(cdb16(&t.CDB, 3))
	var data pageWriter
	switch {
	case !evpd:
		t.Nexus.standardInquiry(&data, t.unit)
	case t.unit == nil: // SPC-4 6.6.2: no vital product data where there is no device
		t.checkField(2, -1)
		return
	default:
		p := findVPD(page)
		if p == nil {
			t.checkField(2, -1)
			return
		}
		data.b[0], data.b[1] = peripheralDisk, page
		data.n = 4
		p.write(t, &data)
		binary.BigEndian.PutUint16(data.b[2:], uint16(data.n-4))
	}
	t.reply(data.b[:data.n], alloc)
}

// standardInquiry writes the standard INQUIRY data (SPC-4 6.6.2); u is nil for a LUN that does not exist.
func (n *Nexus) standardInquiry(w *pageWriter, u *Unit) {
	const length = 96
	b, tg := &w.b, n.target
	w.n = length
	b[0] = peripheralNone
	if u != nil {
		b[0] = peripheralDisk
		if u.cfg.Removable {
			b[1] = 0x80
		}
	}
	b[2] = 0x06       // VERSION: SPC-4
	b[3] = 0x10 | 0x2 // HISUP; RESPONSE DATA FORMAT 2. NORMACA is zero
	b[4] = length - 5
	b[5] = 0x10 | 0x08 // TPGS: implicit asymmetric access; 3PC: EXTENDED COPY
	b[6] = 0x10        // MULTIP
	b[7] = 0x02        // CMDQUE
	padASCII(b[8:16], tg.cfg.Vendor)
	padASCII(b[16:32], tg.cfg.Product)
	padASCII(b[32:36], tg.cfg.Revision)
	for i, v := range versionDescriptors {
		if v == iSCSIVersion {
			v += n.ProtocolLevel
		}
		binary.BigEndian.PutUint16(b[58+2*i:], v)
	}
}

// pageWriter collects one page of parameter data. Its size bounds every page that is written to it.
type pageWriter struct {
	b [1024]byte
	n int
}

// grow appends n zero bytes and returns them, or nil if the page is full.
func (w *pageWriter) grow(n int) []byte {
	if n < 0 || w.n+n > len(w.b) {
		return nil
	}
	w.n += n
	return w.b[w.n-n : w.n]
}

// padASCII fills dst with s, left aligned and padded with blanks. A character that is not graphic ASCII becomes a question mark
// (SPC-4 4.4.1).
func padASCII(dst []byte, s string) {
	for i := range dst {
		switch {
		case i >= len(s):
			dst[i] = ' '
		case s[i] < 0x20 || s[i] > 0x7E:
			dst[i] = '?'
		default:
			dst[i] = s[i]
		}
	}
}
