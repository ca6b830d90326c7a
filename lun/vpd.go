package lun

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// vpdPage is one page of vital product data (SPC-4 7.8, SBC-3 6.5). write appends after the four-byte header.
type vpdPage struct {
	code  byte
	write func(t *Task, w *pageWriter)
}

// vpdPages are the pages by ascending code, as page 00h lists them. They are a function because page 00h is one of them.
func vpdPages() []vpdPage {
	return []vpdPage{
		{0x00, vpdSupported},
		{0x80, vpdSerial},
		{0x83, vpdIdentification},
		{0x86, vpdExtended},
		{0x8F, vpdThirdParty},
		{0xB0, vpdLimits},
		{0xB1, vpdCharacteristics},
		{0xB2, vpdProvisioning},
	}
}

func findVPD(code byte) *vpdPage {
	pages := vpdPages()
	for i := range pages {
		if pages[i].code == code {
			return &pages[i]
		}
	}
	return nil
}

// vpdSupported: Supported VPD Pages, SPC-4 7.8.12.
func vpdSupported(_ *Task, w *pageWriter) {
	for _, p := range vpdPages() {
		w.grow(1)[0] = p.code
	}
}

// identity is a unit's permanent names, derived from UnitConfig.ID.
type identity struct {
	naa    [16]byte // NAA IEEE Registered Extended (SPC-4 7.8.6.6.5)
	serial string
}

// newIdentity derives a unit's names. The NAA designator needs an IEEE company_id. The project has none, so it uses one with
// the locally administered bit set (as in a MAC address: 72-74-67, "rtg"), which IEEE never assigns. The rest is a hash of
// id.
func newIdentity(id, serial string) (n identity) {
	sum := sha256.Sum256([]byte("ringtgt unit " + id))
	company := uint64(0x727467)
	binary.BigEndian.PutUint64(n.naa[0:], 6<<60|company<<36|binary.BigEndian.Uint64(sum[0:])>>28)
	copy(n.naa[8:], sum[8:16])
	if n.serial = serial; serial == "" {
		n.serial = hex.EncodeToString(sum[16:24])
	}
	return n
}

// Names returns the names by which initiators know a unit with this UnitConfig.ID and Serial: its NAA designator and serial number.
func Names(id, serial string) (naa [16]byte, number string) {
	n := newIdentity(id, serial)
	return n.naa, n.serial
}

// vpdSerial: Unit Serial Number, SPC-4 7.8.14.
func vpdSerial(t *Task, w *pageWriter) {
	s := t.unit.names.serial
	padASCII(w.grow(len(s)), s)
}

// Designators of page 83h (SPC-4 7.8.6).
const (
	codeBinary = 1
	codeASCII  = 2
	codeUTF8   = 3

	ofUnit   = 0x00
	ofPort   = 0x10
	ofDevice = 0x20

	typeT10Vendor = 1
	typeNAA       = 3
	typeRelPort   = 4
	typePortGroup = 5
	typeName      = 8

	protocolISCSI = 0x50 // PROTOCOL IDENTIFIER 5, with PIV
)

// vpdIdentification: Device Identification, SPC-4 7.8.6. It names the unit, the port on which the command arrived, and the device.
func vpdIdentification(t *Task, w *pageWriter) {
	u, tg, n := t.unit, t.Nexus.target, t.Nexus
	add := func(code, assoc, kind byte, value []byte) {
		d := w.grow(4 + len(value))
		if d == nil {
			return
		}
		d[0], d[1], d[3] = code, assoc|kind, byte(len(value))
		if assoc != ofUnit {
			d[0] |= protocolISCSI
			d[1] |= 0x80
		}
		copy(d[4:], value)
	}
	// SPC-4 7.8.6.4: the vendor's eight characters and an identifier that the vendor makes unique.
	vendor := make([]byte, 8, 8+len(u.names.serial))
	padASCII(vendor, tg.cfg.Vendor)
	add(codeASCII, ofUnit, typeT10Vendor, append(vendor, u.names.serial...))
	add(codeBinary, ofUnit, typeNAA, u.names.naa[:])
	add(codeBinary, ofPort, typeRelPort, []byte{0, 0, byte(n.RelPort >> 8), byte(n.RelPort)})
	add(codeBinary, ofPort, typePortGroup, []byte{0, 0, byte(n.TPGT >> 8), byte(n.TPGT)})
	// SPC-4 7.8.6.11: UTF-8, null-terminated, padded to a multiple of four.
	add(codeUTF8, ofPort, typeName, nullPadded(fmt.Sprintf("%s,t,0x%04x", tg.cfg.Name, n.TPGT)))
	add(codeUTF8, ofDevice, typeName, nullPadded(tg.cfg.Name))
}

func nullPadded(s string) []byte {
	b := make([]byte, (len(s)+4)&^3)
	copy(b, s)
	return b
}

// vpdExtended: Extended INQUIRY Data, SPC-4 7.8.7.
func vpdExtended(t *Task, w *pageWriter) {
	b := w.grow(60)
	b[1] = 0x07 // HEADSUP, ORDSUP, SIMPSUP
	if t.unit.geometry().Volatile {
		b[2] = 0x01 // V_SUP
	}
}

// vpdLimits: Block Limits, SBC-3 6.5.3 and the atomic fields of SBC-4.
func vpdLimits(t *Task, w *pageWriter) {
	u := t.unit
	g := u.geometry()
	bs := g.BlockSize
	b := w.grow(60)
	unit := uint32(1) << u.phys
	b[1] = maxCompare
	binary.BigEndian.PutUint16(b[2:], uint16(unit))       // OPTIMAL TRANSFER LENGTH GRANULARITY
	binary.BigEndian.PutUint32(b[4:], MaxTransfer/bs)     // MAXIMUM TRANSFER LENGTH
	binary.BigEndian.PutUint32(b[8:], optimalTransfer/bs) // OPTIMAL TRANSFER LENGTH
	if u.thin() {
		binary.BigEndian.PutUint32(b[16:], maxUnmapBlocks)
		binary.BigEndian.PutUint32(b[20:], maxUnmapDescriptors)
		binary.BigEndian.PutUint32(b[24:], max(unit, discardUnit/bs)) // OPTIMAL UNMAP GRANULARITY
		b[28] = 0x80                                                  // UGAVALID: alignment 0
	}
	b[0] = 1 // WSNZ; MAXIMUM WRITE SAME LENGTH zero, no limit: it runs in pieces and can be aborted
	if n := u.atomicBlocks(); n > 0 {
		binary.BigEndian.PutUint32(b[40:], n)
		binary.BigEndian.PutUint32(b[44:], u.atomicUnit())
		binary.BigEndian.PutUint32(b[48:], u.atomicUnit())
	}
}

// vpdCharacteristics: Block Device Characteristics, SBC-3 6.5.2.
func vpdCharacteristics(t *Task, w *pageWriter) {
	b := w.grow(60)
	if !t.unit.geometry().Rotating {
		b[1] = 0x01 // MEDIUM ROTATION RATE: non-rotating
	}
	if t.unit.thin() {
		b[3] = 0x50 // WABEREQ and WACEREQ: after an erase reads give zeroes, no write is needed before
	}
}

// vpdProvisioning: Logical Block Provisioning, SBC-3 6.5.4.
func vpdProvisioning(t *Task, w *pageWriter) {
	b := w.grow(4)
	if t.unit.thin() {
		b[0] = t.unit.thinExponent()
		b[1] = 0xE4 // LBPU, LBPWS, LBPWS10, LBPRZ; no ANC_SUP, no DP
		b[2] = 0x02 // PROVISIONING TYPE: thin
	}
}
