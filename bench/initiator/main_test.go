package initiator

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/internal/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

const daemonTarget = "iqn.2026-11.io.ringtgt:disk0"

// startDaemon serves until the test ends. A configuration replaces the flags for targets; {{ADDR}} in it is the portal.
func startDaemon(t testing.TB, toml string, args ...string) *harness.Daemon {
	t.Helper()
	return harness.StartT(t, harness.Options{
		Target: daemonTarget, Config: toml, State: filepath.Join(t.TempDir(), "state"), Args: append([]string{"--quiet"}, args...),
	})
}

// real makes a session with a real target, fails the test at the end if the target broke the standard, and closes it.
func real(t testing.TB, cfg Config) *Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := Dial(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, v := range s.Violations() {
			t.Errorf("the target: %v", v)
		}
	})
	return s
}

// needMCS fails unless the target granted n connections.
func needMCS(t testing.TB, s *Session, n int) {
	t.Helper()
	if s.Granted < n {
		t.Fatalf("the target grants MaxConnections=%d, this test wants %d", s.Params().MaxConnections, n)
	}
}

func daemonConfig(d *harness.Daemon, isid byte) Config {
	return Config{
		Portals: []string{d.Addr()}, TargetName: daemonTarget, InitiatorName: "iqn.2026-11.io.ringtgt:initiator",
		ISID: [6]byte{0x80, 0, 0, 0, 0, isid},
	}
}
