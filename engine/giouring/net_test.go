package giouring

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// listen returns a listening TCP socket on loopback and its raw address, off the Go heap.
func listen(t testing.TB) (fd int, addr unsafe.Pointer) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 16); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := sa.(*syscall.SockaddrInet4).Port
	raw := (*syscall.RawSockaddrInet4)(unsafe.Pointer(&memory(t, 4096)[0]))
	raw.Family, raw.Addr = syscall.AF_INET, [4]byte{127, 0, 0, 1}
	*(*[2]byte)(unsafe.Pointer(&raw.Port)) = [2]byte{byte(port >> 8), byte(port)}
	return fd, unsafe.Pointer(raw)
}

// closing closes a descriptor at the end of the test.
func closing(t testing.TB, fd int32) int {
	t.Cleanup(func() { _ = syscall.Close(int(fd)) })
	return int(fd)
}

// TestConnectAccept makes, connects and accepts sockets, all on the ring: single, multishot, and into file slots.
func TestConnectAccept(t *testing.T) {
	ring := newRing(t, 8, deferred)
	needOp(t, ring, OpSocket, "5.19")
	lfd, addr := listen(t)
	connect := func() int {
		e := sqe(t, ring)
		e.PrepareSocket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0, 0)
		e.UserData = 1
		c := next(t, ring)
		if c.UserData != 1 || c.Res < 0 {
			t.Fatalf("socket: %+v", c)
		}
		fd := closing(t, c.Res)
		e = sqe(t, ring)
		e.PrepareConnect(fd, addr, uint64(syscall.SizeofSockaddrInet4))
		e.UserData = 2
		want(t, ring, 2, 0)
		return fd
	}
	check := func(client, server int) {
		t.Helper()
		write(t, client, "ping")
		if got := read(t, server, 4); got != "ping" {
			t.Errorf("read %q", got)
		}
	}

	client := connect()
	e := sqe(t, ring)
	e.PrepareAccept(lfd, 0, 0, syscall.SOCK_CLOEXEC)
	e.UserData = 3
	check(client, closing(t, next(t, ring).Res))

	// Connections that wait are accepted at once: completions of 2 and 4 may come in either order, so connect first.
	clients := []int{connect(), connect()}
	e = sqe(t, ring)
	e.PrepareMultishotAccept(lfd, 0, 0, syscall.SOCK_CLOEXEC)
	e.UserData = 4
	for _, client := range clients {
		c := next(t, ring)
		if c.UserData != 4 || c.Res < 0 || c.Flags&CQEFMore == 0 {
			t.Fatalf("multishot accept: %+v", c)
		}
		check(client, closing(t, c.Res))
	}
	e = sqe(t, ring)
	e.PrepareCancel64(4, 0)
	e.UserData = 5
	for range 2 {
		if c := next(t, ring); c.UserData == 4 && (c.Res != neg(syscall.ECANCELED) || c.Flags&CQEFMore != 0) {
			t.Errorf("cancelled accept: %+v", c)
		}
	}

	if _, err := ring.RegisterFilesSparse(4); err != nil {
		t.Fatal(err)
	}
	client = connect()
	e = sqe(t, ring)
	e.PrepareAcceptDirect(lfd, 0, 0, 0, 2)
	e.UserData = 6
	want(t, ring, 6, 0)
	mem := memory(t, 4096)
	write(t, client, "hi")
	e = sqe(t, ring)
	e.PrepareRecv(2, addressOf(mem), 100, 0)
	e.Flags, e.UserData = SqeFixedFile, 7
	want(t, ring, 7, 2)
	e = sqe(t, ring)
	e.PrepareCloseDirect(2)
	e.UserData = 8
	want(t, ring, 8, 0)
	if n, err := syscall.Read(client, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("reading from a closed peer: %d, %v", n, err)
	}
}

// TestSendRecv sends and receives plainly, waiting for all, and with POLL_FIRST.
func TestSendRecv(t *testing.T) {
	ring := newRing(t, 8, deferred)
	a, b := socketPair(t)
	mem := memory(t, 4096)
	copy(mem, "hello, world")
	e := sqe(t, ring)
	e.PrepareSend(a, addressOf(mem), 12, syscall.MSG_NOSIGNAL)
	e.UserData = 1
	want(t, ring, 1, 12)
	if got := read(t, b, 12); got != "hello, world" {
		t.Errorf("read %q", got)
	}

	in := mem[1024:]
	e = sqe(t, ring)
	e.PrepareRecv(a, addressOf(in), 8, syscall.MSG_WAITALL)
	e.IoPrio, e.UserData = RecvsendPollFirst, 2
	if _, err := ring.Submit(); err != nil {
		t.Fatal(err)
	}
	write(t, b, "abcd")
	quiet(t, ring)
	write(t, b, "efghij")
	want(t, ring, 2, 8)
	if string(in[:8]) != "abcdefgh" {
		t.Errorf("received %q", in[:8])
	}

	e = sqe(t, ring)
	e.PrepareShutdown(b, syscall.SHUT_RDWR)
	e.UserData = 3
	want(t, ring, 3, 0)
	e = sqe(t, ring)
	e.PrepareSend(a, addressOf(mem), 12, syscall.MSG_NOSIGNAL)
	e.UserData = 4
	want(t, ring, 4, neg(syscall.EPIPE))
}

// gather places a message header with iovecs of the given pieces off the Go heap.
func gather(t testing.TB, pieces ...string) (*syscall.Msghdr, []syscall.Iovec) {
	t.Helper()
	mem := memory(t, 1<<16)
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
	return msg, iov
}

// TestSendMsg gathers, with and without copying, and without a header.
func TestSendMsg(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(e *SubmissionQueueEntry, fd int, msg *syscall.Msghdr, iov []syscall.Iovec)
		zc      bool
	}{
		{"sendmsg", func(e *SubmissionQueueEntry, fd int, msg *syscall.Msghdr, iov []syscall.Iovec) {
			e.PrepareSendMsg(fd, msg, syscall.MSG_WAITALL)
		}, false},
		{"sendmsg_zc", func(e *SubmissionQueueEntry, fd int, msg *syscall.Msghdr, iov []syscall.Iovec) {
			e.PrepareSendmsgZC(fd, msg, syscall.MSG_WAITALL)
			e.IoPrio = SendZCReportUsage
		}, true},
		{"vectorized", func(e *SubmissionQueueEntry, fd int, msg *syscall.Msghdr, iov []syscall.Iovec) {
			e.PrepareSendVectorized(fd, uintptr(unsafe.Pointer(&iov[0])), uint32(len(iov)), syscall.MSG_WAITALL)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ring := newRing(t, 8, deferred)
			client, server := tcpPair(t)
			msg, iov := gather(t, "head,", strings.Repeat("x", 10000), ",tail")
			e := sqe(t, ring)
			c.prepare(e, client, msg, iov)
			e.UserData = 1
			cqe := next(t, ring)
			if c.name == "vectorized" && cqe.Res == neg(syscall.EINVAL) {
				t.Skip("SEND_VECTORIZED came with Linux 6.17")
			}
			if cqe.UserData != 1 || cqe.Res != 10010 {
				t.Fatalf("sent: %+v", cqe)
			}
			if got, want := read(t, server, 10010), "head,"+strings.Repeat("x", 10000)+",tail"; got != want {
				t.Error("what arrived is not what was sent")
			}
			if c.zc {
				notified(t, ring, cqe)
			}
		})
	}
}

// notified wants the second completion of a zero-copy send.
func notified(t testing.TB, ring *Ring, result CompletionQueueEvent) {
	t.Helper()
	if result.Flags&CQEFMore == 0 {
		t.Fatalf("no notification is promised: %+v", result)
	}
	if n := next(t, ring); n.UserData != result.UserData || n.Flags&CQEFNotif == 0 || n.Flags&CQEFMore != 0 {
		t.Errorf("notification: %+v", n)
	}
}

// tcpPair returns a connected pair of TCP sockets on loopback; zero-copy needs them.
func tcpPair(t testing.TB) (client, server int) {
	t.Helper()
	lfd, _ := listen(t)
	sa, err := syscall.Getsockname(lfd)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	client = closing(t, int32(fd))
	if err := syscall.Connect(client, sa); err != nil {
		t.Fatal(err)
	}
	if fd, _, err = syscall.Accept4(lfd, syscall.SOCK_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	return client, closing(t, int32(fd))
}

// TestSendZC wants the buffer's own bytes to arrive, from plain and from registered memory.
func TestSendZC(t *testing.T) {
	ring := newRing(t, 8, deferred)
	needOp(t, ring, OpSendZC, "6.0")
	client, server := tcpPair(t)
	mem := memory(t, 8192)
	for i := range mem {
		mem[i] = byte('a' + i%26)
	}
	var iov [1]syscall.Iovec
	iov[0].Base, iov[0].Len = &mem[0], 8192
	if _, err := ring.RegisterBuffers(iov[:]); err != nil {
		t.Fatal(err)
	}
	for ud, prepare := range []func(e *SubmissionQueueEntry){
		func(e *SubmissionQueueEntry) { e.PrepareSendZC(client, mem[100:7000], 0, 0) },
		func(e *SubmissionQueueEntry) { e.PrepareSendZCFixed(client, mem[100:7000], 0, 0, 0) },
	} {
		e := sqe(t, ring)
		prepare(e)
		e.UserData = uint64(ud)
		c := want(t, ring, uint64(ud), 6900)
		if got := read(t, server, 6900); got != string(mem[100:7000]) {
			t.Errorf("what arrived starts %q, want %q", got[:20], mem[100:120])
		}
		notified(t, ring, c)
	}
}

// TestRecvMsg receives a message with its address.
func TestRecvMsg(t *testing.T) {
	ring := newRing(t, 4, deferred)
	a, b := socketPair(t)
	msg, iov := gather(t, "....", "....")
	e := sqe(t, ring)
	e.PrepareRecvMsg(a, msg, syscall.MSG_WAITALL)
	e.UserData = 1
	if _, err := ring.Submit(); err != nil {
		t.Fatal(err)
	}
	write(t, b, "abcdefgh")
	want(t, ring, 1, 8)
	if *iov[0].Base != 'a' || *iov[1].Base != 'e' {
		t.Errorf("pieces start with %c and %c", *iov[0].Base, *iov[1].Base)
	}
}

// TestShortSend wants a non-blocking send to say how much the socket took.
func TestShortSend(t *testing.T) {
	ring := newRing(t, 4, deferred)
	client, _ := tcpPair(t)
	mem := memory(t, 16<<20)
	e := sqe(t, ring)
	e.PrepareSend(client, addressOf(mem), uint32(len(mem)), syscall.MSG_DONTWAIT)
	e.UserData = 1
	if c := next(t, ring); c.Res <= 0 || c.Res >= int32(len(mem)) {
		t.Errorf("sent %d of %d", c.Res, len(mem))
	}
	e = sqe(t, ring)
	e.PrepareSend(client, addressOf(mem), 1, syscall.MSG_DONTWAIT)
	e.UserData = 2
	if c := next(t, ring); !errors.Is(syscall.Errno(-c.Res), syscall.EAGAIN) {
		t.Errorf("sending to a full socket: %+v", c)
	}
}
