package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// A read that fits is one Data-In PDU with the status in it (RFC 7143, 11.7.3).
func TestReadStatusCollapse(t *testing.T) {
	r := newRig(t)
	h := r.read(4096)
	h.CDB()[0] = 0x28
	r.send(h.BHS(), nil)
	task := r.wantExecute("a read needs no data")
	if !task.Read || task.Write || task.EDTL != 4096 || task.CDB[0] != 0x28 || task.ITT != h.ITT() {
		t.Fatalf("task %+v", task)
	}
	data := pattern(0, 4096)
	r.complete(task, Result{In: data, RequiredIn: 4096})
	w := r.want(pdu.OpDataIn, "the command is done")
	in := (*pdu.DataIn)(&w.h)
	if !in.Final() || !in.StatusPresent() || in.Status() != statusGood || in.Underflow() || in.Overflow() || in.ResidualCount() != 0 ||
		in.TTT() != pdu.ReservedTag || in.DataSN() != 0 || in.BufferOffset() != 0 || in.ITT() != h.ITT() || in.Acknowledge() {
		t.Fatalf("%v", w)
	}
	must.Be(t, string(w.data) == string(data), "data differs")
	r.wantIdle("the status is in the Data-In PDU")
	r.wantNoTasks()
}

// A status other than GOOD never travels in a Data-In PDU: sense data has no place there (11.7.3).
func TestReadWithCheckCondition(t *testing.T) {
	r := newRig(t)
	h, task := r.started(8192)
	sense := make([]byte, 18)
	sense[0], sense[2], sense[12] = 0x70, 3, 0x11
	r.complete(task, Result{Status: statusCheckCondition, Sense: sense, In: pattern(0, 4096), RequiredIn: 8192})
	w := r.want(pdu.OpDataIn, "4096 bytes could be read")
	if in := (*pdu.DataIn)(&w.h); !in.Final() || in.StatusPresent() {
		t.Fatalf("%v", w)
	}
	resp := r.wantSense(h.ITT(), 0x031100, "the rest could not")
	if resp.ExpDataSN() != 1 || !resp.Underflow() || resp.Overflow() || resp.ResidualCount() != 4096 {
		t.Fatalf("ExpDataSN %d, U %v, residual %d", resp.ExpDataSN(), resp.Underflow(), resp.ResidualCount())
	}
	r.wantIdle("")
	r.wantNoTasks()
}

// Residuals (RFC 7143, 11.4.5.1), over both directions, with and without data to move.
func TestResiduals(t *testing.T) {
	tests := []struct {
		name        string
		read, write bool
		edtl        uint32
		in          int
		required    int64
		status      byte
		over, under bool
		count       uint32
	}{
		{"read exact", true, false, 512, 512, 512, 0, false, false, 0},
		{"read less than expected", true, false, 1024, 512, 512, 0, false, true, 512},
		{"read more than expected, cut by the backend", true, false, 512, 512, 1024, 0, true, false, 512},
		{"read more than expected, cut by the session", true, false, 512, 1024, 1024, 0, true, false, 512},
		{"read nothing of something", true, false, 255, 0, 0, 0, false, true, 255},
		{"R bit with EDTL 0, data wanted", true, false, 0, 512, 512, 0, true, false, 512},
		{"R bit with EDTL 0, none wanted", true, false, 0, 0, 0, 0, false, false, 0},
		{"a short page in a long allocation", true, false, 96, 36, 255, 0, false, true, 60},
		{"read that failed", true, false, 512, 0, 512, 2, false, true, 512},
		{"read beyond the EDTL that failed", true, false, 512, 0, 1024, 2, false, true, 512},
		{"write exact", false, true, 512, 0, 512, 0, false, false, 0},
		{"write less than expected", false, true, 1024, 0, 512, 0, false, true, 512},
		{"write more than expected", false, true, 512, 0, 1024, 0, true, false, 512},
		{"W bit with EDTL 0, data wanted", false, true, 0, 0, 512, 0, true, false, 512},
		{"W bit with EDTL 0, none wanted", false, true, 0, 0, 0, 0, false, false, 0},
		{"no bits, read wanted", false, false, 0, 512, 512, 0, true, false, 512},
		{"no bits, none wanted", false, false, 0, 0, 0, 0, false, false, 0},
		{"EDTL too small for a read that failed", true, false, 0, 0, 512, 2, true, false, 512},
		{"more than a residual counts", true, false, 0, 0, 1 << 40, 0, true, false, 1<<32 - 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			h := r.command(tt.read, tt.write, tt.edtl)
			var data []byte
			if tt.write {
				data = pattern(0, int(tt.edtl))
			}
			r.send(h.BHS(), data)
			task := r.wantExecute("nothing is missing")
			res := Result{Status: tt.status, In: pattern(0, tt.in)}
			if tt.write {
				res.RequiredOut = tt.required
			} else {
				res.RequiredIn = tt.required
			}
			r.complete(task, res)
			var over, under bool
			var count uint32
			if n := min(tt.in, int(tt.edtl)); tt.read && n > 0 {
				w := r.want(pdu.OpDataIn, "there is data")
				in := (*pdu.DataIn)(&w.h)
				over, under, count = in.Overflow(), in.Underflow(), in.ResidualCount()
				must.Be(t, len(w.data) == n && in.StatusPresent(), "%v", w)
			} else {
				resp := r.wantStatus(h.ITT(), tt.status, "there is no data")
				over, under, count = resp.Overflow(), resp.Underflow(), resp.ResidualCount()
			}
			if over != tt.over || under != tt.under || count != tt.count {
				t.Errorf("O %v U %v residual %d; want O %v U %v residual %d", over, under, count, tt.over, tt.under, tt.count)
			}
			r.wantIdle("")
			r.wantNoTasks()
		})
	}
}

// "At least one of the W and F bits MUST be set to 1" (11.3.1).
func TestCommandWithoutWAndF(t *testing.T) {
	r := newRig(t)
	h := r.read(512)
	h.SetFinal(false)
	r.send(h.BHS(), nil)
	r.wantReject(pdu.RejectProtocolError, h.BHS(), "W and F are 0")
	h.SetFinal(true)
	r.send(h.BHS(), nil)
	r.wantExecute("a rejected command counts as not received: its CmdSN is still expected (7.3)")
}

// Bidirectional commands are answered, not carried out, and what data they bring is discarded.
func TestBidirectionalIsRefused(t *testing.T) {
	r := newRig(t)
	h := r.command(true, true, 1024)
	h.SetFinal(false)
	r.send(h.BHS(), pattern(0, 512))
	r.wantIdle("Data-Out PDUs were announced")
	r.send(r.dataOut(h.ITT(), pdu.ReservedTag, 0, 512, true).BHS(), pattern(512, 512))
	resp := r.wantSense(h.ITT(), senseInvalidField, "no bidirectional command is supported")
	r.wantUnderflow(resp, 1024)
	r.wantIdle("")
	r.wantNoTasks()
}

// Additional header segments (11.2.2): an extended CDB is reported, a bidirectional length without a bidirectional command
// means nothing, anything else is an invalid field.
func TestAdditionalHeaderSegments(t *testing.T) {
	r := newRig(t)
	h := r.read(0)
	r.send(h.BHS(), nil, pdu.AppendExtendedCDB(nil, make([]byte, 16))...)
	must.Be(t, r.wantExecute("").LongCDB, "LongCDB is not set")
	h = r.read(0)
	r.send(h.BHS(), nil, pdu.AppendBidiReadLength(nil, 512)...)
	must.Be(t, !r.wantExecute("").LongCDB, "LongCDB is set")
	for _, ahs := range [][]byte{{0, 1, 5, 0}, {0, 0, 1, 0}, {0xff, 0xff, 1, 0}, {0, 5, 2, 0}} {
		h = r.read(0)
		r.cmdSN--
		r.send(h.BHS(), nil, ahs...)
		r.wantReject(pdu.RejectInvalidPDUField, nil, "the segment is malformed")
	}
}

// An Initiator Task Tag in use is refused (11.17.1, "task in progress"), the reserved one too.
func TestTagInUse(t *testing.T) {
	r := newRig(t)
	h, task := r.started(0)
	again := r.read(0)
	again.SetITT(h.ITT())
	r.send(again.BHS(), nil)
	r.wantReject(pdu.RejectTaskInProgress, again.BHS(), "the tag is in use")
	r.completeGood(h, task, "the first command goes on")
	r.send(again.BHS(), nil)
	r.wantExecute("the tag is free once its response was sent")
	h = r.read(0)
	h.SetITT(pdu.ReservedTag)
	r.send(h.BHS(), nil)
	r.wantReject(pdu.RejectInvalidPDUField, h.BHS(), "0xffffffff names no task (11.2.1.8)")
}

// Without a task the command is answered TASK SET FULL, and its CmdSN counts as received.
func TestNoTask(t *testing.T) {
	r := newRig(t)
	r.host.tasks = 0
	h := r.sendWrite(4096, 4096)
	resp := r.wantStatus(h.ITT(), statusTaskSetFull, "there is no task")
	r.wantUnderflow(resp, 4096)
	h = r.read(0)
	r.immediate(h.BHS())
	r.send(h.BHS(), nil)
	r.wantReject(pdu.RejectImmediateCommand, h.BHS(), "there is no task for an immediate command")
	r.host.tasks = 10
	r.sendRead(0)
	r.wantExecute("the session goes on")
}

// Without memory for its data a command is answered TASK SET FULL once all of its unsolicited data has gone by.
func TestNoMemory(t *testing.T) {
	r := newRig(t)
	r.host.answer = OutRefused
	h := r.announceWrite(4096, 1024)
	r.send(r.dataOut(h.ITT(), pdu.ReservedTag, 0, 1024, false).BHS(), pattern(0, 1024))
	r.wantIdle("more data was announced")
	r.send(r.dataOut(h.ITT(), pdu.ReservedTag, 1, 2048, true).BHS(), pattern(0, 2048))
	r.wantStatus(h.ITT(), statusTaskSetFull, "there is no memory")
	r.wantNoTasks()
}

// Memory that comes later: no R2T is sent before, and nothing is executed.
func TestMemoryLater(t *testing.T) {
	r := newRig(t)
	r.host.answer = OutLater
	h := r.sendWrite(4096, 0)
	r.wantIdle("there is no memory yet")
	task := r.conn.tags.find(h.ITT())
	r.host.give(task)
	r.conn.Buffer(r.now, task)
	r.pump()
	w := r.want(pdu.OpR2T, "there is memory now")
	r2t := (*pdu.R2T)(&w.h)
	must.Be(t, r2t.DesiredDataTransferLength() == 4096 && r2t.BufferOffset() == 0 && r2t.R2TSN() == 0, "%v", w)
	// A command whose data comes unasked cannot wait.
	h = r.sendWrite(4096, 4096)
	r.wantStatus(h.ITT(), statusTaskSetFull, "its data is there already")
}
