package lun

import (
	"errors"
	"sync/atomic"
)

// FaultKind classifies the faults of a unit's medium. The names appear in logs, status and metrics.
type FaultKind uint8

const (
	FaultRead     FaultKind = iota // blocks could not be read
	FaultWrite                     // blocks could not be written, and the command reported it
	FaultFlush                     // a flush of the medium's cache failed
	FaultDataLost                  // writes answered with GOOD may not be on the medium: see loss.go
	FaultNoSpace                   // the medium, or the pool behind it, is full
	FaultReadOnly                  // the medium refuses writes
	FaultGone                      // the medium is no longer there
	FaultBlocks                    // blocks of the unit are no longer there: the medium shrank
	FaultInternal                  // an error that a backend does not classify
	NumFaults
)

var faultNames = [NumFaults]string{"read error", "write error", "flush failed", "data lost", "no space", "read-only", "gone", "blocks lost", "internal error"}

func (k FaultKind) String() string { return faultNames[k] }

// Fault describes the last fault of its kind.
type Fault struct {
	Kind   FaultKind
	Count  uint64 // faults of this kind so far
	LBA    uint64 // the first block of the request, or the block in error when that is known
	HasLBA bool
	Errno  int   // 0: the backend gave none
	At     int64 // time on the loops' clock (Loop.Now), ns
}

// Health counts a unit's faults. Report may be called from any loop or helper thread: it takes no lock and does not allocate.
type Health struct {
	since atomic.Int64  // time of the first fault; 0: there was none
	first atomic.Uint32 // its kind
	kinds [NumFaults]faultRecord
}

// faultRecord is a counter, and the last fault behind a sequence lock: seq is odd while a reporter writes. If two report at
// once, both are counted, but the details of only one are kept.
type faultRecord struct {
	count   atomic.Uint64
	seq     atomic.Uint32
	lba, at atomic.Int64
	errno   atomic.Int32
	hasLBA  atomic.Bool
}

// Report counts a fault and keeps its details. lba is negative if the block is unknown, errno is 0 if the errno is. now is the time
// on the loops' clock, ns.
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

// HealthState is the overall state of a unit's medium.
type HealthState uint8

const (
	HealthGood     HealthState = iota // no fault so far
	HealthDegraded                    // there were faults
	HealthLost                        // acknowledged data was lost, or the medium is gone
)

var healthNames = [...]string{"good", "degraded", "lost"}

func (s HealthState) String() string { return healthNames[s] }

// HealthSnapshot is a snapshot of Health. Faults has the kinds that occurred, in the order of FaultKind.
type HealthSnapshot struct {
	State  HealthState
	Why    FaultKind // the kind that explains State; undefined if State is good
	Since  int64     // time of the first fault on the loops' clock, ns
	Faults []Fault
}

// Snapshot reads h. It allocates, and is meant for status, metrics and the log.
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

// Count returns the number of faults of one kind.
func (h *Health) Count(k FaultKind) uint64 { return h.kinds[k].count.Load() }

// read returns the last fault, or false if there was none.
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

// errnoOf returns the errno in a backend's error, or 0. Errors with an errno implement Errno.
func errnoOf(err error) int {
	var e interface{ Errno() int }
	if errors.As(err, &e) {
		return e.Errno()
	}
	return 0
}

// faultOf classifies a failed request. It returns false if the medium is not at fault: it was busy or lacks the operation.
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

// Health returns the unit's fault record.
func (u *Unit) Health() *Health { return &u.health }

// faulted records a failed request other than a flush (FlushFailed). It is called once for every failed request, even if its command
// was aborted: the medium is at fault all the same.
func (u *Unit) faulted(l Loop, r *Request, err error) {
	if k, ok := faultOf(r.Kind, err); ok {
		u.health.Report(k, (r.Off+max(r.Moved, 0))/int64(u.blockSize()), errnoOf(err), l.Now())
		if k == FaultGone {
			u.set(stateGone)
		}
	}
}
