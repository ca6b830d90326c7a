package uring

import (
	"bytes"
	"math/rand/v2"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// TestAccept accepts many connections with one submission, and ends when cancelled.
func TestAccept(t *testing.T) {
	r := newRing(t, Config{})
	lfd, sa := listen(t)
	r.Accept(FD(lfd), 1)
	must.OK(t, r.Submit())
	for i := range 10 {
		client := dial(t, sa)
		c := next(t, r)
		must.Be(t, c.UserData == 1 && c.Res >= 0 && c.More(), "connection %d: %v", i, c)
		server := closing(t, int(c.Res))
		flags, err := unix.FcntlInt(uintptr(server), unix.F_GETFD, 0)
		check.That(t, err == nil && flags&unix.FD_CLOEXEC != 0, "descriptor flags %#x, %v: want close-on-exec", flags, err)
		write(t, client, "x")
		read(t, server, 1)
	}
	r.CancelFD(FD(lfd), 2)
	for range 2 {
		if c := next(t, r); c.UserData == 1 && (c.More() || c.Errno() != syscall.ECANCELED) {
			t.Errorf("cancelled accept: %v", c)
		}
	}
	r.Accept(FD(-1), 3)
	want(t, r, 3, neg(syscall.EBADF))
}

// TestRecvInto receives plainly and until full, by descriptor and by slot.
func TestRecvInto(t *testing.T) {
	r := newRing(t, Config{})
	client, server := tcpPair(t)
	must.OK(t, r.RegisterFiles(2))
	must.OK(t, r.SetFile(1, server))
	mem := mapped(t, 4096)
	for _, fd := range []FD{FD(server), Slot(1)} {
		r.RecvInto(fd, mem[:100], false, 1)
		must.OK(t, r.Submit())
		write(t, client, "short")
		want(t, r, 1, 5)

		clear(mem)
		r.RecvInto(fd, mem[:8], true, 2)
		for _, part := range []string{"abc", "def"} {
			write(t, client, part)
			quiet(t, r)
		}
		write(t, client, "ghi")
		want(t, r, 2, 8)
		check.That(t, string(mem[:9]) == "abcdefgh\x00", "received %q", mem[:9])
		r.RecvInto(fd, mem[:8], false, 3)
		want(t, r, 3, 1)
	}
	r.RecvInto(FD(server), mem[:8], true, 4)
	r.Shutdown(FD(client), unix.SHUT_WR, 5)
	wantAll(t, r, map[uint64]int{4: 0, 5: 0})
}

// message places a header of the given pieces in an arena.
func message(t testing.TB, a *Arena, pieces ...[]byte) *Msghdr {
	t.Helper()
	msg := must.Get(Alloc[Msghdr](a, 1))(t)
	iov := must.Get(Alloc[Iovec](a, len(pieces)))(t)
	for i, p := range pieces {
		iov[i].Base = &p[0]
		iov[i].SetLen(len(p))
	}
	msg[0].Iov = &iov[0]
	msg[0].Iovlen = uint64(len(iov))
	return &msg[0]
}

// random fills mapped memory of n bytes with reproducible noise.
func random(t testing.TB, n int, seed uint64) []byte {
	mem := mapped(t, n)[:n]
	rng := rand.NewPCG(seed, 1)
	for i := range mem {
		mem[i] = byte(rng.Uint64())
	}
	return mem
}

// TestSendMsg gathers much more than the socket holds while the peer reads slowly: with MsgWaitAll one completion
// covers all of it.
func TestSendMsg(t *testing.T) {
	r := newRing(t, Config{})
	client, server := tcpPair(t)
	must.OK(t, unix.SetsockoptInt(server, unix.SOL_SOCKET, unix.SO_SNDBUF, 128<<10))
	a := must.Get(NewArena(4096))(t)
	defer a.Close()
	data := random(t, 2<<20, 1)
	r.SendMsg(FD(server), message(t, a, data[:48], data[48:5000], data[5000:1<<20], data[1<<20:]), MsgWaitAll|MsgNoSignal, 1)
	quiet(t, r)
	got := make(chan []byte)
	go func() { got <- read(t, client, len(data)) }()
	want(t, r, 1, len(data))
	check.That(t, bytes.Equal(<-got, data), "what arrived is not what was sent")
}

// TestSendMsgShort wants a short count when the send may not wait, and the rest to follow from there.
func TestSendMsgShort(t *testing.T) {
	r := newRing(t, Config{})
	client, server := tcpPair(t)
	a := must.Get(NewArena(4096))(t)
	defer a.Close()
	data := random(t, 16<<20, 2)
	got := make(chan []byte)
	for sent, short := 0, 0; sent < len(data); {
		a.used = 0
		half := (sent + len(data)) / 2
		pieces := [][]byte{data[sent:half], data[half:]}
		if sent == half {
			pieces = pieces[1:]
		}
		r.SendMsg(FD(server), message(t, a, pieces...), MsgNoSignal|unix.MSG_DONTWAIT, 1)
		c := next(t, r)
		switch {
		case c.Errno() == syscall.EAGAIN:
			must.Be(t, short != 0, "nothing was sent to an empty socket")
			r.PollAdd(FD(server), unix.POLLOUT, false, 2)
			next(t, r)
		case c.Err() != nil:
			t.Fatal(c.Err())
		default:
			if int(c.Res) < len(data)-sent {
				short++
			}
			sent += int(c.Res)
			if short == 1 && got != nil {
				go func() { got <- read(t, client, len(data)) }()
				short++
			}
		}
	}
	check.That(t, bytes.Equal(<-got, data), "what arrived is not what was sent")
}

// TestSendToClosed wants EPIPE or ECONNRESET, and no signal.
func TestSendToClosed(t *testing.T) {
	r := newRing(t, Config{})
	client, server := tcpPair(t)
	a := must.Get(NewArena(4096))(t)
	defer a.Close()
	must.OK(t, unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	_ = unix.Close(client)
	msg := message(t, a, mapped(t, 4096))
	for i := range uint64(2) {
		r.SendMsg(FD(server), msg, MsgWaitAll|MsgNoSignal, i)
		if c := next(t, r); c.Errno() != syscall.EPIPE && c.Errno() != syscall.ECONNRESET {
			t.Errorf("send %d to a closed peer: %v, %v", i, c, c.Err())
		}
	}
}
