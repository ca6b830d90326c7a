package peer

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/peer/cold"
	"github.com/ringtgt/ringtgt/internal/bench/peer/echo"
	"github.com/ringtgt/ringtgt/internal/harness"
)

// childEnv makes this test binary a benchmark that starts the peer it names, says where it is, and ends badly.
const childEnv = "PEER_TEST_CHILD"

// patience bounds every wait; nothing that works takes a tenth of it.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case Echo:
			fmt.Fprintln(os.Stderr, echo.Main())
			os.Exit(1)
		case Cold:
			fmt.Fprintln(os.Stderr, cold.Main(os.Args[2:]))
			os.Exit(1)
		}
	}
	if name := os.Getenv(childEnv); name != "" {
		badBenchmark(name)
	}
	harness.Main(m)
}

// badBenchmark starts a peer and panics, without any of its deferred calls, when its standard input ends.
func badBenchmark(name string) {
	t, err := Start(context.Background(), name, Options{LUN: LUN{Memory: 1 << 20}, Binary: os.Getenv("PEER_TEST_BINARY")})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(t.PID, t.Portal)
	buf := make([]byte, 1)
	_, _ = os.Stdin.Read(buf)
	go func() { panic("in the middle of a benchmark") }()
	select {}
}

// need skips a test whose program is missing and names the Debian package; with CI=true that is a failure.
func need(t testing.TB, name string) Options {
	t.Helper()
	o := Options{LUN: LUN{Memory: 16 << 20}}
	switch name {
	case Ringtgt:
		o.Binary = harness.BuildT(t)
	case Tgt:
		harness.Need(t, "tgtd", "tgt")
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
