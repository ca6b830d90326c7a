package engine

import (
	"bytes"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
)

// long is how long the tests below make a stage last, on a clock that they move themselves.
const long = 150 * time.Millisecond

// timed is a rig whose loop has such a clock.
type timed struct {
	*rig
	now atomic.Int64
}

func newTimed(t *testing.T, cfg Config, backends ...lun.Backend) *timed {
	t.Helper()
	r := &timed{}
	r.now.Store(1)
	cfg.Cores, cfg.Poll = make([]int, 1), -1 // no polling: it would wait for a clock that stands still
	r.rig = newRigOn(t, cfg, quietNode, func(e *Engine) { e.loops[0].clock = r.now.Load }, backends...)
	return r
}

// pass lets the time long pass, once the loop has that many tasks.
func (r *timed) pass(tasks int) {
	r.t.Helper()
	waitFor(r.t, "the commands to arrive", func() bool { return r.e.Status().Loops[0].Tasks == tasks })
	r.now.Add(int64(long))
}

// wantStage wants the longest of a unit's commands of a kind to have lasted long in that stage, and longer than in any other.
func wantStage(t *testing.T, u UnitLatency, stage Stage) {
	t.Helper()
	want := u.Stages[stage].MaxNanos
	if time.Duration(want) < long || u.Stages[StageTotal].MaxNanos < want {
		t.Errorf("%s took %v at most in %v, %v in all; want %v", u.Operation, time.Duration(want), stage, time.Duration(u.Stages[StageTotal].MaxNanos), long)
	}
	for s := range StageTotal {
		if d := u.Stages[s].MaxNanos; s != stage && d >= want {
			t.Errorf("%s took %v in %v: that belongs to %v", u.Operation, time.Duration(d), s, stage)
		}
	}
}

// counted waits until n commands are counted.
func (r *rig) counted(lun int, op string, n uint64) UnitLatency {
	r.t.Helper()
	return r.until("the commands to be counted", func(l reading) bool { return l[lun][op].Commands >= n })[lun][op]
}

// An initiator that sends data late is seen in receive: data that it sends with the command, and data that it is asked for.
func TestSlowDataIsReceive(t *testing.T) {
	t.Run("immediate", func(t *testing.T) {
		r := newTimed(t, Config{}, memory(t, 1<<20))
		i := r.login(1)
		var h pdu.BHS
		itt := i.command(&h, 0, rawclient.RW10(true, 0, 8), 4096, true)
		h.SetDataLen(4096)
		i.Conn.Write(h[:])
		r.pass(1)
		i.Conn.Write(make([]byte, 4096))
		i.good(itt)
		wantStage(t, r.counted(0, "write", 1), StageReceive)
	})
	t.Run("by R2T", func(t *testing.T) {
		r := newTimed(t, Config{}, memory(t, 1<<20))
		i := r.login(1, "InitialR2T", "Yes", "ImmediateData", "No")
		var h pdu.BHS
		itt := i.command(&h, 0, rawclient.RW10(true, 0, 8), 4096, true)
		i.send(&h, nil)
		i.read()
		ttt := (*pdu.R2T)(&i.Header).TTT()
		r.pass(1)
		i.dataOut(0, itt, ttt, make([]byte, 4096))
		i.good(itt)
		wantStage(t, r.counted(0, "write", 1), StageReceive)
	})
}

// dataOut sends the only Data-Out PDU of a sequence.
func (i *initiator) dataOut(lun byte, itt, ttt uint32, data []byte) {
	i.send(i.DataOut(lun, itt, ttt, 0, 0, true), data)
}

// good is finish for a command that is to succeed.
func (i *initiator) good(itt uint32) {
	i.t.Helper()
	i.wantStatus(itt, 0, "it is to succeed")
}

// start sends a SCSI command with data as its immediate data.
func (i *initiator) start(lun byte, cdb []byte, edtl int, write bool, data []byte) uint32 {
	i.t.Helper()
	var h pdu.BHS
	itt := i.command(&h, lun, cdb, edtl, write)
	i.send(&h, data)
	return itt
}

// wantData reads to the end of a read that is to succeed, and compares its data.
func (i *initiator) wantData(itt uint32, want []byte) {
	i.t.Helper()
	if st, got := i.finish(itt); st != 0 || !bytes.Equal(got, want) {
		i.t.Fatalf("status %#x, data same: %v", st, bytes.Equal(got, want))
	}
}

// wantStatus is finish for a command that is to end with that status.
func (i *initiator) wantStatus(itt uint32, want byte, because string) {
	i.t.Helper()
	if st, _ := i.finish(itt); st != want {
		i.t.Fatalf("status %#x; want %#x, because %s", st, want, because)
	}
}

// A command that comes before its turn waits in window; the one that it waited for does not.
func TestAGapInCmdSNIsWindow(t *testing.T) {
	r := newTimed(t, Config{}, memory(t, 1<<20))
	i := r.login(1)
	i.CmdSN++
	early := i.startRead(0, 0, 8)
	r.pass(1)
	i.CmdSN -= 2
	late := i.startWrite(0, 8, make([]byte, 4096))
	i.CmdSN++
	i.good(late)
	i.good(early)
	wantStage(t, r.counted(0, "read", 1), StageWindow)
	if w := r.counted(0, "write", 1); time.Duration(w.Stages[StageTotal].MaxNanos) >= long {
		t.Errorf("the missing command took %d ns itself", w.Stages[StageTotal].MaxNanos)
	}
}

// What a barrier holds back waits in window too: an ORDERED command waits for those before it on other connections to be handed
// over (session/order.go), here for a write whose data is late.
func TestABarrierIsWindow(t *testing.T) {
	r := newTimed(t, Config{}, memory(t, 1<<20))
	i := r.login(1, "InitialR2T", "Yes", "ImmediateData", "No")
	var w, o pdu.BHS
	write := i.command(&w, 0, rawclient.RW10(true, 0, 8), 4096, true)
	i.send(&w, nil)
	i.read()
	ttt := (*pdu.R2T)(&i.Header).TTT()
	ordered := i.command(&o, 0, rawclient.RW10(false, 0, 8), 4096, false)
	(*pdu.SCSICommand)(&o).SetAttr(pdu.TaskAttrOrdered)
	i.send(&o, nil)
	i.ping() // so it is there
	r.pass(2)
	i.dataOut(0, write, ttt, make([]byte, 4096))
	i.good(write)
	i.good(ordered)
	wantStage(t, r.counted(0, "read", 1), StageWindow)
}

// Waiting for memory that the initiator's other commands hold counts as queue, for data-in and for data-out.
func TestWaitForMemoryIsQueue(t *testing.T) {
	for _, write := range []bool{false, true} {
		stuck, free := faulttest.New(memory(t, 64<<20)), faulttest.New(memory(t, 8<<20))
		stuck.Hold()
		r := newTimed(t, Config{ArenaPerLoop: maxBlock}, stuck, free)
		i := r.login(1, "InitialR2T", "Yes", "ImmediateData", "No")
		first := i.startRead(0, 0, maxBlock/512)
		waitFor(t, "the share to be used up", func() bool { return stuck.Held() == 1 })
		itt := i.start(1, rawclient.RW10(write, 0, 8), 4096, write, nil)
		waitFor(t, "the command to wait", func() bool { return r.e.Status().Loops[0].Tasks == 2 })
		r.pass(2)
		stuck.Fail(-1, lun.ErrMedium) // no data, so the answer needs no reader
		i.finish(first)
		op := "read"
		if write {
			op = "write"
			i.read()
			i.dataOut(1, itt, (*pdu.R2T)(&i.Header).TTT(), make([]byte, 4096))
		}
		i.good(itt)
		wantStage(t, r.counted(1, op, 1), StageQueue)
	}
}

// A medium that takes its time is backend.
func TestASlowMediumIsBackend(t *testing.T) {
	f := faulttest.New(memory(t, 1<<20))
	r := newTimed(t, Config{}, f)
	i := r.login(1)
	f.Hold()
	itt := i.startRead(0, 0, 8)
	waitFor(t, "the read to be there", func() bool { return f.Held() == 1 })
	r.pass(1)
	f.Release(1)
	i.good(itt)
	wantStage(t, r.counted(0, "read", 1), StageBackend)
}

// An initiator that does not read what it asked for is send.
func TestASlowReaderIsSend(t *testing.T) {
	r := newTimed(t, Config{}, memory(t, 64<<20))
	i := r.login(1)
	const n = 16 // of 4 MiB each: more than the sockets hold
	var tags [n]uint32
	for k := range tags {
		tags[k] = i.startRead(0, 0, maxBlock/512)
	}
	waitFor(t, "the commands to be begun", func() bool { return r.e.Status().Loops[0].Stats.Commands >= n })
	r.now.Add(int64(long))
	for _, itt := range tags {
		i.good(itt)
	}
	wantStage(t, r.counted(0, "read", n), StageSend)
}

// pipe is a medium on which a read blocks until the test writes to it.
type pipe struct {
	lun.Backend
	r *os.File
}

func (p *pipe) Submit(l lun.Loop, r *lun.Request) {
	if r.Kind != lun.OpRead {
		p.Backend.Submit(l, r)
		return
	}
	l.PRead(int(p.r.Fd()), r.Buf, 0, p, r)
}

func (p *pipe) QueueDone(_ lun.Loop, r *lun.Request, n int) {
	if n < 0 {
		r.Done.RequestDone(r, lun.ErrMedium)
		return
	}
	r.Done.RequestDone(r, nil)
}

// What has no place with the ring yet is in queue, what has one is in backend.
func TestAFullRingIsQueue(t *testing.T) {
	in, out, err := os.Pipe()
	must.OK(t, err)
	defer in.Close()
	defer out.Close()
	p := &pipe{faulttest.New(memory(t, 1<<20)), in}
	r := newTimed(t, Config{}, p)
	i := r.login(1)
	r.e.on(r.e.loops[0], func() { // one place is left
		ios := &r.e.loops[0].ios
		ios.slots[ios.free].next = -1
	})
	first := i.startRead(0, 0, 8)
	var h pdu.BHS
	second := i.command(&h, 0, append([]byte{0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8}, 0, 0), 4096, false)
	i.send(&h, nil)
	waitFor(t, "the second to stand in line", func() bool {
		n := 0
		r.e.on(r.e.loops[0], func() { n = len(r.e.loops[0].ios.line) })
		return n == 1
	})
	r.pass(2)
	out.Write(make([]byte, 4096))
	i.good(first)
	u := r.counted(0, "read", 1)
	wantStage(t, u, StageBackend)
	r.pass(1)
	out.Write(make([]byte, 4096))
	i.good(second)
	u = r.counted(0, "read", 2)
	if queue, total := time.Duration(u.Stages[StageQueue].MaxNanos), time.Duration(u.Stages[StageTotal].MaxNanos); queue < long || total < 2*long {
		t.Errorf("in line: %v in queue, %v in all; want %v and %v", queue, total, long, 2*long)
	}
}
