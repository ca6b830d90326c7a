package main

import (
	"encoding/binary"
	"fmt"

	"github.com/ringtgt/ringtgt/tools/kerneltest/power"
)

// region is a range of blocks, the same in every unit, that is written in one way only. dm-log-writes logs FUA writes ahead of
// earlier cached ones, so the two kinds must not overlap before both are on the medium.
type region struct{ first, blocks int }

var (
	regionSource  = region{0, 32}   // the source of copies; written once
	regionCopies  = region{32, 64}  // the destination of copies from the preceding unit
	regionDurable = region{96, 416} // written with FUA while WCE is one
	regionCached  = region{512, 512}
)

// change is a command that changes blocks.
type change struct {
	kind        string
	lba, blocks int
}

// change places a command of at most blocks blocks in one of the three parts of a region, so that three can run at a time.
func (u *unit) change(kind string, r region, part, blocks int) change {
	third := r.blocks / 3
	n := 1 + u.rng.IntN(min(blocks, third))
	return change{kind, r.first + part*third + u.rng.IntN(third-n+1), n}
}

// do executes c on a unit, between its two events.
func (w *writer) do(u *unit, c change) error {
	e := power.Event{Op: power.OpWrite, Cmd: w.number(), LUN: u.lun, Kind: c.kind, LBA: c.lba, Blocks: c.blocks}
	durable := !u.wce
	data := make([]byte, c.blocks*power.BlockSize)
	for i := range c.blocks {
		power.Value{Cmd: e.Cmd, Index: i}.Put(data[i*power.BlockSize:])
	}
	const fua = 0x08
	var cdb []byte
	switch c.kind {
	case "WRITE":
		cdb = cdb16(0x8A, 0, c.lba, c.blocks)
	case "WRITE FUA":
		cdb, durable = cdb16(0x8A, fua, c.lba, c.blocks), true
	case "WRITE AND VERIFY": // SBC-3 5.38: it writes to the medium
		cdb, durable = cdb16(0x8E, 0x02, c.lba, c.blocks), true
	case "COMPARE AND WRITE", "COMPARE AND WRITE FUA":
		flags := byte(0)
		if c.kind == "COMPARE AND WRITE FUA" {
			flags, durable = fua, true
		}
		cdb = cdb16(0x89, flags, c.lba, 0)
		cdb[13] = byte(c.blocks)
		data = append(w.contents(u.lun, c.lba, c.blocks), data...)
	case "WRITE SAME":
		e.Fill, cdb, data = power.FillSame, cdb16(0x93, 0, c.lba, c.blocks), data[:power.BlockSize]
	case "WRITE SAME ZERO":
		e.Fill, cdb, data = power.FillZero, cdb16(0x93, 0x01, c.lba, c.blocks), nil // NDOB
	case "WRITE SAME UNMAP":
		e.Fill, cdb, data = power.FillZero, cdb16(0x93, 0x09, c.lba, c.blocks), nil
	case "UNMAP":
		e.Fill, data = power.FillZero, make([]byte, 24)
		binary.BigEndian.PutUint16(data[0:], 22)
		binary.BigEndian.PutUint16(data[2:], 16)
		binary.BigEndian.PutUint64(data[8:], uint64(c.lba))
		binary.BigEndian.PutUint32(data[16:], uint32(c.blocks))
		cdb = []byte{0x42, 0, 0, 0, 0, 0, 0, 0, byte(len(data)), 0}
	case "SANITIZE BLOCK ERASE": // SBC-3 4.11: none of the old data can be read
		e.Fill, durable, data = power.FillZero, true, nil
		cdb = []byte{0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0}
	case "SANITIZE OVERWRITE":
		e.Fill, durable, data = power.FillZero, true, []byte{1, 0, 0, 4, 0, 0, 0, 0} // one pass of a pattern of four bytes
		cdb = []byte{0x48, 0x01, 0, 0, 0, 0, 0, 0, byte(len(data)), 0}
	default:
		return fmt.Errorf("no command %q", c.kind)
	}
	if err := w.mark(e); err != nil {
		return err
	}
	if _, err := send(w.ctx, w.a, u.lun, cdb, nil, data); err != nil {
		return err
	}
	w.hold(e)
	return w.mark(power.Event{Op: power.OpAck, Cmd: e.Cmd, LUN: u.lun, Durable: durable})
}

// copyTo copies a part of the unit's source region to the next unit.
func (w *writer) copyTo(u *unit) error {
	to := &w.units[(u.lun+1)%len(w.units)]
	n := 1 + u.rng.IntN(regionSource.blocks)
	from, lba := regionSource.first+u.rng.IntN(regionSource.blocks-n+1), regionCopies.first+u.rng.IntN(regionCopies.blocks-n+1)
	list, err := copyBlocks(u.naa, to.naa, from, lba, n)
	if err != nil {
		return err
	}
	to.cache.RLock()
	defer to.cache.RUnlock()
	e := power.Event{Op: power.OpWrite, Cmd: w.number(), LUN: to.lun, Kind: "EXTENDED COPY", LBA: lba, Blocks: n,
		Fill: power.FillCopy, From: u.lun, FromLBA: from}
	if err := w.mark(e); err != nil {
		return err
	}
	if _, err := send(w.ctx, w.a, u.lun, cdb16(0x83, 0, 0, len(list)), nil, list); err != nil {
		return err
	}
	w.hold(e)
	return w.mark(power.Event{Op: power.OpAck, Cmd: e.Cmd, LUN: to.lun, Durable: !to.wce})
}

// hold records the blocks that a command has written.
func (w *writer) hold(e power.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range e.Blocks {
		v := power.Value{Cmd: e.Cmd, Index: i}
		switch e.Fill {
		case power.FillSame:
			v.Index = 0
		case power.FillZero:
			v = power.Value{}
		case power.FillCopy:
			v = w.held[e.From][e.FromLBA+i]
		}
		w.held[e.LUN][e.LBA+i] = v
	}
}

// contents returns the values of blocks.
func (w *writer) contents(lun, lba, blocks int) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	data := make([]byte, blocks*power.BlockSize)
	for i := range blocks {
		w.held[lun][lba+i].Put(data[i*power.BlockSize : (i+1)*power.BlockSize])
	}
	return data
}
