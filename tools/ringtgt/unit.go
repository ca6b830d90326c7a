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

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/lun/backend/medium"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// servedUnit is a unit of the configuration with its open backend.
type servedUnit struct {
	cfg     *config.LUN
	backend backend.Backend
	config  lun.UnitConfig
	unit    *lun.Unit
	medium  medium.Fingerprint // what it is on; zero: memory, or nowhere
	notes   []string
	before  string // what was lost before this start
	kept    kept
}

// openers is how many media are opened at once. Opening mostly waits for a file system's journal, which takes what several
// have to write in one turn; more than these bring nothing.
const openers = 16

// openUnits opens the media of all targets. The error is that of the first in the order of the configuration.
func (d *daemon) openUnits(until time.Time) error {
	var places []*servedUnit
	var errs []error
	var work sync.WaitGroup
	free := make(chan struct{}, openers)
	for _, t := range d.targets {
		for range t.cfg.LUNs {
			places, errs = append(places, nil), append(errs, nil)
		}
	}
	n := 0
	for _, t := range d.targets {
		for j := range t.cfg.LUNs {
			l, i := &t.cfg.LUNs[j], n
			n++
			free <- struct{}{}
			work.Go(func() {
				defer func() { <-free }()
				if places[i], errs[i] = d.openUnit(l, until); errs[i] != nil {
					errs[i] = fmt.Errorf("%s: target %s lun %d: %w", l.At, t.cfg.Name, l.Number, errs[i])
				}
			})
		}
	}
	work.Wait()
	for _, t := range d.targets {
		n := len(t.cfg.LUNs)
		for _, u := range places[:n] {
			if u != nil { // after an error too: whoever gives up closes what is open
				t.units = append(t.units, u)
			}
		}
		places = places[n:]
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// openUnit opens the medium, as the state knows it. Nothing is made, lengthened or written before it is sure which disk
// it is; a disk that has been served and is not there is never made anew.
func (d *daemon) openUnit(l *config.LUN, until time.Time) (*servedUnit, error) {
	spec := l.Spec()
	spec.Lost = d.lookNow
	if l.Fallback { // the default disk: nobody was told to make its folder
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
			u.notes = append(u.notes, fmt.Sprintf("%s does not say which one it is (it has no WWID, serial number, UUID or birth time): "+
				"it is known by its name and size alone", spec))
		}
	}
	return u, nil
}

// askFor looks at what is at the path of l.
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

// lockWait is how long media and the state directory may take to become free, all together: when a daemon is killed the
// kernel takes its rings apart after the process is gone, and they hold its files until then.
const (
	lockWait = 5 * time.Second
	lockPoll = 20 * time.Millisecond
)

// openBackend opens s, until a time again and again while somebody has it.
func openBackend(s backend.Spec, until time.Time) (backend.Backend, error) {
	for {
		b, err := backend.Open(s)
		if !errors.Is(err, backend.ErrInUse) || !time.Now().Before(until) {
			return b, err
		}
		time.Sleep(lockPoll)
	}
}

// identify finds out who the units are: by configuration, else by the state directory, else they are new, as a medium that
// does not survive is another disk every time. It keeps all of them at once: each time costs a sync.
func (d *daemon) identify() error {
	var media, others []*servedUnit
	var asks []state.Ask
	var names []string
	var owners []*servedTarget
	for _, t := range d.targets {
		for _, u := range t.units {
			switch {
			case d.state == nil:
				if u.config.ID == "" {
					u.config.ID = state.NewID()
				}
			case u.cfg.Persistent():
				media, owners = append(media, u), append(owners, t)
				asks = append(asks, state.Ask{ID: u.cfg.ID, Kind: medium.Kind(u.cfg.Kind), Path: u.cfg.Path, Seen: u.medium})
			case u.config.ID == "":
				others = append(others, u)
				names = append(names, state.UnitName(string(u.cfg.Kind), t.cfg.Name, u.cfg.Number))
			}
		}
	}
	if d.state == nil {
		return nil
	}
	found, ids, err := d.state.Bind(asks, names)
	if err != nil {
		return err
	}
	for i, u := range others {
		u.config.ID = ids[i].ID
	}
	for i, u := range media {
		u.config.ID = found[i].Disk.ID
		u.before = lostBefore(found[i].Disk.Lost)
		log := d.log.With("target", owners[i].cfg.Name, "lun", u.cfg.Number, "id", u.config.ID, "medium", u.medium.String())
		switch found[i].Outcome {
		case state.Fresh:
			log.Info("a new disk", "path", u.cfg.Path)
		case state.Renamed:
			log.Warn("the disk has another name than before", "path", u.cfg.Path)
		case state.Filled:
			log.Info("the disk is known by its medium from now on", "path", u.cfg.Path)
		}
	}
	return nil
}

// checkNames refuses two units that initiators would take for one, whatever their names were made of: multipath would write
// to either.
func (d *daemon) checkNames() error {
	seen := map[string]*servedUnit{}
	for _, t := range d.targets {
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
