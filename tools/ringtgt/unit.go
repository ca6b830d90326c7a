package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/health"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// servedUnit is a unit with its open backend.
type servedUnit struct {
	cfg     *config.LUN // as it was opened: number, medium and identity stay, exports and limits may have changed since
	backend backend.Backend
	config  lun.UnitConfig
	unit    *lun.Unit
	medium  medium.Fingerprint // of its medium; zero: memory or null
	notes   []string
	before  string // message about losses before this start
	kept    kept
	health  *health.Watched
}

// opening is a unit that is being opened.
type opening struct {
	target *servedTarget
	cfg    *config.LUN
	unit   *servedUnit // nil: not open
}

// openers is the number of media opened at once. Opening mostly waits for a file system's journal, which commits several files
// together. More bring no gain.
const openers = 16

// openUnits opens media. Of several errors it returns the first in the order of the configuration; the media that could be opened
// are open nevertheless.
func (d *daemon) openUnits(places []*opening, until time.Time) error {
	errs := make([]error, len(places))
	var work sync.WaitGroup
	free := make(chan struct{}, openers)
	for i, o := range places {
		free <- struct{}{}
		work.Go(func() {
			defer func() { <-free }()
			if o.unit, errs[i] = d.openUnit(o.cfg, until); errs[i] != nil {
				errs[i] = fmt.Errorf("%s: target %s lun %d: %w", o.cfg.At, o.target.cfg.Name, o.cfg.Number, errs[i])
			}
		})
	}
	work.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// openUnit opens the medium that the state knows. Nothing is created, extended or written before the disk's identity is certain.
// A disk that was served before and is missing is never created again.
func (d *daemon) openUnit(l *config.LUN, until time.Time) (*servedUnit, error) {
	spec := l.Spec()
	spec.Lost = d.lookNow
	if l.Fallback { // the default disk: create its directory
		if err := os.MkdirAll(filepath.Dir(l.Path), 0o700); err != nil {
			return nil, err
		}
	}
	if l.Persistent() {
		ask, err := askFor(l)
		if err != nil {
			return nil, err
		}
		if d.state != nil {
			if _, err := d.state.Find(ask); err != nil {
				return nil, err
			}
		}
		spec.Is = ask.Seen
	}
	b, err := openBackend(spec, until)
	var notes []string
	if err != nil && l.Fallback && !errors.Is(err, backend.ErrInUse) {
		why := err
		spec.Thin = false
		if b, err = openBackend(spec, until); err == nil {
			notes = append(notes, fmt.Sprintf("not thin: %v", why))
		}
	}
	if err != nil {
		return nil, err
	}
	u := &servedUnit{
		cfg: l, backend: b, notes: append(notes, b.Notes()...),
		config: lun.UnitConfig{
			Backend: b, ID: l.ID, Serial: l.Serial, ReadOnly: l.ReadOnly, Removable: l.Removable, Thin: spec.Thin,
			PhysicalBlock: uint32(l.PhysicalBlock), SanitizeRate: l.SanitizeRate,
		},
	}
	if at, ok := b.(backend.Located); ok {
		if u.medium, err = at.Medium(); err != nil {
			b.Close()
			return nil, err
		}
		if !u.medium.Identifies() {
			u.notes = append(u.notes, fmt.Sprintf("%s cannot be identified (it has no WWID, serial number, UUID or birth time): "+
				"it is recognized by its name and size alone", spec))
		}
	}
	return u, nil
}

// askFor inspects what is at the path of l.
func askFor(l *config.LUN) (state.Ask, error) {
	a := state.Ask{ID: l.ID, Kind: medium.Kind(l.Kind), Path: l.Path}
	var err error
	if a.Seen, err = medium.OfPath(l.Path); errors.Is(err, os.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", l.Path, err)
	}
	return a, err
}

// lockWait bounds the wait for media and the state directory to become free, in total. After a daemon is killed its rings hold
// its files until the kernel has torn them down, which may be after the process is gone.
const (
	lockWait = 5 * time.Second
	lockPoll = 20 * time.Millisecond
)

// openBackend opens s, and retries until a deadline while another process holds it.
func openBackend(s backend.Spec, until time.Time) (backend.Backend, error) {
	for {
		b, err := backend.Open(s)
		if !errors.Is(err, backend.ErrInUse) || !time.Now().Before(until) {
			return b, err
		}
		time.Sleep(lockPoll)
	}
}

// identify determines the units' identities: from the configuration, else from the state directory, else new ones, since a
// volatile medium is another disk each time. It saves all of them at once, because each save costs a sync.
func (d *daemon) identify(places []*opening) error {
	var media, others []*opening
	var asks []state.Ask
	var names []string
	for _, o := range places {
		u := o.unit
		switch {
		case d.state == nil:
			if u.config.ID == "" {
				u.config.ID = state.NewID()
			}
		case u.cfg.Persistent():
			media = append(media, o)
			asks = append(asks, state.Ask{ID: u.cfg.ID, Kind: medium.Kind(u.cfg.Kind), Path: u.cfg.Path, Seen: u.medium})
		case u.config.ID == "":
			others = append(others, o)
			names = append(names, state.UnitName(string(u.cfg.Kind), o.target.cfg.Name, u.cfg.Number))
		}
	}
	if d.state == nil {
		return nil
	}
	found, ids, err := d.state.Bind(asks, names)
	if err != nil {
		return err
	}
	for i, o := range others {
		o.unit.config.ID = ids[i].ID
	}
	for i, o := range media {
		u := o.unit
		u.config.ID = found[i].Disk.ID
		u.before = lostBefore(found[i].Disk.Lost)
		log := d.log.With("target", o.target.cfg.Name, "lun", u.cfg.Number, "id", u.config.ID, "medium", u.medium.String())
		switch found[i].Outcome {
		case state.Fresh:
			log.Info("a new disk", "path", u.cfg.Path)
		case state.Renamed:
			log.Warn("the disk's name has changed", "path", u.cfg.Path)
		case state.Filled:
			log.Info("the disk is recognized by its medium from now on", "path", u.cfg.Path)
		}
	}
	return nil
}

// checkNames refuses two units with the same designator or serial number, wherever these come from: initiators would take them
// for one disk, and multipath would write to either.
func (s *serving) checkNames() error {
	seen := map[string]*servedUnit{}
	for _, t := range s.targets {
		for _, u := range t.units {
			naa, serial := lun.Names(u.config.ID, u.config.Serial)
			for _, name := range []string{"the identity of NAA " + hex.EncodeToString(naa[:]), "serial number " + strings.TrimRight(serial, " ")} {
				if other := seen[name]; other != nil {
					return fmt.Errorf("%s: target %s lun %d has %s, which %s has already: initiators would take the two for one disk",
						u.cfg.At, t.cfg.Name, u.cfg.Number, name, other.cfg.At)
				}
				seen[name] = u
			}
		}
	}
	return nil
}
