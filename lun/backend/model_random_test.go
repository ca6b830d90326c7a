package backend_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// randomCommand starts one command of chance. False: what it would be about is locked.
func (m *model) randomCommand() bool {
	table := []struct {
		odds int
		make func() *command
	}{
		{25, m.read}, {25, m.write}, {6, m.writeAndVerify}, {8, m.verify}, {6, m.writeSame}, {6, m.compareAndWrite},
		{5, m.orWrite}, {4, m.writeAtomic}, {3, m.synchronize}, {2, m.preFetch}, {4, m.lbaStatus}, {5, m.copyBlocks},
		{3, m.capacity}, {12, m.countUp}, {10, m.unmap},
	}
	sum := 0
	for _, e := range table {
		sum += e.odds
	}
	at := m.rng.IntN(sum)
	for _, e := range table {
		if at -= e.odds; at >= 0 {
			continue
		}
		c := e.make()
		if c == nil || !m.lock(c) {
			return false
		}
		switch m.rng.IntN(30) {
		case 0:
			c.task.Attr = lun.AttrOrdered
		case 1:
			c.task.Attr = lun.AttrHead
		}
		m.start(c)
		return true
	}
	return false
}

// place draws a run of at most most blocks: anywhere, but often at the end, often aligned, often small.
func (m *model) place(most int) (unit, lba, n int) {
	unit = m.rng.IntN(modelUnits)
	first := modelCounters
	if m.bs == 4096 {
		most = (most + 3) / 4
	}
	lba = first + m.rng.IntN(m.blocks-first)
	n = 1 + m.rng.IntN(most)
	switch m.rng.IntN(6) {
	case 0:
		n = 1 + m.rng.IntN(3)
	case 1:
		lba = m.blocks - n
	case 2:
		lba = max(lba&^7, 8)
		n = max(n&^7, 8)
	case 3:
		n = 256 << 10 / m.bs // a piece of the commands that work in pieces, and a little
		n += m.rng.IntN(3) - 1
	}
	lba = max(lba, first)
	n = max(min(n, m.blocks-lba, most), 1)
	return unit, lba, n
}

func (m *model) current(unit, lba, n int) []byte {
	return m.units[unit].data[lba*m.bs : (lba+n)*m.bs]
}

// fresh is n blocks that differ from each other, from what was there, and from the poison; sometimes zeroes.
func (m *model) fresh(n int) []byte {
	b := make([]byte, n*m.bs)
	if m.rng.IntN(10) == 0 {
		return b
	}
	src := rand.New(rand.NewPCG(m.rng.Uint64(), 1))
	for i := 0; i+8 <= len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], src.Uint64())
	}
	return b
}

// flags draws DPO and FUA.
func (m *model) flags() byte {
	return []byte{0, 0, 0x10, 0x08, 0x18}[m.rng.IntN(5)]
}

func (m *model) read() *command {
	unit, lba, n := m.place(1200)
	c := m.newCommand("READ", unit, m.cdbOf([4]byte{0x08, 0x28, 0xA8, 0x88}, m.flags(), lba, n), nil)
	c.spans = []span{{unit: unit, lba: lba, n: n}}
	c.good = func(c *command) {
		want := m.current(unit, lba, n)
		if at := firstDifference(c.in, want); len(c.in) != len(want) || at >= 0 {
			m.t.Errorf("READ of %d blocks at %d of unit %d: %d bytes, different from byte %d on", n, lba, unit, len(c.in), at)
		}
	}
	return c
}

func (m *model) write() *command {
	unit, lba, n := m.place(1200)
	data := m.fresh(n)
	c := m.newCommand("WRITE", unit, m.cdbOf([4]byte{0x0A, 0x2A, 0xAA, 0x8A}, m.flags(), lba, n), data)
	c.spans = []span{{unit, lba, n, data}}
	return c
}

func (m *model) writeAndVerify() *command {
	unit, lba, n := m.place(700)
	data := m.fresh(n)
	flags := byte(m.rng.IntN(2)) << 1 // BYTCHK 0 or 1
	if m.k.forgets {
		flags = 0
	}
	c := m.newCommand("WRITE AND VERIFY", unit, m.cdbOf([4]byte{0, 0x2E, 0xAE, 0x8E}, flags, lba, n), data)
	c.spans = []span{{unit, lba, n, data}}
	return c
}

// verify compares with what is there, or with something that differs in one byte.
func (m *model) verify() *command {
	unit, lba, n := m.place(1200)
	check := []byte{0, 1, 1, 3}[m.rng.IntN(4)]
	want := m.current(unit, lba, n)
	var out []byte
	at := -1
	switch check {
	case 1:
		out = bytes.Clone(want)
		if m.rng.IntN(3) == 0 {
			at = m.rng.IntN(len(out))
			out[at] ^= 0x10
		}
	case 3:
		out = bytes.Clone(want[:m.bs])
		for i := 0; i < len(want) && at < 0; i += m.bs {
			if d := firstDifference(want[i:i+m.bs], out); d >= 0 {
				at = i + d
			}
		}
	}
	c := m.newCommand("VERIFY", unit, m.cdbOf([4]byte{0, 0x2F, 0xAF, 0x8F}, check<<1, lba, n), out)
	c.spans = []span{{unit: unit, lba: lba, n: n}}
	c.good = func(*command) {
		if at >= 0 {
			m.t.Errorf("VERIFY found nothing, byte %d differs", at)
		}
	}
	c.bad = func(c *command) bool { return at >= 0 && c.miscompare(at) }
	return c
}

// miscompare reports whether the sense data is MISCOMPARE at byte at.
func (c *command) miscompare(at int) bool {
	key, asc := c.sense()
	return key == lun.Miscompare && asc == 0x1D00 && c.task.Sense[0]&0x80 != 0 && int(binary.BigEndian.Uint32(c.task.Sense[3:])) == at
}

func (m *model) writeSame() *command {
	unit, lba, n := m.place(3000)
	block := m.fresh(1)
	flags := byte(0)
	if m.thin && m.rng.IntN(2) == 0 {
		flags |= 0x08 // UNMAP
	}
	var c *command
	switch m.rng.IntN(3) {
	case 0:
		c = m.newCommand("WRITE SAME(10)", unit, cdb10(0x41, flags, lba, n), block)
	case 1:
		c = m.newCommand("WRITE SAME(16)", unit, cdb16(0x93, flags, lba, n), block)
	case 2:
		clear(block)
		c = m.newCommand("WRITE SAME(16) NDOB", unit, cdb16(0x93, flags|0x01, lba, n), nil)
	}
	c.spans = []span{{unit, lba, n, bytes.Repeat(block, n)}}
	return c
}

func (m *model) unmap() *command {
	if !m.thin {
		return nil
	}
	unit := m.rng.IntN(modelUnits)
	count := 1 + m.rng.IntN(3)
	list := make([]byte, 8+16*count)
	binary.BigEndian.PutUint16(list[0:], uint16(len(list)-2))
	binary.BigEndian.PutUint16(list[2:], uint16(16*count))
	var spans []span
	for i := range count {
		_, lba, n := m.place(600)
		for _, s := range spans {
			if lba < s.lba+s.n && s.lba < lba+n {
				return nil // the lock is for one
			}
		}
		binary.BigEndian.PutUint64(list[8+16*i:], uint64(lba))
		binary.BigEndian.PutUint32(list[16+16*i:], uint32(n))
		spans = append(spans, span{unit, lba, n, make([]byte, n*m.bs)})
	}
	c := m.newCommand("UNMAP", unit, cdb10(0x42, 0, 0, len(list)), list)
	c.spans = spans
	return c
}

func (m *model) compareAndWrite() *command {
	unit, lba, n := m.place(255)
	compare, data := bytes.Clone(m.current(unit, lba, n)), m.fresh(n)
	at := -1
	if m.rng.IntN(3) == 0 {
		at = m.rng.IntN(len(compare))
		compare[at] ^= 0x01
	}
	cdb := cdb16(0x89, m.flags(), lba, 0)
	cdb[13] = byte(n)
	c := m.newCommand("COMPARE AND WRITE", unit, cdb, append(compare, data...))
	c.spans = []span{{unit, lba, n, data}}
	c.good = func(*command) {
		if at >= 0 {
			m.t.Errorf("COMPARE AND WRITE wrote, byte %d differs", at)
		}
	}
	c.bad = func(c *command) bool { return at >= 0 && c.miscompare(at) }
	return c
}

func (m *model) orWrite() *command {
	unit, lba, n := m.place(700)
	data := m.fresh(n)
	after := bytes.Clone(m.current(unit, lba, n))
	for i := range after {
		after[i] |= data[i]
	}
	c := m.newCommand("ORWRITE", unit, cdb16(0x8B, m.flags(), lba, n), data)
	c.spans = []span{{unit, lba, n, after}}
	return c
}

func (m *model) writeAtomic() *command {
	if m.units[0].b.Geometry().AtomicBlocks == 0 {
		return nil
	}
	unit, lba, n := m.place(512)
	grain := 4096 / m.bs
	lba, n = (lba+grain-1)/grain*grain, max(n/grain*grain, grain)
	if lba+n > m.blocks {
		return nil
	}
	data := m.fresh(n)
	cdb := cdb16(0x9C, m.flags(), lba, n)
	c := m.newCommand("WRITE ATOMIC", unit, cdb, data)
	c.spans = []span{{unit, lba, n, data}}
	return c
}

func (m *model) synchronize() *command {
	unit, lba, n := m.place(1000)
	if m.rng.IntN(2) == 0 {
		lba, n = 0, 0
	}
	return m.newCommand("SYNCHRONIZE CACHE", unit, m.cdbOf([4]byte{0, 0x35, 0, 0x91}, 0, lba, n), nil)
}

func (m *model) preFetch() *command {
	unit, lba, n := m.place(1000)
	c := m.newCommand("PRE-FETCH", unit, m.cdbOf([4]byte{0, 0x34, 0, 0x90}, 0, lba, n), nil)
	c.bad = func(c *command) bool { return c.task.Status == lun.StatusConditionMet }
	return c
}

// lbaStatus: blocks reported as deallocated read as zeroes.
func (m *model) lbaStatus() *command {
	unit, lba, n := m.place(1000)
	cdb := [16]byte{0: 0x9E, 1: 0x12, 13: 248}
	binary.BigEndian.PutUint64(cdb[2:], uint64(lba))
	c := m.newCommand("GET LBA STATUS", unit, cdb, nil)
	c.spans = []span{{unit: unit, lba: lba, n: n}}
	c.good = func(c *command) {
		next := lba
		for d := c.in[8:]; len(d) >= 16; d = d[16:] {
			at, count := int(binary.BigEndian.Uint64(d)), int(binary.BigEndian.Uint32(d[8:]))
			if at != next || count == 0 || at+count > m.blocks {
				m.t.Errorf("GET LBA STATUS from %d: a run of %d at %d", lba, count, at)
				return
			}
			next = at + count
			if to := min(next, lba+n); d[12]&0xF != 0 && at < to && bytes.Count(m.current(unit, at, to-at), []byte{0}) != (to-at)*m.bs {
				m.t.Errorf("GET LBA STATUS: a run of %d blocks at %d is deallocated and has data", count, at)
			}
		}
		if next == lba {
			m.t.Errorf("GET LBA STATUS from %d gave nothing", lba)
		}
	}
	return c
}

// copyBlocks is EXTENDED COPY of one segment.
func (m *model) copyBlocks() *command {
	src, from, n := m.place(1600)
	dst, to, _ := m.place(1)
	n = min(n, m.blocks-to)
	if src == dst && from < to+n && to < from+n {
		return nil // the lock is for one
	}
	list := make([]byte, 16+64+28)
	list[1] = 3 << 3 // LIST ID USAGE 11b
	list[3], list[11] = 64, 28
	for i := range modelUnits {
		d := list[16+32*i:]
		d[0] = 0xE4
		copy(d[4:], m.naa(i))
		d[30], d[31] = byte(m.bs>>8), byte(m.bs)
	}
	d := list[80:]
	d[0], d[3], d[5], d[7] = 0x02, 0x18, byte(src), byte(dst)
	binary.BigEndian.PutUint16(d[10:], uint16(n))
	binary.BigEndian.PutUint64(d[12:], uint64(from))
	binary.BigEndian.PutUint64(d[20:], uint64(to))
	var cdb [16]byte
	cdb[0], cdb[13] = 0x83, byte(len(list))
	c := m.newCommand("EXTENDED COPY", m.rng.IntN(modelUnits), cdb, list)
	c.spans = []span{{unit: src, lba: from, n: n}, {dst, to, n, bytes.Clone(m.current(src, from, n))}}
	// The copy manager's READ or WRITE may find no memory.
	c.bad = func(*command) bool { return false }
	return c
}

// naa is a unit's NAA designator, header included, out of VPD page 83h.
func (m *model) naa(unit int) []byte {
	c := m.plain(m.nexus[0], unit, [16]byte{0x12, 1, 0x83, 4, 0})
	m.await(c)
	for at := 4; at+4 <= len(c.in); at += 4 + int(c.in[at+3]) {
		if c.in[at+1]&0x3F == 0x03 {
			return c.in[at : at+4+int(c.in[at+3])]
		}
	}
	m.t.Fatal("VPD page 83h has no NAA designator of the unit")
	return nil
}

func (m *model) capacity() *command {
	c := m.newCommand("READ CAPACITY(16)", m.rng.IntN(modelUnits), [16]byte{0: 0x9E, 1: 0x10, 13: 32}, nil)
	c.good = func(c *command) {
		if binary.BigEndian.Uint64(c.in) != uint64(m.blocks-1) || binary.BigEndian.Uint32(c.in[8:]) != uint32(m.bs) {
			m.t.Errorf("READ CAPACITY(16) % x", c.in)
		}
	}
	return c
}

// countUp increments a counter as clusters do: read it, then COMPARE AND WRITE. Many do at once, and some lose.
func (m *model) countUp() *command {
	i := m.rng.IntN(modelCounters)
	c := m.newCommand("READ of a counter", 0, cdb10(0x28, 0, i, 1), nil)
	c.good = func(c *command) {
		v := counterOf(c.in)
		if !bytes.Equal(c.in, counterBlock(v, m.bs)) {
			m.t.Errorf("counter %d was read while it was written: % x ...", i, c.in[:16])
		}
		cdb := cdb16(0x89, 0, i, 0)
		cdb[13] = 1
		up := m.newCommand("counting COMPARE AND WRITE", 0, cdb, append(counterBlock(v, m.bs), counterBlock(v+1, m.bs)...))
		up.good = func(*command) { m.counted[i]++ }
		up.lost = func(*command) { m.unsure[i]++ }
		up.bad = func(c *command) bool {
			key, _ := c.sense()
			return key == lun.Miscompare
		}
		m.w.Loop(0).Post(luntest.Func(func() { m.start(up) }))
	}
	return c
}
