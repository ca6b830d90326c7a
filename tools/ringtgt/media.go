package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// foundMedium is a configured file or device as found before anything is opened.
type foundMedium struct {
	lun     *config.LUN
	ask     state.Ask
	finding state.Finding
}

// makes reports whether serving it creates a file.
func (m *foundMedium) makes() bool { return m.ask.Seen.IsZero() }

// media are the media of a configuration, by LUN.
type media map[*config.LUN]*foundMedium

// lookAtMedia compares the files and devices of c with the state. It changes nothing, and does not create a state.
// problems are mistakes in the configuration; err has all disks that must not be served.
func lookAtMedia(c *config.Config) (found media, problems config.Problems, err error) {
	found = media{}
	if c.Server.State == "" {
		return found, nil, nil
	}
	known, err := state.Peek(c.Server.State)
	if err != nil {
		return nil, nil, err
	}
	var refused []error
	for i := range c.Targets {
		t := &c.Targets[i]
		for j := range t.LUNs {
			l := &t.LUNs[j]
			if !l.Persistent() {
				continue
			}
			m := &foundMedium{lun: l}
			if m.ask, err = askFor(l); err == nil {
				m.finding, err = known.Find(m.ask)
			}
			if err != nil {
				refused = append(refused, fmt.Errorf("%s: target %s lun %d: %w", l.At, t.Name, l.Number, err))
				continue
			}
			if m.makes() {
				if why := cannotMake(l); why != "" {
					problems = append(problems, config.Problem{At: l.At, Text: why})
					continue
				}
			}
			found[l] = m
		}
	}
	return found, problems, errors.Join(refused...)
}

// cannotMake returns why the file of l, which was never served and does not exist, cannot be created.
func cannotMake(l *config.LUN) string {
	if l.Kind != backend.KindFile || l.Size == 0 || l.ReadOnly {
		return fmt.Sprintf("there is no file %s; with a size it is created", l.Path)
	}
	if dir := filepath.Dir(medium.Real(l.Path)); !l.Fallback {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return fmt.Sprintf("%s cannot be created: there is no directory %s", l.Path, dir)
		}
	}
	return ""
}

// describe describes what serving the medium would do.
func (m *foundMedium) describe() string {
	k := m.finding.Disk
	if !k.Lost.Writes.IsZero() {
		return fmt.Sprintf("disk %s: %s; at %s writes to it were lost", k.ID, m.ask.Seen, k.Lost.Writes.Format(time.RFC3339))
	}
	switch {
	case m.makes() && k.ID != "":
		return fmt.Sprintf("the file will be created: a new disk, %s", k.ID)
	case m.makes():
		return "the file will be created: a new disk"
	case m.finding.Outcome == state.Fresh:
		return fmt.Sprintf("a new disk: %s", m.ask.Seen)
	case m.finding.Outcome == state.Renamed:
		return fmt.Sprintf("disk %s under a new name: %s", k.ID, m.ask.Seen)
	default:
		return fmt.Sprintf("disk %s: %s", k.ID, m.ask.Seen)
	}
}
