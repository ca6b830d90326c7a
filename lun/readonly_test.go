package lun_test

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
)

// Write protection changes while the unit is in use: SBC-3 6.4.1, the WP bit, and SPC-4 5.14, MODE PARAMETERS CHANGED for every nexus.
func TestSetReadOnly(t *testing.T) {
	r := newRig(t, withPosted)
	wp := func() bool { return r.do(modeSense6(0x08, 0x3F, 0, 255)).in[2]&0x80 != 0 }
	r.d.hold = func(q *lun.Request) bool { return q.Kind == lun.OpWrite }
	running := r.start(0, r.a, 0, lun.AttrSimple, cdb10(0x2A, 0, 7, 1), pattern(512, 1))
	r.u.SetReadOnly(true)
	for _, n := range []*lun.Nexus{r.a, r.b} {
		r.wantAttentions(n, "the WP bit changed", 0x2A01)
	}
	r.want(r.do(cdb10(0x2A, 0, 8, 1), pattern(512, 2)...), writeProtected, "the unit is read-only")
	check.That(t, wp(), "WP is zero")
	r.d.release()
	r.want(running.wait(), good, "it was in the task set")
	r.u.SetReadOnly(true)
	r.wantAttentions(r.a, "nothing changed")

	r.d.geom.ReadOnly = true
	r.u.Refresh()
	r.settle(r.a)
	r.u.SetReadOnly(false)
	r.wantAttentions(r.a, "the medium is read-only still")
	check.That(t, wp(), "WP is zero though the medium is read-only")
	r.d.geom.ReadOnly = false
	r.u.Refresh()
	r.wantAttentions(r.a, "the WP bit changed", 0x2A01)
	check.That(t, !wp(), "WP is one")
	r.want(r.do(cdb10(0x2A, 0, 8, 1), pattern(512, 2)...), good, "the unit can be written to")
}
