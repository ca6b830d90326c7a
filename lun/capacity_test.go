package lun_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

// readCapacity16 is the CDB of READ CAPACITY(16).
func readCapacity16(alloc uint32) (c [16]byte) {
	c[0], c[1] = 0x9E, 0x10
	binary.BigEndian.PutUint32(c[10:], alloc)
	return c
}

func TestReadCapacity(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rig, bs int) {
		a := r.do([16]byte{0: 0x25})
		r.want(a, good, "SBC-3 5.15")
		if len(a.in) != 8 || binary.BigEndian.Uint32(a.in) != 1023 || binary.BigEndian.Uint32(a.in[4:]) != uint32(bs) {
			t.Errorf("READ CAPACITY(10): % x", a.in)
		}
		a = r.do(readCapacity16(32))
		r.want(a, good, "SBC-3 5.16")
		if len(a.in) != 32 || binary.BigEndian.Uint64(a.in) != 1023 || binary.BigEndian.Uint32(a.in[8:]) != uint32(bs) {
			t.Errorf("READ CAPACITY(16): % x", a.in)
		}
		thin := byte(0)
		if r.d.geom.Thin {
			thin = 0xC0
		}
		if a.in[12] != 0 || a.in[14] != thin {
			t.Errorf("protection %#02x, LBPME and LBPRZ %#02x, want 0 and %#02x", a.in[12], a.in[14], thin)
		}
		for n := range uint32(32) {
			if a := r.do(readCapacity16(n)); a.String() != good || len(a.in) != int(n) {
				t.Errorf("allocation length %d: %v, %d bytes", n, a, len(a.in))
			}
		}
	})
}

func TestReadCapacityFields(t *testing.T) {
	r := newRig(t)
	r.wantField(r.do([16]byte{0: 0x25, 5: 1}), 2, "an LBA without PMI")
	c := readCapacity16(32)
	c[9] = 1
	r.wantField(r.do(c), 2, "an LBA without PMI")
}

func TestReadCapacityOfLarge(t *testing.T) {
	r := newRig(t)
	must.Get(r.tg.AddUnit(1, lun.UnitConfig{Backend: &void{Geom: lun.Geometry{Blocks: 1 << 40, BlockSize: 512}}}))(t)
	r.settle(r.a)
	send := func(c [16]byte) []byte {
		r.start(0, r.a, 1<<48, lun.AttrSimple, c, nil).wait() // the unit attention
		return r.start(0, r.a, 1<<48, lun.AttrSimple, c, nil).wait().in
	}
	if d := send([16]byte{0: 0x25}); binary.BigEndian.Uint32(d) != 0xFFFFFFFF {
		t.Errorf("READ CAPACITY(10) gave % x, want FFFFFFFFh, because SBC-3 5.15.2: it does not fit", d)
	}
	if d := send(readCapacity16(32)); binary.BigEndian.Uint64(d) != 1<<40-1 {
		t.Errorf("READ CAPACITY(16) gave % x", d)
	}
}

func TestPhysicalBlocks(t *testing.T) {
	for _, c := range []struct {
		bs, phys uint32
		want     int // exponent, -1: refused
	}{{512, 512, 0}, {512, 4096, 3}, {512, 65536, 7}, {512, 131072, -1}, {512, 256, -1}, {512, 1536, -1}, {4096, 4096, 0}, {4096, 512, -1}, {4096, 16384, 2}} {
		tg := lun.NewTarget(lun.TargetConfig{Name: rigTarget})
		u, err := tg.AddUnit(0, lun.UnitConfig{Backend: newDisk(t, lun.Geometry{Blocks: 64, BlockSize: c.bs}), PhysicalBlock: c.phys})
		check.That(t, (err == nil) == (c.want >= 0), "blocks of %d on physical blocks of %d: %v", c.bs, c.phys, err)
		if u == nil {
			continue
		}
	}
	r := newRig(t, withUnit(func(u *lun.UnitConfig) { u.PhysicalBlock = 4096 }))
	if a := r.do(readCapacity16(32)); a.in[13] != 3 {
		t.Errorf("LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT %d, want 3", a.in[13])
	}
}

// What a unit cannot be made of is refused when it is added, not met by its first command.
func TestAddUnitRefuses(t *testing.T) {
	tg := lun.NewTarget(lun.TargetConfig{Name: rigTarget})
	good := lun.Geometry{Blocks: 64, BlockSize: 512}
	for name, c := range map[string]struct {
		lun int
		cfg lun.UnitConfig
	}{
		"no backend":      {0, lun.UnitConfig{}},
		"520-byte blocks": {0, lun.UnitConfig{Backend: newDisk(t, lun.Geometry{Blocks: 64, BlockSize: 520})}},
		"no blocks":       {0, lun.UnitConfig{Backend: newDisk(t, lun.Geometry{BlockSize: 512})}},
		"thin on full":    {0, lun.UnitConfig{Backend: newDisk(t, good), Thin: true}},
		"LUN -1":          {-1, lun.UnitConfig{Backend: newDisk(t, good)}},
		"a long serial":   {0, lun.UnitConfig{Backend: newDisk(t, good), Serial: strings.Repeat("x", 129)}},
		"LUN 256":         {lun.MaxLUNs, lun.UnitConfig{Backend: newDisk(t, good)}},
	} {
		if u, err := tg.AddUnit(c.lun, c.cfg); err == nil || u != nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := tg.AddUnit(7, lun.UnitConfig{Backend: newDisk(t, good)}); err != nil {
		t.Error(err)
	}
	if _, err := tg.AddUnit(7, lun.UnitConfig{Backend: newDisk(t, good)}); err != lun.ErrLUNTaken {
		t.Errorf("a LUN twice: %v", err)
	}
}
