package peer

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/peer/echo"
)

// childEnv makes this test binary a benchmark that starts the peer it names, says where it is, and ends badly.
const childEnv = "PEER_TEST_CHILD"

// patience bounds every wait; nothing that works takes a tenth of it.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Echo {
		fmt.Fprintln(os.Stderr, echo.Main())
		os.Exit(1)
	}
	if name := os.Getenv(childEnv); name != "" {
		badBenchmark(name)
	}
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// badBenchmark starts a peer and panics, without any of its deferred calls, when its standard input ends.
func badBenchmark(name string) {
	t, err := Start(context.Background(), name, Options{LUN: LUN{Memory: 1 << 20}, Binary: os.Getenv("PEER_TEST_BINARY")})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	dir := "-"
	if t.dir != nil {
		dir = t.dir.path
	}
	fmt.Println(t.PID, t.Portal, dir)
	buf := make([]byte, 1)
	_, _ = os.Stdin.Read(buf)
	go func() { panic("in the middle of a benchmark") }()
	select {}
}

// built is the one build of ringtgt that the tests share.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// ringtgt returns the path of our own target.
func ringtgt(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("RINGTGT_BINARY"); path != "" {
		return path
	}
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "ringtgt-bin-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "ringtgt")
		if out, err := exec.Command("go", "build", "-o", built.path, "github.com/ringtgt/ringtgt/tools/ringtgt").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// need skips a test whose program is missing and names the Debian package; with CI=true that is a failure.
func need(t testing.TB, name string) Options {
	t.Helper()
	o := Options{LUN: LUN{Memory: 16 << 20}}
	switch name {
	case Ringtgt:
		o.Binary = ringtgt(t)
	case Tgt:
		if _, err := lookPath("tgtd"); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("tgtd is missing: install the Debian package tgt")
			}
			t.Skip("tgtd is missing: install the Debian package tgt")
		}
	}
	return o
}

// start starts a peer for a test.
func start(t testing.TB, name string, o Options) *Target {
	t.Helper()
	p, err := Start(t.Context(), name, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the end of %s's log:\n%s", name, p.Log())
		}
	})
	return p
}
