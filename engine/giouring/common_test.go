package giouring

import (
	"errors"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/must"
)

// deferred is how a loop sets its ring up.
const deferred = SetupSingleIssuer | SetupDeferTaskrun | SetupTaskrunFlag

// newRing makes a ring for the test's goroutine, which it locks to its thread. It skips when the kernel does not know
// a flag.
func newRing(t testing.TB, entries, flags uint32) *Ring {
	t.Helper()
	return newRingParams(t, entries, &Params{Flags: flags})
}

func newRingParams(t testing.TB, entries uint32, p *Params) *Ring {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	ring := NewRing()
	err := ring.QueueInitParams(entries, p)
	switch {
	case errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.EPERM):
		t.Skipf("no io_uring here: %v", err)
	case errors.Is(err, syscall.EINVAL):
		t.Skipf("this kernel does not know a set-up flag of %#x", p.Flags)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(ring.QueueExit)
	return ring
}

// needOp skips when the kernel has no such operation.
func needOp(t testing.TB, ring *Ring, op uint8, kernel string) {
	t.Helper()
	probe := must.Get(ring.GetProbeRing())(t)
	if !probe.IsSupported(op) {
		t.Skipf("operation %d came with Linux %s", op, kernel)
	}
}

func needFeature(t testing.TB, ring *Ring, feature uint32, kernel string) {
	t.Helper()
	if ring.Features()&feature == 0 {
		t.Skipf("feature %#x came with Linux %s", feature, kernel)
	}
}

// sqe returns a free entry filled with leavings.
func sqe(t testing.TB, ring *Ring) *SubmissionQueueEntry {
	t.Helper()
	e := ring.GetSQE()
	must.Be(t, e != nil, "no free entry")
	for i, raw := 0, (*[64]byte)(unsafe.Pointer(e)); i < len(raw); i++ {
		raw[i] = 0xff
	}
	return e
}

type entry = SubmissionQueueEntry

// add prepares a free entry with that user data.
func add(t testing.TB, ring *Ring, userData uint64, prepare func(e *entry)) {
	t.Helper()
	e := sqe(t, ring)
	prepare(e)
	e.UserData = userData
}

// nop prepares the entry that completes with 0.
func nop(e *entry, userData uint64) {
	*e = entry{OpCode: OpNop, Fd: -1, UserData: userData}
}

// submit hands over what is prepared, lets the kernel make the completions that are due, and returns how many entries it
// took.
func submit(t testing.TB, ring *Ring) uint {
	t.Helper()
	n, errno := ring.EnterSys(ring.FlushSQ(), 0, EnterGetEvents)
	must.Be(t, errno == 0, "submitting: %v", errno)
	return n
}

// await submits and waits until n completions are visible, within ten seconds.
func await(t testing.TB, ring *Ring, n uint32) {
	t.Helper()
	for ring.CQReady() < n {
		errno := ring.EnterTimeout(ring.FlushSQ(), n, 0, &syscall.Timespec{Sec: 10})
		must.Be(t, errno == 0 || errno == syscall.EINTR || errno == syscall.EAGAIN, "waiting for a completion: %v", errno)
	}
}

// next submits and takes the next completion.
func next(t testing.TB, ring *Ring) CompletionQueueEvent {
	t.Helper()
	await(t, ring, 1)
	c := *ring.CQEAt(0)
	ring.CQAdvance(1)
	return c
}

// want takes the next completion and compares user data and result.
func want(t testing.TB, ring *Ring, userData uint64, res int32) CompletionQueueEvent {
	t.Helper()
	c := next(t, ring)
	if c.UserData != userData || c.Res != res {
		t.Fatalf("completion with user data %d, result %d (%v), flags %#x; want user data %d, result %d",
			c.UserData, c.Res, syscall.Errno(max(0, -c.Res)), c.Flags, userData, res)
	}
	return c
}

// quiet wants no completion pending.
func quiet(t testing.TB, ring *Ring) {
	t.Helper()
	if _, errno := ring.EnterRaw(0, EnterGetEvents); errno != 0 {
		t.Fatal(errno)
	}
	if ring.CQReady() != 0 {
		t.Fatalf("unexpected completion %+v", *ring.CQEAt(0))
	}
}

// addressOf is the address of a slice's first byte.
func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

func neg(e syscall.Errno) int32 { return -int32(e) }

// memory maps n bytes for the kernel to use.
func memory(t testing.TB, n int) []byte {
	t.Helper()
	mem := must.Get(syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE))(t)
	t.Cleanup(func() { _ = syscall.Munmap(mem) })
	return mem
}

// socketPair returns two connected stream sockets.
func socketPair(t testing.TB) (a, b int) {
	t.Helper()
	fds := must.Get(syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0))(t)
	t.Cleanup(func() { _ = syscall.Close(fds[0]); _ = syscall.Close(fds[1]) })
	return fds[0], fds[1]
}

func write(t testing.TB, fd int, data string) {
	t.Helper()
	if n, err := syscall.Write(fd, []byte(data)); err != nil || n != len(data) {
		t.Fatalf("write: %d, %v", n, err)
	}
}

func read(t testing.TB, fd, n int) string {
	t.Helper()
	b := make([]byte, n)
	for done := 0; done < n; {
		k, err := syscall.Read(fd, b[done:])
		must.Be(t, err == nil && k != 0, "read %d of %d: %v", done, n, err)
		done += k
	}
	return string(b)
}
