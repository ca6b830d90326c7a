package engine

import (
	"context"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
)

const tick = time.Duration(heldTick)

// limited is a rig whose loop has a clock that the test advances.
type limited struct{ *timed }

func newLimited(t *testing.T) *limited {
	return &limited{newTimed(t, Config{}, memory(t, 8<<20), memory(t, 8<<20))}
}

func (r *limited) unit(i int) *lun.Unit { return r.target.Units()[i] }

// rate limits unit 0. It returns when the loop knows.
func (r *limited) rate(rate Rate) {
	r.e.SetUnitQoS(r.unit(0), rate)
	r.e.Status()
}

// held waits until that many commands are held back by limits of units.
func (r *limited) held(n int64) {
	r.t.Helper()
	waitFor(r.t, "commands to be held", func() bool {
		got := int64(0)
		for _, s := range r.e.QoS() {
			if s.LUN >= 0 {
				got += s.HeldNow
			}
		}
		return got == n
	})
}

// pass advances the clock and lets the loop see it.
func (r *limited) pass(d time.Duration) {
	r.now.Add(int64(d))
	r.e.Status()
}

// A command that the rate of its unit does not allow yet is answered when it does, not before; commands to other units, pings,
// and commands that move no blocks are answered meanwhile.
func TestUnitLimitHoldsCommands(t *testing.T) {
	r := newLimited(t)
	i, j := r.login(1), r.login(2)
	r.rate(Rate{ReadIOPS: 10, Burst: 10 * time.Millisecond})
	i.good(i.startRead(0, 0, 8))
	itt := i.startRead(0, 0, 8)
	r.held(1)
	j.good(j.startRead(1, 0, 8))
	j.good(j.startWrite(0, 0, make([]byte, 4096)))
	j.good(j.start(0, make([]byte, 6), 0, false, nil)) // TEST UNIT READY
	i.ping()
	r.pass(100*time.Millisecond - time.Nanosecond)
	i.ping() // its answer would come after that of the read
	r.pass(time.Nanosecond + tick)
	i.good(itt)
	s := r.e.QoS()[0]
	check.Equal(t, s.HeldNow, 0, "commands held")
	check.Equal(t, s.Held, 1, "commands that were held")
	check.Equal(t, s.HeldTime, 100*time.Millisecond+tick, "the time that it was held")
}

// An initiator's limit covers all units of the target and all its sessions, and no other initiator.
func TestInitiatorLimitCoversUnits(t *testing.T) {
	r := newLimited(t)
	i, other := r.login(1), r.login(2)
	r.e.SetInitiatorQoS(r.target, []InitiatorRate{
		{Initiators: []string{"iqn.2026-11.TEST:1", "iqn.nobody*"}, Rate: Rate{WriteBytes: 4096, Burst: 10 * time.Millisecond}},
	})
	r.e.Status()
	again := r.login(3, "InitiatorName", "iqn.2026-11.test:1")
	data := make([]byte, 4096)
	i.good(i.startWrite(0, 0, data))
	second := i.startWrite(1, 0, data)
	waitFor(t, "it to be held", func() bool { return r.e.QoS()[0].HeldNow == 1 })
	third := again.startWrite(1, 0, data)
	waitFor(t, "both to be held", func() bool { return r.e.QoS()[0].HeldNow == 2 })
	other.good(other.startWrite(0, 0, data))
	r.pass(time.Second + tick)
	i.good(second)
	again.ping()
	r.pass(time.Second + tick)
	again.good(third)
}

// Both limits apply: a command waits for the later one, and what it took of the first is not lost.
func TestUnitAndInitiatorLimit(t *testing.T) {
	r := newLimited(t)
	i, other := r.login(1), r.login(2)
	r.rate(Rate{ReadIOPS: 1})
	r.e.SetInitiatorQoS(r.target, []InitiatorRate{{Initiators: []string{"iqn.2026-11.test:1"}, Rate: Rate{ReadIOPS: 10}}})
	r.e.Status()
	other.good(other.startRead(0, 0, 8))
	itt := i.startRead(0, 0, 8) // the initiator may, the unit may not
	r.held(1)
	next := i.startRead(1, 0, 8) // it may not: the first one has paid
	waitFor(t, "both to be held", func() bool {
		n := int64(0)
		for _, s := range r.e.QoS() {
			n += s.HeldNow
		}
		return n == 3 // the first one by both
	})
	r.pass(100*time.Millisecond + tick)
	i.good(next)
	r.pass(900*time.Millisecond + tick)
	i.good(itt)
}

// Held commands end at once when they are aborted, by a reset of their unit, with their connection, and go on when the limit
// is removed or raised. They hold no memory for data-in.
func TestHeldCommandsEnd(t *testing.T) {
	r := newLimited(t)
	slow := Rate{ReadBytes: 1, WriteBytes: 1}
	// begin starts an initiator with two held reads and a held write, behind one that left a debt.
	begin := func(isid byte) (i *initiator, tags []uint32, sn uint32) {
		r.rate(Rate{})
		i = r.login(isid)
		r.rate(slow)
		i.good(i.startRead(0, 0, 8))
		i.good(i.startWrite(0, 0, make([]byte, 4096)))
		sn = i.CmdSN
		tags = []uint32{i.startRead(0, 0, 8), i.startRead(0, 8, 8), i.startWrite(0, 0, make([]byte, 4096))}
		r.held(3)
		return
	}
	t.Run("abort", func(t *testing.T) {
		i, tags, sn := begin(1)
		for k, itt := range tags {
			i.wantManaged(i.manage(pdu.TMFAbortTask, 0, itt, sn+uint32(k)), pdu.TMFResponseComplete)
		}
		r.held(0)
		i.Conn.Close()
	})
	t.Run("reset", func(t *testing.T) {
		i, _, _ := begin(2)
		i.wantManaged(i.manage(pdu.TMFLogicalUnitReset, 0, pdu.ReservedTag, 0), pdu.TMFResponseComplete)
		r.held(0)
		i.Conn.Close()
	})
	t.Run("reset by another", func(t *testing.T) {
		i, _, _ := begin(3)
		other := r.login(4)
		other.wantManaged(other.manage(pdu.TMFLogicalUnitReset, 0, pdu.ReservedTag, 0), pdu.TMFResponseComplete)
		r.held(0)
		i.Conn.Close()
		other.Conn.Close()
	})
	t.Run("connection", func(t *testing.T) {
		i, _, _ := begin(5)
		i.Conn.Close()
		r.held(0)
	})
	t.Run("limit removed", func(t *testing.T) {
		i, tags, _ := begin(6)
		r.e.SetUnitQoS(r.unit(0), Rate{})
		for range tags {
			must.Get(i.Answer())(t)
		}
		check.Equal(t, len(r.e.QoS()), 0, "limits")
		i.Conn.Close()
	})
	t.Run("limit raised", func(t *testing.T) {
		i, tags, _ := begin(7)
		r.rate(Rate{ReadBytes: 1 << 40, WriteBytes: 1 << 40})
		r.pass(time.Microsecond) // what is left of the debt
		for range tags {
			r.pass(time.Millisecond)
			must.Get(i.Answer())(t)
		}
		r.held(0)
		i.Conn.Close()
	})
	t.Run("unit removed", func(t *testing.T) {
		r.e.SetInitiatorQoS(r.target, []InitiatorRate{{Rate: slow}})
		i, tags, _ := begin(8)
		must.OK(t, r.e.RemoveUnit(context.Background(), r.unit(0), false))
		for range tags {
			check.That(t, must.Get(i.Answer())(t).Status == statusCheckCondition, "a command to a unit that is gone succeeds")
		}
		i.Conn.Close()
	})
	waitFor(t, "tasks and memory to come back", r.quiet(0))
	r.e.on(r.e.loops[0], func() {
		l := r.e.loops[0]
		check.That(t, len(l.shares.by) == 0, "shares are left")
	})
}

// What a command has paid to its initiator's limit is returned when it is aborted while it waits for its unit's.
func TestAbortReturnsWhatWasPaid(t *testing.T) {
	r := newLimited(t)
	i, other := r.login(1), r.login(2)
	r.rate(Rate{ReadIOPS: 1})
	r.e.SetInitiatorQoS(r.target, []InitiatorRate{{Initiators: []string{"iqn.2026-11.test:1"}, Rate: Rate{ReadIOPS: 1}}})
	r.e.Status()
	other.good(other.startRead(0, 0, 8))
	itt := i.startRead(0, 0, 8) // the initiator may, the unit may not
	r.held(1)
	i.wantManaged(i.manage(pdu.TMFAbortTask, 0, itt, i.CmdSN-1), pdu.TMFResponseComplete)
	i.good(i.startRead(1, 0, 8))
}

// A held write keeps its data-out; a held read has no memory yet.
func TestHeldReadHasNoMemory(t *testing.T) {
	r := newLimited(t)
	i := r.login(1, "DataDigest", "None")
	r.rate(Rate{ReadBytes: 1})
	i.good(i.startRead(0, 0, 8))
	i.startRead(0, 0, 8)
	r.held(1)
	check.Equal(t, r.e.Status().Loops[0].ArenaInUse, 0, "memory of the arena")
}

// A HEAD OF QUEUE command is held like others, but before them (SAM-5 8.9.3). An ORDERED one waits for those before it and lets none
// behind it pass, reads or writes (8.9.2).
func TestHeldCommandsKeepTheirOrder(t *testing.T) {
	r := newLimited(t)
	i := r.login(1)
	r.rate(Rate{ReadIOPS: 10, WriteIOPS: 5, Burst: 10 * time.Millisecond})
	attr := func(write bool, a pdu.TaskAttr) uint32 {
		var h pdu.BHS
		itt := i.command(&h, 0, rawclient.RW10(write, 0, 8), 4096, write)
		(*pdu.SCSICommand)(&h).SetAttr(a)
		var data []byte
		if write {
			data = make([]byte, 4096)
		}
		i.send(&h, data)
		return itt
	}
	i.good(attr(false, pdu.TaskAttrSimple))
	i.good(attr(true, pdu.TaskAttrSimple))
	write := attr(true, pdu.TaskAttrSimple)
	first := attr(false, pdu.TaskAttrSimple)
	r.held(2)
	head := attr(false, pdu.TaskAttrHeadOfQueue)
	r.held(3)
	ordered := attr(false, pdu.TaskAttrOrdered)
	behind := attr(true, pdu.TaskAttrSimple)
	sync := i.start(0, append([]byte{0x35}, make([]byte, 9)...), 0, false, nil)
	i.ping()
	r.pass(100*time.Millisecond + tick)
	i.good(head)
	i.ping()
	r.pass(100*time.Millisecond + tick) // the read and the write may start: in either order
	got := map[uint32]bool{must.Get(i.Answer())(t).ITT: true, must.Get(i.Answer())(t).ITT: true}
	check.That(t, got[write] && got[first], "the commands before the ORDERED one are not the next: %v", got)
	i.ping()
	r.pass(100*time.Millisecond + tick)
	i.good(ordered)
	i.good(sync) // it is SIMPLE: nothing but the ORDERED one held it back
	i.ping()
	r.pass(100*time.Millisecond + tick)
	i.good(behind)
}

// Held commands allocate nothing. The rates are far below what the slowest machine carries, so that commands are held on it, too.
func TestHeldCommandsDoNotAllocate(t *testing.T) {
	r := newRig(t, 1, memory(t, 16<<20))
	i := r.login(1)
	r.e.SetUnitQoS(r.target.Units()[0], Rate{ReadIOPS: 1500, Burst: minBurst})
	r.e.SetInitiatorQoS(r.target, []InitiatorRate{{Rate: Rate{ReadBytes: 8 << 20, Burst: minBurst}}})
	noAllocations(t, i, false)
	held := int64(0)
	for _, s := range r.e.QoS() {
		held += s.Held
	}
	check.That(t, held > 0, "no command was held")
}

// A command that comes when the rate has room, but before those that wait for it have been woken, waits behind them.
func TestHeldCommandsAreNotOvertaken(t *testing.T) {
	r := newLimited(t)
	i, other := r.login(1), r.login(2)
	r.rate(Rate{ReadIOPS: 10, Burst: 10 * time.Millisecond})
	i.good(i.startRead(0, 0, 8))
	itt := i.startRead(0, 0, 8)
	r.held(1)
	r.pass(100 * time.Millisecond) // its timer is due at the next tick
	late := other.startRead(0, 0, 8)
	r.held(2)
	r.pass(tick)
	i.good(itt)
	r.held(1)
	r.pass(100*time.Millisecond + tick)
	other.good(late)
}

// An ORDERED command waits for a held one even if no limit holds it back itself (SAM-5 8.9.2).
func TestOrderedWaitsForHeld(t *testing.T) {
	r := newLimited(t)
	i := r.login(1)
	r.rate(Rate{ReadIOPS: 10, Burst: 10 * time.Millisecond})
	i.good(i.startRead(0, 0, 8))
	itt := i.startRead(0, 0, 8)
	r.held(1)
	var h pdu.BHS
	ordered := i.command(&h, 0, rawclient.RW10(true, 0, 8), 4096, true)
	(*pdu.SCSICommand)(&h).SetAttr(pdu.TaskAttrOrdered)
	i.send(&h, make([]byte, 4096))
	i.ping() // its answer would come before
	r.pass(100*time.Millisecond + tick)
	i.good(itt)
	i.good(ordered)
}
