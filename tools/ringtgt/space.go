package main

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/space"
)

// spaceEvery is how often the space behind the files is read: a file system fills in minutes at the fastest.
const spaceEvery = 30 * time.Second

// spaceWatch reads the space behind the files of LUNs in the background: a file system that does not answer blocks its goroutine alone.
type spaceWatch struct {
	last atomic.Pointer[spaceReport] // nil: not read yet
	now  chan struct{}               // asks for a reading before its time
	stop chan struct{}
	done chan struct{}
}

// spaceReport is one reading. It never changes.
type spaceReport struct {
	percent int
	files   map[string]space.Usage // by path
	systems []space.FileSystem
}

// warnings returns what is wrong, by mount point.
func (r *spaceReport) warnings() (out []string) {
	if r == nil {
		return nil
	}
	for i := range r.systems {
		if w := r.systems[i].Warning(r.percent); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// usage returns what the file of a LUN takes; ok is false if that is not known.
func (r *spaceReport) usage(l *config.LUN) (u space.Usage, ok bool) {
	if r == nil || l.Kind != backend.KindFile {
		return u, false
	}
	u, ok = r.files[l.Path]
	return u, ok
}

// spaceWarning is the percentage in force.
func spaceWarning(c *config.Config) int { return cmp.Or(c.Server.SpaceWarning, space.DefaultWarning) }

// watchSpace starts reading the space behind the files of what is served, now and then every half minute.
func (d *daemon) watchSpace() {
	w := &spaceWatch{now: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	d.space = w
	go func() {
		defer close(w.done)
		tick := time.NewTicker(spaceEvery)
		defer tick.Stop()
		told := map[string]space.Problem{}
		for {
			d.readSpace(told)
			select {
			case <-tick.C:
			case <-w.now:
			case <-w.stop:
				return
			}
		}
	}()
}

// close ends the watch. It does not wait for a file system that does not answer.
func (w *spaceWatch) close() {
	close(w.stop)
	select {
	case <-w.done:
	case <-time.After(100 * time.Millisecond):
	}
}

// report returns the last reading, nil if there is none.
func (w *spaceWatch) report() *spaceReport {
	if w == nil {
		return nil
	}
	return w.last.Load()
}

// again asks for a reading now: what is served has changed. w may be nil, before the daemon has started.
func (w *spaceWatch) again() {
	if w == nil {
		return
	}
	select {
	case w.now <- struct{}{}:
	default:
	}
}

// readSpace reads the space behind all files once, logs what has changed since told, and reports it to thin units.
func (d *daemon) readSpace(told map[string]space.Problem) {
	now := d.now()
	r := &spaceReport{percent: spaceWarning(now.cfg), files: map[string]space.Usage{}}
	now.each(func(_ *servedTarget, u *servedUnit) {
		if u.cfg.Kind != backend.KindFile {
			return
		}
		use, err := space.Look(u.cfg.Path)
		if err != nil {
			return // health reports a file that is not there
		}
		r.files[u.cfg.Path] = use
		if u.unit.SetThinSpace(lun.ThinSpace{Available: use.Available, Used: use.Allocated, Warn: space.Threshold(use.Total, r.percent)}) {
			d.log.Warn("thin provisioning soft threshold reached: initiators are told", "lun", u.cfg.Number, "path", u.cfg.Path, "available", use.Available)
		}
	})
	r.systems = space.Sum(r.files, mountPoint)
	d.space.last.Store(r)
	seen := map[string]bool{}
	for i := range r.systems {
		fs := &r.systems[i]
		seen[fs.Mount] = true
		p := fs.Judge(r.percent)
		switch {
		case p == told[fs.Mount]:
		case p == space.None:
			d.log.Info("space: enough again", "file_system", fs.Mount, "available", fs.Available, "growth", fs.Growth)
		default:
			d.log.Warn("space: "+fs.Warning(r.percent), "file_system", fs.Mount, "available", fs.Available, "growth", fs.Growth)
		}
		told[fs.Mount] = p
	}
	for m := range told {
		if !seen[m] {
			delete(told, m)
		}
	}
}

// mountPoint returns where the file system of path is mounted.
func mountPoint(path string) string {
	at := existing(path)
	if real, err := filepath.EvalSymlinks(at); err == nil {
		at = real
	}
	if abs, err := filepath.Abs(at); err == nil {
		at = abs
	}
	return readMounts().of(at).point
}

// checkSpace returns the warnings about the space that a configuration would need.
func checkSpace(c *config.Config) (out []string) {
	files := map[string]space.Usage{}
	for i := range c.Targets {
		for j := range c.Targets[i].LUNs {
			l := &c.Targets[i].LUNs[j]
			if l.Kind != backend.KindFile {
				continue
			}
			u, err := space.Look(l.Path)
			if os.IsNotExist(err) {
				u, err = space.LookAbove(l.Path, l.Size)
			}
			if err == nil {
				u.Size = max(u.Size, l.Size)
				files[l.Path] = u
			}
		}
	}
	r := &spaceReport{percent: spaceWarning(c), files: files, systems: space.Sum(files, mountPoint)}
	return slices.Clip(r.warnings())
}
