package session

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// attr gives a command a task attribute and sends it.
func (m *tmfRig) attr(i int, h *pdu.SCSICommand, a pdu.TaskAttr) *pdu.SCSICommand {
	h.SetAttr(a)
	m.conns[i].send(h.BHS(), nil)
	return h
}

// wantStarted wants commands to be handed to the host, in that order, and completes them.
func (m *tmfRig) wantStarted(i int, because string, hs ...*pdu.SCSICommand) {
	m.Helper()
	m.settle()
	r := m.conns[i]
	for _, h := range hs {
		task := r.wantExecute(because)
		must.Be(m, task.ITT == h.ITT(), "%#x is executed; want %#x, because %s", task.ITT, h.ITT(), because)
		r.complete(task, Result{})
		m.settle()
		w := r.want(pdu.OpSCSIResponse, because)
		check.Equal(m, w.h.ITT(), h.ITT(), "the command answered")
	}
}

// An ORDERED command is executed after all that is before it in CmdSN order, and before all behind it (SAM-5 8.9.2): also where
// a write before it waits for its data. HEAD OF QUEUE does not wait (8.9.3), nor do other logical units.
func TestOrderedWaitsForData(t *testing.T) {
	m := newTMF(t, 1, "InitialR2T", "Yes")
	a := m.conns[0]
	w := m.write(0, 0, 512)
	r2t := a.wantR2T(w.ITT(), 0, 0, 512, "")
	now := m.readLater(0, 0)
	now.SetImmediate(true)
	m.sn--
	m.wantStarted(0, "an immediate command has no CmdSN of its own, and waits for none", m.attr(0, now, pdu.TaskAttrOrdered))
	ordered := m.attr(0, m.readLater(0, 0), pdu.TaskAttrOrdered)
	behind := m.read(0, 0)
	a.wantIdle("a write before it waits for data")
	m.wantStarted(0, "another unit's", m.attr(0, m.readLater(0, 1), pdu.TaskAttrOrdered))
	m.wantStarted(0, "HEAD OF QUEUE", m.attr(0, m.readLater(0, 0), pdu.TaskAttrHeadOfQueue))
	m.idle("a write before it waits for data")
	a.send(a.dataOut(w.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 512))
	m.wantStarted(0, "in CmdSN order", w, ordered, behind)
	m.clean()
}

// The same over connections.
func TestOrderedOverConnections(t *testing.T) {
	m := newTMF(t, 3, "InitialR2T", "Yes")
	a, b, d := m.conns[0], m.conns[1], m.conns[2]
	w := m.write(1, 0, 512)
	r2t := b.wantR2T(w.ITT(), 0, 0, 512, "")
	running, task := m.started(2, 0)
	ordered := m.attr(0, m.readLater(0, 0), pdu.TaskAttrOrdered)
	behind := []*pdu.SCSICommand{m.read(0, 0), m.read(1, 0), m.read(2, 0)}
	next := m.attr(2, m.readLater(2, 0), pdu.TaskAttrOrdered)
	last := m.read(1, 0)
	m.idle("connection 1 has a write before it that waits for data")
	b.send(b.dataOut(w.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 512))
	a.wantIdle("it has not heard of that")
	b.wantStart(w, "")
	m.settle()
	for i, r := range m.conns {
		if i == 0 {
			r.wantStart(ordered, "")
		}
		check.Equal(t, r.wantExecute("behind the ORDERED command").ITT, behind[i].ITT(), "what is executed behind the ORDERED command")
	}
	d.wantStart(next, "all before it were handed over")
	b.wantStart(last, "behind the second")
	d.completeGood(running, task, "")
	for _, r := range m.conns {
		r.conn.tags.each(func(t *Task) { r.conn.Complete(r.now, t) })
		r.pump()
		r.got = nil
	}
	m.clean()
}

// An ORDERED write that waits for its own data holds back what is behind it.
func TestOrderedWriteWaits(t *testing.T) {
	m := newTMF(t, 2, "InitialR2T", "Yes")
	a := m.conns[0]
	w := m.attr(0, m.writeLater(0, 0, 512), pdu.TaskAttrOrdered)
	r2t := a.wantR2T(w.ITT(), 0, 0, 512, "")
	behind := m.read(1, 0)
	m.idle("it waits for its data")
	a.send(a.dataOut(w.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 512))
	m.wantStarted(0, "its data is here", w)
	m.wantStarted(1, "behind it", behind)
	m.clean()
}

// However the ORDERED command or one before it ends, what waited goes on: an abort, a death, a fault in its data, a function.
func TestOrderedEndsOtherwise(t *testing.T) {
	for _, how := range []string{"abort first", "abort ordered", "first dies", "ordered dies", "fault", "reset", "join"} {
		m := newTMF(t, 3, "InitialR2T", "Yes")
		a, b := m.conns[0], m.conns[1]
		first := m.write(1, 0, 512)
		r2t := b.wantR2T(first.ITT(), 0, 0, 512, "")
		ordered := m.attr(0, m.readLater(0, 0), pdu.TaskAttrOrdered)
		behind := m.read(2, 0)
		m.idle(how)
		data := func(n int) {
			b.send(b.dataOut(first.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, n))
			m.settle()
		}
		switch how {
		case "abort first":
			f := m.abortTask(2, first)
			m.wantComplete(m.conns[2], f, "")
			m.wantStarted(0, how, ordered)
			m.wantStarted(2, how, behind)
		case "abort ordered":
			f := m.abortTask(0, ordered)
			m.wantComplete(a, f, "")
			data(512)
			m.wantStarted(1, how, first)
			m.wantStarted(2, how, behind)
		case "first dies":
			b.gone()
			m.wantStarted(0, how, ordered)
			m.wantStarted(2, how, behind)
		case "ordered dies":
			a.gone()
			m.wantStarted(2, how, behind)
			data(512)
			m.wantStarted(1, how, first)
		case "fault":
			data(100)
			b.wantSense(first.ITT(), senseIncorrectAmount, "it is answered")
			m.wantStarted(0, how, ordered)
			m.wantStarted(2, how, behind)
		case "reset":
			f := m.manage(1, pdu.TMFLogicalUnitReset, false, 0)
			after := m.read(0, 0)
			m.idle("its data is waited for (4.2.3.3)")
			data(512)
			m.finish(1, f)
			m.wantStarted(0, "all but this precede the reset", after)
		case "join":
			m.join(7)
			i := len(m.conns) - 1
			late := m.read(i, 0)
			m.idle("it is behind the ORDERED command")
			data(512)
			m.wantStarted(1, how, first)
			m.wantStarted(0, how, ordered)
			m.wantStarted(2, how, behind)
			m.wantStarted(i, how, late)
		}
		m.clean()
	}
}

// Memory that one before it waits for may be held by those behind it: the order is given up after a time.
func TestOrderedDoesNotWaitForMemory(t *testing.T) {
	m := newTMF(t, 3, "InitialR2T", "Yes")
	b := m.conns[1]
	b.host.answer = OutLater
	first := m.write(1, 0, 512)
	var task *Task
	for live := range b.host.live {
		task = live
	}
	ordered := m.attr(0, m.readLater(0, 0), pdu.TaskAttrOrdered)
	behind := m.read(2, 0)
	m.idle("one before it waits for memory")
	b.now += orderGrace
	m.wantStarted(0, "which may come only after it", ordered)
	m.wantStarted(2, "", behind)
	b.host.give(task)
	b.conn.Buffer(b.now, task)
	b.pump()
	r2t := b.wantR2T(first.ITT(), 0, 0, 512, "")
	b.send(b.dataOut(first.ITT(), r2t.TTT(), 0, 0, true).BHS(), pattern(0, 512))
	m.wantStarted(1, "", first)
	m.clean()

	// It waits for memory itself.
	m.conns[0].host.answer = OutLater
	w := m.attr(0, m.writeLater(0, 0, 512), pdu.TaskAttrOrdered)
	behind = m.read(2, 0)
	m.idle("it waits for memory")
	m.conns[0].now += orderGrace
	m.wantStarted(2, "which this may hold", behind)
	m.abortTask(0, w)
	m.settle()
	m.conns[0].want(pdu.OpTaskManagementResponse, "")
	m.clean()
}

// While ORDERED commands wait, the connection has nothing to look at until something happens that they may wait for: an initiator
// can make a whole window of them wait, and pings would make it look at all of them each time.
func TestWaitingOrderedCommandsCostNothing(t *testing.T) {
	m := newTMF(t, 1, "InitialR2T", "Yes")
	a := m.conns[0]
	const luns = 60
	var writes, ordered []*pdu.SCSICommand
	var r2ts []*pdu.R2T
	for l := range uint64(luns) {
		w := m.write(0, l, 512)
		writes, r2ts = append(writes, w), append(r2ts, a.wantR2T(w.ITT(), 0, 0, 512, ""))
		ordered = append(ordered, m.attr(0, m.readLater(0, l), pdu.TaskAttrOrdered))
	}
	m.idle("writes before them wait for data")
	check.Equal(t, len(a.conn.tm.parts), luns, "barriers")
	a.ping("a ping is answered")
	check.That(t, !a.conn.tm.alert, "a ping makes the connection look at every barrier")
	for l, w := range writes {
		d := a.dataOut(w.ITT(), r2ts[l].TTT(), 0, 0, true)
		d.SetLUN(w.LUN())
		a.send(d.BHS(), pattern(0, 512))
		m.wantStarted(0, "in CmdSN order", w, ordered[l])
	}
	m.clean()
}

// Whatever else is under way on however many connections, ORDERED commands go on without a timer as soon as they can, and keep
// their place among the commands of their logical unit.
func TestOrderedAmongOthers(t *testing.T) {
	type command struct {
		h       *pdu.SCSICommand
		conn    int
		lun     uint64
		ordered bool
		step    int // at which it was executed, 0 before
	}
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := newTMF(t, 1+rng.IntN(3), "InitialR2T", "Yes")
		var cmds []*command // in CmdSN order
		byITT := map[[2]uint32]*command{}
		var running []*Task
		var r2ts []*pdu.R2T
		var from []int // connection of each R2T
		step, done := 0, 0
		look := func() {
			step++
			m.settle()
			for i, r := range m.conns {
				for _, w := range r.got {
					switch w.h.Opcode() {
					case pdu.OpR2T:
						h := w.h
						r2ts, from = append(r2ts, (*pdu.R2T)(&h)), append(from, i)
					case pdu.OpSCSIResponse:
						done++
					}
				}
				for _, ev := range r.events {
					byITT[[2]uint32{uint32(i), ev.Task.ITT}].step = step
					running = append(running, ev.Task)
				}
				r.got, r.events = nil, nil
			}
		}
		const n = 40
		for done < n {
			switch k := rng.IntN(4); {
			case k < 2 && len(cmds) < n:
				c := &command{conn: rng.IntN(len(m.conns)), lun: rng.Uint64N(3), ordered: rng.IntN(3) == 0}
				size := uint32(0)
				if rng.IntN(2) == 0 {
					size = 512
				}
				r := m.conns[c.conn]
				if c.h = m.readLater(c.conn, c.lun); size > 0 {
					m.sn--
					c.h = r.write(size)
					c.h.SetLUN(c.lun << 48)
					m.number(c.h.BHS())
				}
				if c.ordered {
					c.h.SetAttr(pdu.TaskAttrOrdered)
				}
				cmds = append(cmds, c)
				byITT[[2]uint32{uint32(c.conn), c.h.ITT()}] = c
				r.send(c.h.BHS(), nil)
			case k == 2 && len(r2ts) > 0:
				j := rng.IntN(len(r2ts))
				r, q := m.conns[from[j]], r2ts[j]
				d := r.dataOut(q.ITT(), q.TTT(), 0, 0, true)
				d.SetLUN(q.LUN())
				r2ts, from = slices.Delete(r2ts, j, j+1), slices.Delete(from, j, j+1)
				r.send(d.BHS(), pattern(0, 512))
			case k == 3 && len(running) > 0:
				j := rng.IntN(len(running))
				task := running[j]
				running = slices.Delete(running, j, j+1)
				for _, r := range m.conns {
					if r.conn == task.Conn {
						r.complete(task, Result{})
					}
				}
			case len(cmds) == n && len(r2ts) == 0 && len(running) == 0:
				t.Fatalf("seed %d: %d of %d commands are answered, and nothing goes on", seed, done, n)
			}
			look()
		}
		for i, c := range cmds {
			for _, o := range cmds[:i] {
				if o.lun == c.lun && (o.ordered || c.ordered) && o.step > c.step {
					t.Fatalf("seed %d: CmdSN %d is executed before %d", seed, c.h.CmdSN(), o.h.CmdSN())
				}
			}
		}
	}
}

// A command that the host has deferred counts as not handed over: an ORDERED command behind it waits, and what is behind a deferred
// ORDERED command waits too, on all connections. An abort ends a deferred command as it does one that runs.
func TestOrderedWaitsForDeferred(t *testing.T) {
	m := newTMF(t, 2)
	a, b := m.conns[0], m.conns[1]
	a.defers, b.defers = true, true
	start := func(r *loginRig, task *Task) {
		r.conn.Started(task)
		r.pump()
		m.settle()
	}
	first, held := m.started(1, 0)
	ordered := m.attr(0, m.readLater(0, 0), pdu.TaskAttrOrdered)
	behind := m.read(1, 0)
	m.idle("the host has not started the first")
	start(b, held)
	task := a.wantStart(ordered, "the first is started")
	m.idle("the host has not started the ORDERED command")
	b.completeGood(first, held, "")
	m.idle("the host has not started the ORDERED command")
	start(a, task)
	next := b.wantStart(behind, "the ORDERED command is started")
	last := m.attr(0, m.readLater(0, 0), pdu.TaskAttrOrdered)
	m.idle("the host has not started the one before")
	a.defers = false
	f := m.abortTask(1, behind)
	m.settle()
	check.Equal(t, b.wantEvent(Abort).Task, next, "what is aborted")
	b.conn.Aborted(b.now, next)
	b.pump()
	m.wantComplete(b, f, "")
	m.wantStarted(0, "the one before it was aborted", last)
	a.completeGood(ordered, task, "")
	m.clean()
}
