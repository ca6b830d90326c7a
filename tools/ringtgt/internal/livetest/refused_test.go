package livetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

const made = "iqn.2026-11.com.example:made"

// One part of a change that is wrong refuses all of it: of an edited file, and of several operations.
func TestAnInvalidPlanChangesNothing(t *testing.T) {
	n := newNode(t, loadText)
	apply := func() (*admin.Plan, error) { return n.api.Apply(n.ctx(), false, false) }
	good := "[[target]]\nname = \"" + made + "\"\n[[target.lun]]\nlun = 0\nmemory = \"1M\"\n"

	n.edit(loadText + good + "[[target]]\nname = \"iqn.2026-11.com.example:bad\"\n[[target.lun]]\nlun = 0\nmemory = \"1000\"\n")
	n.refused(apply, admin.ErrInvalid, "ringtgt.toml:20:1: size 1000 is no multiple of the block size 512")

	n.edit(loadText + good + "[[target.lun]]\nlun = 1\nfile = \"DIR/missing.img\"\n")
	n.refused(apply, nil, "missing.img")

	n.edit(loadText + good + "[[target]\n")
	n.refused(apply, admin.ErrInvalid, "ringtgt.toml:17:9: ")

	n.refused(func() (*admin.Plan, error) {
		return n.api.Do(n.ctx(), admin.AddTarget{Name: made}, admin.AddLUN{Target: made, LUN: config.LUN{Kind: backend.KindFile, Path: n.dir + "/missing.img"}})
	}, nil, "missing.img")
	n.refused(func() (*admin.Plan, error) {
		return n.api.Do(n.ctx(), admin.AddTarget{Name: made}, admin.RemoveTarget{Name: loadTarget})
	}, admin.ErrFileOwned, "ringtgt.toml:8:1")

	n.edit(loadText + good)
	plan, err := apply()
	must.OK(t, err)
	check.Equal(t, len(plan.Steps), 2, "steps of what was good:")
}

// A LUN's file that vanishes between the plan and its execution is named, and nothing changes.
func TestAFileVanishesAfterThePlan(t *testing.T) {
	n := newNode(t, loadText)
	image := filepath.Join(n.dir, "gone.img")
	must.OK(t, os.WriteFile(image, make([]byte, 1<<20), 0o600))
	n.edit(loadText + "[[target]]\nname = \"" + made + "\"\n[[target.lun]]\nlun = 0\nmemory = \"1M\"\n[[target.lun]]\nlun = 1\nfile = \"DIR/gone.img\"\n")
	plan, err := n.api.Apply(n.ctx(), true, false)
	must.OK(t, err)
	check.Equal(t, len(plan.Steps), 3, "steps of the plan:")
	must.OK(t, os.Remove(image))
	n.refused(func() (*admin.Plan, error) { return n.api.Apply(n.ctx(), false, false) }, nil, "gone.img")
}

// Applies that come at once wait for each other, or are refused because another one is in progress; the last file is in force.
func TestAppliesAtOnce(t *testing.T) {
	n := newNode(t, loadText)
	for round := range 10 {
		text := loadText
		for k := range 3 {
			text += fmt.Sprintf("[[target]]\nname = \"iqn.2026-11.com.example:r%d-%d\"\n[[target.lun]]\nlun = 0\nfile = \"DIR/r%d.img\"\nsize = \"1M\"\n", round, k, k)
		}
		n.edit(text)
		var work sync.WaitGroup
		steps := make([]int, 4)
		for i := range steps {
			work.Go(func() {
				plan, err := n.api.Apply(n.ctx(), false, false)
				if err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
				steps[i] = len(plan.Steps)
			})
		}
		work.Wait()
		busy := 0
		for _, s := range steps {
			if s > 0 {
				busy++
			}
		}
		check.Equal(t, busy, 1, "applies that changed something, of steps %v:", steps)
		plan, err := n.api.Apply(n.ctx(), true, false)
		must.OK(t, err)
		check.Equal(t, len(plan.Steps), 0, "steps that are left:")
	}
}

// A change that cannot be saved because the state's file system is full is refused, and nothing is lost: neither what is in force nor
// what was saved. Once there is space, it succeeds.
func TestFullStateFileSystem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a file system for the state directory needs root")
	}
	unshare := harness.Need(t, "unshare", "util-linux")
	n := &node{t: t, dir: t.TempDir()}
	must.OK(t, os.Mkdir(n.state(), 0o700))
	// A tmpfs in a mount namespace of the daemon's own.
	n.binary = filepath.Join(n.dir, "ringtgt.sh")
	script := fmt.Sprintf("#!/bin/sh\nexec %s -m sh -c 'mount -t tmpfs -o size=2m,mode=700 none %s && exec \"$@\"' sh %s \"$@\"\n", unshare, n.state(), harness.BuildT(t))
	must.OK(t, os.WriteFile(n.binary, []byte(script), 0o700))
	n.edit(loadText)
	n.start()
	state := filepath.Join("/proc", fmt.Sprint(n.PID()), "root", n.state())
	n.ownedAt = filepath.Join(state, "owned.toml")
	_, err := n.api.Do(n.ctx(), admin.AddTarget{Name: made})
	must.OK(t, err)
	must.Be(t, strings.Contains(n.saved(), made), "the state directory is not where it should be:\n%s", n.saved())

	fill := filepath.Join(state, "fill")
	filled := fillUp(t, fill)
	t.Logf("%d bytes filled the file system", filled)
	add := func() (*admin.Plan, error) {
		return n.api.Do(n.ctx(), admin.AddTarget{Name: made + "-2", Alias: strings.Repeat("x", 200)}, admin.AddLUN{Target: made + "-2", LUN: config.LUN{Kind: backend.KindMemory, Size: 1 << 20}})
	}
	n.refused(add, nil, "no space left on device")
	n.refused(func() (*admin.Plan, error) {
		return n.api.Do(n.ctx(), admin.AddAccount{Target: made, User: "u", Secret: "a long enough secret"})
	}, nil, "no space left on device")
	must.OK(t, os.Remove(fill))
	_, err = add()
	must.OK(t, err)
	must.Be(t, strings.Contains(n.saved(), made+"-2"), "not saved:\n%s", n.saved())
	for _, e := range must.Get(os.ReadDir(state))(t) {
		must.Be(t, !strings.Contains(e.Name(), "tmp") && !strings.HasPrefix(e.Name(), "."), "%s is left", e.Name())
	}
}

// fillUp writes until there is no space.
func fillUp(t *testing.T, name string) (n int) {
	t.Helper()
	f, err := os.Create(name)
	must.OK(t, err)
	defer f.Close()
	for size := 1 << 16; size > 0; {
		k, err := f.Write(make([]byte, size))
		if n += k; err != nil {
			size /= 2
		}
	}
	return n
}
