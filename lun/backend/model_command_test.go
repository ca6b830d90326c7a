package backend_test

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// command is one command of the random verify test on its way.
type command struct {
	m     *model
	name  string
	task  lun.Task
	loop  *luntest.Loop
	ended bool
	in    []byte // data-in, copied: the buffer is gone when the test looks

	out, buf []byte // arena memory
	spans    []span
	// good looks at a GOOD answer; bad at another that was neither a fault's nor an abort's, and reports whether it is right.
	good func(c *command)
	bad  func(c *command) bool
	// lost is called when it is unknown whether the command was carried out, if it does not write to spans.
	lost func(c *command)
}

// span is a run of blocks that a command is about. after is what they hold when it is done; nil: it only reads.
type span struct {
	unit, lba, n int
	after        []byte
}

// plain is a command that changes nothing.
func (m *model) plain(nexus *lun.Nexus, unit int, cdb [16]byte) *command {
	c := m.newCommand("plain", unit, cdb, nil)
	c.task.Nexus = nexus
	c.bad = func(*command) bool { return true }
	m.start(c)
	return c
}

func (m *model) newCommand(name string, unit int, cdb [16]byte, out []byte) *command {
	c := &command{m: m, name: name, loop: m.w.Loop(m.rng.IntN(modelLoops))}
	c.task = lun.Task{
		Nexus: m.nexus[m.rng.IntN(2)], LUN: uint64(unit) << 48, CDB: cdb, Attr: lun.AttrSimple,
		Loop: c.loop, Owner: luntest.Done(c.done), Expected: int64(len(out)), Out: out,
	}
	return c
}

// lock takes the blocks that c is about. False: another command has them.
func (m *model) lock(c *command) bool {
	for i, s := range c.spans {
		if !m.units[s.unit].lock(s) {
			for _, s := range c.spans[:i] {
				m.units[s.unit].unlock(s)
			}
			return false
		}
	}
	return true
}

func (u *modelUnit) lock(s span) bool {
	for _, l := range u.locks[s.lba : s.lba+s.n] {
		if l < 0 || l > 0 && s.after != nil {
			return false
		}
	}
	for i := s.lba; i < s.lba+s.n; i++ {
		if s.after != nil {
			u.locks[i] = -1
		} else {
			u.locks[i]++
		}
	}
	return true
}

func (u *modelUnit) unlock(s span) {
	for i := s.lba; i < s.lba+s.n; i++ {
		if s.after != nil {
			u.locks[i] = 0
		} else {
			u.locks[i]--
		}
	}
}

// start gives c arena memory and starts it.
func (m *model) start(c *command) {
	wants, in := luntest.Plan(c.task.Nexus, c.task.LUN, &c.task.CDB, false)
	if m.rng.IntN(3) == 0 {
		wants, in = luntest.Plan(c.task.Nexus, c.task.LUN, &c.task.CDB, true)
	}
	must.Be(m.t, wants == len(c.task.Out), "%s %x plans %d bytes of data-out, it has %d", c.name, c.task.CDB, wants, len(c.task.Out))
	m.w.On(c.loop.Index(), func(l *luntest.Loop) {
		c.out, c.buf = m.alloc(l, wants), m.alloc(l, in)
		copy(c.out, c.task.Out)
		c.task.Out, c.task.Buf = c.out, c.buf
		m.flying = append(m.flying, c)
		c.task.Start()
	})
}

// alloc is Alloc that does not fail.
func (m *model) alloc(l *luntest.Loop, n int) []byte {
	if n == 0 {
		return nil
	}
	for range 100 {
		if b := l.Alloc(n); b != nil {
			return b
		}
	}
	m.t.Fatalf("no memory for %d bytes", n)
	return nil
}

// giveUp aborts c, or abandons it.
func (m *model) giveUp(c *command) {
	m.w.On(c.loop.Index(), func(*luntest.Loop) {
		if m.rng.IntN(4) == 0 {
			c.task.Abandon()
		} else {
			c.task.Abort()
		}
	})
}

// await lets the world run until c ended.
func (m *model) await(c *command) {
	m.w.RunUntil(fmt.Sprintf("%s %x ends", c.name, c.task.CDB), func() bool { return c.ended })
}

// done is called when the command has ended.
func (c *command) done(*lun.Task) {
	m, t := c.m, &c.task
	must.Be(m.t, !c.ended, "%s %x ended twice", c.name, t.CDB)
	c.ended = true
	for i, o := range m.flying {
		if o == c {
			m.flying = append(m.flying[:i], m.flying[i+1:]...)
			break
		}
	}
	c.in = bytes.Clone(t.In)
	aborted := t.Aborted()
	switch {
	case aborted:
		c.unknown()
	case t.Status == lun.StatusGood:
		m.count[c.name]++
		if c.good != nil {
			c.good(c)
		}
		for _, s := range c.spans {
			if s.after != nil && !m.k.forgets {
				copy(m.units[s.unit].data[s.lba*m.bs:], s.after)
			}
			m.units[s.unit].unlock(s)
		}
	case t.Status == lun.StatusBusy || m.k.faults && c.faulty():
		c.unknown()
	default:
		check.That(m.t, c.bad != nil && c.bad(c), "%s %x: status %#x, sense % x", c.name, t.CDB, t.Status, t.Sense[:t.SenseLen])
		for _, s := range c.spans {
			m.units[s.unit].unlock(s)
		}
	}
	for _, b := range [][]byte{c.out, c.buf} {
		if b != nil {
			c.loop.Free(b) // poisoned: any later use is detected
		}
	}
}

// faulty reports whether a fault of the backend is what the sense data tells of.
func (c *command) faulty() bool {
	key, asc := c.sense()
	return key == lun.MediumError || key == lun.HardwareError && asc == 0x0C00 || key == lun.CopyAborted && asc == 0x0D01 // the second is a loss: lun/loss.go
}

func (c *command) sense() (lun.SenseKey, uint16) {
	if c.task.Status != lun.StatusCheckCondition {
		return 0, 0
	}
	return lun.SenseKey(c.task.Sense[2] & 0xF), binary.BigEndian.Uint16(c.task.Sense[12:])
}

// unknown is for a command that may have been carried out, or a part of it: each sector of what it writes is as it was or
// as it is to be. Which is read, when everything that was still on its way is done, and is the truth from then on.
func (c *command) unknown() {
	m := c.m
	if c.lost != nil {
		c.lost(c)
	}
	for _, s := range c.spans {
		u := m.units[s.unit]
		if s.after == nil || m.k.forgets {
			u.unlock(s)
			continue
		}
		m.learn(s)
	}
}

// learn reads s, which stays locked until then.
func (m *model) learn(s span) {
	r := m.newCommand("learn", s.unit, cdb16(0x88, 0, s.lba, s.n), nil)
	again := func(*command) { m.w.Loop(0).Post(luntest.Func(func() { m.learn(s) })) }
	r.lost = again
	r.good = func(r *command) {
		u := m.units[s.unit]
		before := u.data[s.lba*m.bs : (s.lba+s.n)*m.bs]
		for i := 0; i < len(r.in); i += 512 {
			got := r.in[i : i+512]
			if !bytes.Equal(got, before[i:i+512]) && !bytes.Equal(got, s.after[i:i+512]) {
				m.t.Errorf("unit %d, block %d: after a command that was cut off it is neither as it was nor as it was to be", s.unit, s.lba+i/m.bs)
			}
		}
		copy(before, r.in)
		u.unlock(s)
	}
	m.start(r)
}

// CDBs of blocks.

func cdb6(op byte, lba, n int) [16]byte {
	return [16]byte{op, byte(lba >> 16), byte(lba >> 8), byte(lba), byte(n)}
}

func cdb10(op, flags byte, lba, n int) (c [16]byte) {
	c[0], c[1] = op, flags
	binary.BigEndian.PutUint32(c[2:], uint32(lba))
	binary.BigEndian.PutUint16(c[7:], uint16(n))
	return c
}

func cdb12(op, flags byte, lba, n int) (c [16]byte) {
	c[0], c[1] = op, flags
	binary.BigEndian.PutUint32(c[2:], uint32(lba))
	binary.BigEndian.PutUint32(c[6:], uint32(n))
	return c
}

func cdb16(op, flags byte, lba, n int) (c [16]byte) {
	c[0], c[1] = op, flags
	binary.BigEndian.PutUint64(c[2:], uint64(lba))
	binary.BigEndian.PutUint32(c[10:], uint32(n))
	return c
}

// cdbOf is the command in one of its lengths: op is that of six bytes (0: there is none), ten, twelve and sixteen.
func (m *model) cdbOf(op [4]byte, flags byte, lba, n int) [16]byte {
	for {
		switch i := m.rng.IntN(4); {
		case op[i] == 0:
		case i == 0 && flags == 0 && n < 256 && n > 0:
			return cdb6(op[0], lba, n)
		case i == 1 && n < 65536:
			return cdb10(op[1], flags, lba, n)
		case i == 2:
			return cdb12(op[2], flags, lba, n)
		case i == 3:
			return cdb16(op[3], flags, lba, n)
		}
	}
}
