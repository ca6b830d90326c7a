package lun

import (
	"errors"
	"math/bits"
	"sync"
	"sync/atomic"
)

// UnitConfig describes a logical unit.
type UnitConfig struct {
	Backend Backend
	// ID identifies the medium permanently, independently of LUN and path (a UUID kept in the state directory). The NAA
	// designator, the T10 designator and the default serial number are derived from it.
	ID        string
	Serial    string // unit serial number, VPD page 80h; "": derived from ID
	ReadOnly  bool
	Removable bool
	Thin      bool // LBPME: UNMAP, GET LBA STATUS; the backend's Geometry must say Thin too
	// PhysicalBlock is the physical block size to report, in bytes: the logical one times a power of two. 0 means the backend's.
	PhysicalBlock uint32
	// Exports are the initiators that see the unit, and under which numbers; none: all, under its own number. The first that
	// matches an initiator counts.
	Exports []Export
	// SanitizeRate limits a sanitize operation, in bytes a second, so that it leaves bandwidth to other commands. 0 means no limit.
	SanitizeRate int64
}

// unitState is a set of conditions that commands must check. If it is zero the unit carries out all commands.
type unitState uint32

const (
	stateEjected        unitState = 1 << iota // no medium: 3A/02
	stateSanitizing                           // 04/1B
	stateSanitizeFailed                       // 31/03
	stateReadOnly                             // configuration or backend: DATA PROTECT 27/00
	stateSoftProtected                        // SWP of the control mode page: DATA PROTECT 27/02
	stateWriteThrough                         // WCE=0 on a volatile backend: every write is FUA
	stateGone                                 // a command found that the medium is gone: see gone.go
)

// Unit is a logical unit: a device server with its task set.
type Unit struct {
	target  *Target
	lun     int
	cfg     UnitConfig
	backend Backend
	mapped  Mapped // the backend when it is one
	names   identity
	phys    uint8 // LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT
	geom    atomic.Pointer[Geometry]
	state   atomic.Uint32              // unitState
	mode    atomic.Pointer[modeValues] // current values; replaced, never changed

	// resv is the unit's reservation, nil if there is none. The data path reads no other state of reservations. persist.go and
	// reserve.go maintain it.
	resv atomic.Pointer[reservation]

	gate gate

	refreshing sync.Mutex // one Refresh at a time

	health  Health // see health.go
	flusher flusher
	loss    atomic.Uint64 // number of the last loss of acknowledged writes; 0: none. See loss.go

	sanitizing atomic.Pointer[sanitizer] // the operation in progress
	removed    atomic.Bool               // by RemoveUnit
	generation uint32                    // among the units that have had the LUN, in the high bits: see ua.go
	exports    atomic.Pointer[[]Export]  // nil: none. See view.go
	thinSpace  atomic.Pointer[ThinSpace] // nil: not known. See thin.go

	mu      sync.Mutex // everything below: never held over I/O
	pr      persistState
	saved   *modeValues         // saved mode values; nil: none were saved
	prevent map[*Nexus]struct{} // nexuses that prevent medium removal
	// restrictedSanitize is set if the failure mode of a sanitize operation cannot be exited (AUSE was zero).
	restrictedSanitize bool
}

var (
	errNoBackend = errors.New("lun: a unit needs a backend")
	errBlockSize = errors.New("lun: block size is neither 512 nor 4096")
	errPhysical  = errors.New("lun: the physical block size is not the logical one times 1, 2, 4 ... 128")
	errEmpty     = errors.New("lun: the medium has no blocks")
	errSerial    = errors.New("lun: the serial number is longer than 128 characters")
	errNotThin   = errors.New("lun: the backend cannot give space back, so the unit cannot be thin")
)

func newUnit(tg *Target, lun int, cfg UnitConfig) (*Unit, error) {
	if cfg.Backend == nil {
		return nil, errNoBackend
	}
	g := cfg.Backend.Geometry()
	if g.BlockSize != 512 && g.BlockSize != 4096 {
		return nil, errBlockSize
	}
	if g.Blocks == 0 {
		return nil, errEmpty
	}
	phys := g.BlockSize << g.PhysShift
	if cfg.PhysicalBlock != 0 {
		phys = cfg.PhysicalBlock
	}
	shift := bits.TrailingZeros32(phys / g.BlockSize)
	if phys != g.BlockSize<<shift || shift > 7 {
		return nil, errPhysical
	}
	if len(cfg.Serial) > maxSerial {
		return nil, errSerial
	}
	if cfg.Thin && !g.Thin {
		return nil, errNotThin
	}
	if err := checkExports(cfg.Exports); err != nil {
		return nil, err
	}
	u := &Unit{target: tg, lun: lun, cfg: cfg, backend: cfg.Backend, prevent: map[*Nexus]struct{}{}}
	u.export(cfg.Exports)
	u.phys = uint8(shift)
	u.names = newIdentity(cfg.ID, cfg.Serial)
	u.mapped, _ = cfg.Backend.(Mapped)
	u.geom.Store(&g)
	u.gate.init(tg.cfg.Loops)
	u.flusher.unit = u
	u.protect(&g)
	if err := u.restoreMode(); err != nil {
		return nil, err
	}
	if err := u.restoreSanitize(); err != nil {
		return nil, err
	}
	if err := u.restoreReservations(); err != nil {
		return nil, err
	}
	return u, nil
}

// Target returns the target that the unit belongs to, and LUN the unit's number there.
func (u *Unit) Target() *Target { return u.target }
func (u *Unit) LUN() int        { return u.lun }

// Backend returns the backend of the unit's medium.
func (u *Unit) Backend() Backend { return u.backend }

func (u *Unit) geometry() *Geometry { return u.geom.Load() }
func (u *Unit) blockSize() uint32   { return u.geom.Load().BlockSize }
func (u *Unit) blocks() uint64      { return u.geom.Load().Blocks }
func (u *Unit) thin() bool          { return u.cfg.Thin }
func (u *Unit) physShift() uint8    { return u.phys }

func (u *Unit) is(s unitState) bool { return unitState(u.state.Load())&s != 0 }
func (u *Unit) set(s unitState)     { u.state.Or(uint32(s)) }
func (u *Unit) clear(s unitState)   { u.state.And(^uint32(s)) }

// Refresh reads the backend's geometry again, and establishes a unit attention for every nexus for what changed: CAPACITY DATA
// HAS CHANGED (SBC-3 4.8), MODE PARAMETERS CHANGED for the WP bit (SBC-3 6.4.1), INQUIRY DATA HAS CHANGED for V_SUP and MEDIUM
// ROTATION RATE. The block size cannot change.
func (u *Unit) Refresh() {
	u.refreshing.Lock()
	defer u.refreshing.Unlock()
	g := u.backend.Geometry()
	old := u.geom.Swap(&g)
	if old.Blocks != g.Blocks {
		u.attendAll(uaCapacityChanged, nil)
	}
	if old.ReadOnly != g.ReadOnly {
		u.protect(&g)
		u.attendAll(uaModeChanged, nil)
	}
	if old.Volatile != g.Volatile || old.Rotating != g.Rotating {
		u.throughAgain()
		u.attendAll(uaInquiryChanged, nil)
	}
}

// protect updates whether the unit is write-protected, under refreshing.
func (u *Unit) protect(g *Geometry) {
	if u.cfg.ReadOnly || g.ReadOnly {
		u.set(stateReadOnly)
	} else {
		u.clear(stateReadOnly)
	}
}

// SetReadOnly protects the unit from writes, or ends that; it stays protected while its medium is. Every nexus gets MODE PARAMETERS
// CHANGED for the WP bit (SBC-3 6.4.1) if that changes. Commands that run end normally.
func (u *Unit) SetReadOnly(on bool) {
	u.refreshing.Lock()
	defer u.refreshing.Unlock()
	before := u.is(stateReadOnly)
	u.cfg.ReadOnly = on
	u.protect(u.geometry())
	if u.is(stateReadOnly) != before {
		u.attendAll(uaModeChanged, nil)
	}
}

// Idle reports whether the unit has no command in progress and no sanitize operation. The backend of a unit that was removed
// from its target may be closed when the unit is idle.
func (u *Unit) Idle() bool { return u.gate.idle() && u.sanitizing.Load() == nil }

// Reset carries out a logical unit reset (SAM-5 6.3.3, 7.7), after the engine has aborted the unit's tasks.
func (u *Unit) Reset(by *Nexus) { u.reset(uaUnitReset) }

func (u *Unit) reset(a attention) {
	u.releaseReserve(nil)
	u.mu.Lock()
	clear(u.prevent)
	u.mu.Unlock()
	u.setMode(u.savedMode()) // SPC-4 5.14: a reset restores the saved values
	u.attendAll(a, nil)
}

// ClearTaskSet is called when by has cleared the task set (SAM-5 7.4) and the engine has aborted the tasks in it. The nexuses
// that had any, as aborted reports, get COMMANDS CLEARED BY ANOTHER INITIATOR. A nil aborted means all but by.
func (u *Unit) ClearTaskSet(by *Nexus, aborted func(*Nexus) bool) {
	u.attendIf(uaCommandsCleared, func(n *Nexus) bool { return n != by && (aborted == nil || aborted(n)) })
}

// nexusLost releases whatever n held on u.
func (u *Unit) nexusLost(n *Nexus) {
	u.releaseReserve(n)
	u.mu.Lock()
	delete(u.prevent, n)
	u.mu.Unlock()
}
