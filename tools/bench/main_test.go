package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/peer/cold"
	"github.com/ringtgt/ringtgt/internal/bench/peer/echo"
	"github.com/ringtgt/ringtgt/internal/harness"
)

// The test binary is the responders' process, as the command is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case peer.Echo:
			fmt.Fprintln(os.Stderr, echo.Main())
			os.Exit(1)
		case peer.Cold:
			fmt.Fprintln(os.Stderr, cold.Main(os.Args[2:]))
			os.Exit(1)
		}
	}
	harness.Main(m)
}
