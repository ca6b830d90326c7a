package uring

import (
	"errors"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/ringtgt/ringtgt/engine/giouring"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// newRing makes a ring on the test's goroutine, which it locks to its thread, and closes it at the end.
func newRing(t testing.TB, cfg Config) *Ring {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	r, err := New(cfg)
	if errors.Is(err, ErrUnsupported) {
		need.Missing(t, err)
	}
	must.OK(t, err)
	t.Cleanup(func() {
		check.OK(t, r.Close())
	})
	return r
}

// next submits and returns the next completion that is not a wake-up.
func next(t testing.TB, r *Ring) CQE {
	t.Helper()
	c, ok := nextWithin(t, r, patience)
	must.Be(t, ok, "no completion came")
	return c
}

func nextWithin(t testing.TB, r *Ring, d time.Duration) (CQE, bool) {
	t.Helper()
	for end := time.Now().Add(d); ; {
		if c, ok := r.Peek(); ok {
			r.Seen()
			if !r.Woken(c) {
				return c, true
			}
			continue
		}
		left := time.Until(end)
		if left <= 0 {
			return CQE{}, false
		}
		must.OK(t, r.SubmitAndWait(left))
	}
}

// nop submits an operation that completes with 0.
func nop(r *Ring, ud uint64) {
	*r.sqe() = giouring.SubmissionQueueEntry{OpCode: giouring.OpNop, Fd: -1, UserData: ud}
}

// timeout submits a timeout, which completes with -ETIME. spec lies outside the Go heap.
func timeout(r *Ring, spec *syscall.Timespec, ud uint64) {
	*r.sqe() = giouring.SubmissionQueueEntry{
		OpCode: giouring.OpTimeout, Fd: -1, Addr: uint64(uintptr(unsafe.Pointer(spec))), Len: 1, UserData: ud,
	}
}

// timespec places a timespec outside the Go heap.
func timespec(t testing.TB, d time.Duration) *syscall.Timespec {
	t.Helper()
	spec := (*syscall.Timespec)(pointer(mapped(t, 16)))
	*spec = syscall.NsecToTimespec(int64(d))
	return spec
}

// want takes the next completion and compares user data and result.
func want(t testing.TB, r *Ring, ud uint64, res int) CQE {
	t.Helper()
	c := next(t, r)
	if c.UserData != ud || int(c.Res) != res {
		t.Fatalf("completion %v (%v), want user data %#x, result %d", c, c.Err(), ud, res)
	}
	return c
}

// wantAll takes as many completions as there are user data values in results, in any order.
func wantAll(t testing.TB, r *Ring, results map[uint64]int) {
	t.Helper()
	got := map[uint64]int{}
	for range results {
		c := next(t, r)
		got[c.UserData] = int(c.Res)
	}
	for ud, res := range results {
		if g, ok := got[ud]; !ok || g != res {
			t.Fatalf("results %v, want %v", got, results)
		}
	}
}

// quiet wants no completion without waiting for one.
func quiet(t testing.TB, r *Ring) {
	t.Helper()
	for range 3 {
		must.OK(t, r.Submit())
		if c, ok := r.Peek(); ok {
			t.Fatalf("unexpected completion %v", c)
		}
	}
}

func neg(e syscall.Errno) int { return -int(e) }

// mapped maps n bytes for the time of the test.
func mapped(t testing.TB, n int) []byte {
	t.Helper()
	mem := must.Get(Map(n))(t)
	t.Cleanup(func() {
		check.OK(t, Unmap(mem))
	})
	return mem
}

// listen returns a listening TCP socket on loopback and its address.
func listen(t testing.TB) (int, unix.Sockaddr) {
	t.Helper()
	fd := must.Get(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
	must.OK(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must.OK(t, unix.Listen(fd, 64))
	sa := must.Get(unix.Getsockname(fd))(t)
	return closing(t, fd), sa
}

func closing(t testing.TB, fd int) int {
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func dial(t testing.TB, sa unix.Sockaddr) int {
	t.Helper()
	fd := must.Get(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
	closing(t, fd)
	must.OK(t, unix.Connect(fd, sa))
	return fd
}

// tcpPair returns both ends of a TCP connection over loopback.
func tcpPair(t testing.TB) (client, server int) {
	t.Helper()
	lfd, sa := listen(t)
	client = dial(t, sa)
	server, _, err := unix.Accept4(lfd, unix.SOCK_CLOEXEC)
	must.OK(t, err)
	return client, closing(t, server)
}

// write and read may be called on any goroutine: they report and go on.
func write(t testing.TB, fd int, data string) {
	t.Helper()
	if n, err := unix.Write(fd, []byte(data)); err != nil || n != len(data) {
		t.Errorf("write: %d of %d, %v", n, len(data), err)
	}
}

func read(t testing.TB, fd, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	for done := 0; done < n; {
		k, err := unix.Read(fd, b[done:])
		if err != nil || k == 0 {
			t.Errorf("read %d of %d: %v", done, n, err)
			return b[:done]
		}
		done += k
	}
	return b
}
