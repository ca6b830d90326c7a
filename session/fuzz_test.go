package session

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// FuzzConn feeds arbitrary bytes to a connection in full feature phase, cut anywhere, over a host that answers early, late
// or never, as the seed says. Whatever comes: no panic, every PDU of the target's is in order (rig.check), what is kept
// stays bounded, and when the transport is gone every task was freed.
func FuzzConn(f *testing.F) {
	for i, b := range fuzzSeeds(f) {
		f.Add(uint64(i), b)
	}
	f.Fuzz(func(t *testing.T, seed uint64, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		var opts []func(*rigOptions)
		if seed&1 != 0 {
			opts = append(opts, with("InitialR2T", "Yes", "MaxBurstLength", "512", "MaxOutstandingR2T", "4"))
		}
		if seed&2 != 0 {
			opts = append(opts, with("ImmediateData", "No", "FirstBurstLength", "512"))
		}
		if seed&4 != 0 {
			opts = append(opts, discovery)
		}
		if seed&8 != 0 {
			opts = append(opts, withWindow(2))
		}
		opts = append(opts, func(o *rigOptions) { o.firstCmd = 0 })
		r := newRig(t, opts...)
		r.host.tasks = 200
		r.host.takes = func(t *Task) int { return int(t.CDB[0]) << 8 }
		b = append([]byte(nil), b...)
		x := &chaos{r: r, rng: rng}
		for len(b) > 0 {
			n := min(len(b), 1+rng.IntN(200))
			r.feed(b[:n])
			b = b[n:]
			x.step()
		}
		x.end()
	})
}

// chaos answers what a rig's connection asks of its host, at some time.
type chaos struct {
	r     *rig
	rng   *rand.Rand
	tasks []Event // Execute, Abort and Manage events that are not answered
	ended bool
}

// take collects what was asked.
func (x *chaos) take() {
	for _, ev := range x.r.events {
		switch ev.Kind {
		case Execute, Manage:
			x.tasks = append(x.tasks, ev)
		case Abort:
			found := false
			for i := range x.tasks {
				if x.tasks[i].Task == ev.Task {
					x.tasks[i].Kind, found = Abort, true
				}
			}
			if !found {
				x.r.Fatal("Abort of a task without Execute")
			}
		case Flush, Close:
			x.ended = true
		}
	}
	x.r.events = x.r.events[:0]
	x.r.got = x.r.got[:0]
}

// answer answers one of the events.
func (x *chaos) answer(i int) {
	ev := x.tasks[i]
	x.tasks = append(x.tasks[:i], x.tasks[i+1:]...)
	c, now := x.r.conn, x.r.now
	switch ev.Kind {
	case Abort:
		if x.rng.IntN(2) == 0 {
			c.Aborted(now, ev.Task)
			break
		}
		fallthrough
	case Execute:
		if t := ev.Task; int(t.Received) != len(t.Out) {
			x.r.Fatalf("Execute with %d bytes of %d", t.Received, len(t.Out))
		}
		ev.Task.Result = Result{In: make([]byte, x.rng.IntN(4096)), RequiredIn: int64(x.rng.IntN(4096)), RequiredOut: int64(x.rng.IntN(4096))}
		if x.rng.IntN(4) == 0 {
			ev.Task.Result.Status, ev.Task.Result.Sense = statusCheckCondition, make([]byte, x.rng.IntN(300))
		}
		c.Complete(now, ev.Task)
	case Manage:
		c.Managed(now, ev.Task, byte(x.rng.IntN(8)))
	}
}

func (x *chaos) step() {
	r := x.r
	x.take()
	for i := len(x.tasks) - 1; i >= 0; i-- {
		if x.rng.IntN(3) == 0 {
			x.answer(i)
		}
	}
	r.room = x.rng.IntN(4) > 0
	r.host.holdSent = x.rng.IntN(2) == 0
	switch x.rng.IntN(40) {
	case 0:
		r.now += nopInterval
		r.conn.Advance(r.now)
	case 1:
		r.conn.AbortTasks(r.now, func(t *Task) bool { return t.LUN == 0 })
	case 2:
		r.conn.Shutdown(r.now)
	}
	if !r.host.holdSent {
		r.host.sent()
	}
	r.pump()
	x.take()
	c := r.conn
	if c.live > r.host.tasks || c.replies.n > maxReplies || len(c.replies.ring) > 2*maxReplies || len(c.txt.gather) > maxText ||
		len(c.txt.seen.others) > maxText/3 || c.immediates > MaxImmediate {
		r.Fatalf("bounds: live %d replies %d/%d text %d/%d immediate %d", c.live, c.replies.n, len(c.replies.ring), len(c.txt.gather),
			len(c.txt.seen.others), c.immediates)
	}
}

func (x *chaos) end() {
	r := x.r
	x.take()
	r.room = true
	r.closeNow()
	down := 0
	for {
		for _, ev := range r.events {
			if ev.Kind == SessionDown {
				if down++; len(r.host.live) > 0 {
					r.Fatalf("SessionDown with %d tasks", len(r.host.live))
				}
			}
		}
		x.take()
		if len(x.tasks) == 0 {
			break
		}
		x.answer(x.rng.IntN(len(x.tasks)))
		r.pump()
	}
	r.wantNoTasks()
	if r.conn.sess != nil && !r.conn.sess.Discovery && down != 1 {
		r.Fatalf("SessionDown came %d times", down)
	}
	r.wantNoMemory()
}

// fuzzSeeds are streams of well-formed PDUs of every kind.
func fuzzSeeds(t testing.TB) [][]byte {
	r := newRig(t, func(o *rigOptions) { o.firstCmd = 0 })
	var all [][]byte
	var stream []byte
	add := func(h *pdu.BHS, data []byte, ahs ...byte) {
		b := r.encode(h, data, ahs...)
		stream = append(stream, b...)
		all = append(all, b)
	}
	rd := r.read(4096)
	rd.CDB()[0] = 0x28
	add(rd.BHS(), nil)
	w := r.write(4096)
	w.CDB()[0] = 0x2a
	add(w.BHS(), pattern(0, 512))
	w = r.write(4096)
	w.SetFinal(false)
	w.CDB()[0] = 8
	add(w.BHS(), pattern(0, 512))
	add(r.dataOut(w.ITT(), pdu.ReservedTag, 0, 512, false).BHS(), pattern(0, 100))
	add(r.dataOut(w.ITT(), pdu.ReservedTag, 1, 612, true).BHS(), pattern(0, 3484))
	w = r.write(2000)
	w.CDB()[0] = 0x40
	add(w.BHS(), nil)
	for ttt := range uint32(4) {
		add(r.dataOut(w.ITT(), ttt+1, 0, 512*ttt, true).BHS(), pattern(0, 512))
	}
	add(r.command(true, true, 512).BHS(), nil, pdu.AppendBidiReadLength(nil, 512)...)
	add(r.read(512).BHS(), nil, pdu.AppendExtendedCDB(nil, make([]byte, 16))...)
	for f := range pdu.TaskFunction(14) {
		m := r.manage(f, f&1 == 0)
		m.SetReferencedTaskTag(rd.ITT())
		add(m.BHS(), nil)
	}
	add(r.nopOut(5, pdu.ReservedTag, true), []byte("ping"))
	add(r.nopOut(6, pdu.ReservedTag, false), nil)
	add(r.nopOut(pdu.ReservedTag, 1, true), nil)
	add(r.text(7, pdu.ReservedTag, true, false).BHS(), []byte("SendTargets=\x00MaxRecvDataSegmentLength=512\x00"))
	add(r.text(8, pdu.ReservedTag, false, true).BHS(), []byte("SendTargets"))
	add(r.text(8, 1, true, false).BHS(), []byte("=All\x00"))
	var snack pdu.BHS
	snack.Init(pdu.OpSNACKRequest)
	add(&snack, nil)
	var long pdu.BHS
	long.Init(pdu.OpSCSICommand)
	add(&long, nil, make([]byte, 260)...)
	add(r.logout(pdu.LogoutRemoveConnectionForRecovery, 7).BHS(), nil)
	add(r.logout(pdu.LogoutCloseSession, 0).BHS(), nil)
	var login pdu.BHS
	login.Init(pdu.OpLoginRequest)
	add(&login, []byte("InitiatorName=iqn.x\x00"))
	// The whole session, and the same without its numbers in order.
	all = append(all, stream)
	odd := append([]byte(nil), stream...)
	for i := 24; i+4 <= len(odd); i += 48 {
		binary.BigEndian.PutUint32(odd[i:], uint32(i%7))
	}
	return append(all, odd)
}

// The fuzz target's seeds, under many hosts.
func TestFuzzSeeds(t *testing.T) {
	seeds := fuzzSeeds(t)
	for seed := range uint64(64) {
		r := newRig(t, func(o *rigOptions) { o.firstCmd = 0 })
		r.host.takes = func(t *Task) int { return int(t.CDB[0]) << 8 }
		x := &chaos{r: r, rng: rand.New(rand.NewPCG(seed, 2))}
		for _, b := range seeds {
			r.feed(b)
			x.step()
		}
		x.end()
	}
}
