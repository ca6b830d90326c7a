package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// servedUnit is a unit of the configuration with its open backend.
type servedUnit struct {
	cfg     *config.LUN
	backend backend.Backend
	config  lun.UnitConfig
	unit    *lun.Unit
	notes   []string
}

// openUnit opens the medium and finds out who it is.
func (d *daemon) openUnit(t *config.Target, l *config.LUN) (*servedUnit, error) {
	spec := l.Spec()
	if l.Fallback { // the default disk: nobody was told to make its folder
		if err := os.MkdirAll(filepath.Dir(l.Path), 0o700); err != nil {
			return nil, err
		}
	}
	b, err := backend.Open(spec)
	var notes []string
	if err != nil && l.Fallback {
		why := err
		spec.Thin = false
		if b, err = backend.Open(spec); err == nil {
			notes = append(notes, fmt.Sprintf("not thin: %v", why))
		}
	}
	if err != nil {
		return nil, err
	}
	id, err := d.identify(t, l)
	if err != nil {
		b.Close()
		return nil, err
	}
	return &servedUnit{
		cfg: l, backend: b, notes: append(notes, b.Notes()...),
		config: lun.UnitConfig{
			Backend: b, ID: id, Serial: l.Serial, ReadOnly: l.ReadOnly, Removable: l.Removable, Thin: spec.Thin,
			PhysicalBlock: uint32(l.PhysicalBlock), SanitizeRate: l.SanitizeRate,
		},
	}, nil
}

// identify is the identity of a unit's medium: the configured one, else that of the state directory, else a new one, as a
// medium that does not survive is another disk every time.
func (d *daemon) identify(t *config.Target, l *config.LUN) (string, error) {
	if l.ID != "" {
		return l.ID, nil
	}
	if d.state == nil {
		return state.NewID(), nil
	}
	medium := state.MediumUnit(string(l.Kind), t.Name, l.Number)
	if l.Persistent() {
		path, err := filepath.Abs(l.Path)
		if err != nil {
			return "", err
		}
		medium = state.MediumPath(string(l.Kind), path)
	}
	id, err := d.state.Identity(medium)
	return id.ID, err
}
