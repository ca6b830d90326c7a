package health

import (
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
)

// Watched is a unit and its health, guarded by Watch.mu.
type Watched struct {
	Unit
	watch   *Watch
	born    time.Time // start of the watch
	faults  [lun.NumFaults]fault
	place   finding   // the path leads to another file or device
	lost    finding   // blocks are gone
	blind   finding   // it could not be inspected
	losses  uint64    // losses of acknowledged writes for which an inspection was started
	busy    bool      // an inspection runs or waits for a slot
	again   bool      // another one was requested since it started
	looking time.Time // start of the running inspection
	removed func()    // by Remove during an inspection: to be called after it
}

// fault is a kind of fault of a unit.
type fault struct {
	last  lun.Fault
	first time.Time // when the first was seen
	at    time.Time // when the last was seen
	told  uint64    // how many have been logged
	quiet time.Time // no further line before
}

// due reports whether a line is due.
func (f *fault) due(now time.Time) bool { return f.last.Count > f.told && !now.Before(f.quiet) }

// finding is a result of an inspection. An empty text means that all is well.
type finding struct {
	text  string
	since time.Time
}

// read reads the device server's counts.
func (u *Watched) read(now time.Time) {
	if u.Faults == nil {
		return
	}
	for k := range u.faults {
		// Most units have no faults at all, and a count is one load.
		if f := &u.faults[k]; u.Faults.Count(lun.FaultKind(k)) == f.last.Count {
			continue
		}
		for _, s := range u.Faults.Snapshot().Faults {
			f := &u.faults[s.Kind]
			if s.Count == f.last.Count {
				continue
			}
			if f.last.Count == 0 {
				f.first = now
			}
			f.last, f.at = s, now
		}
		return
	}
}

// tell logs the faults of kind k if there are new ones and a line is due.
func (u *Watched) tell(log *slog.Logger, k lun.FaultKind, now time.Time) {
	f := &u.faults[k]
	n := f.last.Count - f.told
	if n == 0 {
		return
	}
	f.told, f.quiet = f.last.Count, now.Add(quiet)
	args := u.args()
	if f.last.HasLBA {
		args = append(args, "lba", f.last.LBA)
	}
	if f.last.Errno != 0 {
		args = append(args, "errno", errnoName(f.last.Errno))
	}
	log.Error("medium: "+k.String(), append(args, "count", n, "total", f.last.Count)...)
}

func (u *Watched) args() []any { return []any{"target", u.Target, "lun", u.LUN, "medium", u.Medium} }

// errnoName returns the name of an errno, such as EIO for 5.
func errnoName(n int) string {
	if name := unix.ErrnoName(unix.Errno(n)); name != "" {
		return name
	}
	return unix.Errno(n).Error()
}

// found processes the result of an inspection.
func (u *Watched) found(c backend.Condition, log *slog.Logger, now time.Time) {
	u.change(&u.place, c.Place, "the path leads to it again", log, now)
	u.change(&u.blind, c.Err, "it can be inspected again", log, now)
	if !c.Lost {
		u.lost = finding{}
		return
	}
	text := lostText(c.LostLBA)
	if u.lost.text == text {
		return
	}
	if u.lost.text == "" {
		u.lost.since = now
	}
	u.lost.text = text
	log.Error("medium: it was truncated, and blocks are lost", append(u.args(), "first_lost_lba", c.LostLBA)...)
	// It counts as a fault that has been logged with this line.
	u.Faults.Report(lun.FaultBlocks, int64(c.LostLBA), 0, 0)
	u.read(now)
	f := &u.faults[lun.FaultBlocks]
	f.told = f.last.Count
}

// change updates one finding, and logs when it appears or disappears.
func (u *Watched) change(f *finding, err error, over string, log *slog.Logger, now time.Time) {
	switch {
	case err == nil && f.text != "":
		log.Info("medium: "+over, u.args()...)
		*f = finding{}
	case err != nil && f.text != err.Error():
		if f.text == "" {
			f.since = now
		}
		f.text = err.Error()
		log.Error("medium: "+f.text, u.args()...)
	}
}
