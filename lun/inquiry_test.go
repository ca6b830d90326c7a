package lun_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

func inquiryCDB(evpd bool, page byte, alloc uint16) (c [16]byte) {
	c[0], c[2] = 0x12, page
	if evpd {
		c[1] = 1
	}
	binary.BigEndian.PutUint16(c[3:], alloc)
	return c
}

func TestStandardInquiry(t *testing.T) {
	r := newRig(t)
	a := r.do(inquiryCDB(false, 0, 512))
	r.want(a, good, "SPC-4 6.6")
	d := a.in
	must.Be(t, len(d) == int(d[4])+5, "%d bytes, ADDITIONAL LENGTH says %d", len(d), d[4]+5)
	for _, f := range []struct {
		name       string
		at         int
		mask, want byte
	}{
		{"PERIPHERAL QUALIFIER and DEVICE TYPE: a connected disk", 0, 0xFF, 0x00},
		{"RMB", 1, 0x80, 0x00},
		{"VERSION: SPC-4", 2, 0xFF, 0x06},
		{"NORMACA: there is no ACA here", 3, 0x20, 0x00},
		{"RESPONSE DATA FORMAT", 3, 0x0F, 0x02},
		{"PROTECT", 5, 0x01, 0x00},
		{"3PC: EXTENDED COPY", 5, 0x08, 0x08},
		{"TPGS: REPORT TARGET PORT GROUPS, implicit", 5, 0x30, 0x10},
		{"CMDQUE", 7, 0x02, 0x02},
	} {
		check.That(t, d[f.at]&f.mask == f.want, "%s: byte %d is %#02x", f.name, f.at, d[f.at])
	}
	check.Equal(t, string(d[8:36]), "RINGTGT Ring Disk       0001", "identification")
	var versions []uint16
	for at := 58; at < 74; at += 2 {
		if v := binary.BigEndian.Uint16(d[at:]); v != 0 {
			versions = append(versions, v)
		}
	}
	for _, v := range []uint16{0x00A0, 0x0960, 0x0460, 0x04C0} {
		check.That(t, slices.Contains(versions, v), "version descriptors %04x lack %04x", versions, v)
	}
	for level := range uint16(3) { // RFC 7144, 4.2
		n := r.tg.NewNexus(lun.NexusConfig{InitiatorName: "iqn.x:level", ISID: [6]byte{5: byte(level)}, TPGT: 1, RelPort: 1, ProtocolLevel: level})
		d := r.on(n, inquiryCDB(false, 0, 96)).in
		check.Equal(t, binary.BigEndian.Uint16(d[60:]), 0x0960+level, "version descriptor of iSCSI")
	}
	check.That(t, newRig(t, withRemovable).do(inquiryCDB(false, 0, 96)).in[1]&0x80 != 0, "RMB is zero on a removable unit")
}

func TestInquiryAllocationLength(t *testing.T) {
	r := newRig(t)
	whole := r.do(inquiryCDB(false, 0, 65535)).in
	for n := range 300 {
		a := r.do(inquiryCDB(false, 0, uint16(n)))
		r.want(a, good, "SPC-4 4.3.5.6: a small allocation length is no error")
		must.Be(t, bytes.Equal(a.in, whole[:min(n, len(whole))]), "allocation length %d gave %d bytes", n, len(a.in))
		check.That(t, a.reqIn == int64(len(a.in)), "allocation length %d: %d bytes required, %d given", n, a.reqIn, len(a.in))
	}
}

func TestInquiryFields(t *testing.T) {
	r := newRig(t)
	r.wantField(r.do(inquiryCDB(false, 1, 96)), 2, "SPC-4 6.6.1: a page code without EVPD")
	r.wantField(r.do(inquiryCDB(true, 0x7F, 96)), 2, "SPC-4 6.6.1: a page that is not there")
	c := inquiryCDB(false, 0, 96)
	c[1] = 2
	r.wantField(r.do(c), 1, "CMDDT is obsolete")
}

// vpd reads a page and checks its header (SPC-4 7.8.1).
func (r *rig) vpd(n *lun.Nexus, page byte) []byte {
	r.tb.Helper()
	a := r.on(n, inquiryCDB(true, page, 4096))
	r.want(a, good, "the page is listed")
	if len(a.in) < 4 || a.in[0] != 0 || a.in[1] != page || int(binary.BigEndian.Uint16(a.in[2:]))+4 != len(a.in) {
		r.tb.Fatalf("page %02x: header % x for %d bytes", page, a.in[:min(4, len(a.in))], len(a.in))
	}
	return a.in
}

func TestSupportedVPDPages(t *testing.T) {
	r := newRig(t, withThin)
	pages := r.vpd(r.a, 0)[4:]
	check.That(t, slices.IsSorted(pages), "pages % x are not in ascending order (SPC-4 7.8.12)", pages)
	for _, want := range []byte{0x00, 0x80, 0x83, 0x86, 0xB0, 0xB1, 0xB2} {
		check.That(t, slices.Contains(pages, want), "page %02x is not listed", want)
	}
	for _, p := range pages {
		r.vpd(r.a, p)
	}
}

// designator is one of page 83h.
type designator struct {
	code, assoc, kind byte
	value             []byte
}

func designators(page []byte) (all []designator) {
	for d := page[4:]; len(d) >= 4; d = d[4+int(d[3]):] {
		all = append(all, designator{d[0] & 0xF, d[1] >> 4 & 3, d[1] & 0xF, d[4 : 4+int(d[3])]})
	}
	return all
}

func TestDeviceIdentification(t *testing.T) {
	r := newRig(t)
	second := r.tg.NewNexus(lun.NexusConfig{InitiatorName: "iqn.x:y", TPGT: 2, RelPort: 7})
	find := func(n *lun.Nexus, assoc, kind byte) []byte {
		t.Helper()
		for _, d := range designators(r.vpd(n, 0x83)) {
			if d.assoc == assoc && d.kind == kind {
				return d.value
			}
		}
		t.Fatalf("no designator of type %d, association %d", kind, assoc)
		return nil
	}
	naa := find(r.a, 0, 3)
	check.That(t, len(naa) == 16 && naa[0]>>4 == 6, "NAA designator % x is not IEEE Registered Extended (SPC-4 7.8.6.6.5)", naa)
	if company := binary.BigEndian.Uint32(naa) << 4 >> 8; company&0x020000 == 0 {
		t.Errorf("company_id %06x is one that IEEE assigns", company)
	}
	if v := find(r.a, 0, 1); !strings.HasPrefix(string(v), "RINGTGT ") {
		t.Errorf("T10 vendor designator %q does not begin with the vendor's eight characters (SPC-4 7.8.6.4)", v)
	}
	if v := find(second, 1, 4); !bytes.Equal(v, []byte{0, 0, 0, 7}) {
		t.Errorf("relative target port % x, want 7", v)
	}
	if v := find(second, 1, 5); !bytes.Equal(v, []byte{0, 0, 0, 2}) {
		t.Errorf("target port group % x, want 2", v)
	}
	if v := find(second, 1, 8); strings.TrimRight(string(v), "\x00") != rigTarget+",t,0x0002" || len(v)%4 != 0 || v[len(v)-1] != 0 {
		t.Errorf("target port name %q (SPC-4 7.8.6.11, RFC 7143 4.2.7)", v)
	}
	if v := find(r.a, 2, 8); strings.TrimRight(string(v), "\x00") != rigTarget {
		t.Errorf("target device name %q", v)
	}

	// The names are of the medium: the same on another LUN of another target, others for another medium.
	other := newRig(t)
	check.That(t, bytes.Equal(find(r.a, 0, 3), designators(other.vpd(other.a, 0x83))[1].value), "one ID, two NAA designators")
	third := newRig(t, withUnit(func(u *lun.UnitConfig) { u.ID = "another" }))
	check.That(t, !bytes.Equal(naa, designators(third.vpd(third.a, 0x83))[1].value), "two IDs, one NAA designator")
	named := newRig(t, withUnit(func(u *lun.UnitConfig) { u.Serial = "S/N 0042" }))
	check.Equal(t, string(named.vpd(named.a, 0x80)[4:]), "S/N 0042", "unit serial number")
}

func TestBlockLimits(t *testing.T) {
	r := newRig(t, withThin, withAtomic, withUnit(func(u *lun.UnitConfig) { u.PhysicalBlock = 4096 }))
	p := r.vpd(r.a, 0xB0)
	must.Be(t, len(p) == 64, "page of %d bytes, want 64 (SBC-3 6.5.3)", len(p))
	u32 := func(at int) uint32 { return binary.BigEndian.Uint32(p[at:]) }
	for _, f := range []struct {
		name string
		got  uint32
		want uint32
	}{
		{"WSNZ", uint32(p[4] & 1), 1},
		{"MAXIMUM COMPARE AND WRITE LENGTH", uint32(p[5]), 255},
		{"OPTIMAL TRANSFER LENGTH GRANULARITY", uint32(binary.BigEndian.Uint16(p[6:])), 8},
		{"MAXIMUM TRANSFER LENGTH", u32(8), lun.MaxTransfer / 512},
		{"MAXIMUM UNMAP LBA COUNT", u32(20), 1 << 20},
		{"MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT", u32(24), 256},
		{"OPTIMAL UNMAP GRANULARITY", u32(28), 8},
		{"UGAVALID and alignment", u32(32), 0x80000000},
		{"MAXIMUM WRITE SAME LENGTH", u32(40), 0},
		{"MAXIMUM ATOMIC TRANSFER LENGTH", u32(44), 512},
		{"ATOMIC ALIGNMENT", u32(48), 8},
		{"ATOMIC TRANSFER LENGTH GRANULARITY", u32(52), 8},
		{"MAXIMUM ATOMIC BOUNDARY SIZE", u32(60), 0},
	} {
		check.That(t, f.got == f.want, "%s is %d, want %d", f.name, f.got, f.want)
	}
	full := newRig(t)
	p = full.vpd(full.a, 0xB0)
	check.That(t, u32(20) == 0 && u32(24) == 0 && u32(44) == 0, "limits of UNMAP and WRITE ATOMIC on a unit that has neither")
}

func TestOtherVPD(t *testing.T) {
	thin, full := newRig(t, withThin, withVolatile), newRig(t)
	if p := thin.vpd(thin.a, 0xB2); p[5] != 0xE4 || p[6]&7 != 2 {
		t.Errorf("Logical Block Provisioning % x, want LBPU, LBPWS, LBPWS10, LBPRZ and thin (SBC-3 6.5.4)", p)
	}
	if p := full.vpd(full.a, 0xB2); p[5] != 0 || p[6] != 0 {
		t.Errorf("Logical Block Provisioning % x of a fully provisioned unit", p)
	}
	if p := thin.vpd(thin.a, 0xB1); len(p) != 64 || p[5] != 1 || p[7]&0xF0 != 0x50 {
		t.Errorf("Block Device Characteristics % x: want non-rotating, WABEREQ and WACEREQ 01b", p[:8])
	}
	check.That(t, full.vpd(full.a, 0xB1)[7]&0xF0 == 0, "WABEREQ on a unit without SANITIZE, BLOCK ERASE")
	if p := thin.vpd(thin.a, 0x86); len(p) != 64 || p[5]&7 != 7 || p[6]&1 != 1 {
		t.Errorf("Extended INQUIRY Data % x: want SIMPLE, ORDERED and HEAD OF QUEUE, and V_SUP", p[:8])
	}
}

// SPC-4 6.6.2, SAM-5 4.7.5: what is answered for a LUN that is not there.
func TestNoSuchLUN(t *testing.T) {
	r := newRig(t)
	send := func(cdb [16]byte, out ...byte) answer {
		return r.start(0, r.a, 5<<48, lun.AttrSimple, cdb, out).wait()
	}
	a := send(inquiryCDB(false, 0, 96))
	r.want(a, good, "INQUIRY is answered for any LUN")
	check.That(t, a.in[0] == 0x7F, "peripheral byte %#02x, want 7Fh", a.in[0])
	r.wantField(send(inquiryCDB(true, 0x83, 96)), 2, "there are no vital product data")
	a = send([16]byte{0: 0x03, 4: 252})
	r.want(a, good, "REQUEST SENSE says it in its data (SPC-4 6.39)")
	check.That(t, a.in[2] == 5 && a.in[12] == 0x25 && a.in[13] == 0, "sense data % x, want LOGICAL UNIT NOT SUPPORTED", a.in)
	r.want(send([16]byte{0: 0xA0, 9: 64}), good, "REPORT LUNS is answered for any LUN")
	for _, c := range [][16]byte{testUnitReady(), cdb10(0x28, 0, 0, 1), cdb10(0x2A, 0, 0, 1), {0: 0xFF}, {0: 0x9E, 1: 0x10}, {0: 0x5F}} {
		r.want(send(c), noSuchLUN, "SAM-5 4.7.5")
		if out, in := luntest.Plan(r.a, 5<<48, &c, false); out != 0 || in != 0 {
			t.Errorf("command %x to a LUN that is not there plans %d and %d bytes", c, out, in)
		}
	}
}

// SAM-5 4.7: the forms of a LUN that are this target's.
func TestLookup(t *testing.T) {
	r := newRig(t)
	must.Get(r.tg.AddUnit(200, lun.UnitConfig{Backend: newDisk(t, lun.Geometry{Blocks: 8, BlockSize: 512})}))(t)
	for _, c := range []struct {
		lun  uint64
		want int
	}{
		{0, 0}, {200 << 48, 200}, // peripheral device addressing
		{0x4000 << 48, 0}, {0x40C8 << 48, 200}, // flat space addressing
		{1 << 48, -1}, {0x4001 << 48, -1}, {0x4100 << 48, -1}, {0x7FFF << 48, -1},
		{0x0100 << 48, -1},             // bus 1
		{0x8000 << 48, -1},             // logical unit addressing
		{0xC101 << 48, -1},             // REPORT LUNS well known logical unit
		{1, -1}, {200<<48 | 1<<32, -1}, // more than one level
	} {
		u := r.a.Lookup(c.lun)
		if c.want < 0 && u != nil || c.want >= 0 && (u == nil || u.LUN() != c.want) {
			t.Errorf("LUN %016x is unit %v, want %d", c.lun, u, c.want)
		}
	}
}

func TestReportLUNs(t *testing.T) {
	r := newRig(t)
	for _, n := range []int{9, 3, 255} {
		must.Get(r.tg.AddUnit(n, lun.UnitConfig{Backend: newDisk(t, lun.Geometry{Blocks: 8, BlockSize: 512})}))(t)
	}
	cdb := func(sel byte, alloc uint32) (c [16]byte) {
		c[0], c[2] = 0xA0, sel
		binary.BigEndian.PutUint32(c[6:], alloc)
		return c
	}
	want := []byte{0, 0, 0, 32, 0, 0, 0, 0}
	for _, n := range []byte{0, 3, 9, 255} {
		want = append(want, 0, n, 0, 0, 0, 0, 0, 0)
	}
	for _, sel := range []byte{0, 2} {
		if a := r.do(cdb(sel, 4096)); !bytes.Equal(a.in, want) {
			t.Errorf("SELECT REPORT %d: % x", sel, a.in)
		}
	}
	if a := r.do(cdb(1, 4096)); !bytes.Equal(a.in, make([]byte, 8)) {
		t.Errorf("well known logical units: % x", a.in)
	}
	if a := r.do(cdb(0, 16)); !bytes.Equal(a.in, want[:16]) {
		t.Errorf("cut to 16 bytes: % x", a.in)
	}
	r.wantField(r.do(cdb(3, 4096)), 2, "SPC-4 6.33: a reserved SELECT REPORT")
	r.wantField(r.do(cdb(0, 15)), 6, "SPC-4 6.33: less than 16 bytes")
	r.want(r.do(cdb(0, 0xFFFFFFFF)), good, "an allocation length sizes no buffer")
	if _, in := luntest.Plan(r.a, 0, &[16]byte{0: 0xA0, 6: 0xFF, 7: 0xFF, 8: 0xFF, 9: 0xFF}, false); in > lun.MaxParam {
		t.Errorf("REPORT LUNS plans %d bytes", in)
	}
}
