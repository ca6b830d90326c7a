package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// RFC 7143, 4.2.3.3, a: the target "MUST wait for responses on currently valid Target Transfer Tags of the affected tasks from
// the issuing initiator". The data is discarded, and the host never sees the command.
func TestFunctionWaitsForSolicitedData(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes", "MaxOutstandingR2T", "2", "MaxBurstLength", "2048"))
	h := r.sendWrite(8192, 0)
	first := r.wantR2T(h.ITT(), 0, 0, 2048, "")
	second := r.wantR2T(h.ITT(), 1, 2048, 2048, "")
	asked := r.write(512) // whose R2T is not sent yet
	r.room = false
	r.send(asked.BHS(), nil)
	m := r.sendManage(pdu.TMFLogicalUnitReset, true)
	r.makeRoom()
	r.wantIdle("two R2Ts are to be answered, and no other is sent")
	r.send(r.dataOut(h.ITT(), first.TTT(), 0, 0, false).BHS(), pattern(0, 1024))
	r.send(r.dataOut(h.ITT(), first.TTT(), 1, 1024, true).BHS(), pattern(1024, 1024))
	r.wantIdle("one R2T is to be answered")
	r.send(r.dataOut(h.ITT(), second.TTT(), 0, 2048, true).BHS(), pattern(2048, 2048))
	r.carryOut(m, "")
	r.wantNoTasks()
}

// What a command announced without an R2T is waited for as well, up to its F bit; and a digest error in it changes nothing.
func TestFunctionWaitsForUnsolicitedData(t *testing.T) {
	r := newRig(t, with("DataDigest", "CRC32C"))
	h := r.announceWrite(4096, 1024)
	m := r.sendManage(pdu.TMFAbortTaskSet, false)
	r.wantIdle("3 KiB are announced")
	r.send(r.dataOut(h.ITT(), pdu.ReservedTag, 0, 1024, false).BHS(), pattern(1024, 1024))
	r.wantIdle("this was not the last of it")
	last := r.dataOut(h.ITT(), pdu.ReservedTag, 1, 2048, true)
	r.sendBad(last.BHS(), pattern(2048, 2048))
	r.wantReject(pdu.RejectDataDigestError, last.BHS(), "7.8")
	r.carryOut(m, "")
	r.wantNoTasks()
}

// An initiator that sends nothing more for what it resets (Linux) is not waited for longer than drainGrace.
func TestFunctionDoesNotWaitForEver(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes"))
	h, r2t := r.solicited(4096)
	m := r.sendManage(pdu.TMFLogicalUnitReset, true)
	check.Equal(t, r.conn.Timer(), r.now+drainGrace, "the timer")
	r.tick(drainGrace - 1)
	r.wantIdle("the grace is not over")
	r.tick(1)
	ev := r.wantEvent(Manage)
	r.send(r.dataOut(h.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 4096))
	r.wantIdle("late data is discarded without a word")
	r.managed(ev.Task, pdu.TMFResponseComplete)
	r.wantManaged(m.ITT(), pdu.TMFResponseComplete, "")
	must.Be(t, r.conn.Timer() != r.now, "the timer stays")
	r.wantNoTasks()
}

// With FastAbort the initiator sends nothing more, and nothing is waited for (4.2.3.4, initiator, a).
func TestFastAbortDoesNotWait(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes", "TaskReporting", "FastAbort"))
	h, r2t := r.solicited(4096)
	m := r.sendManage(pdu.TMFLogicalUnitReset, true)
	r.carryOut(m, "")
	r.send(r.dataOut(h.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 4096))
	r.wantIdle("this was under way; the issuing connection gets no message")
	r.wantNoTasks()
}

// ABORT TASK ends one that is waited for, and the connection's end does.
func TestDrainEndsOtherwise(t *testing.T) {
	r := newRig(t, with("InitialR2T", "Yes"))
	h, _ := r.solicited(4096)
	m := r.sendManage(pdu.TMFLogicalUnitReset, true)
	a := r.abort(h)
	r.hostDone()
	r.wantManaged(a.ITT(), pdu.TMFResponseComplete, "")
	r.wantManaged(m.ITT(), pdu.TMFResponseComplete, "")

	r.solicited(4096)
	r.sendManage(pdu.TMFLogicalUnitReset, true)
	r.wantDown()
}

// A write of another connection, in the middle of a Data-Out PDU: it goes on to its buffer, and is waited for.
func TestFunctionWaitsForDataElsewhere(t *testing.T) {
	m := newTMF(t, 2)
	a, b := m.conns[0], m.conns[1]
	h := m.write(1, 0, 4096)
	r2t := b.wantR2T(h.ITT(), 0, 0, 4096, "")
	raw := b.encode(b.dataOut(h.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 4096))
	b.feed(raw[:1000])
	f := m.manage(0, pdu.TMFClearTaskSet, true, 0)
	m.idle("its data is arriving")
	b.feed(raw[1000:])
	m.carryOut(a, f, "")
	m.clean()

	h = m.write(1, 0, 4096)
	b.wantR2T(h.ITT(), 0, 0, 4096, "")
	f = m.manage(0, pdu.TMFClearTaskSet, true, 0)
	m.idle("its data is waited for")
	b.now += drainGrace
	m.carryOut(a, f, "the grace of connection 1 is over")
	m.clean()
}

// A covered write that the window has in hand, as an immediate function may find it, is waited for from its delivery on.
func TestDrainOfADelivery(t *testing.T) {
	for _, how := range []string{"data", "death", "grace"} {
		m := newTMF(t, 2)
		a, b := m.conns[0], m.conns[1]
		missing := m.readLater(0, 1)
		h := b.write(4096)
		h.SetFinal(false)
		m.number(h.BHS())
		b.send(h.BHS(), nil)
		a.send(missing.BHS(), nil) // now h is in an inbox
		a.serve(missing, "")
		bar := &barrier{origin: a.conn, fn: pdu.TMFLogicalUnitReset, sn: m.sn}
		bar.missing.Store(2)
		b.conn.tm.arrives(bar, true)
		switch how {
		case "death":
			b.gone()
		case "grace":
			b.conn.tm.attend(b.now)
			b.now += drainGrace
			b.conn.tm.advance(b.now)
		case "data":
			b.turn()
			check.Equal(t, bar.missing.Load(), 2, "reports missing: data is to come")
			b.send(b.dataOut(h.ITT(), pdu.ReservedTag, 0, 0, true).BHS(), pattern(0, 4096))
		}
		m.settle()
		check.Equal(t, bar.missing.Load(), 1, "reports missing: one came")
		b.conn.tm.dropPart(bar)
		m.clean()
	}
}
