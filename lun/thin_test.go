package lun_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
)

func logSenseCDB(page byte) [16]byte { return [16]byte{0: 0x4D, 2: 0x40 | page, 8: 255} }

// Thresholds of thin provisioning: SBC-3 4.7.3.7. The threshold event is reported once to each nexus.
func TestThinThreshold(t *testing.T) {
	const mib = 1 << 20
	r := newRig(t, withThin)
	report := func(available int64) bool {
		return r.u.SetThinSpace(lun.ThinSpace{Available: available * mib, Used: 7 * mib, Warn: 100 * mib})
	}
	check.That(t, !report(500), "500 MiB are below 100 MiB")
	r.wantAttentions(r.a, "there is space")
	check.That(t, report(100), "the threshold was not reached")
	for _, n := range []*lun.Nexus{r.a, r.b} {
		a := r.on(n, testUnitReady())
		r.want(a, "6/3807", "SBC-3 4.7.3.7.6: SITUA is zero, so for every nexus")
		check.That(t, a.hasInfo && a.info == 16, "INFORMATION %v %d, want the offset of the threshold descriptor in the mode page", a.hasInfo, a.info)
		r.wantAttentions(n, "once")
	}
	for _, available := range []int64{50, 0, 99, 101, 124, 100} {
		check.That(t, !report(available), "reported again at %d MiB", available)
	}
	r.wantAttentions(r.a, "the threshold was not armed again")
	check.That(t, !report(125), "125 MiB are below 100 MiB")
	check.That(t, report(99), "not reported though the threshold was armed again")
	r.wantAttentions(r.a, "it was reached again", 0x3807)
	r.u.SetThinSpace(lun.ThinSpace{Available: 0, Warn: 0})
	r.wantAttentions(r.a, "without a threshold there is only its change in the mode page", 0x2A01)
}

// What a thin unit says of its threshold, and that another unit has no such pages.
func TestThinPages(t *testing.T) {
	thin, large, full := newRig(t, withThin), newRig(t, withThin, with4K), newRig(t)
	for _, c := range []struct {
		r    *rig
		want byte // blocks of a MiB, as a power of two
	}{{thin, 11}, {large, 8}, {full, 0}} {
		check.Equal(t, c.r.vpd(c.r.a, 0xB2)[4], c.want, "SBC-3 6.5.4: THRESHOLD EXPONENT:")
	}
	mode := func(r *rig) answer { return r.do(modeSense6(0x08, 0x1C, 2, 255)) }
	page := func(count uint32, enabled byte) []byte {
		p := make([]byte, 24)
		p[0], p[1], p[3] = 0x5C, 2, 20
		p[16], p[17] = enabled, 1 // THRESHOLD TYPE 0, ARMING 0; RESOURCE: available LBA mapping resources
		binary.BigEndian.PutUint32(p[20:], count)
		return p
	}
	a := mode(thin)
	check.That(t, bytes.Equal(a.in[4:], page(0, 0)), "SBC-3 6.4.6: % x, want no threshold", a.in[4:])
	r := thin.do(modeSense6(0x08, 0x01, 0, 255))
	check.That(t, r.in[4+7] == 0x80, "SBC-3 6.4.7: LBPERE in % x", r.in)
	thin.want(thin.do(logSenseCDB(0x0C)), good, "SBC-3 6.3.4")
	check.That(t, len(thin.do(logSenseCDB(0x0C)).in) == 4, "resources though none are known")

	thin.u.SetThinSpace(lun.ThinSpace{Available: 5<<40 + 1, Used: 3 << 20, Warn: 1 << 30})
	thin.wantAttentions(thin.a, "it is the first report")
	a = mode(thin)
	check.That(t, bytes.Equal(a.in[4:], page(1<<10, 0x80)), "SBC-3 6.4.6: % x, want 1 GiB in MiB", a.in[4:])
	a = thin.do(logSenseCDB(0x0C))
	want := []byte{0x0C, 0, 0, 24, 0, 1, 3, 8, 0, 0x50, 0, 0, 2, 0, 0, 0, 0, 2, 3, 8, 0, 0, 0, 3, 1, 0, 0, 0}
	check.That(t, bytes.Equal(a.in, want), "SBC-3 6.3.4: % x, want % x", a.in, want)
	check.That(t, bytes.Equal(thin.do(logSenseCDB(0)).in, []byte{0, 0, 0, 3, 0, 0x0C, 0x2F}), "the page is not in the list")

	full.wantField(mode(full), 3, "a subpage that only thin units have")
	full.wantField(full.do(logSenseCDB(0x0C)), 2, "a page that only thin units have")
	check.That(t, full.do(modeSense6(0x08, 0x01, 0, 255)).in[4+7] == 0, "LBPERE is one")
	check.That(t, !full.u.SetThinSpace(lun.ThinSpace{Available: 0, Warn: 1}), "a threshold of a unit that is not thin")
	full.wantAttentions(full.a, "nothing of it is thin")
}
