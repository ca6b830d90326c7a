package lun

import (
	"errors"
	"sync/atomic"
)

// FaultKind sorts what went wrong with a unit's medium. The names are for people and for metrics.
type FaultKind uint8

const (
	FaultRead     FaultKind = iota // blocks could not be read
	FaultWrite                     // blocks could not be written, and the command that wrote them was told
	FaultFlush                     // a flush of the medium's cache failed
	FaultDataLost                  // writes that were answered GOOD may not be on the medium: see loss.go
	FaultNoSpace                   // the medium, or the pool behind it, is full
	FaultReadOnly                  // the medium refuses writes
	FaultGone                      // the medium is no longer there
	FaultBlocks                    // blocks that the unit has are no longer there: the medium became smaller
	FaultInternal                  // something that no backend explains
	NumFaults
)

var faultNames = [NumFaults]string{"read error", "write error", "flush failed", "data lost", "no space", "read-only", "gone", "blocks lost", "internal error"}

func (k FaultKind) String() string { return faultNames[k] }

// Fault is the last fault of its kind.
type Fault struct {
	Kind   FaultKind
	Count  uint64 // of its kind so far
	LBA    uint64 // the first block of the request, or the block in error when that is known
	HasLBA bool
	Errno  int   // 0: the backend gave none
	At     int64 // when, on the loops' clock (Loop.Now)
}

// Health counts a unit's faults. Report may be called on any loop and from helpers: it takes no lock and allocates nothing.
type Health struct {
	since atomic.Int64  // when the first fault was reported; 0: there was none
	first atomic.Uint32 // its kind
	kinds [NumFaults]faultRecord
}

// faultRecord is a counter and the last fault behind a sequence lock: seq is odd while a reporter writes. A reporter that
// meets another one leaves the details to it; both are counted.
type faultRecord struct {
	count   atomic.Uint64
	seq     atomic.Uint32
	lba, at atomic.Int64
	errno   atomic.Int32
	hasLBA  atomic.Bool
}

// Report counts a fault and remembers what is known of it. lba < 0: no block is known; errno 0: neither. now is the time on
// the loops' clock.
func (h *Health) Report(kind FaultKind, lba int64, errno int, now int64) {
	r := &h.kinds[kind]
	r.count.Add(1)
	if s := r.seq.Load(); s&1 == 0 && r.seq.CompareAndSwap(s, s+1) {
		r.lba.Store(lba)
		r.hasLBA.Store(lba >= 0)
		r.errno.Store(int32(errno))
		r.at.Store(now)
		r.seq.Store(s + 2)
	}
	if h.since.CompareAndSwap(0, max(now, 1)) {
		h.first.Store(uint32(kind))
	}
}

// HealthState says how a unit is.
type HealthState uint8

const (
	HealthGood     HealthState = iota // no fault so far
	HealthDegraded                    // there were faults
	HealthLost                        // acknowledged data was lost, or the medium is gone
)

var healthNames = [...]string{"good", "degraded", "lost"}

func (s HealthState) String() string { return healthNames[s] }

// HealthSnapshot is what Health was at one time. Faults has the kinds that occurred, in the order of FaultKind.
type HealthSnapshot struct {
	State  HealthState
	Why    FaultKind // the kind that State is for; of no meaning when it is good
	Since  int64     // the first fault, on the loops' clock
	Faults []Fault
}

// Snapshot reads h; it allocates, and is for status, metrics and the log.
func (h *Health) Snapshot() (s HealthSnapshot) {
	s.Since = h.since.Load()
	for k := range h.kinds {
		if f, ok := h.kinds[k].read(FaultKind(k)); ok {
			s.Faults = append(s.Faults, f)
		}
	}
	if len(s.Faults) == 0 {
		return s
	}
	s.State, s.Why = HealthDegraded, FaultKind(h.first.Load())
	for _, f := range s.Faults {
		if f.Kind == FaultDataLost || f.Kind == FaultGone {
			s.State, s.Why = HealthLost, f.Kind
			break
		}
	}
	return s
}

// Count is how many faults of one kind there were.
func (h *Health) Count(k FaultKind) uint64 { return h.kinds[k].count.Load() }

// read returns the last fault; false: there was none.
func (r *faultRecord) read(k FaultKind) (f Fault, ok bool) {
	for {
		s := r.seq.Load()
		f = Fault{Kind: k, Count: r.count.Load(), HasLBA: r.hasLBA.Load(), Errno: int(r.errno.Load()), At: r.at.Load()}
		if f.HasLBA {
			f.LBA = uint64(r.lba.Load())
		}
		if s&1 == 0 && r.seq.Load() == s {
			return f, f.Count != 0
		}
	}
}

// errnoOf is the errno in a backend's error, 0 when there is none. A backend's errors that have one implement Errno.
func errnoOf(err error) int {
	var e interface{ Errno() int }
	if errors.As(err, &e) {
		return e.Errno()
	}
	return 0
}

// faultOf sorts a failed request. False: it is no fault of the medium's (it was busy, or does not have the operation).
func faultOf(kind OpKind, err error) (FaultKind, bool) {
	switch {
	case errors.Is(err, ErrBusy), errors.Is(err, ErrUnsupported):
		return 0, false
	case errors.Is(err, ErrGone):
		return FaultGone, true
	case errors.Is(err, ErrNoSpace):
		return FaultNoSpace, true
	case errors.Is(err, ErrReadOnly):
		return FaultReadOnly, true
	case errors.Is(err, ErrMedium) && kind == OpRead:
		return FaultRead, true
	case errors.Is(err, ErrMedium):
		return FaultWrite, true
	}
	return FaultInternal, true
}

// Health is the record of the unit's faults.
func (u *Unit) Health() *Health { return &u.health }

// faulted takes note of a request that failed, flushes apart (FlushFailed). Every request of the unit comes by here once, whatever becomes of the command
// it was for: an aborted one's fault is the medium's all the same.
func (u *Unit) faulted(l Loop, r *Request, err error) {
	if k, ok := faultOf(r.Kind, err); ok {
		u.health.Report(k, (r.Off+max(r.Moved, 0))/int64(u.blockSize()), errnoOf(err), l.Now())
		if k == FaultGone {
			u.set(stateGone)
		}
	}
}
