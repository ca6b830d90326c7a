package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"golang.org/x/sys/unix"
)

const (
	// wantFiles is enough for the connections of every loop and the descriptors of every LUN.
	wantFiles = 1 << 20
	// gcPercent lets the heap grow to five times its live size before it is collected. The live heap is a few MiB, as the
	// data path allocates nothing and the kernel's buffers are not on the heap; so collections are rare and cheap.
	gcPercent = 400
)

// prepareProcess raises resource limits as far as permitted, and configures the Go runtime to coexist with the loops.
func (d *daemon) prepareProcess() {
	if err := raise(unix.RLIMIT_NOFILE, wantFiles); err != nil {
		d.log.Debug("open files limit", "err", err)
	}
	if err := raise(unix.RLIMIT_MEMLOCK, unix.RLIM_INFINITY); err != nil {
		d.log.Debug("memlock limit", "err", err)
	}
	// Each loop occupies a thread and, while it works, a P. Leave at least one more for the collector, the control
	// socket and helpers.
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < len(d.cores)+1 {
		runtime.GOMAXPROCS(len(d.cores) + 1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// raise sets a limit to want or, if that is not permitted, as high as possible.
func raise(resource int, want uint64) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(resource, &l); err != nil {
		return err
	}
	if l.Cur >= want {
		return nil
	}
	hard := l.Max
	if unix.Setrlimit(resource, &unix.Rlimit{Cur: want, Max: max(want, hard)}) == nil {
		return nil
	}
	if l.Cur >= hard {
		return fmt.Errorf("is %d, and a higher limit is not permitted", hard)
	}
	return unix.Setrlimit(resource, &unix.Rlimit{Cur: min(want, hard), Max: hard})
}

// resourceLimit reads a resource limit.
func resourceLimit(resource int) control.Limit {
	var l unix.Rlimit
	if unix.Getrlimit(resource, &l) != nil {
		return control.Limit{Soft: -1, Hard: -1}
	}
	return control.Limit{Soft: signed(l.Cur), Hard: signed(l.Max)}
}

func signed(n uint64) int64 {
	if n > 1<<62 {
		return -1
	}
	return int64(n)
}

// notify reports the daemon's state to systemd (sd_notify(3)); without systemd it does nothing.
func notify(text string) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(text)) // best effort
}
