package lun

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Store keeps small values that must survive a restart (persistent reservations with APTPL). Save is durable when it
// returns and may block: call it inside Loop.Go only. Load of a key never saved returns nil, nil.
type Store interface {
	Load(key string) ([]byte, error)
	Save(key string, value []byte) error
}

// Aborter is the engine's part of PREEMPT AND ABORT: it aborts the tasks of u whose nexus matches, on all loops, and then runs
// done on from, the calling loop. The tasks are not answered.
type Aborter interface {
	AbortTasks(from Loop, u *Unit, of NexusSet, done Event)
}

// UnitsWatcher is told when units were added to a target or removed from it.
type UnitsWatcher interface {
	UnitsChanged()
}

// Port is a target port: a portal group and its relative target port identifier.
type Port struct {
	TPGT    uint16
	RelPort uint16
}

// TargetConfig describes a target.
type TargetConfig struct {
	Name     string // iSCSI name, the SCSI device name (SPC-4 7.8.6.11)
	Ports    []Port // all portal groups
	Vendor   string // T10 VENDOR IDENTIFICATION, at most 8 ASCII characters; "" is the default
	Product  string // PRODUCT IDENTIFICATION, at most 16
	Revision string // PRODUCT REVISION LEVEL, at most 4
	Store    Store  // nil: no reservations or saved mode pages survive a restart
	Aborter  Aborter
	Loops    int // number of loops, for per-loop counters; 0 means MaxLoops
}

// Target is a SCSI target device with its logical units.
type Target struct {
	cfg   TargetConfig
	units atomic.Pointer[view] // all units, by their own numbers

	watcher atomic.Pointer[UnitsWatcher]
	ports   atomic.Pointer[[]Port]

	losses atomic.Uint64 // of acknowledged writes on all units: see loss.go

	changing    sync.Mutex      // one change of units and exports at a time
	generations [MaxLUNs]uint32 // how many units have had the LUN; see ua.go

	mu      sync.Mutex // nexuses, and what units they see
	nexuses map[*Nexus]struct{}
	seen    map[string]uint64 // initiator ports that have had a nexus since the start
}

// NewTarget makes a target without units.
func NewTarget(cfg TargetConfig) *Target {
	if cfg.Loops <= 0 || cfg.Loops > MaxLoops {
		cfg.Loops = MaxLoops
	}
	if cfg.Vendor == "" {
		cfg.Vendor = "RINGTGT"
	}
	if cfg.Product == "" {
		cfg.Product = "Ring Disk"
	}
	if cfg.Revision == "" {
		cfg.Revision = "0001"
	}
	tg := &Target{cfg: cfg, nexuses: map[*Nexus]struct{}{}, seen: map[string]uint64{}}
	tg.units.Store(&view{})
	tg.ports.Store(&cfg.Ports)
	return tg
}

// Name returns the target's iSCSI name.
func (tg *Target) Name() string { return tg.cfg.Name }

// Ports lists the target's ports. The slice is shared: do not change it.
func (tg *Target) Ports() []Port { return *tg.ports.Load() }

// SetPorts replaces the target's ports. If they differ, every nexus gets ASYMMETRIC ACCESS STATE CHANGED, which makes initiators
// issue REPORT TARGET PORT GROUPS again (SPC-4 5.15.2.2). Sessions at a port that is gone stay until they are logged out.
func (tg *Target) SetPorts(ports []Port) {
	ports = slices.Clone(ports)
	if old := tg.ports.Swap(&ports); slices.Equal(*old, ports) {
		return
	}
	for _, u := range tg.Units() {
		u.attendAll(uaAsymmetricChanged, nil)
	}
}

// Units lists all logical units by ascending number, whoever sees them. The slice is shared: do not change it.
func (tg *Target) Units() []*Unit { return tg.units.Load().list }

// Errors of AddUnit.
var (
	ErrLUNRange = fmt.Errorf("lun: LUN is not between 0 and %d", MaxLUNs-1)
	ErrLUNTaken = errors.New("lun: LUN is in use")
)

// AddUnit makes cfg the logical unit number lun. Every nexus that sees it gets REPORTED LUNS DATA HAS CHANGED on the other units
// (SPC-4 6.33) and POWER ON on the new one; nothing else happens to the nexuses or to the other units.
func (tg *Target) AddUnit(lun int, cfg UnitConfig) (*Unit, error) {
	if lun < 0 || lun >= MaxLUNs {
		return nil, ErrLUNRange
	}
	u, err := newUnit(tg, lun, cfg)
	if err != nil {
		return nil, err
	}
	tg.changeUnits(func(byLUN *[MaxLUNs]*Unit) {
		if byLUN[lun] != nil {
			err = ErrLUNTaken
			return
		}
		tg.generations[lun]++
		u.generation = tg.generations[lun] << attentionCount
		byLUN[lun] = u
	})
	if err != nil {
		return nil, err
	}
	tg.changed()
	return u, nil
}

// RemoveUnit hides the unit from new commands and returns it, nil if there was none. Its tasks continue: the caller aborts
// or awaits them, and closes the backend when the unit is Idle. A sanitize operation stops soon.
func (tg *Target) RemoveUnit(lun int) (u *Unit) {
	if lun < 0 || lun >= MaxLUNs {
		return nil
	}
	if u = tg.units.Load().byLUN[lun]; u == nil || !tg.Remove(u) {
		return nil
	}
	return u
}

// Remove is RemoveUnit for a unit. It returns false if the unit was removed before.
func (tg *Target) Remove(u *Unit) (removed bool) {
	tg.changeUnits(func(byLUN *[MaxLUNs]*Unit) {
		if removed = byLUN[u.lun] == u; removed {
			u.removed.Store(true)
			byLUN[u.lun] = nil
		}
	})
	if removed {
		tg.changed()
	}
	return removed
}

// Watch makes the target call w.UnitsChanged after each change of its units.
func (tg *Target) Watch(w UnitsWatcher) { tg.watcher.Store(&w) }

func (tg *Target) changed() {
	if w := tg.watcher.Load(); w != nil {
		(*w).UnitsChanged()
	}
}

// changeUnits publishes the units as edit changes them, and the view that each nexus has of them.
func (tg *Target) changeUnits(edit func(byLUN *[MaxLUNs]*Unit)) {
	tg.changing.Lock()
	defer tg.changing.Unlock()
	byLUN := tg.units.Load().byLUN
	edit(&byLUN)
	all := newView(&byLUN)
	lost := map[*Nexus][]*Unit{}
	tg.mu.Lock()
	tg.units.Store(all)
	for n := range tg.nexuses {
		if units := n.look(all); units != nil {
			lost[n] = units
		}
	}
	tg.mu.Unlock()
	for n, units := range lost {
		for _, u := range units {
			u.nexusLost(n)
		}
	}
}

// eachNexus calls f for every open nexus. f must not call back into the target's locked methods.
func (tg *Target) eachNexus(f func(*Nexus)) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	for n := range tg.nexuses {
		f(n)
	}
}

// ResetKind is the kind of a target reset.
type ResetKind uint8

const (
	ResetWarm ResetKind = iota // TARGET WARM RESET (RFC 7143 11.5.1): the sessions continue
	ResetCold                  // TARGET COLD RESET: like a power cycle; the engine drops the sessions
)

// Reset carries out a target reset for by, after the engine has aborted the tasks. A warm reset is "subject to SCSI access controls"
// and ends at the units "known by the issuing initiator" (RFC 7143 11.5.1): those that by sees. A cold one is a power cycle of all
// units; nil as by stands for an initiator that sees them all.
func (tg *Target) Reset(kind ResetKind, by *Nexus) {
	a, units := uaTargetReset, tg.Units()
	switch {
	case kind == ResetCold:
		a = uaPowerOnOccurred
	case by != nil:
		units = by.view.Load().list
	}
	for _, u := range units {
		u.reset(a)
	}
}
