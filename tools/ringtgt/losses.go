package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// kept is what the state records of a unit's disk while it is served.
type kept struct {
	mu     sync.Mutex
	grown  bool   // the medium has grown, and the new size is not saved yet
	cut    bool   // the state records that the file was cut
	from   int64  // the first byte that was cut off
	writes uint64 // recorded losses of acknowledged writes (lun.FaultDataLost)
}

// lookNow triggers an inspection of the media. Backends call it, even on loops.
func (d *daemon) lookNow() {
	select {
	case d.lost <- struct{}{}:
	default: // one is already pending
	}
}

// inspect inspects a unit's medium and saves its findings with the disk's identity. The watch reports them only after that, so
// that everything that was reported is still known after a restart. It may block.
func (d *daemon) inspect(t *servedTarget, u *servedUnit) backend.Condition {
	c := u.backend.Inspect()
	d.keep(t, u, c)
	return c
}

// keep saves new findings on u's medium in the state: that it has grown, and what it has lost. If that fails, the next inspection
// tries again, and log and status report it meanwhile.
func (d *daemon) keep(t *servedTarget, u *servedUnit, c backend.Condition) error {
	if d.state == nil || !u.cfg.Persistent() {
		return nil
	}
	k := &u.kept
	k.mu.Lock()
	defer k.mu.Unlock()
	log := d.log.With("target", t.cfg.Name, "lun", u.cfg.Number, "id", u.config.ID)
	var seen medium.Fingerprint
	var lost state.Losses
	if k.grown {
		at, ok := u.backend.(backend.Located)
		if !ok {
			return nil
		}
		var err error
		if seen, err = at.Medium(); err != nil {
			log.Error("the medium's new size is not saved: it cannot be read", "err", err)
			return err
		}
	}
	now := time.Now().UTC().Truncate(time.Second)
	// A device that shrank may come back with its data; a file's blocks are freed.
	from := int64(c.LostLBA) * int64(u.backend.Geometry().BlockSize)
	cut := c.Lost && u.cfg.Kind == backend.KindFile && (!k.cut || from < k.from)
	if cut {
		lost.Cut, lost.From = now, from
	}
	writes := u.unit.Health().Count(lun.FaultDataLost)
	if writes != k.writes {
		lost.Writes = now
	}
	if !k.grown && lost == (state.Losses{}) {
		return nil
	}
	var shrunk string
	err := d.store.Keep(func() (err error) {
		shrunk, err = d.state.Note(u.config.ID, seen, lost)
		return err
	})
	if err != nil {
		log.Error("after a restart the medium's losses are unknown: the state cannot be written", "err", err)
		return err
	}
	k.grown, k.writes = false, writes
	if cut {
		k.cut, k.from = true, from
	}
	switch {
	case cut:
		log.Error("the file lost blocks: the next start refuses the disk until `ringtgt adopt`, for which this daemon must be stopped",
			"medium", mediumName(u.cfg), "first_lost_byte", from)
	case shrunk != "":
		log.Error("the next start refuses the disk as it is now, until `ringtgt adopt`, for which this daemon must be stopped",
			"medium", mediumName(u.cfg), "why", shrunk)
	}
	return nil
}

// keepLast saves the findings on all media at the end of the daemon, after the loops have stopped. A deleted file goes away with
// the daemon: that is an error too.
func (d *daemon) keepLast() (errs []error) {
	d.now().each(func(t *servedTarget, u *servedUnit) { errs = append(errs, d.keepUnit(t, u)...) })
	return errs
}

// keepUnit is keepLast for one unit, which no loop uses any more.
func (d *daemon) keepUnit(t *servedTarget, u *servedUnit) (errs []error) {
	c := u.backend.Inspect()
	if errors.Is(c.Place, medium.ErrDeleted) || errors.Is(c.Place, medium.ErrUnlinked) {
		errs = append(errs, fmt.Errorf("target %s lun %d: its file was deleted, and all that was written to it is lost now", t.cfg.Name, u.cfg.Number))
	}
	if err := d.keep(t, u, c); err != nil {
		errs = append(errs, fmt.Errorf("target %s lun %d: what happened to its medium is not saved: %w", t.cfg.Name, u.cfg.Number, err))
	}
	return errs
}

// lostBefore returns the message for log and status about writes lost before this start, "" if none.
func lostBefore(l state.Losses) string {
	if l.Writes.IsZero() {
		return ""
	}
	return "before this start, at " + l.Writes.Format(time.RFC3339) + ", writes that were answered GOOD were lost; `ringtgt adopt`, " +
		"with this daemon stopped, declares the disk good as it is"
}
