package session

import (
	"bytes"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// A long read is cut at the initiator's MaxRecvDataSegmentLength, and each sequence of MaxBurstLength ends with the F bit
// (RFC 7143, 13.12, 13.13, 11.7.1).
func TestDataInSplit(t *testing.T) {
	r := newRig(t, with("MaxRecvDataSegmentLength", "3000", "MaxBurstLength", "8192"))
	const n = 20001
	_, task := r.started(n)
	data := pattern(0, n)
	r.complete(task, Result{In: data, RequiredIn: n})
	lengths := []int{3000, 3000, 2192, 3000, 3000, 2192, 3000, 617}
	final := []bool{false, false, true, false, false, true, false, true}
	off := 0
	for i, want := range lengths {
		w := r.want(pdu.OpDataIn, "there is more data")
		in := (*pdu.DataIn)(&w.h)
		if len(w.data) != want || in.Final() != final[i] || in.DataSN() != uint32(i) || in.BufferOffset() != uint32(off) ||
			in.StatusPresent() != (i == len(lengths)-1) || in.Acknowledge() {
			t.Fatalf("PDU %d: %v", i, w)
		}
		must.Be(t, bytes.Equal(w.data, data[off:off+want]), "PDU %d: data differs", i)
		off += want
	}
	r.wantIdle("")
	r.wantNoTasks()
}

// A 1 MiB read goes through whatever is negotiated (a trap: it hung elsewhere).
func TestRead1MiB(t *testing.T) {
	for _, p := range [][]string{{"MaxRecvDataSegmentLength", "512", "MaxBurstLength", "512"}, {"MaxRecvDataSegmentLength", "16777215", "MaxBurstLength", "16777215"},
		{"MaxRecvDataSegmentLength", "8192", "MaxBurstLength", "262144"}} {
		r := newRig(t, with(p...))
		h := r.read(1 << 20)
		r.send(h.BHS(), nil)
		r.complete(r.wantExecute(""), Result{In: pattern(0, 1<<20), RequiredIn: 1 << 20})
		got := 0
		for len(r.got) > 0 {
			got += len(r.want(pdu.OpDataIn, "").data)
		}
		check.Equal(t, got, 1<<20, "%v: bytes read", p)
		r.wantNoTasks()
	}
}

// Without room nothing is sent, but Execute and Abort still come; memory is freed only once the host has sent it.
func TestNoRoom(t *testing.T) {
	r := newRig(t)
	r.host.holdSent = true
	_, ta := r.started(512)
	r.room = false
	_, tb := r.started(512)
	r.complete(ta, Result{In: pattern(0, 512)})
	r.wantIdle("there is no room")
	r.abortTasks(func(t *Task) bool { return t == tb })
	r.wantAbort(tb)
	r.conn.Aborted(r.now, tb)
	r.makeRoom()
	r.want(pdu.OpDataIn, "there is room")
	check.Equal(t, len(r.host.live), 1, "tasks out: one, until it was sent")
	r.host.sent()
	r.wantNoTasks()
}

// Data-In PDUs "SHOULD be filled to the integer number of 4-byte words ... unless the F bit is set" (RFC 7143, 11.7.7), also where
// MaxRecvDataSegmentLength is no such number.
func TestDataInIsFilledToWords(t *testing.T) {
	r := newRig(t, with("MaxRecvDataSegmentLength", "515", "MaxBurstLength", "1030", "FirstBurstLength", "512"))
	_, task := r.started(4096)
	r.complete(task, Result{In: pattern(0, 4096), RequiredIn: 4096})
	for sent := 0; sent < 4096; {
		w := r.want(pdu.OpDataIn, "")
		n := w.h.DataLen()
		check.That(t, n > 0 && n <= 515 && (n%4 == 0 || w.h.Final()), "%d bytes at %d, F %v", n, sent, w.h.Final())
		sent += n
	}
	r.wantNoTasks()
}
