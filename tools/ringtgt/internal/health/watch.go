// Package health watches the media of a daemon's units. It reads the fault counters of the device server, checks whether the path
// of each file and device still leads to the one that is open, writes both to the log in a bounded number of lines, and keeps
// the state of each unit for status and metrics.
package health

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
)

// Unit is a unit to watch.
type Unit struct {
	Target string
	LUN    int
	Medium string // as configured, such as file:/srv/a.img
	// Faults is the device server's fault record.
	Faults *lun.Health
	// Before is a message about data that the unit lost before this start, "" if none.
	Before string
	// Inspect inspects the medium. It may block.
	Inspect func() backend.Condition
}

// Watch watches the units' media.
type Watch struct {
	// Wake triggers an inspection of all media. It is set before Start, and may be nil.
	Wake <-chan struct{}

	log   *slog.Logger
	now   func() time.Time
	slots chan struct{} // one for each inspection under way
	stop  chan struct{} // nil: not started
	done  chan struct{}

	mu    sync.Mutex
	units []*Watched
	begin int // the unit that the next poll logs first
}

// New returns a watch of no units that is passive until Start: it acts only in Poll and Inspect.
func New(log *slog.Logger) *Watch {
	return &Watch{log: log, now: time.Now, slots: make(chan struct{}, maxInspections)}
}

// Add begins to watch a unit.
func (w *Watch) Add(u Unit) *Watched {
	x := &Watched{Unit: u, watch: w, born: w.now()}
	if u.Before != "" {
		w.log.Error("medium: "+u.Before, x.args()...)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.units = append(w.units, x)
	return x
}

// Remove ends the watch of a unit, and logs all of its faults that were not logged yet. It calls then when no inspection of the
// unit is under way any more, at once or later on another goroutine: an inspection may hang in a dead file system.
func (w *Watch) Remove(u *Watched, then func()) {
	w.mu.Lock()
	if i := slices.Index(w.units, u); i >= 0 {
		w.units = slices.Delete(w.units, i, i+1)
		w.begin = 0
		u.last(w.now())
	}
	if u.busy {
		u.removed, then = then, nil
	}
	w.mu.Unlock()
	if then != nil {
		then()
	}
}

// last logs whatever was not logged yet, under mu.
func (u *Watched) last(now time.Time) {
	u.read(now)
	for k := range u.faults {
		u.tell(u.watch.log, lun.FaultKind(k), now)
	}
}

// Start starts the watch.
func (w *Watch) Start() {
	w.stop, w.done = make(chan struct{}), make(chan struct{})
	go w.run()
}

func (w *Watch) run() {
	defer close(w.done)
	poll, inspect := time.NewTicker(pollEvery), time.NewTicker(inspectEvery)
	defer poll.Stop()
	defer inspect.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-poll.C:
			w.Poll()
		case <-inspect.C:
			w.Inspect()
		case <-w.Wake:
			w.Inspect()
		}
	}
}

// Close ends the watch. It logs all faults that were not logged yet, however recent the last line.
func (w *Watch) Close() {
	if w.stop != nil {
		close(w.stop)
		<-w.done
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	for _, u := range w.units {
		u.last(now)
	}
}

// Poll reads the counts of all units and logs new faults.
func (w *Watch) Poll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	for _, u := range w.units {
		u.read(now)
		if n := u.faults[lun.FaultDataLost].last.Count; n != u.losses {
			u.losses = n
			w.lookAt(u) // Inspect saves it
		}
	}
	lines, n := 0, len(w.units)
	for i := range n {
		at := (w.begin + i) % n
		u := w.units[at]
		for k := range u.faults {
			if !u.faults[k].due(now) {
				continue
			}
			if lines == maxLines {
				w.begin = at
				return
			}
			lines++
			u.tell(w.log, lun.FaultKind(k), now)
		}
	}
}

// Inspect starts an inspection of every medium, some at a time. It does not wait for them.
func (w *Watch) Inspect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.units {
		w.lookAt(u)
	}
}

// lookAt starts an inspection of one medium, under mu.
func (w *Watch) lookAt(u *Watched) {
	if u.Inspect == nil {
		return
	}
	if u.again = u.busy; u.busy {
		return // the running inspection may have begun too early
	}
	u.busy = true
	go w.inspect(u)
}

// inspect inspects u's medium once a slot is free, and repeats that while new requests have come.
func (w *Watch) inspect(u *Watched) {
	for again := true; again; {
		w.slots <- struct{}{}
		w.mu.Lock()
		u.again, u.looking = false, w.now()
		gone := u.removed != nil
		w.mu.Unlock()
		var c backend.Condition
		if !gone {
			c = u.Inspect()
		}
		<-w.slots
		w.mu.Lock()
		gone = u.removed != nil
		if !gone {
			u.found(c, w.log, w.now())
		}
		again = u.again && !gone
		u.busy, u.looking = again, time.Time{}
		w.mu.Unlock()
		if gone {
			u.removed()
		}
	}
}
