package engine

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/must"
)

// Without a free descriptor no connection can be accepted; those that arrived meanwhile are accepted once there are some.
func TestAcceptWithoutDescriptors(t *testing.T) {
	const callers = 20
	socket := func() int {
		fd := must.Get(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	var fds [callers]int
	highest := 0
	for k := range fds {
		fds[k] = socket()
		highest = max(highest, fds[k])
	}
	// The kernel takes the limit of the moment in which accept is armed.
	var old unix.Rlimit
	must.OK(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
	must.OK(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(highest) + 40, Max: old.Max}))
	r := newRigWith(t, Config{Cores: make([]int, 1)}, quietNode, memory(t, 1<<20))
	var filler []int
	for {
		fd, err := unix.FcntlInt(uintptr(fds[0]), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			break
		}
		filler = append(filler, fd)
	}
	for _, fd := range filler[:callers/2] { // room for some
		unix.Close(fd)
	}
	to := sockaddr(r.e.Portals()[0])
	for _, fd := range fds {
		if err := unix.Connect(fd, to); err != nil { // the kernel's backlog takes them all
			t.Fatal(err)
		}
	}
	waitFor(t, "the first to be accepted", func() bool { return len(r.e.Status().Connections) == callers/2 })
	waitFor(t, "accept to fail", func() bool {
		retry := false
		r.e.on(r.e.loops[0], func() {
			for _, e := range r.e.loops[0].timers.heap {
				retry = retry || e.conn == nil
			}
		})
		return retry
	})
	for _, fd := range filler[callers/2:] {
		unix.Close(fd)
	}
	waitFor(t, "everybody to be accepted", func() bool { return len(r.e.Status().Connections) == callers })
}
