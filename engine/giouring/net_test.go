package giouring

import (
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/must"
)

// socket makes a TCP socket.
func socket(t testing.TB) int {
	t.Helper()
	fd := must.Get(syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0))(t)
	return closing(t, int32(fd))
}

// listen returns a TCP socket that listens on loopback, and its address.
func listen(t testing.TB) (fd int, addr syscall.Sockaddr) {
	t.Helper()
	fd = socket(t)
	must.OK(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must.OK(t, syscall.Listen(fd, 16))
	addr = must.Get(syscall.Getsockname(fd))(t)
	return fd, addr
}

// closing closes a descriptor at the end of the test.
func closing(t testing.TB, fd int32) int {
	t.Cleanup(func() { _ = syscall.Close(int(fd)) })
	return int(fd)
}

// TestAccept accepts connections with one entry until it is cancelled.
func TestAccept(t *testing.T) {
	ring := newRing(t, 8, deferred)
	lfd, addr := listen(t)
	add(t, ring, 4, func(e *entry) { e.PrepareMultishotAccept(lfd, 0, 0, syscall.SOCK_CLOEXEC) })
	submit(t, ring)
	for range 3 {
		client := dial(t, addr)
		c := next(t, ring)
		must.Be(t, c.UserData == 4 && c.Res >= 0 && c.Flags&CQEFMore != 0, "multishot accept: %+v", c)
		write(t, client, "ping")
		if got := read(t, closing(t, c.Res), 4); got != "ping" {
			t.Errorf("read %q", got)
		}
	}
	add(t, ring, 5, func(e *entry) { e.PrepareCancelFd(lfd, AsyncCancelAll) })
	for range 2 {
		if c := next(t, ring); c.UserData == 4 && (c.Res != neg(syscall.ECANCELED) || c.Flags&CQEFMore != 0) {
			t.Errorf("cancelled accept: %+v", c)
		}
	}
}

// dial connects a TCP socket to addr.
func dial(t testing.TB, addr syscall.Sockaddr) int {
	t.Helper()
	fd := socket(t)
	must.OK(t, syscall.Connect(fd, addr))
	return fd
}

// TestRecv receives plainly and waiting for all, and sees the end of the stream after a shutdown.
func TestRecv(t *testing.T) {
	ring := newRing(t, 8, deferred)
	a, b := socketPair(t)
	in := memory(t, 4096)
	write(t, b, "hello")
	add(t, ring, 1, func(e *entry) { e.PrepareRecv(a, addressOf(in), 100, 0) })
	want(t, ring, 1, 5)
	add(t, ring, 2, func(e *entry) { e.PrepareRecv(a, addressOf(in), 8, syscall.MSG_WAITALL) })
	submit(t, ring)
	write(t, b, "abcd")
	quiet(t, ring)
	write(t, b, "efghij")
	want(t, ring, 2, 8)
	if string(in[:8]) != "abcdefgh" {
		t.Errorf("received %q", in[:8])
	}
	read(t, a, 2)

	add(t, ring, 3, func(e *entry) { e.PrepareShutdown(b, syscall.SHUT_RDWR) })
	want(t, ring, 3, 0)
	add(t, ring, 4, func(e *entry) { e.PrepareRecv(a, addressOf(in), 8, 0) })
	want(t, ring, 4, 0)
}

// gather places a message header with iovecs of the given pieces off the Go heap.
func gather(t testing.TB, pieces ...string) *syscall.Msghdr {
	t.Helper()
	total := 0
	for _, p := range pieces {
		total += len(p)
	}
	mem := memory(t, 4096+total)
	msg := (*syscall.Msghdr)(unsafe.Pointer(&mem[0]))
	iov := unsafe.Slice((*syscall.Iovec)(unsafe.Pointer(&mem[128])), len(pieces))
	at := 4096
	for i, p := range pieces {
		copy(mem[at:], p)
		iov[i].Base = &mem[at]
		iov[i].SetLen(len(p))
		at += len(p)
	}
	msg.Iov = &iov[0]
	msg.Iovlen = uint64(len(iov))
	return msg
}

// TestSendMsg gathers pieces into one message.
func TestSendMsg(t *testing.T) {
	ring := newRing(t, 8, deferred)
	a, b := socketPair(t)
	msg := gather(t, "head,", strings.Repeat("x", 10000), ",tail")
	add(t, ring, 1, func(e *entry) { e.PrepareSendMsg(a, msg, syscall.MSG_WAITALL) })
	want(t, ring, 1, 10010)
	if got, want := read(t, b, 10010), "head,"+strings.Repeat("x", 10000)+",tail"; got != want {
		t.Error("what arrived is not what was sent")
	}
}

// TestShortSend wants a non-blocking send to report how much the socket took.
func TestShortSend(t *testing.T) {
	ring := newRing(t, 4, deferred)
	a, _ := socketPair(t)
	msg := gather(t, strings.Repeat("x", 16<<20))
	for ud, taken := range []bool{true, false} {
		add(t, ring, uint64(ud), func(e *entry) { e.PrepareSendMsg(a, msg, syscall.MSG_DONTWAIT) })
		c := next(t, ring)
		if taken && (c.Res <= 0 || c.Res >= 16<<20) || !taken && c.Res != neg(syscall.EAGAIN) {
			t.Errorf("send %d to a socket that fills: %+v", ud, c)
		}
	}
}
