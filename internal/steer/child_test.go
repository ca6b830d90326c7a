package steer

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// childEnv makes the test binary a small daemon: it opens a Steer with the capabilities that STEER_KEEP names (all of
// them when it is not set) and writes its status as a line. With "hold" it stays until its standard input ends.
const childEnv = "STEER_CHILD"

func TestMain(m *testing.M) {
	mode := os.Getenv(childEnv)
	if mode == "" {
		os.Exit(m.Run())
	}
	if err := child(mode); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

func child(mode string) error {
	runtime.LockOSThread() // capabilities are a thread's
	if keep, limited := os.LookupEnv("STEER_KEEP"); limited {
		if err := keepOnly(strings.Fields(keep)); err != nil {
			return err
		}
	}
	s := Open(Config{Cores: []int{0, 0}, XDP: strings.Fields(os.Getenv("STEER_XDP"))})
	if err := json.NewEncoder(os.Stdout).Encode(s.Status()); err != nil {
		return err
	}
	if mode == "hold" {
		io.Copy(io.Discard, os.Stdin)
	}
	return s.Close()
}

// keepOnly takes every capability from the calling thread but those named.
func keepOnly(names []string) error {
	var data [2]unix.CapUserData
	for _, name := range names {
		for _, c := range []capability{capBPF, capNetAdmin, capPerfmon} {
			if c.name == name {
				data[c.bit/32].Effective |= 1 << (c.bit % 32)
			}
		}
	}
	data[0].Permitted, data[1].Permitted = data[0].Effective, data[1].Effective
	return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0])
}
