package engine

import (
	"bytes"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// A data segment under a digest is what was there when the next one was staged or the batch submitted, and its digest is of exactly
// these bytes and the padding, whatever a write does to the backend's memory afterwards.
func TestSegmentsAndTheirDigests(t *testing.T) {
	for _, size := range []int{1, 3, 511, 512, 4096, 4098, 70001} {
		b := &batch{mem: new(batchMem)}
		var src, dst, want [3][]byte
		var at [3]int
		for i := range src {
			src[i] = bytes.Repeat([]byte{byte(i + 1), 7, 11}, size)[:size]
			dst[i] = make([]byte, size)
			if i == 1 {
				dst[i] = src[i] // in place
			}
			want[i] = bytes.Clone(src[i])
			b.refer(dst[i])
			b.zeros(pdu.Pad(size))
			b.put32(0)
			at[i] = b.used - pdu.DigestLen
			b.begin(segment{dst: dst[i], src: src[i], pad: pdu.Pad(size), at: at[i]})
			if i == 1 {
				clear(src[0])
			}
		}
		b.complete(nil)
		clear(src[2])
		for i := range src {
			check.That(t, bytes.Equal(dst[i], want[i]), "segment %d of %d bytes is not what was staged", i, size)
			padded := append(bytes.Clone(want[i]), make([]byte, pdu.Pad(size))...)
			check.Equal(t, pdu.GetDigest(b.mem.headers[at[i]:]), pdu.Digest(0, padded), "digest of segment %d of %d bytes:", i, size)
		}
	}
}

// The memory of a Data-In that is not its command's last stays with the command, which may be aborted at any time: its segment is
// filled when it is staged.
func TestSegmentOfARunningCommandIsFilledAtOnce(t *testing.T) {
	r := newRig(t, 1, memory(t, 1<<20))
	r.login(1)
	l := r.e.loops[0]
	r.e.on(l, func() {
		c := l.conns[0]
		st := c.NewTask(c.s)
		ev := session.Event{Kind: session.Send, Task: st, Data: bytes.Repeat([]byte{7}, 4096), DataDigest: true, Keep: true}
		(*pdu.DataIn)(&ev.Header).BHS().Init(pdu.OpDataIn)
		c.stage(&ev)
		b := c.send.batch
		check.That(t, b.last.src == nil, "the segment is not filled yet")
		check.Equal(t, pdu.GetDigest(b.mem.headers[b.used-pdu.DigestLen:]), pdu.Digest(0, ev.Data), "digest:")
		c.send.batch = nil
		l.putBatch(b)
		c.FreeTask(st)
	})
}
