package uring

import (
	"bytes"
	"syscall"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

func bufRing(t testing.TB, r *Ring, group uint16, entries, size int, incremental bool) *BufRing {
	t.Helper()
	b := must.Get(r.NewBufRing(group, entries, size, incremental))(t)
	t.Cleanup(func() {
		check.OK(t, b.Close())
	})
	return b
}

// TestRecvBuf receives single-shot: one completion and one buffer for each submission.
func TestRecvBuf(t *testing.T) {
	r := newRing(t, Config{})
	client, server := tcpPair(t)
	b := bufRing(t, r, 7, 4, 64, false)
	for i := range 10 { // more than there are buffers
		r.RecvBuf(FD(server), b.Group(), 1)
		must.OK(t, r.Submit())
		write(t, client, "hello")
		c := want(t, r, 1, 5)
		bid, ok := c.BufferID()
		must.Be(t, !c.More() && ok && string(b.Bytes(bid, 5)) == "hello", "receive %d: %v", i, c)
		b.Recycle(bid)
		b.Publish()
	}
}

// TestRecvMultishot receives a long stream with one submission while buffers come back, then meets ENOBUFS, is armed
// again, and sees the end of the stream.
func TestRecvMultishot(t *testing.T) {
	for _, incremental := range []bool{false, true} {
		name := map[bool]string{false: "whole", true: "incremental"}[incremental]
		t.Run(name, func(t *testing.T) {
			r := newRing(t, Config{})
			if incremental && !r.Features().Has(BufRingInc) {
				t.Skip("incremental buffers came with Linux 6.12")
			}
			client, server := tcpPair(t)
			b := bufRing(t, r, 1, 4, 1000, incremental)
			data := random(t, 300_000, 3)
			go func() {
				for at := 0; at < len(data); at += 700 {
					write(t, client, string(data[at:min(at+700, len(data))]))
				}
			}()
			r.RecvMultishot(FD(server), 1, 1)
			var got []byte
			for len(got) < len(data) {
				c := next(t, r)
				if c.Errno() == syscall.ENOBUFS || c.Err() == nil {
					got = append(got, b.Take(c)...)
					b.Done(c)
					b.Publish()
				} else {
					t.Fatalf("%v: %v", c, c.Err())
				}
				if !c.More() {
					r.RecvMultishot(FD(server), 1, 1)
				}
			}
			check.That(t, bytes.Equal(got, data), "what arrived is not what was sent")

			// Take buffers without giving them back until there are none.
			held := []CQE{}
			for {
				write(t, client, string(data[:1000]))
				c := next(t, r)
				if c.Errno() == syscall.ENOBUFS {
					if _, ok := c.BufferID(); ok || c.More() {
						t.Errorf("ENOBUFS with a buffer or more: %v", c)
					}
					break
				}
				must.Be(t, c.Err() == nil && c.More() && len(held) <= 100, "%v after %d", c, len(held))
				held = append(held, c)
			}
			for _, c := range held {
				b.Done(c)
			}
			b.Publish()
			r.RecvMultishot(FD(server), 1, 2)
			for left := 1000; left > 0; {
				c := next(t, r)
				must.Be(t, c.UserData == 2 && c.Res > 0, "after arming again: %v", c)
				left -= len(b.Take(c))
				b.Done(c)
				b.Publish()
			}
			r.Shutdown(FD(client), 1, 3)
			for range 2 {
				c := next(t, r)
				if c.UserData == 2 && (c.Res != 0 || c.More()) {
					t.Errorf("end of the stream: %v", c)
				}
				b.Done(c)
			}
		})
	}
}

// TestManyConnectionsOneGroup shares one group among connections: every byte comes in the right stream's order.
func TestManyConnectionsOneGroup(t *testing.T) {
	r := newRing(t, Config{Entries: 16, CQEntries: 64})
	const conns, each = 20, 20_000
	b := bufRing(t, r, 1, 32, 512, false)
	var data, got [conns][]byte
	for i := range conns {
		client, server := tcpPair(t)
		data[i] = random(t, each, uint64(i))
		r.RecvMultishot(FD(server), 1, uint64(server)<<32|uint64(i))
		go write(t, client, string(data[i]))
	}
	for left := conns * each; left > 0; {
		c := next(t, r)
		if c.Err() != nil && c.Errno() != syscall.ENOBUFS {
			t.Fatal(c, c.Err())
		}
		i := uint32(c.UserData)
		p := b.Take(c)
		got[i] = append(got[i], p...)
		left -= len(p)
		b.Done(c)
		b.Publish()
		if !c.More() {
			r.RecvMultishot(FD(c.UserData>>32), 1, c.UserData)
		}
	}
	for i := range conns {
		check.That(t, bytes.Equal(got[i], data[i]), "connection %d: wrong bytes", i)
	}
}

// TestBufRingRefused wants sizes out of bounds refused, and a group twice.
func TestBufRingRefused(t *testing.T) {
	r := newRing(t, Config{})
	for _, c := range [][2]int{{0, 64}, {3, 64}, {2 * MaxBuffers, 64}, {4, 0}, {4, MaxSlabBytes + 1}} {
		if b, err := r.NewBufRing(1, c[0], c[1], false); err == nil {
			_ = b.Close()
			t.Errorf("%d buffers of %d bytes were accepted", c[0], c[1])
		}
	}
	bufRing(t, r, 1, 4, 64, false)
	if _, err := r.NewBufRing(1, 4, 64, false); err == nil {
		t.Error("a group was registered twice")
	}
}
