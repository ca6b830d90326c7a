package uring

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/engine/giouring"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// sizedRing makes a ring, or skips where the kernel lacks entries of these sizes.
func sizedRing(t *testing.T, cfg Config) *Ring {
	t.Helper()
	cfg.Entries, cfg.CQEntries = 8, 16
	r, err := New(cfg)
	if err == nil {
		must.OK(t, r.Close())
		return newRing(t, cfg)
	}
	must.Be(t, errors.Is(err, ErrUnsupported), "%v, want ErrUnsupported", err)
	must.Be(t, strings.Contains(err.Error(), " or newer is needed"), "%v: the error names no kernel", err)
	t.Skip(err)
	return nil
}

// eachSize runs f for all combinations of entry sizes.
func eachSize(t *testing.T, f func(t *testing.T, r *Ring)) {
	for _, sqe := range []EntrySize{Small, Big, Mixed} {
		for _, cqe := range []EntrySize{Small, Big, Mixed} {
			t.Run(fmt.Sprintf("sqe %v, cqe %v", sqe, cqe), func(t *testing.T) {
				f(t, sizedRing(t, Config{SQESize: sqe, CQESize: cqe}))
			})
		}
	}
}

// Every completion is seen once, in order, with its extra words, many times around rings of all entry sizes; the counter of
// completions counts neither padding nor slots.
func TestExtra(t *testing.T) {
	eachSize(t, func(t *testing.T, r *Ring) {
		before := r.Stats().CQEs
		large := func(n uint64) bool { return r.g.CQESize() == Big || r.g.CQESize() == Mixed && n%3 != 0 }
		for n := range uint64(500) {
			e := giouring.SubmissionQueueEntry{OpCode: giouring.OpNop, Fd: -1, UserData: n}
			if large(n) {
				e.OpcodeFlags, e.Off, e.Addr = giouring.NopCQE32, 3*n, 5*n
			}
			*r.sqe() = e
			if n%7 != 6 && n != 499 {
				continue
			}
			for k := n - n%7; k <= n; k++ {
				for c, ok := r.Peek(); !ok; c, ok = r.Peek() {
					_ = c
					must.OK(t, r.SubmitAndWait(patience))
				}
				c, _ := r.Peek()
				must.Be(t, c.UserData == k && c.Res == 0, "%v, want number %d", c, k)
				want := [2]uint64{}
				if large(k) {
					want = [2]uint64{3 * k, 5 * k}
				}
				must.Be(t, r.Extra() == want, "completion %d has the extra words %d, want %d", k, r.Extra(), want)
				r.Seen()
			}
		}
		quiet(t, r)
		check.Equal(t, r.Stats().CQEs-before, uint64(500), "completions counted")
	})
}

// A command of every length that fits reaches the driver: a socket answers how many bytes can be read from it. One that does not
// fit is an error of the caller's.
func TestUringCmd(t *testing.T) {
	const siocinq = 0 // SOCKET_URING_OP_SIOCINQ
	eachSize(t, func(t *testing.T, r *Ring) {
		a, b := tcpPair(t)
		write(t, a, "eleven byte")
		for n := range r.CommandRoom() + 1 {
			if n%16 == 0 || n == 72 { // struct nvme_uring_cmd has 72
				r.UringCmd(FD(b), siocinq, make([]byte, n), uint64(n))
				want(t, r, uint64(n), 11)
			}
		}
		defer func() { check.That(t, recover() != nil, "no panic") }()
		r.UringCmd(FD(b), siocinq, make([]byte, r.CommandRoom()+1), 0)
	})
}

// Peek may be called several times before Seen: it changes nothing, in a queue of mixed sizes either.
func TestPeekTwice(t *testing.T) {
	r := sizedRing(t, Config{CQESize: Mixed})
	for n := range uint64(20) {
		*r.sqe() = giouring.SubmissionQueueEntry{OpCode: giouring.OpNop, Fd: -1, UserData: n, OpcodeFlags: giouring.NopCQE32}
		want(t, r, n, 0)
	}
	*r.sqe() = giouring.SubmissionQueueEntry{OpCode: giouring.OpNop, Fd: -1, UserData: 99, OpcodeFlags: giouring.NopCQE32}
	must.OK(t, r.SubmitAndWait(patience))
	before := r.Stats().CQEs
	for range 3 {
		c, ok := r.Peek()
		must.Be(t, ok && c.UserData == 99, "%v, %v", c, ok)
	}
	r.Seen()
	quiet(t, r)
	check.Equal(t, r.Stats().CQEs, before+1, "completions counted")
}
