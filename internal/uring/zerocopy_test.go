package uring

import (
	"bytes"
	"syscall"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"golang.org/x/sys/unix"
)

// notified takes the notification of a zero-copy send and returns whether the kernel copied.
func notified(t testing.TB, r *Ring, ud uint64) bool {
	t.Helper()
	c := next(t, r)
	is, copied := c.Notification()
	must.Be(t, is && c.UserData == ud && !c.More(), "want the notification of %d: %v", ud, c)
	return copied
}

// zeroCopy returns what the kernel can do; where it can do nothing the test ends.
func zeroCopy(t testing.TB) ZeroCopy {
	t.Helper()
	z := must.Get(ProbeZeroCopy())(t)
	t.Logf("zero-copy sends: %v", z)
	if z == NoZeroCopy {
		t.Skip("the kernel does not report copies: Linux 6.2 or newer is needed")
	}
	return z
}

// TestSendMsgZC sends pieces of a slab and pieces of unregistered memory. The loopback interface copies, and the notification says so.
func TestSendMsgZC(t *testing.T) {
	z := zeroCopy(t)
	r := newRing(t, Config{})
	client, server := tcpPair(t)
	a := must.Get(NewArena(4096))(t)
	defer a.Close()
	data := random(t, 2<<20, 1)
	must.OK(t, r.RegisterSlabs(2))
	must.OK(t, r.SetSlab(1, data))
	for _, slab := range []int{-1, 1} {
		if slab >= 0 && z != ZeroCopySlabs {
			t.Log("the kernel takes no vectors of registered memory: Linux 6.15 or newer is needed")
			continue
		}
		r.SendMsgZC(FD(server), message(t, a, data[:48], data[100<<10:1<<20], data[1<<20:]), MsgWaitAll|MsgNoSignal, slab, 7)
		want := append(append([]byte{}, data[:48]...), data[100<<10:]...)
		got := make(chan []byte)
		go func() { got <- read(t, client, len(want)) }()
		c := next(t, r)
		must.Be(t, c.UserData == 7 && int(c.Res) == len(want) && c.More(), "the completion of the send: %v", c)
		check.That(t, bytes.Equal(<-got, want), "what arrived is not what was sent")
		check.That(t, notified(t, r, 7), "loopback does not copy?")
	}
}

// TestSendMsgZCOutsideItsSlab wants an error when a piece lies outside the slab: nothing else of the process may be sent.
func TestSendMsgZCOutsideItsSlab(t *testing.T) {
	if zeroCopy(t) != ZeroCopySlabs {
		t.Skip("the kernel takes no vectors of registered memory: Linux 6.15 or newer is needed")
	}
	r := newRing(t, Config{})
	_, server := tcpPair(t)
	a := must.Get(NewArena(4096))(t)
	defer a.Close()
	data := random(t, 64<<10, 1)
	must.OK(t, r.RegisterSlabs(1))
	must.OK(t, r.SetSlab(0, data[:32<<10]))
	r.SendMsgZC(FD(server), message(t, a, data[:4096], data[40<<10:]), MsgWaitAll|MsgNoSignal, 0, 7)
	c := next(t, r)
	check.That(t, c.Errno() == syscall.EFAULT, "a piece outside the slab: %v, %v", c, c.Err())
	if c.More() {
		notified(t, r, 7)
	}
}

// TestSendMsgZCEnds wants a notification after the end of the connection, whatever the peer has acknowledged: what the socket still
// held is dropped with it.
func TestSendMsgZCEnds(t *testing.T) {
	zeroCopy(t)
	r := newRing(t, Config{})
	client, server := tcpPair(t)
	a := must.Get(NewArena(4096))(t)
	defer a.Close()
	data := random(t, 16<<20, 1)
	r.SendMsgZC(FD(server), message(t, a, data), MsgWaitAll|MsgNoSignal, -1, 7)
	quiet(t, r) // the client does not read
	must.OK(t, unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	_ = unix.Close(client)
	c := next(t, r)
	must.Be(t, c.UserData == 7 && int(c.Res) < len(data), "the completion of the send: %v", c)
	if c.More() {
		notified(t, r, 7)
	}
}
