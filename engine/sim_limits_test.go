package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// Limits in simulated time: initiators that keep a number of commands in flight, in a world without faults in which nothing but
// waiting takes time. So counts are exact, but for the commands that are under way at the ends.

type simLoad struct {
	*simWorld
	hosts map[*simConn]*simHost
}

// simHost is an initiator with one session of one connection.
type simHost struct {
	c      *simConn
	depth  int
	blocks int
	lun    uint64
	write  bool
	free   []uint32 // tags
	next   uint32   // tag of the login's commands
	done   int      // commands
	paused bool
}

func newSimLoad(t *testing.T, loops int) *simLoad {
	l := &simLoad{simWorld: newSimWorld(t, loops, simConfig{}, session.Limits{Window: 128}, nil), hosts: map[*simConn]*simHost{}}
	l.onPDU = l.take
	return l
}

// host logs an initiator in, on a loop, that will keep depth commands of some blocks in flight.
func (l *simLoad) host(name string, loop, depth, blocks int, write bool) *simHost {
	first := uint32(1)
	sess := &simSession{w: l.simWorld, name: "iqn.2026-11.test:" + name, isid: [6]byte{0x80, 1, 2, 3, 4, byte(len(l.hosts))}, cmdSN: first, first: first,
		exp: first, max: first - 1, cmds: map[uint32]*simCmd{}}
	h := &simHost{depth: depth, blocks: blocks, lun: simMemory, write: write, next: 0x7000, paused: true}
	h.c = sess.connect(0, loop, "InitialR2T", "No", "ImmediateData", "Yes", "FirstBurstLength", "65536", "DefaultTime2Retain", "0")
	l.hosts[h.c] = h
	l.run(0)
	must.Be(l, h.c.state == simFull, "the login failed: %s", h.c.why)
	for lun := range uint64(simUnits) { // the unit attentions of a new nexus
		b := h.c.header(pdu.OpSCSICommand, h.next, true)
		h.next++
		b.SetLUN(lun << 48)
		h.c.transmit(h.c.stamped(h.c.encode(&b, nil)), &simCmd{kind: simTest, conn: h.c, h: b, lun: lun})
	}
	l.run(0)
	for i := range depth {
		h.free = append(h.free, uint32(i+1))
	}
	return h
}

// begin makes all hosts send commands, which only limits slow down, and lets d pass.
func (l *simLoad) begin(d time.Duration) {
	for _, h := range l.hosts {
		h.paused = false
	}
	l.run(d)
}

// take counts an answer.
func (l *simLoad) take(c *simConn, x wire) {
	h := l.hosts[c]
	switch op := x.h.Opcode(); {
	case op == pdu.OpSCSIResponse, op == pdu.OpDataIn && (*pdu.DataIn)(&x.h).StatusPresent():
		if x.h.ITT() < 0x7000 {
			status := (*pdu.SCSIResponse)(&x.h).Status()
			must.Be(l, status == statusGood, "%v: status %#x", c, status)
			h.free = append(h.free, x.h.ITT())
			h.done++
		}
	case op == pdu.OpNOPIn:
		b := c.header(pdu.OpNOPOut, pdu.ReservedTag, true)
		(*pdu.NOPOut)(&b).SetTTT((*pdu.NOPIn)(&x.h).TTT())
		c.transmit(c.stamped(c.encode(&b, nil)), nil)
	}
}

// issue sends a host's next command.
func (l *simLoad) issue(h *simHost) bool {
	n := len(h.free)
	if h.paused || n == 0 || pdu.SNLess(h.c.sess.max, h.c.sess.cmdSN) {
		return false
	}
	kind := simRead
	if h.write {
		kind = simWrite
	}
	cmd := &simCmd{id: h.free[n-1], kind: kind, conn: h.c, issued: l.step, lun: h.lun, n: h.blocks}
	h.free = h.free[:n-1]
	cmd.h = h.c.header(pdu.OpSCSICommand, cmd.id, false)
	cmd.fill()
	var data []byte
	if h.write {
		data = cmd.data()
	}
	h.c.transmit(h.c.stamped(h.c.encode(&cmd.h, data)), cmd)
	return true
}

// run lets d pass; with 0 it lets everything happen that needs no time.
func (l *simLoad) run(d time.Duration) {
	for end := l.now + int64(d); ; {
		l.step++
		moved := l.loopStep() || l.kernelStep()
		for c, h := range l.hosts {
			moved = c.read() || l.issue(h) || moved
		}
		if moved {
			continue
		}
		at := l.deadline()
		if d == 0 || at == 0 || at > end {
			l.now = max(l.now, end)
			return
		}
		l.now = max(l.now, at)
	}
}

// end logs everybody out.
func (l *simLoad) end() {
	for c, h := range l.hosts {
		h.paused = true
		c.sock.s.Reset()
	}
	for range 10 {
		l.run(time.Second)
	}
	l.shutDown()
}

// near checks a count: the number that is due, within some commands.
func (l *simLoad) near(what string, got int, want float64, off float64) {
	l.Helper()
	check.That(l, math.Abs(float64(got)-want) <= off, "%s: %d commands, want %.0f within %.0f", what, got, want, off)
}

// A limit is held exactly, by one loop or by several, whether it bounds commands or bytes, reads or writes, of a unit or of an
// initiator, or both.
func TestLimitsHoldTheirRate(t *testing.T) {
	for _, tc := range []struct {
		name      string
		unit      Rate
		initiator Rate
		write     bool
		want      float64 // commands a second of two initiators with 32 commands of 4 KiB
	}{
		{"unit, reads", Rate{ReadIOPS: 2000, WriteIOPS: 10}, Rate{}, false, 2000},
		{"unit, writes", Rate{ReadIOPS: 10, WriteIOPS: 777}, Rate{}, true, 777},
		{"unit, bytes", Rate{ReadBytes: 1 << 20}, Rate{}, false, 256},
		{"unit, the lower one", Rate{ReadIOPS: 300, ReadBytes: 1 << 20}, Rate{}, false, 256},
		{"initiators", Rate{}, Rate{ReadIOPS: 500}, false, 1000},
		{"unit below initiators", Rate{ReadIOPS: 400}, Rate{ReadIOPS: 500}, false, 400},
		{"initiators below unit", Rate{ReadIOPS: 1100}, Rate{ReadBytes: 500 << 12}, false, 1000},
		{"both, as much", Rate{ReadIOPS: 1000}, Rate{ReadIOPS: 500}, false, 1000},
		{"fast", Rate{ReadIOPS: 60000}, Rate{}, false, 60000},
		{"slow", Rate{WriteIOPS: 3}, Rate{}, true, 3},
	} {
		for loops := 1; loops <= 2; loops++ {
			t.Run(fmt.Sprintf("%s on %d", tc.name, loops), func(t *testing.T) {
				l := newSimLoad(t, loops)
				hosts := []*simHost{l.host("a", 0, 32, 8, tc.write), l.host("b", loops-1, 32, 8, tc.write)}
				l.engine.SetUnitQoS(l.target.Units()[simMemory], tc.unit)
				l.engine.SetInitiatorQoS(l.target, []InitiatorRate{{Rate: tc.initiator}})
				l.begin(time.Millisecond)
				for _, h := range hosts {
					h.done = 0
				}
				d := time.Second
				if tc.want > 10000 {
					d /= 10
				}
				l.run(d)
				got := hosts[0].done + hosts[1].done
				l.near("together", got, tc.want*d.Seconds(), 2+tc.want*float64(2*heldTick*int64(loops))/1e9)
				l.end()
			})
		}
	}
}

// Initiators that want more than there is get as much each, however many commands they have in flight and however large those are,
// on one loop and on several.
func TestLimitsAreFair(t *testing.T) {
	for loops := 1; loops <= 3; loops++ {
		t.Run(fmt.Sprint(loops), func(t *testing.T) {
			l := newSimLoad(t, loops)
			deep, one, large := l.host("deep", 0, 128, 8, false), l.host("one", loops-1, 1, 8, false), l.host("large", 0, 16, 64, false)
			u := l.target.Units()[simMemory]
			measure := func(d time.Duration) {
				l.begin(50 * time.Millisecond)
				for _, h := range l.hosts {
					h.done = 0
				}
				l.run(d)
			}
			l.engine.SetUnitQoS(u, Rate{ReadIOPS: 900})
			measure(time.Second)
			for _, h := range []*simHost{deep, one, large} {
				l.near(fmt.Sprint("commands, by depth ", h.depth), h.done, 300, 15)
			}
			l.engine.SetUnitQoS(u, Rate{ReadBytes: 3 << 20})
			measure(4 * time.Second)
			for _, h := range []*simHost{deep, one} {
				l.near(fmt.Sprint("MiB, by depth ", h.depth), h.done, 4*256, 60)
			}
			l.near("MiB, large", large.done*8, 4*256, 60)
			l.end()
		})
	}
}

// What an initiator does not want goes to the others.
func TestLimitsLeaveNothing(t *testing.T) {
	l := newSimLoad(t, 2)
	l.engine.SetInitiatorQoS(l.target, []InitiatorRate{{Initiators: []string{"iqn.2026-11.test:little"}, Rate: Rate{ReadIOPS: 100}}})
	l.engine.SetUnitQoS(l.target.Units()[simMemory], Rate{ReadIOPS: 1000})
	little, much := l.host("little", 0, 32, 8, false), l.host("much", 1, 32, 8, false)
	l.begin(50 * time.Millisecond)
	little.done, much.done = 0, 0
	l.run(time.Second)
	l.near("with a limit of its own", little.done, 100, 2)
	l.near("the other", much.done, 900, 20)
	l.end()
}

// A change applies at once to commands that are held: a faster rate, a slower one, and none.
func TestLimitsChangeWhileCommandsAreHeld(t *testing.T) {
	for loops := 1; loops <= 2; loops++ {
		l := newSimLoad(t, loops)
		u := l.target.Units()[simMemory]
		l.engine.SetUnitQoS(u, Rate{ReadIOPS: 1})
		a, b := l.host("a", 0, 64, 8, false), l.host("b", loops-1, 64, 8, false)
		total := func() int { return a.done + b.done }
		l.begin(100 * time.Millisecond)
		for _, rate := range []int64{1000, 5000, 200} {
			l.engine.SetUnitQoS(u, Rate{ReadIOPS: rate})
			before := total()
			l.run(time.Second)
			l.near(fmt.Sprint("at ", rate), total()-before, float64(rate), 5+float64(rate)/500)
		}
		a.paused, b.paused = true, true
		l.run(time.Millisecond)
		before, left := total(), 0
		for _, s := range l.engine.QoS() {
			left += int(s.HeldNow)
		}
		must.Be(t, left > 100, "%d commands are held", left)
		l.engine.SetUnitQoS(u, Rate{})
		l.run(0)
		check.Equal(t, total()-before, left, "commands that go on without the limit")
		l.end()
	}
}

// limitsIdle checks that no limit has anything left of commands that have ended.
func (w *simWorld) limitsIdle() {
	var left []string
	x := &w.engine.limits
	for _, of := range x.byTarget {
		all := append([]*limit(nil), of.units...)
		for _, lim := range of.byName {
			all = append(all, lim)
		}
		for _, lim := range all {
			if lim == nil {
				continue
			}
			if n := lim.counts.now.Load(); n != 0 {
				left = append(left, fmt.Sprintf("%d held commands", n))
			}
			for i := range lim.meters {
				m := &lim.meters[i]
				if n := m.lines.Load(); n != 0 {
					left = append(left, fmt.Sprintf("%d lines", n))
				}
				for k := range m.queues {
					if q := &m.queues[k]; q.waiting != 0 || q.head.Load() != noTag {
						left = append(left, fmt.Sprintf("%d flows", q.waiting))
					}
				}
			}
			if lim.conns != 0 {
				left = append(left, fmt.Sprintf("%d connections", lim.conns))
			}
		}
	}
	if left != nil {
		w.Fatalf("limits still have %s", strings.Join(left, ", "))
	}
}

// simLimits is the oracle for limits that change at random.
type simLimits struct {
	units [simUnits]simLimit
	own   simLimit // of the initiator
}

// simLimit is a limit's rate since some time, and what commands have taken since.
type simLimit struct {
	rate  Rate
	since int64
	taken [2][]simTaken // by direction
}

type simTaken struct {
	at    int64
	bytes int
}

// limit changes a limit at random.
func (s *simulation) limit() {
	n := func(v ...int64) int64 { return v[s.rng.IntN(len(v))] }
	r := Rate{ReadIOPS: n(0, 0, 10, 100, 5000), WriteIOPS: n(0, 0, 10, 100, 5000), ReadBytes: n(0, 0, 50e3, 1e6), WriteBytes: n(0, 0, 50e3, 1e6),
		Burst: time.Duration(n(0, 5e6, 1e9))}
	if s.rng.IntN(4) == 0 {
		r = Rate{}
	}
	if i := s.rng.IntN(simUnits + 1); i < simUnits {
		s.logf("limit of unit %d: %+v", i, r)
		s.limits.units[i].change(s.simWorld, r)
		s.engine.SetUnitQoS(s.target.Units()[i], r)
	} else {
		s.logf("limit of the initiator: %+v", r)
		s.limits.own.change(s.simWorld, r)
		s.engine.SetInitiatorQoS(s.target, []InitiatorRate{{Initiators: []string{"iqn.nobody"}, Rate: Rate{ReadIOPS: 1}}, {Initiators: []string{"iqn.*"}, Rate: r}})
	}
	s.stats["limit"]++
}

// change checks what was taken under the rate, and begins anew.
func (x *simLimit) change(w *simWorld, r Rate) {
	x.check(w)
	*x = simLimit{rate: r, since: w.now}
}

// check checks that no stretch of time has seen more than the rate and the burst allow. A loop's time is a little behind, so commands
// at the ends do not count.
func (x *simLimit) check(w *simWorld) {
	burst := x.rate.Burst
	if burst == 0 {
		burst = defaultBurst
	}
	for i, all := range x.taken {
		ops, bytes := x.rate.ReadIOPS, x.rate.ReadBytes
		if i == 1 {
			ops, bytes = x.rate.WriteIOPS, x.rate.WriteBytes
		}
		slices.SortStableFunc(all, func(a, b simTaken) int { return cmp.Compare(a.at, b.at) })
		for from := range all {
			if all[from].at < x.since+ms {
				continue
			}
			n, size := 0, 0
			for _, t := range all[from:] {
				d := float64(t.at-all[from].at+int64(burst)+ms) / 1e9
				if ops > 0 && float64(n) > float64(ops)*d || bytes > 0 && t.bytes > 0 && float64(size) > float64(bytes)*d {
					w.Fatalf("%d commands and %d bytes have started in %.3f s: %+v: %+v", n, size, d-burst.Seconds(), x.rate, all)
				}
				n++
				size += t.bytes
			}
		}
	}
}

// took notes that a command has started.
func (w *simWorld) took(t *task, cmd *simCmd) {
	i, n := 0, cmd.bytes()
	switch cmd.kind {
	case simTest:
		n = simBlockLen
	case simUnmap:
		i, n = 1, 0
	case simWrite:
		i = 1
	case simSync:
		return
	}
	unit, own := &w.limits.units[cmd.lun], &w.limits.own
	if w.cfg.arena > 0 || w.cfg.noSlab > 0 {
		return // it may have waited for memory since it paid
	}
	for _, x := range []*simLimit{unit, own} {
		switch {
		case !x.rate.bounds():
		case t.heldAt != 0 && t.heldAt < x.since+ms: // the limit may be newer
		case x == own && (unit.rate.bounds() || unit.since > own.since): // it may have waited for its unit since it paid
		default:
			x.taken[i] = append(x.taken[i], simTaken{t.times.begun, n})
		}
	}
}

// checkLimits is called while nothing happens: held commands wait for a timer that comes in time.
func (w *simWorld) checkLimits() {
	for _, sl := range w.loops {
		l := sl.l
		for _, c := range l.conns {
			if c == nil {
				continue
			}
			for t := c.tasks; t != nil; t = t.next {
				if t.phase != taskHeld {
					continue
				}
				q := t.flow.queue
				if ready := q.meter.ready(int64(q.first.line.first.need)); q.wake == 0 || q.wake > max(ready, l.now)+heldTick {
					w.Fatalf("loop %d: ITT %#x is held until %d, and looked at at %d", l.index, t.s.ITT, ready, q.wake)
				}
			}
		}
	}
}

// holdsSome reports whether commands are held by limits.
func (w *simWorld) holdsSome() bool {
	for _, s := range w.engine.QoS() {
		if s.HeldNow > 0 {
			return true
		}
	}
	return false
}
