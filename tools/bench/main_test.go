package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/peer/echo"
	"github.com/ringtgt/ringtgt/internal/harness"
)

// The test binary is the responder's process, as the command is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == peer.Echo {
		fmt.Fprintln(os.Stderr, echo.Main())
		os.Exit(1)
	}
	harness.Main(m)
}
