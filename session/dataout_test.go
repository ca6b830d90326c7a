package session

import (
	"bytes"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// wantR2T takes an R2T for itt over [offset, offset+length).
func (r *rig) wantR2T(itt, sn, offset, length uint32, because string) *pdu.R2T {
	r.Helper()
	w := r.want(pdu.OpR2T, because)
	h := (*pdu.R2T)(&w.h)
	if h.ITT() != itt || h.R2TSN() != sn || h.BufferOffset() != offset || h.DesiredDataTransferLength() != length ||
		h.TTT() == pdu.ReservedTag || !h.BHS().Final() {
		r.Fatalf("R2T for %#x, R2TSN %d, [%d,+%d), TTT %#x; want %#x, %d, [%d,+%d), because %s", h.ITT(), h.R2TSN(), h.BufferOffset(),
			h.DesiredDataTransferLength(), h.TTT(), itt, sn, offset, length, because)
	}
	return h
}

// wantWritten takes the Execute of a write whose data-out is pattern(0, n).
func (r *rig) wantWritten(itt uint32, n int) *Task {
	r.Helper()
	t := r.wantExecute("all data is there")
	if t.ITT != itt || int(t.Received) != n || !bytes.Equal(t.Out[:t.Received], pattern(0, n)) {
		r.Fatalf("write %#x: %d bytes; want %#x with %d", t.ITT, t.Received, itt, n)
	}
	return t
}

func TestImmediateData(t *testing.T) {
	r := newRig(t)
	h := r.sendWrite(4096, 4096)
	r.complete(r.wantWritten(h.ITT(), 4096), Result{RequiredOut: 4096})
	resp := r.wantStatus(h.ITT(), statusGood, "")
	if resp.Underflow() || resp.Overflow() || resp.ExpDataSN() != 0 {
		t.Fatalf("%x", *resp)
	}
	r.wantNoTasks()
}

// Unsolicited Data-Out PDUs, with and without immediate data before them (RFC 7143, 4.2.5.2).
func TestUnsolicitedData(t *testing.T) {
	for _, immediate := range []int{0, 512, 1024} {
		r := newRig(t)
		h := r.announceWrite(4096, immediate)
		off, sn := immediate, uint32(0)
		for off < 4096 {
			r.wantIdle("more unsolicited data is announced")
			n := min(1024, 4096-off)
			r.send(r.dataOut(h.ITT(), pdu.ReservedTag, sn, uint32(off), off+n == 4096).BHS(), pattern(off, n))
			off += n
			sn++
		}
		r.serveWrite(h, 4096, "")
		r.wantNoTasks()
	}
}

// Solicited data: bursts of MaxBurstLength, one R2T outstanding, R2TSN counting up, DataSN from 0 in each (11.7.5, 11.8).
func TestSolicitedData(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes", "ImmediateData", "No", "MaxBurstLength", "8192"))
	const n = 20000
	h := r.sendWrite(n, 0)
	off := 0
	for sn := range uint32(3) {
		length := min(8192, n-off)
		r2t := r.wantR2T(h.ITT(), sn, uint32(off), uint32(length), "this data is missing")
		r.wantIdle("one R2T may be outstanding")
		for d := uint32(0); length > 0; d++ {
			k := min(3000, length)
			length -= k
			r.send(r.dataOut(h.ITT(), r2t.TTT(), d, uint32(off), length == 0).BHS(), pattern(off, k))
			off += k
		}
	}
	r.complete(r.wantWritten(h.ITT(), n), Result{RequiredOut: n})
	check.Equal(t, r.wantStatus(h.ITT(), statusGood, "").ExpDataSN(), 0, `ExpDataSN "MUST be 0 if ... no Data-In" was sent (11.4.8)`)
	r.wantNoTasks()
}

// Unsolicited data up to FirstBurstLength, then R2Ts for the rest.
func TestFirstBurstThenR2T(t *testing.T) {
	r := newRig(t, with("FirstBurstLength", "4096"))
	h := r.announceWrite(10000, 1000)
	r.wantIdle("unsolicited data is still to come")
	r.send(r.dataOut(h.ITT(), pdu.ReservedTag, 0, 1000, true).BHS(), pattern(1000, 3096))
	r2t := r.wantR2T(h.ITT(), 0, 4096, 5904, "the first burst is over")
	r.send(r.dataOut(h.ITT(), r2t.TTT(), 0, 4096, true).BHS(), pattern(4096, 5904))
	r.wantWritten(h.ITT(), 10000)
}

// Up to MaxOutstandingR2T R2Ts are outstanding, and answered in their order (13.17, 13.19).
func TestMaxOutstandingR2T(t *testing.T) {
	r := newRig(t, with("ImmediateData", "No", "InitialR2T", "Yes", "MaxBurstLength", "1024", "MaxOutstandingR2T", "3"))
	h := r.sendWrite(5*1024, 0)
	var r2ts []*pdu.R2T
	for i := range uint32(3) {
		r2ts = append(r2ts, r.wantR2T(h.ITT(), i, i*1024, 1024, "three may be outstanding"))
	}
	r.wantIdle("no more than three")
	for i := range uint32(5) {
		r.send(r.dataOut(h.ITT(), r2ts[i].TTT(), 0, i*1024, true).BHS(), pattern(int(i)*1024, 1024))
		if i < 2 {
			r2ts = append(r2ts, r.wantR2T(h.ITT(), 3+i, (3+i)*1024, 1024, "one was answered"))
		}
	}
	r.wantWritten(h.ITT(), 5*1024)
}

// The command takes less than the EDTL: only that is asked for; of what comes unasked the rest is discarded.
func TestWriteTakesLess(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes"))
	r.host.takes = func(*Task) int { return 1000 }
	h := r.sendWrite(4096, 0)
	r2t := r.wantR2T(h.ITT(), 0, 0, 1000, "the command takes 1000 bytes")
	r.send(r.dataOut(h.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 1000))
	r.complete(r.wantWritten(h.ITT(), 1000), Result{RequiredOut: 1000})
	r.wantUnderflow(r.wantStatus(h.ITT(), statusGood, ""), 3096)
	h = r.sendWrite(4096, 4096)
	r.wantWritten(h.ITT(), 1000)
	h = r.sendWrite(4096, 512)
	r2t = r.wantR2T(h.ITT(), 0, 512, 488, "488 bytes are missing")
	r.send(r.dataOut(h.ITT(), r2t.TTT(), 0, 512, true).BHS(), pattern(512, 488))
	r.wantWritten(h.ITT(), 1000)
	r.wantNoMemory()
}

// When no buffer for the discarded part can be had, the command is answered TASK SET FULL.
func TestWriteTakesLessWithoutBuffer(t *testing.T) {
	r := newRig(t)
	r.host.takes = func(*Task) int { return 1000 }
	r.host.short = true
	h := r.sendWrite(4096, 4096)
	r.wantStatus(h.ITT(), statusTaskSetFull, "no buffer can be borrowed")
	r.wantNoTasks()
}

// What may not come unasked, and what is missing (11.4.7.2).
func TestUnsolicitedDataRules(t *testing.T) {
	send := func(r *rig, itt, sn, off uint32, n int, final bool) {
		r.send(r.dataOut(itt, pdu.ReservedTag, sn, off, final).BHS(), pattern(int(off), n))
	}
	tests := []struct {
		name  string
		opts  []string
		edtl  uint32
		imm   int
		final bool
		then  func(r *rig, itt uint32)
		want  senseCode
	}{
		{"immediate data where ImmediateData=No", []string{"ImmediateData", "No"}, 512, 512, true, nil, senseUnexpectedData},
		{"immediate data above FirstBurstLength", []string{"FirstBurstLength", "512"}, 2048, 1024, true, nil, senseIncorrectAmount},
		{"immediate data above the EDTL", nil, 512, 1024, true, nil, senseIncorrectAmount},
		{"Data-Out announced where InitialR2T=Yes", []string{"InitialR2T", "Yes"}, 1024, 512, false,
			func(r *rig, itt uint32) { send(r, itt, 0, 512, 512, true) }, senseUnexpectedData},
		{"more than FirstBurstLength", []string{"FirstBurstLength", "1024"}, 4096, 512, false,
			func(r *rig, itt uint32) { send(r, itt, 0, 512, 1024, true) }, senseIncorrectAmount},
		{"more than the EDTL", nil, 1024, 512, false,
			func(r *rig, itt uint32) { send(r, itt, 0, 512, 1024, true) }, senseIncorrectAmount},
		{"less than FirstBurstLength of more", []string{"FirstBurstLength", "2048"}, 4096, 512, false,
			func(r *rig, itt uint32) { send(r, itt, 0, 512, 512, true) }, senseIncorrectAmount},
		{"more after the last byte", nil, 1024, 512, false,
			func(r *rig, itt uint32) { send(r, itt, 0, 512, 512, false); send(r, itt, 1, 1024, 512, true) }, senseIncorrectAmount},
		{"DataSN twice", nil, 2048, 512, false,
			func(r *rig, itt uint32) { send(r, itt, 0, 512, 512, false); send(r, itt, 0, 1024, 1024, true) }, senseCRC},
		{"DataSN 27", nil, 1024, 512, false, func(r *rig, itt uint32) { send(r, itt, 27, 512, 512, true) }, senseCRC},
		{"DataSN -1", nil, 1024, 512, false, func(r *rig, itt uint32) { send(r, itt, ^uint32(0), 512, 512, true) }, senseCRC},
		{"DataSN 1, 0", nil, 1536, 512, false,
			func(r *rig, itt uint32) { send(r, itt, 1, 512, 512, false); send(r, itt, 0, 1024, 512, true) }, senseCRC},
		{"a gap in Buffer Offset", nil, 2048, 512, false, func(r *rig, itt uint32) { send(r, itt, 0, 1024, 1024, true) }, senseOffset},
		{"Buffer Offset going back", nil, 2048, 512, false,
			func(r *rig, itt uint32) { send(r, itt, 0, 512, 1024, false); send(r, itt, 1, 1024, 512, true) }, senseOffset},
		{"Buffer Offset beyond everything", nil, 2048, 512, false, func(r *rig, itt uint32) { send(r, itt, 0, 0xffffff00, 512, true) }, senseOffset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, with(tt.opts...))
			h := r.write(tt.edtl)
			h.SetFinal(tt.final)
			r.send(h.BHS(), pattern(0, tt.imm))
			if tt.then != nil {
				r.wantIdle("Data-Out PDUs were announced, and the answer waits for them (7.8)")
				tt.then(r, h.ITT())
			}
			resp := r.wantSense(h.ITT(), tt.want, "of the name of this test")
			if !resp.Underflow() || resp.ResidualCount() != tt.edtl {
				t.Errorf("U %v residual %d; want all %d", resp.Underflow(), resp.ResidualCount(), tt.edtl)
			}
			r.wantIdle("nothing was executed")
			r.wantNoTasks()
			ok := r.write(512)
			if r.conn.sess.Params.ImmediateData {
				r.send(ok.BHS(), pattern(0, 512))
				r.wantWritten(ok.ITT(), 512)
			}
		})
	}
}

// A write command's data on a command without the W bit is not expected.
func TestImmediateDataOnRead(t *testing.T) {
	r := newRig(t)
	h := r.read(512)
	r.send(h.BHS(), pattern(0, 512))
	r.wantSense(h.ITT(), senseUnexpectedData, "a read has no data-out")
	r.wantNoTasks()
}

// Unsolicited data that was not announced, while R2Ts are outstanding.
func TestUnannouncedData(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes", "ImmediateData", "No"))
	h, r2t := r.solicited(2048)
	r.send(r.dataOut(h.ITT(), pdu.ReservedTag, 0, 0, true).BHS(), pattern(0, 512))
	r.wantIdle("the R2T is still to be answered (7.8)")
	r.send(r.dataOut(h.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 2048))
	r.wantSense(h.ITT(), senseUnexpectedData, "unsolicited data was not allowed")
	r.wantNoTasks()
}

// What may go wrong with solicited data (11.7, 11.8.4, 7.9).
func TestSolicitedDataRules(t *testing.T) {
	type sender func(sn, off uint32, n int, final bool)
	tests := []struct {
		name string
		then func(send sender)
		want senseCode
	}{
		{"less than asked for", func(s sender) { s(0, 0, 512, true) }, senseIncorrectAmount},
		{"more than asked for", func(s sender) { s(0, 0, 512, false); s(1, 512, 3584, true) }, senseIncorrectAmount},
		{"more after the last byte", func(s sender) { s(0, 0, 2048, false); s(1, 2048, 512, true) }, senseIncorrectAmount},
		{"DataSN 0, 0", func(s sender) { s(0, 0, 1024, false); s(0, 1024, 1024, true) }, senseCRC},
		{"DataSN 1, 0", func(s sender) { s(1, 0, 1024, false); s(0, 1024, 1024, true) }, senseCRC},
		{"offset before the R2T's", func(s sender) { s(0, ^uint32(511), 2048, true) }, senseOffset},
		{"offset after the R2T's", func(s sender) { s(0, 512, 1536, true) }, senseOffset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, with("InitialR2T", "Yes", "ImmediateData", "No", "MaxBurstLength", "2048"))
			h := r.sendWrite(4096, 0)
			r2t := r.wantR2T(h.ITT(), 0, 0, 2048, "")
			tt.then(func(sn, off uint32, n int, final bool) {
				r.wantIdle("the answer waits for the F bit (7.8)")
				r.send(r.dataOut(h.ITT(), r2t.TTT(), sn, off, final).BHS(), pattern(int(off), n))
			})
			r.wantSense(h.ITT(), tt.want, "of the name of this test")
			r.wantIdle("no further R2T")
			r.wantNoTasks()
		})
	}
}

// A sequence may have PDUs without data, and end with one (RFC 7143, 11.7.7).
func TestDataOutWithoutData(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes", "ImmediateData", "No"))
	h, r2t := r.solicited(1024)
	for sn, d := range []struct{ off, n int }{{0, 0}, {0, 512}, {512, 0}, {512, 512}} {
		r.send(r.dataOut(h.ITT(), r2t.TTT(), uint32(sn), uint32(d.off), false).BHS(), pattern(d.off, d.n))
		r.wantIdle("the F bit has not come")
	}
	r.send(r.dataOut(h.ITT(), r2t.TTT(), 4, 1024, true).BHS(), nil)
	r.serveWrite(h, 1024, "the F bit has come")
	r.wantNoTasks()
}

// The LUN of solicited data is that of the R2T (11.7.4).
func TestDataOutWrongLUN(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes", "ImmediateData", "No"))
	h := r.write(512)
	h.SetLUN(1 << 48)
	r.send(h.BHS(), nil)
	r2t := r.wantR2T(h.ITT(), 0, 0, 512, "")
	check.Equal(t, r2t.LUN(), 1<<48, "the R2T's LUN")
	d := r.dataOut(h.ITT(), r2t.TTT(), 0, 0, true)
	r.send(d.BHS(), pattern(0, 512))
	r.wantSense(h.ITT(), senseDataPhase, "the LUN is another one")
	r.wantNoTasks()
}

// Data sequences come in the order of their R2Ts: DataSequenceInOrder=Yes (13.19).
func TestDataSequenceOrder(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes", "ImmediateData", "No", "MaxBurstLength", "1024", "MaxOutstandingR2T", "2"))
	h := r.sendWrite(2048, 0)
	a := r.wantR2T(h.ITT(), 0, 0, 1024, "")
	b := r.wantR2T(h.ITT(), 1, 1024, 1024, "")
	r.send(r.dataOut(h.ITT(), b.TTT(), 0, 1024, true).BHS(), pattern(1024, 1024))
	r.wantIdle("another R2T is outstanding")
	r.send(r.dataOut(h.ITT(), a.TTT(), 0, 0, true).BHS(), pattern(0, 1024))
	r.wantSense(h.ITT(), senseOffset, "the second sequence came first")
	r.wantNoTasks()
}

// A Target Transfer Tag is never trusted: one that this task does not have is an invalid field, even if another task has it.
func TestWrongTargetTransferTag(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes", "ImmediateData", "No"))
	a, b := r.write(512), r.write(512)
	r.send(a.BHS(), nil)
	r.send(b.BHS(), nil)
	ra := r.wantR2T(a.ITT(), 0, 0, 512, "")
	rb := r.wantR2T(b.ITT(), 0, 0, 512, "")
	for _, ttt := range []uint32{rb.TTT(), 0, ra.TTT() + 17, 0x80000000} {
		d := r.dataOut(a.ITT(), ttt, 0, 0, true)
		r.send(d.BHS(), pattern(0, 512))
		sent := *d.BHS()
		r.wantReject(pdu.RejectInvalidPDUField, &sent, "this tag is not the task's")
	}
	r.send(r.dataOut(a.ITT(), ra.TTT(), 0, 0, true).BHS(), pattern(0, 512))
	r.wantWritten(a.ITT(), 512)
	r.send(r.dataOut(b.ITT(), rb.TTT(), 0, 0, true).BHS(), pattern(0, 512))
	r.wantWritten(b.ITT(), 512)
	d := r.dataOut(b.ITT(), rb.TTT(), 1, 0, true)
	r.send(d.BHS(), pattern(0, 512))
	r.wantReject(pdu.RejectInvalidPDUField, nil, "the R2T was answered with the F bit already")
}

// Data for a task that is over, or that never was, is discarded without a word: it may have been under way.
func TestDataOutForNoTask(t *testing.T) {
	r := newRig(t)
	r.send(r.dataOut(0x4711, pdu.ReservedTag, 0, 0, true).BHS(), pattern(0, 512))
	r.send(r.dataOut(0x4711, 99, 0, 0, true).BHS(), pattern(0, 512))
	h := r.sendRead(512)
	r.wantExecute("")
	r.send(r.dataOut(h.ITT(), pdu.ReservedTag, 0, 0, true).BHS(), pattern(0, 512))
	r.wantIdle("nobody wants this data")
}

// A data digest error in a Data-Out PDU: Reject with reason 2, then CHECK CONDITION "protocol service CRC error" once all
// data that was asked for has come (7.8).
func TestDataOutDigestError(t *testing.T) {
	r := newRig(t, with("DataDigest", "CRC32C", "InitialR2T", "Yes", "ImmediateData", "No", "MaxBurstLength", "2048", "MaxOutstandingR2T", "2"))
	h := r.sendWrite(4096, 0)
	a := r.wantR2T(h.ITT(), 0, 0, 2048, "")
	b := r.wantR2T(h.ITT(), 1, 2048, 2048, "")
	bad := r.dataOut(h.ITT(), a.TTT(), 0, 0, false)
	r.sendBad(bad.BHS(), pattern(0, 1024))
	r.wantReject(pdu.RejectDataDigestError, bad.BHS(), "its data digest is wrong")
	r.send(r.dataOut(h.ITT(), a.TTT(), 1, 1024, true).BHS(), pattern(1024, 1024))
	r.wantIdle("an R2T is outstanding")
	r.send(r.dataOut(h.ITT(), b.TTT(), 0, 2048, true).BHS(), pattern(2048, 2048))
	r.wantSense(h.ITT(), senseCRC, "data was lost")
	r.wantNoTasks()

	// The same when the bad PDU is the last.
	h, a = r.solicited(1024)
	bad = r.dataOut(h.ITT(), a.TTT(), 0, 0, true)
	r.sendBad(bad.BHS(), pattern(0, 1024))
	// The Reject and the response may come in either order; ours is the order of their making.
	r.wantReject(pdu.RejectDataDigestError, bad.BHS(), "its data digest is wrong")
	r.wantSense(h.ITT(), senseCRC, "data was lost")
	r.wantNoTasks()
}

// A data digest error in a command's immediate data: "discard the PDU". The command was never received (7.3, 7.8); sent
// again with the same CmdSN it is carried out.
func TestImmediateDataDigestError(t *testing.T) {
	r := newRig(t, with("DataDigest", "CRC32C"))
	h := r.write(512)
	r.sendBad(h.BHS(), pattern(0, 512))
	r.wantReject(pdu.RejectDataDigestError, h.BHS(), "its data digest is wrong")
	r.wantNoTasks()
	check.Equal(t, r.expCmdSN, h.CmdSN(), "ExpCmdSN: the command was not received")
	r.sendRead(0)
	r.wantIdle("an earlier command is missing")
	r.send(h.BHS(), pattern(0, 512))
	r.wantWritten(h.ITT(), 512)
	r.wantExecute("the gap is closed")
}

// Digests in all four combinations change nothing else.
func TestDigestCombinations(t *testing.T) {
	for _, hd := range []string{"None", "CRC32C"} {
		for _, dd := range []string{"None", "CRC32C"} {
			r := newRig(t, with("HeaderDigest", hd, "DataDigest", dd))
			h := r.sendWrite(1001, 1001)
			r.serveWrite(h, 1001, "")
			r.sendRead(1001)
			r.complete(r.wantExecute(""), Result{In: pattern(0, 1001)})
			r.want(pdu.OpDataIn, "")
			r.wantNoTasks()
		}
	}
}

// A header digest error ends the connection at ErrorRecoveryLevel 0 (7.8).
func TestHeaderDigestError(t *testing.T) {
	r := newRig(t, with("HeaderDigest", "CRC32C"))
	h := r.read(512)
	b := r.encode(h.BHS(), nil)
	b[20] ^= 1
	r.feed(b)
	r.wantEnd(Close, pdu.ErrHeaderDigest)
	r.wantIdle("nothing in that header can be trusted")
}

// A data segment above our MaxRecvDataSegmentLength is a format error: the connection ends (7.7), and nothing was stored.
func TestDataSegmentTooLong(t *testing.T) {
	r := newRig(t)
	h := r.write(1 << 24)
	h.BHS().SetDataLen(MaxRecvDataSegmentLength + 1)
	r.feed(h.BHS()[:])
	r.wantEnd(Close, pdu.ErrDataTooLong)
}

// FFFFFFFFh is not a Target Transfer Tag: it means that there is none (RFC 7143, 11.7.4, 11.8.5).
func TestTTTIsNeverTheReservedOne(t *testing.T) {
	r := newRig(t)
	r.conn.ttt.latest = pdu.ReservedTag - 2
	seen := map[uint32]bool{}
	for range 4 {
		r.sendWrite(512, 0)
		w := r.want(pdu.OpR2T, "the write has no data")
		ttt := (*pdu.R2T)(&w.h).TTT()
		must.Be(t, ttt != pdu.ReservedTag && !seen[ttt], "TTT %#x is reserved or was given before", ttt)
		seen[ttt] = true
	}
}
