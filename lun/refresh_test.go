package lun_test

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
)

// TestMediumChangesUnderWay: when a medium becomes read-only or its cache is turned on, the unit reports that from then on, and
// every nexus gets a unit attention (SPC-4 5.14, SBC-3 6.4.1).
func TestMediumChangesUnderWay(t *testing.T) {
	r := newRig(t, withPosted)
	block := pattern(512, 1)
	wp := func() bool { return r.do(modeSense6(dbd, 0x08, 0, 255)).in[2]&0x80 != 0 }
	change := func(f func(g *lun.Geometry), want lun.ASC, because string) {
		t.Helper()
		f(&r.d.geom)
		r.u.Refresh()
		for _, n := range []*lun.Nexus{r.a, r.b} {
			if got := r.settle(n); len(got) != 1 || got[0] != want {
				t.Errorf("unit attentions %04X, want %04X, because %s", got, want, because)
			}
		}
	}
	r.u.Refresh()
	if got := r.settle(r.a); len(got) != 0 {
		t.Errorf("nothing changed, and a was told %04X", got)
	}
	change(func(g *lun.Geometry) { g.ReadOnly = true }, 0x2A01, "WP is a mode parameter")
	check.That(t, wp(), "WP is zero")
	r.want(r.do(write1, block...), writeProtected, "blockdev --setro")
	r.want(r.do(cdb10(0x28, 0, 0, 1)), good, "it can be read")
	change(func(g *lun.Geometry) { g.ReadOnly = false }, 0x2A01, "blockdev --setrw")
	check.That(t, !wp(), "WP is one")
	r.want(r.do(write1, block...), good, "it can be written again")

	change(func(g *lun.Geometry) { g.Volatile = true }, 0x3F03, "V_SUP is INQUIRY data")
	r.do(write1, block...)
	check.That(t, r.d.log[len(r.d.log)-1].FUA, "WCE is zero, the medium has a cache now, and a write was not written through it")
	check.That(t, r.page(current, 0x08, 0)[2]&4 == 0, "WCE turned itself on")
	r.want(r.modeSelect6(r.a, 0x10, cachingPage(true)...), good, "now there is something to turn on")
	r.settle(r.b)
	r.do(write1, block...)
	check.That(t, !r.d.log[len(r.d.log)-1].FUA, "WCE is one and a write was written through")
	change(func(g *lun.Geometry) { g.Rotating = true }, 0x3F03, "MEDIUM ROTATION RATE is INQUIRY data")
}

// TestReadOnlyUnitStaysSo: a unit that the configuration makes read-only stays so, whatever its medium allows.
func TestReadOnlyUnitStaysSo(t *testing.T) {
	r := newRig(t, withReadOnly)
	r.d.geom.ReadOnly = true
	r.u.Refresh()
	r.d.geom.ReadOnly = false
	r.u.Refresh()
	r.settle(r.a)
	r.want(r.do(write1, pattern(512, 1)...), writeProtected, "ro was asked for")
}
