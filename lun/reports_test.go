package lun_test

import (
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// TestReportTargetPortGroups: SPC-4 6.37, both parameter data formats; and INQUIRY must agree (6.6.2 TPGS, 7.8.6 target
// port group designator).
func TestReportTargetPortGroups(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 2)
	// One group for each of the two portal groups, numbered by its tag, with one port.
	group := "\x00\x01\x00\x01\x00\x00\x00\x01" + "\x00\x00\x00\x01" +
		"\x00\x01\x00\x02\x00\x00\x00\x01" + "\x00\x00\x00\x02"
	for _, c := range []struct {
		format byte
		want   string
	}{
		{0x00, "\x00\x00\x00\x18" + group},
		{0x20, "\x00\x00\x00\x1C\x10\x00\x00\x00" + group},
	} {
		p := r.do(a, []byte{0xA3, c.format | 0x0A, 8: 2, 9: 0, 11: 0})
		r.good("REPORT TARGET PORT GROUPS", p)
		check.That(t, string(p.in) == c.want, "% x, want % x", p.in, c.want)
		p = r.do(a, []byte{0xA3, c.format | 0x0A, 9: 6, 11: 0})
		check.That(t, string(p.in) == c.want[:6], "cut: % x", p.in)
	}
	r.want("reserved format", r.do(a, []byte{0xA3, 0x4A, 8: 2, 11: 0}), badCDB)

	inquiry := r.do(a, []byte{0x12, 0, 0, 0, 255, 0})
	r.good("INQUIRY", inquiry)
	check.Equal(t, inquiry.in[5]>>4&3, 1, "INQUIRY, as REPORT TARGET PORT GROUPS is there and SET is not: TPGS")
	vpd := r.do(a, []byte{0x12, 1, 0x83, 1, 0, 0})
	r.good("VPD page 83h", vpd)
	found := false
	for d := vpd.in[4:]; len(d) >= 4 && len(d) >= 4+int(d[3]); d = d[4+int(d[3]):] {
		if d[1]&0x3F == 0x15 { // PIV is not looked at; ASSOCIATION target port, type 5h
			found = string(d[4:8]) == "\x00\x00\x00\x02" // the group of the port that was asked
		}
	}
	check.That(t, found, "VPD page 83h does not name target port group 2: % x", vpd.in)
}

// TestPortsChange: a portal group that appears is reported at once, and initiators learn that they have to ask again
// (ASYMMETRIC ACCESS STATE CHANGED). The same ports again change nothing.
func TestPortsChange(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 2)
	ports := append(slices.Clone(r.tg.Ports()), lun.Port{TPGT: 7, RelPort: 7})
	r.tg.SetPorts(ports)
	r.wantAttentions("a new port", a, 0x2A06)
	p := r.do(a, []byte{0xA3, 0x0A, 8: 2, 9: 0, 11: 0})
	r.good("REPORT TARGET PORT GROUPS", p)
	check.Equal(t, len(p.in), 4+3*12, "three groups: bytes")
	r.tg.SetPorts(slices.Clone(ports))
	r.wantAttentions("no change", a)
}

// TestLogSense: SPC-4 6.8, 7.3.8, 7.3.18 to 7.3.20.
func TestLogSense(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 1)
	sense := func(page, subpage byte) prResult {
		return r.do(a, []byte{0x4D, 0, 0x40 | page, subpage, 7: 1, 8: 0, 9: 0})
	}
	for _, c := range []struct {
		page, subpage byte
		want          string
	}{
		{0x00, 0x00, "\x00\x00\x00\x02\x00\x2F"},
		{0x00, 0xFF, "\x40\xFF\x00\x08\x00\x00\x00\xFF\x2F\x00\x2F\xFF"},
		{0x2F, 0x00, "\x2F\x00\x00\x08\x00\x00\x03\x04\x00\x00\xFF\x00"},
		{0x2F, 0xFF, "\x6F\xFF\x00\x04\x2F\x00\x2F\xFF"},
	} {
		p := sense(c.page, c.subpage)
		r.good("LOG SENSE", p)
		check.That(t, string(p.in) == c.want, "page %#x/%#x: % x, want % x", c.page, c.subpage, p.in, c.want)
	}
	// What the lists name is there, and nothing else is.
	named := map[[2]byte]bool{}
	for list := sense(0, 0xFF).in[4:]; len(list) > 0; list = list[2:] {
		named[[2]byte(list)] = true
	}
	for page := range byte(64) {
		for _, subpage := range []byte{0, 1, 0xFE, 0xFF} {
			want := badCDB
			if named[[2]byte{page, subpage}] {
				want = good
			}
			r.want("LOG SENSE", sense(page, subpage), want)
		}
	}
	r.want("SP", r.do(a, []byte{0x4D, 1, 0x40, 0, 8: 255, 9: 0}), badCDB)
	r.want("PARAMETER POINTER", r.do(a, []byte{0x4D, 0, 0x6F, 0, 0, 0, 1, 0, 255, 0}), badCDB)
	if p := r.do(a, []byte{0x4D, 0, 0x40, 0, 8: 3, 9: 0}); string(p.in) != "\x00\x00\x00" {
		t.Errorf("cut: % x", p.in)
	}
}

// TestReadDefectData: SBC-3 5.18, 5.19: whichever lists are asked for, they are there and empty.
func TestReadDefectData(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 1)
	for request := range byte(32) {
		p := r.do(a, []byte{0x37, 0, request, 8: 32, 9: 0})
		r.good("READ DEFECT DATA(10)", p)
		check.That(t, string(p.in) == string([]byte{0, request, 0, 0}), "% x", p.in)
		p = r.do(a, []byte{0xB7, request, 0, 0, 0, 7, 0, 0, 0, 32, 0, 0})
		r.good("READ DEFECT DATA(12)", p)
		check.That(t, string(p.in) == string([]byte{0, request, 0, 0, 0, 0, 0, 0}), "% x", p.in)
	}
	if p := r.do(a, []byte{0x37, 0, 0x18, 8: 2, 9: 0}); string(p.in) != "\x00\x18" {
		t.Errorf("cut: % x", p.in)
	}
}

// TestReportsOverAnyLength: no allocation length, however large, is more than an answer or a buffer.
func TestReportsOverAnyLength(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 1)
	for _, cdb := range [][]byte{
		{0xA3, 0x0A, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0},
		{0xA3, 0x0C, 0x80, 0, 0, 0, 255, 255, 255, 255, 0, 0},
		{0xA3, 0x0D, 0x80, 0, 0, 0, 255, 255, 255, 255, 0, 0},
		{0xB7, 0x18, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0},
		{0x4D, 0, 0x40, 0, 0, 0, 0, 255, 255, 0},
		{0x5E, 3, 0, 0, 0, 0, 0, 255, 255, 0},
	} {
		var c [16]byte
		copy(c[:], cdb)
		if _, in := luntest.Plan(a, 0, &c, false); in > lun.MaxParam {
			t.Errorf("% x plans %d bytes", cdb, in)
		}
		r.good("report", r.do(a, cdb))
	}
}
