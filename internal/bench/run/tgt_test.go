package run

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/need"
)

// Another target is measured like ours. tgt's LUN 0 is a controller; an error names the LUN of the disk.
func TestDoWithTgt(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := peer.Start(ctx, peer.Tgt, peer.Options{LUN: peer.LUN{Memory: 16 << 20}})
	if errors.Is(err, peer.ErrMissing) {
		need.Missing(t, err, ": install the Debian package tgt")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	r := do(t, Options{URL: p.URL, RW: "randrw", BlockSplit: "4k/50:8k/50", Connections: 1, IODepth: 4, Digests: "both", Verify: true, Runtime: 100 * time.Millisecond})
	if r.Target.PID != p.PID || r.Target.CPU == nil || r.Target.Vendor != "IET" || r.Total.Requests == 0 || r.Total.Errors != 0 {
		t.Errorf("%+v, %+v", r.Target, r.Total)
	}
	_, err = Do(ctx, Options{URL: strings.TrimSuffix(p.URL, "/1") + "/0", Runtime: 50 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "LUN 0: it is not a disk but has device type 0ch; the target has LUN 0, 1") {
		t.Errorf("%v", err)
	}
}
