package uring

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/must"
)

// BenchmarkNop is a turn of a loop: prepare, submit, see the completions. One operation is one Nop.
func BenchmarkNop(b *testing.B) {
	for _, batch := range []int{1, 8, 32, 256} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			r := newRing(b, Config{})
			b.ReportAllocs()
			for i := 0; i < b.N; i += batch {
				for range batch {
					nop(r, 1)
				}
				must.OK(b, r.Submit())
				turn(b, r, batch)
			}
		})
	}
}

func turn(b *testing.B, r *Ring, n int) {
	got := 0
	for {
		c, ok := r.Peek()
		if !ok {
			break
		}
		r.Seen()
		if c.Res < 0 {
			b.Fatal(c, c.Err())
		}
		got++
	}
	must.Be(b, got == n, "%d completions, want %d", got, n)
}

// BenchmarkPrepare is the cost of calling an operation, without the kernel's work on it.
func BenchmarkPrepare(b *testing.B) {
	mem := mapped(b, 4096)
	for name, f := range map[string]func(r *Ring){
		"Nop":       func(r *Ring) { nop(r, 1) },
		"ReadFixed": func(r *Ring) { r.ReadFixed(Slot(3), mem, 8192, 2, 1) },
		"RecvBuf":   func(r *Ring) { r.RecvBuf(FD(3), 2, 1) },
	} {
		b.Run(name, func(b *testing.B) {
			r := newRing(b, Config{})
			b.ReportAllocs()
			for i := range b.N {
				f(r)
				if i%256 == 255 {
					b.StopTimer()
					must.OK(b, r.Submit())
					for _, ok := r.Peek(); ok; _, ok = r.Peek() {
						r.Seen()
					}
					b.StartTimer()
				}
			}
		})
	}
}

// BenchmarkPing is one request and one answer over a loopback connection, both ends on one ring.
func BenchmarkPing(b *testing.B) {
	r := newRing(b, Config{})
	client, server := tcpPair(b)
	for _, fd := range []int{client, server} {
		must.OK(b, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	}
	bufs := bufRing(b, r, 1, 16, 4096, false)
	a := must.Get(NewArena(4096))(b)
	defer a.Close()
	msg := message(b, a, mapped(b, 4096)[:48])
	r.RecvMultishot(FD(client), 1, 1)
	r.RecvMultishot(FD(server), 1, 2)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		r.SendMsg(FD(client), msg, MsgWaitAll|MsgNoSignal, 3)
		for back := false; !back; {
			must.OK(b, r.SubmitAndWait(-1))
			for c, ok := r.Peek(); ok; c, ok = r.Peek() {
				r.Seen()
				if c.Res < 0 {
					b.Fatal(c, c.Err())
				}
				bufs.Done(c)
				switch c.UserData {
				case 1:
					back = true
				case 2:
					r.SendMsg(FD(server), msg, MsgWaitAll|MsgNoSignal, 4)
				}
			}
			bufs.Publish()
		}
	}
}

// BenchmarkDirectRead reads 4 KiB blocks of a file with O_DIRECT, 32 in flight.
func BenchmarkDirectRead(b *testing.B) {
	r := newRing(b, Config{})
	fd, _ := directFile(b)
	const depth, block = 32, 4096
	mem := mapped(b, depth*block)
	must.OK(b, r.RegisterSlabs(1))
	must.OK(b, r.SetSlab(0, mem))
	at := 0
	issue := func(i uint64) {
		r.ReadFixed(FD(fd), mem[i*block:(i+1)*block], int64(at%(fileSize/block))*block, 0, i)
		at += 97
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range uint64(depth) {
		issue(i)
	}
	for done := 0; done < b.N; {
		must.OK(b, r.SubmitAndWait(-1))
		for c, ok := r.Peek(); ok; c, ok = r.Peek() {
			r.Seen()
			if c.Res != block {
				b.Fatal(c, c.Err())
			}
			done++
			if done < b.N {
				issue(c.UserData)
			}
		}
	}
	b.StopTimer()
	for range depth - 1 { // what is left, as far as it is: the ring must not close over it
		if c, ok := nextWithin(b, r, 0); ok && c.Res != block {
			b.Fatal(c)
		}
	}
}
