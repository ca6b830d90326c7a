package lun_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

func modeSense6(flags, page, sub, alloc byte) [16]byte {
	return [16]byte{0x1A, flags, page, sub, alloc}
}

func modeSense10(flags, page, sub byte, alloc uint16) [16]byte {
	return [16]byte{0x5A, flags, page, sub, 7: byte(alloc >> 8), 8: byte(alloc)}
}

const (
	current    = 0x00
	changeable = 0x40
	defaults   = 0x80
	saved      = 0xC0

	dbd = 0x08
)

// page asks for one mode page of one page control and checks what is around it.
func (r *rig) page(pc, code, sub byte) []byte {
	r.tb.Helper()
	a := r.do(modeSense6(dbd, pc|code, sub, 255))
	r.want(a, good, "the page is there")
	must.Be(r.tb, len(a.in) >= 6 && int(a.in[0])+1 == len(a.in) && a.in[3] == 0 && a.in[4]&0x3F == code, "page %02x: % x", code, a.in)
	return a.in[4:]
}

// modeSelect6 sends mode pages with flags (10h: PF, 01h: SP).
func (r *rig) modeSelect6(n *lun.Nexus, flags byte, pages ...byte) answer {
	r.tb.Helper()
	list := append(make([]byte, 4), pages...)
	return r.on(n, [16]byte{0: 0x15, 1: flags, 4: byte(len(list))}, list...)
}

func TestModeSenseHeader(t *testing.T) {
	r := newRig(t)
	a := r.do(modeSense6(0, 0x0A, 0, 255))
	if want := []byte{0x17, 0, 0x10, 8, 0, 0, 4, 0, 0, 0, 2, 0}; !bytes.Equal(a.in[:12], want) {
		t.Errorf("MODE SENSE(6) % x, want header and short block descriptor % x (SPC-4 7.5.5, SBC-3 6.4.2)", a.in[:12], want)
	}
	a = r.do(modeSense10(0, 0x0A, 0, 255))
	if want := []byte{0, 0x1A, 0, 0x10, 0, 0, 0, 8, 0, 0, 4, 0, 0, 0, 2, 0}; !bytes.Equal(a.in[:16], want) {
		t.Errorf("MODE SENSE(10) % x, want % x", a.in[:16], want)
	}
	a = r.do(modeSense10(0x10, 0x0A, 0, 255))
	if want := []byte{0, 0x22, 0, 0x10, 1, 0, 0, 16, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2, 0}; !bytes.Equal(a.in[:24], want) {
		t.Errorf("MODE SENSE(10) with LLBAA % x, want % x", a.in[:24], want)
	}
	if a = r.do(modeSense6(dbd, 0x0A, 0, 255)); a.in[3] != 0 || len(a.in) != 16 {
		t.Errorf("DBD left a block descriptor: % x", a.in)
	}
	if a = newRig(t, withReadOnly).do(modeSense6(dbd, 0x0A, 0, 255)); a.in[2] != 0x90 {
		t.Errorf("device-specific parameter %#02x of a read-only unit, want WP and DPOFUA", a.in[2])
	}
}

func TestModeSensePages(t *testing.T) {
	r := newRig(t, withVolatile)
	list := func(page, sub byte) (codes []int) {
		a := r.do(modeSense10(dbd, page, sub, 4096))
		r.want(a, good, "SPC-4 6.11.2")
		for d := a.in[8:]; len(d) > 0; {
			size, code := int(d[1])+2, int(d[0]&0x3F)<<8
			if d[0]&0x40 != 0 {
				size, code = int(binary.BigEndian.Uint16(d[2:]))+4, code|int(d[1])
			}
			codes = append(codes, code)
			d = d[size:]
		}
		return codes
	}
	if got, want := list(0x3F, 0), []int{0x0100, 0x0800, 0x0A00, 0x1C00}; !slices.Equal(got, want) {
		t.Errorf("all pages: %04x, want %04x", got, want)
	}
	if got, want := list(0x3F, 0xFF), []int{0x0100, 0x0800, 0x0A00, 0x0A01, 0x1C00}; !slices.Equal(got, want) {
		t.Errorf("all pages and subpages: %04x, want %04x", got, want)
	}
	if got, want := list(0x0A, 0xFF), []int{0x0A00, 0x0A01}; !slices.Equal(got, want) {
		t.Errorf("all subpages of 0A: %04x, want %04x", got, want)
	}
	if got, want := list(0x0A, 1), []int{0x0A01}; !slices.Equal(got, want) {
		t.Errorf("subpage 1 of 0A: %04x, want %04x", got, want)
	}
	r.wantField(r.do(modeSense6(0, 0x02, 0, 255)), 2, "a page that is not there")
	r.wantField(r.do(modeSense6(0, 0x0A, 2, 255)), 3, "a subpage that is not there")
	r.wantField(r.do(modeSense6(0, 0x3F, 1, 255)), 3, "a reserved subpage of all pages")
}

// MODE SENSE(6) has one byte for its length, and initiators ask it for everything.
func TestModeSenseFits6(t *testing.T) {
	r := newRig(t)
	for _, sub := range []byte{0, 0xFF} {
		a := r.do(modeSense6(0, 0x3F, sub, 255))
		check.That(t, len(a.in) == int(a.in[0])+1, "all pages are %d bytes, MODE DATA LENGTH says %d", len(a.in), int(a.in[0])+1)
	}
}

func TestModeSenseValues(t *testing.T) {
	r := newRig(t, withVolatile)
	check.That(t, r.page(current, 0x08, 0)[2]&4 != 0, "WCE is zero on a backend with a volatile cache")
	if p := r.page(changeable, 0x08, 0); p[2] != 4 || bytes.ContainsFunc(p[3:], func(c rune) bool { return c != 0 }) {
		t.Errorf("changeable values of the caching page % x, want WCE alone", p)
	}
	if p := r.page(changeable, 0x0A, 0); p[2] != 4 || p[4] != 8 || p[3] != 0 {
		t.Errorf("changeable values of the control page % x, want D_SENSE and SWP", p)
	}
	if p := r.page(current, 0x0A, 0); p[3]>>4 != 1 || p[3]>>1&3 != 0 || p[2]>>5 != 0 || p[4] != 0 || p[5]>>6&1 != 0 {
		t.Errorf("control page % x: want unrestricted reordering, QERR 0, TST 0, SWP 0, UA_INTLCK 0, TAS 0", p)
	}
	check.That(t, newRig(t).page(changeable, 0x08, 0)[2] == 0, "WCE can be changed on a backend without a cache")
	r.want(r.do(modeSense6(0, saved|0x0A, 0, 255)), savingRefused, "SPC-4 6.11.5: nothing is saved without a store")
}

func TestModeSelectChanges(t *testing.T) {
	r := newRig(t)
	control := r.page(current, 0x0A, 0)
	control[2] |= 4
	r.want(r.modeSelect6(r.a, 0x10, control...), good, "D_SENSE is changeable")
	if p := r.page(current, 0x0A, 0); !bytes.Equal(p, control) {
		t.Errorf("the page is % x, want % x", p, control)
	}
	check.That(t, r.page(defaults, 0x0A, 0)[2]&4 == 0, "the default value changed")
	if got := r.settle(r.a); len(got) != 0 {
		t.Errorf("unit attentions %04x for the nexus that changed the page", got)
	}
	c := r.start(0, r.b, 0, lun.AttrSimple, testUnitReady(), nil)
	if c.wait(); c.task.Sense[0] != 0x72 || c.asc != 0x2A01 {
		t.Errorf("sense % x, want MODE PARAMETERS CHANGED in descriptor format", c.task.Sense[:c.task.SenseLen])
	}
	// SPC-4 4.5.2.2: descriptor format has room for a 64-bit INFORMATION field.
	c = r.start(0, r.a, 0, lun.AttrSimple, cdb10(0x28, 0, 2000, 1), nil)
	if c.wait(); c.asc != 0x2100 || c.task.SenseLen != 8 {
		t.Errorf("sense % x", c.task.Sense[:c.task.SenseLen])
	}
	r.want(r.modeSelect6(r.a, 0x10, control...), good, "no change")
	if got := r.settle(r.b); len(got) != 0 {
		t.Errorf("unit attentions %04x though nothing changed", got)
	}
}

func TestSoftwareWriteProtect(t *testing.T) {
	r := newRig(t)
	control := r.page(current, 0x0A, 0)
	control[4] |= 8
	r.want(r.modeSelect6(r.a, 0x10, control...), good, "SWP is changeable")
	r.want(r.do(cdb10(0x2A, 0, 0, 1), pattern(512, 1)...), softProtected, "SPC-4 7.5.9: SWP")
	r.want(r.do(cdb10(0x28, 0, 0, 1)), good, "SWP does not keep from reading")
	check.That(t, r.do(modeSense6(dbd, 0x0A, 0, 255)).in[2]&0x80 != 0, "WP is zero with SWP (SBC-3 6.4.1)")
	control[4] &^= 8
	r.want(r.modeSelect6(r.a, 0x10, control...), good, "SWP is changeable")
	r.want(r.do(cdb10(0x2A, 0, 0, 1), pattern(512, 1)...), good, "SWP is off")
}

func TestWriteCacheOff(t *testing.T) {
	r := newRig(t, withVolatile)
	data := pattern(512, 1)
	r.do(cdb10(0x2A, 0, 0, 1), data...)
	must.Be(t, !bytes.Equal(r.d.medium[:512], data), "the test's cache does not cache")
	caching := r.page(current, 0x08, 0)
	caching[2] &^= 4
	r.want(r.modeSelect6(r.a, 0x10, caching...), good, "WCE is changeable")
	check.That(t, bytes.Equal(r.d.medium[:512], data), "the cache was turned off with data in it (SBC-3 6.4.5)")
	for i, c := range []struct {
		what string
		cdb  [16]byte
	}{{"WRITE(10)", cdb10(0x2A, 0, 9, 1)}, {"WRITE(6)", cdb6(0x0A, 9, 1)}, {"WRITE SAME", cdb10(0x41, 0, 9, 1)}} {
		data := pattern(512, byte(2+i)) // no command before it has put this on the medium
		r.want(r.do(c.cdb, data...), good, c.what)
		check.That(t, bytes.Equal(r.d.medium[9*512:10*512], data), "%s ended before it was on the medium, with WCE zero", c.what)
	}
	r.d.block(9, 1)[0] = 1
	r.want(r.do(cdb10(0x41, 0, 9, 1), make([]byte, 512)...), good, "WRITE SAME of zeroes")
	check.That(t, r.d.medium[9*512] == 0, "zeroes are not on the medium, with WCE zero")
}

func TestModeSelectRefuses(t *testing.T) {
	r := newRig(t)
	control := r.page(current, 0x0A, 0)
	change := func(at int, b byte) []byte {
		p := slices.Clone(control)
		p[at] ^= b
		return p
	}
	for _, c := range []struct {
		name  string
		flags byte
		list  []byte
		want  string
		at    int // byte of the list
	}{
		{"a bit that is not changeable", 0x10, change(3, 0x02), invalidParam, 4 + 3},
		{"the last byte", 0x10, change(11, 1), invalidParam, 4 + 11},
		{"a wrong page length", 0x10, change(1, 1), invalidParam, 4 + 1},
		{"a page that is not there", 0x10, []byte{0x02, 14, 15: 0}, invalidParam, 4},
		{"the sub_page format of a page_0 page", 0x10, []byte{0x4A, 0x00, 0, 8, 11: 0}, invalidParam, 4},
		{"half a page", 0x10, control[:7], listLengthError, 0},
		{"half a page header", 0x10, []byte{0x0A}, listLengthError, 0},
		{"PF zero", 0x00, control, invalidField, 1},
		{"RTD", 0x12, control, invalidField, 1},
		{"SP without a store", 0x11, control, invalidField, 1},
	} {
		a := r.modeSelect6(r.a, c.flags, c.list...)
		r.want(a, c.want, c.name)
		check.Equal(t, int(binary.BigEndian.Uint16(a.specific[1:])), c.at, "%s: field pointer", c.name)
	}
	r.want(r.do([16]byte{0: 0x15, 1: 0x10, 4: 3}, 0, 0, 0), listLengthError, "half a header")
	r.want(r.do([16]byte{0: 0x15, 1: 0x10, 4: 16}, make([]byte, 10)...), listLengthError, "less data than the CDB says")
	r.want(r.do([16]byte{0: 0x15, 1: 0x10}), good, "SPC-4 6.10.1: no list is no error")
	// A good page before a bad one changes nothing.
	bad := append(change(2, 4), change(3, 2)...)
	r.want(r.modeSelect6(r.a, 0x10, bad...), invalidParam, "the second page is wrong")
	check.That(t, bytes.Equal(r.page(current, 0x0A, 0), control), "a refused list changed a page")
	// Block descriptors: what is, may be asked for.
	list := append([]byte{0, 0, 0, 8, 0, 0, 4, 0, 0, 0, 2, 0}, control...)
	cdb := [16]byte{0: 0x15, 1: 0x10, 4: byte(len(list))}
	r.want(r.do(cdb, list...), good, "the block descriptor asks for what is")
	list[10] = 0x10
	r.want(r.do(cdb, list...), invalidParam, "SBC-3 6.4.2: the block length cannot be changed")
	list[10], list[3] = 2, 7
	r.want(r.do(cdb, list...), invalidParam, "a block descriptor of 7 bytes")
	list[3], list[1] = 8, 1
	r.want(r.do(cdb, list...), invalidParam, "a medium type")
}

func TestModeSelect10(t *testing.T) {
	r := newRig(t)
	control := r.page(current, 0x0A, 0)
	control[2] |= 4
	list := slices.Concat([]byte{0, 0, 0, 0, 1, 0, 0, 16, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2, 0}, control)
	r.want(r.do([16]byte{0: 0x55, 1: 0x10, 8: byte(len(list))}, list...), good, "a long block descriptor and a page")
	check.That(t, r.page(current, 0x0A, 0)[2]&4 != 0, "D_SENSE was not changed")
}

// The saved and the current values agree after an abort, too: a restart must not bring values that no initiator has seen.
func TestAbortedModeSelectSaves(t *testing.T) {
	r := newRig(t, withStore(newStore()))
	page := r.page(current, 0x0A, 0)
	page[4] |= 8 // SWP
	c := r.start(0, r.a, 0, lun.AttrSimple, [16]byte{0: 0x15, 1: 0x11, 4: byte(4 + len(page))}, append(make([]byte, 4), page...))
	r.w.On(0, func(*luntest.Loop) {
		c.task.Abort()
		check.That(t, c.ended != 0 || !c.task.Abandon(), "the abort may be answered while the page is being saved")
	})
	r.w.Run()
	must.Be(t, c.ended == 1 && c.task.Status == lun.StatusTaskAborted, "ended %d times, %v", c.ended, c.task.Status)
	if now, kept := r.page(current, 0x0A, 0), r.page(saved, 0x0A, 0); now[4]&8 != kept[4]&8 {
		t.Errorf("SWP in force %#x, saved %#x", now[4], kept[4])
	}
}

// SPC-4 5.14, 6.10: saved values outlive a reset and the process; current ones do not.
func TestSavedModePages(t *testing.T) {
	kept := newStore()
	r := newRig(t, withStore(kept))
	control := r.page(current, 0x0A, 0)
	check.That(t, control[0]&0x80 != 0, "PS is zero though pages can be saved")
	control[0] &^= 0x80
	control[4] |= 8
	r.want(r.modeSelect6(r.a, 0x10, control...), good, "current only")
	check.That(t, r.page(saved, 0x0A, 0)[4]&8 == 0, "SP was zero and the page was saved")
	r.u.Reset(r.a)
	r.settle(r.a)
	check.That(t, r.page(current, 0x0A, 0)[4]&8 == 0, "a reset did not bring the saved values back")
	r.want(r.modeSelect6(r.a, 0x11, control...), good, "SP")
	r.u.Reset(r.a)
	r.settle(r.a)
	check.That(t, r.page(saved, 0x0A, 0)[4]&8 != 0, "SP was one and the page was not saved")
	after := newRig(t, withStore(kept))
	after.want(after.do(cdb10(0x2A, 0, 0, 1), pattern(512, 1)...), softProtected, "the saved SWP outlives a restart")

	kept.err = errors.New("the disk is full")
	control[4] &^= 8
	r.want(r.modeSelect6(r.a, 0x11, control...), targetFailure, "what could not be saved is not said to be")
	check.That(t, r.page(current, 0x0A, 0)[4]&8 != 0, "a MODE SELECT that failed changed the page")
}
