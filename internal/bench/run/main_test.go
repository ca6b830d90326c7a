package run

import (
	"context"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/harness"
)

// patience bounds every wait; nothing that works takes a tenth of it.
const patience = 60 * time.Second

func TestMain(m *testing.M) { harness.Main(m) }

// target starts a target with 16 MiB of memory.
func target(t *testing.T) *peer.Target {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := peer.Start(ctx, peer.Ringtgt, peer.Options{LUN: peer.LUN{Memory: 16 << 20}, Binary: harness.BuildT(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}
