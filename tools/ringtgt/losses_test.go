package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/health"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// keeper is a daemon with one file of 8192 bytes and no engine.
type keeper struct {
	*daemon
	t    *testing.T
	path string
	dir  string // the state directory
	log  bytes.Buffer
}

func newKeeper(t *testing.T) (*keeper, *servedTarget, *servedUnit) {
	k := &keeper{t: t, path: filepath.Join(t.TempDir(), "disk"), dir: filepath.Join(t.TempDir(), "state")}
	must.OK(t, os.WriteFile(k.path, make([]byte, 8192), 0o600))
	k.daemon = &daemon{log: slog.New(slog.NewTextHandler(&k.log, nil)), lost: make(chan struct{}, 1)}
	k.open()
	b, err := backend.Open(backend.Spec{Kind: backend.KindFile, Path: k.path, Lost: k.lookNow})
	must.OK(t, err)
	t.Cleanup(func() { b.Close(); k.state.Close() })
	u := &servedUnit{cfg: &config.LUN{Kind: backend.KindFile, Path: k.path}, backend: b, config: lun.UnitConfig{Backend: b}}
	if u.medium, err = b.(backend.Located).Medium(); err != nil {
		t.Fatal(err)
	}
	target := &servedTarget{cfg: &config.Target{Name: config.DefaultTarget}, units: []*servedUnit{u}}
	target.lun = lun.NewTarget(lun.TargetConfig{Name: target.cfg.Name, Loops: 1})
	s := newServing(&config.Config{})
	s.add(target)
	k.current.Store(s)
	k.health = health.New(k.daemon.log)
	must.OK(t, errors.Join(k.identify([]*opening{{target: target, cfg: u.cfg, unit: u}}), k.addUnit(target, u, nil)))
	return k, target, u
}

func (k *keeper) open() {
	st := must.Get(state.Open(k.dir, 0))(k.t)
	k.state, k.store = st, health.NewStore(st, st.Dir(), k.daemon.log)
}

// next returns what the next start reports about the file.
func (k *keeper) next() (state.Finding, error) {
	k.t.Helper()
	known := must.Get(state.Peek(k.dir))(k.t)
	seen := must.Get(medium.OfPath(k.path))(k.t)
	return known.Find(state.Ask{Kind: medium.File, Path: k.path, Seen: seen})
}

func (k *keeper) truncate(n int64) {
	must.OK(k.t, os.Truncate(k.path, n))
}

// If the state cannot be written (a full disk), that is reported and the save is retried until it succeeds: a temporary lack of
// space must not make a restart serve zeroes for data.
func TestLossIsKeptLater(t *testing.T) {
	k, target, u := newKeeper(t)
	k.state.Close() // the state cannot be written from here on
	k.truncate(4096)
	if c := k.inspect(target, u); !c.Lost {
		t.Fatalf("the file was cut: %+v", c)
	}
	if why, _, n := k.store.Report(); n != 1 || why == "" || !strings.Contains(k.log.String(), "after a restart the medium's losses are unknown") {
		t.Errorf("nobody was told: %q\n%s", why, &k.log)
	}
	k.truncate(8192)
	if errs := k.keepLast(); len(errs) != 1 {
		t.Errorf("the end of the daemon: %v, want an error", errs)
	}
	if f, err := k.next(); err != nil {
		t.Fatalf("this test is about nothing: %+v, %v", f, err)
	}
	k.open()
	k.inspect(target, u)
	var r *state.Refusal
	if f, err := k.next(); !errors.As(err, &r) || r.Reason != state.Cut {
		t.Errorf("when there is room again: %+v, %v; want a refusal", f, err)
	}
	if errs := k.keepLast(); len(errs) != 0 {
		t.Error(errs)
	}
	if got := strings.Count(k.log.String(), "the next start refuses the disk"); got != 1 {
		t.Errorf("%d lines that say so, want 1\n%s", got, &k.log)
	}
}

// The save of a larger size is retried, too: a shorter file is recognised as a loss only if the larger size is known.
func TestGrowthIsKeptLater(t *testing.T) {
	k, target, u := newKeeper(t)
	k.state.Close()
	k.truncate(16384)
	k.refresh()
	k.open()
	k.inspect(target, u)
	k.truncate(8192)
	var r *state.Refusal
	if f, err := k.next(); !errors.As(err, &r) || r.Reason != state.Another {
		t.Errorf("a file of 8192 bytes that had 16384: %+v, %v; want a refusal", f, err)
	}
}

// A loss found by the last flush is saved, too.
func TestLastLossIsKept(t *testing.T) {
	k, _, u := newKeeper(t)
	u.unit.FlushFailed(lun.ErrMedium, 0)
	if errs := k.keepLast(); len(errs) != 0 {
		t.Fatal(errs)
	}
	f, err := k.next()
	check.That(t, err == nil && strings.Contains(lostBefore(f.Disk.Lost), "writes that were answered GOOD were lost"), "%+v, %v", f, err)
	k.keepLast()
	if again, _ := k.next(); again.Disk.Lost != f.Disk.Lost || u.kept.writes != 1 {
		t.Errorf("one loss is two: %+v and %+v", f.Disk.Lost, again.Disk.Lost)
	}
}

// A deleted file ends with the daemon that has it open: what was written to it is lost, and the exit code says so. A file that
// was moved keeps its data.
func TestDeletedAtTheEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(path string) error
		lost bool
	}{
		{"deleted", os.Remove, true},
		{"replaced", func(path string) error {
			return errors.Join(os.WriteFile(path+".new", make([]byte, 8192), 0o600), os.Rename(path+".new", path))
		}, true},
		{"moved", func(path string) error { return os.Rename(path, path+".old") }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, _, _ := newKeeper(t)
			must.OK(t, c.do(k.path))
			if errs := k.keepLast(); (len(errs) != 0) != c.lost {
				t.Errorf("%v, lost: %v", errs, c.lost)
			}
		})
	}
}
