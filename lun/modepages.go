package lun

import (
	"encoding/binary"
	"fmt"
)

// modeValues has the changeable values of the mode pages. All I_T nexuses share them (SPC-4 5.14, mode page policy "shared").
type modeValues struct {
	writeCache bool // WCE of the caching page: writes may complete before they are on the medium
	descriptor bool // D_SENSE of the control page: sense data in descriptor format
	protected  bool // SWP of the control page: software write protect
}

// modePage is one mode page. Its length, in bytes with the header, is fixed.
type modePage struct {
	code, sub byte
	size      int
	thin      bool                                   // of thin units only
	fill      func(u *Unit, v *modeValues, b []byte) // the page's fields from v
	mask      func(u *Unit, b []byte)                // sets the bits that MODE SELECT may change
	take      func(v *modeValues, b []byte)          // v's values from the page
}

// modePages by ascending page and subpage code.
var modePages = [...]modePage{
	{code: 0x01, size: 12, // Read-Write Error Recovery, SBC-3 6.4.7
		fill: func(u *Unit, _ *modeValues, b []byte) { setBit(b, 7, 7, u.thin()) }, // LBPERE: thresholds are reported
	},
	{code: 0x08, size: 20, // Caching, SBC-3 6.4.5
		fill: func(_ *Unit, v *modeValues, b []byte) { setBit(b, 2, 2, v.writeCache) },
		mask: func(u *Unit, b []byte) { setBit(b, 2, 2, u.geometry().Volatile) },
		take: func(v *modeValues, b []byte) { v.writeCache = bit(b, 2, 2) },
	},
	{code: 0x0A, size: 12, // Control, SPC-4 7.5.9
		fill: func(_ *Unit, v *modeValues, b []byte) {
			setBit(b, 2, 2, v.descriptor)
			setBit(b, 2, 1, true) // GLTSD: log parameters are not saved by themselves
			b[3] = 0x10           // QUEUE ALGORITHM MODIFIER 1: unrestricted reordering; QERR 0
			setBit(b, 4, 3, v.protected)
			b[8], b[9] = 0xFF, 0xFF // BUSY TIMEOUT PERIOD: no limit
		},
		mask: func(_ *Unit, b []byte) { setBit(b, 2, 2, true); setBit(b, 4, 3, true) },
		take: func(v *modeValues, b []byte) { v.descriptor, v.protected = bit(b, 2, 2), bit(b, 4, 3) },
	},
	{code: 0x0A, sub: 0x01, size: 32}, // Control Extension, SPC-4 7.5.10
	{code: 0x1C, size: 12, // Informational Exceptions Control, SPC-4 7.5.13
		fill: func(_ *Unit, _ *modeValues, b []byte) { setBit(b, 2, 3, true) }, // DEXCPT
	},
	{code: 0x1C, sub: 0x02, size: thinDescriptor + 8, thin: true, fill: fillThreshold}, // Logical Block Provisioning, SBC-3 6.4.6
}

// has reports whether u has the page.
func (p *modePage) has(u *Unit) bool { return !p.thin || u.thin() }

func bit(b []byte, index, n int) bool { return b[index]>>n&1 != 0 }

func setBit(b []byte, index, n int, on bool) {
	b[index] &^= 1 << n
	if on {
		b[index] |= 1 << n
	}
}

// header is the length of the page's header: page_0 format or sub_page format (SPC-4 7.5.7).
func (p *modePage) header() int {
	if p.sub != 0 {
		return 4
	}
	return 2
}

// build writes the page with values v into b, which is p.size zero bytes, and returns it.
func (p *modePage) build(u *Unit, v *modeValues, b []byte) []byte {
	b[0] = p.code
	if p.sub != 0 {
		b[0] |= 0x40 // SPF
		b[1] = p.sub
		binary.BigEndian.PutUint16(b[2:], uint16(p.size-4))
	} else {
		b[1] = byte(p.size - 2)
	}
	if p.fill != nil {
		p.fill(u, v, b)
	}
	return b
}

// keepChangeable turns a built page into its changeable values: 1 where MODE SELECT may change (SPC-4 6.11.3).
func (p *modePage) keepChangeable(u *Unit, b []byte) {
	clear(b[p.header():])
	if p.mask != nil {
		p.mask(u, b)
	}
}

func (u *Unit) findModePage(code, sub byte) *modePage {
	for i := range modePages {
		if p := &modePages[i]; p.code == code && p.sub == sub && p.has(u) {
			return p
		}
	}
	return nil
}

// defaultMode has the mode values of a new unit.
func (u *Unit) defaultMode() modeValues { return modeValues{writeCache: u.geometry().Volatile} }

// descriptorSense is D_SENSE of the control mode page.
func (u *Unit) descriptorSense() bool { return u.mode.Load().descriptor }

// setMode makes v the current values, and copies those that the data path reads into the unit's state.
func (u *Unit) setMode(v modeValues) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mode.Store(&v)
	if v.protected {
		u.set(stateSoftProtected)
	} else {
		u.clear(stateSoftProtected)
	}
	u.through(&v)
}

// through sets or clears stateWriteThrough: if WCE is zero although the medium has a cache, every write is a FUA write.
func (u *Unit) through(v *modeValues) {
	if !v.writeCache && u.geometry().Volatile {
		u.set(stateWriteThrough)
	} else {
		u.clear(stateWriteThrough)
	}
}

// throughAgain handles a medium whose cache was turned on or off while it is in use. WCE does not change: writing through keeps
// WCE zero true, and WCE one promises nothing.
func (u *Unit) throughAgain() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.through(u.mode.Load())
}

// Saved values live in the target's Store, one byte a unit.

const (
	savedWriteCache = 1 << iota
	savedDescriptor
	savedProtected
	savedValid = 0x80
)

func (u *Unit) savesMode() bool { return u.target.cfg.Store != nil && u.cfg.ID != "" }

func (u *Unit) modeKey() string { return "mode/" + u.cfg.ID }

// savedMode returns the saved values, or the default values if none were saved.
func (u *Unit) savedMode() modeValues {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.saved == nil {
		return u.defaultMode()
	}
	return *u.saved
}

// restoreMode reads the saved values when the unit is made, and makes them current.
func (u *Unit) restoreMode() error {
	v := u.defaultMode()
	if u.savesMode() {
		b, err := u.target.cfg.Store.Load(u.modeKey())
		if err != nil {
			return fmt.Errorf("lun: saved mode pages: %w", err)
		}
		if len(b) == 1 && b[0]&savedValid != 0 {
			v = modeValues{
				writeCache: b[0]&savedWriteCache != 0 && u.geometry().Volatile,
				descriptor: b[0]&savedDescriptor != 0,
				protected:  b[0]&savedProtected != 0,
			}
			u.saved = &v
		}
	}
	u.setMode(v)
	return nil
}

// saveMode makes v durable. It blocks.
func (u *Unit) saveMode(v modeValues) error {
	b := byte(savedValid)
	if v.writeCache {
		b |= savedWriteCache
	}
	if v.descriptor {
		b |= savedDescriptor
	}
	if v.protected {
		b |= savedProtected
	}
	if err := u.target.cfg.Store.Save(u.modeKey(), []byte{b}); err != nil {
		return err
	}
	u.mu.Lock()
	u.saved = &v
	u.mu.Unlock()
	return nil
}
