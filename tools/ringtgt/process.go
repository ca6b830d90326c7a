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
	// wantFiles is room for the connections of every loop and the descriptors of every LUN.
	wantFiles = 1 << 20
	// gcPercent lets the heap grow to five times what lives in it before it is collected. What lives is a few MiB, as the
	// data path allocates nothing and the kernel's buffers are not on the heap; so collections are rare and cost little.
	gcPercent = 400
)

// prepareProcess raises the limits that it may, and gives the Go runtime what the loops leave it.
func (d *daemon) prepareProcess() {
	if err := raise(unix.RLIMIT_NOFILE, wantFiles); err != nil {
		d.log.Debug("open files limit", "err", err)
	}
	if err := raise(unix.RLIMIT_MEMLOCK, unix.RLIM_INFINITY); err != nil {
		d.log.Debug("memlock limit", "err", err)
	}
	// Each loop keeps a thread, and while it works it keeps a P too: at least one more is for the collector, the control
	// socket and helpers.
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < len(d.cores)+1 {
		runtime.GOMAXPROCS(len(d.cores) + 1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// raise sets a limit to want where that is allowed, else to the most that is.
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
		return fmt.Errorf("is %d, and more is not allowed", hard)
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

// notify tells systemd how far we are (sd_notify(3)); without systemd it does nothing.
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
	_, _ = conn.Write([]byte(text)) // systemd gone: nobody to tell
}
