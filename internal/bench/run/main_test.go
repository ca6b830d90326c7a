package run

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/peer"
)

// patience bounds every wait; nothing that works takes a tenth of it.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	code := m.Run()
	if binDir != "" {
		_ = os.RemoveAll(binDir)
	}
	os.Exit(code)
}

var binDir string

// program builds ringtgt once. RINGTGT_BINARY names another one, as for the other tests of real clients.
var program = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("RINGTGT_BINARY"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "ringtgt-run-")
	if err != nil {
		return "", err
	}
	binDir = dir
	path := filepath.Join(dir, "ringtgt")
	out, err := exec.Command("go", "build", "-o", path, "github.com/ringtgt/ringtgt/tools/ringtgt").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// target starts a target with 16 MiB of memory.
func target(t *testing.T) *peer.Target {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := peer.Start(ctx, peer.Ringtgt, peer.Options{LUN: peer.LUN{Memory: 16 << 20}, Binary: bin})
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
