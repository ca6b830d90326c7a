package livetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// The daemon is killed at random points of changes: of an edited file that is applied, and of targets with a LUN and an account that
// are made and removed by command. It must come up with the old or the new configuration, whole: what was answered is there, what was
// not is there completely or not at all, and of what was under way nothing else is left.
func TestKillDuringChanges(t *testing.T) {
	kills := 100
	if testing.Short() {
		kills = 5
	}
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	m := &killModel{t: t, rng: rand.New(rand.NewPCG(seed, 0)), made: map[string]state{}}
	m.node = newNode(t, fileText(0))
	for cycle := range kills {
		m.workAndKill()
		m.start()
		m.check()
		must.Be(t, !t.Failed(), "cycle %d, seed %#x", cycle, seed)
	}
	t.Logf("%d changes and %d applies were answered before %d kills", m.changes, m.applies, kills)
	must.OK(t, m.Terminate(0))
}

// fileText is version v of the configuration file: each has other LUNs, and another alias that tells it.
func fileText(v int) string {
	text := fmt.Sprintf("[[target]]\nname = \"iqn.2026-11.com.example:file\"\nalias = \"version %d\"\n", v)
	for n := range 1 + v%3 {
		text += fmt.Sprintf("[[target.lun]]\nlun = %d\nfile = \"DIR/file-%d-%d.img\"\nsize = \"1M\"\n", n, n, v%2)
	}
	return text
}

// state is what is known about an object.
type state uint8

const (
	absent state = iota
	present
	adding // not answered
	removing
)

type killModel struct {
	*node
	t    *testing.T
	rng  *rand.Rand
	made map[string]state // targets by name

	version          int // of the file
	next             int
	changes, applies int
}

// workAndKill makes changes by three clients at once, and kills the daemon at some moment.
func (m *killModel) workAndKill() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var mu sync.Mutex
	var work sync.WaitGroup
	for i := range 3 {
		client := api.Dial(filepath.Join(m.dir, "c.sock"))
		defer client.Close()
		work.Go(func() {
			for ctx.Err() == nil {
				var err error
				if i == 0 {
					err = m.apply(ctx, client, &mu)
				} else {
					err = m.change(ctx, client, &mu)
				}
				if err != nil {
					return
				}
			}
		})
	}
	time.Sleep(time.Duration(m.rng.Int64N(int64(300 * time.Millisecond)))) // the point of the kill
	must.OK(m.t, m.Kill())
	cancel()
	work.Wait()
}

// gone reports whether a change failed because the daemon was killed. Any other failure is an error.
func (m *killModel) gone(err error) bool {
	if err == nil {
		return false
	}
	for _, refusal := range []error{admin.ErrBusy, admin.ErrExists, admin.ErrFileOwned, admin.ErrInUse, admin.ErrInvalid, admin.ErrNotFound} {
		if errors.Is(err, refusal) {
			m.t.Errorf("refused: %v", err)
		}
	}
	return true
}

// apply edits the file and applies it.
func (m *killModel) apply(ctx context.Context, c *api.Client, mu *sync.Mutex) error {
	mu.Lock()
	m.version++
	m.edit(fileText(m.version))
	mu.Unlock()
	_, err := c.Apply(ctx, false, false)
	if m.gone(err) {
		return err
	}
	mu.Lock()
	m.applies++
	mu.Unlock()
	return nil
}

// change makes a target with a LUN and an account, or removes one.
func (m *killModel) change(ctx context.Context, c *api.Client, mu *sync.Mutex) error {
	mu.Lock()
	name, have := "", []string{}
	for n, s := range m.made {
		if s == present {
			have = append(have, n)
		}
	}
	remove := len(have) > 4
	if remove {
		name = have[m.rng.IntN(len(have))]
		m.made[name] = removing
	} else {
		m.next++
		name = fmt.Sprintf("iqn.2026-11.com.example:k%d", m.next)
		m.made[name] = adding
	}
	mu.Unlock()
	var err error
	if remove {
		_, err = c.Do(ctx, admin.RemoveTarget{Name: name})
	} else {
		_, err = c.Do(ctx, admin.AddTarget{Name: name},
			admin.AddLUN{Target: name, LUN: config.LUN{Kind: backend.KindFile, Path: m.image(name), Size: 1 << 20}},
			admin.AddAccount{Target: name, User: "u", Secret: "a secret of " + name})
	}
	if m.gone(err) {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	m.changes++
	if m.made[name] = present; remove {
		m.made[name] = absent
	}
	return nil
}

func (m *killModel) image(name string) string {
	return filepath.Join(m.dir, name[strings.LastIndexByte(name, ':')+1:]+".img")
}

// check compares the daemon that started again with what is known.
func (m *killModel) check() {
	m.t.Helper()
	c := m.config()
	found := map[string]*config.Target{}
	for i := range c.Targets {
		found[c.Targets[i].Name] = &c.Targets[i]
	}
	file := found["iqn.2026-11.com.example:file"]
	if want := fmt.Sprintf("version %d", m.version); file == nil || file.Alias != want || len(file.LUNs) != 1+m.version%3 {
		m.t.Errorf("the file's target is %+v, want %s", file, want)
	}
	for name, s := range m.made {
		t := found[name]
		switch {
		case s == present && t == nil:
			m.t.Errorf("%s is lost", name)
		case s == absent && t != nil:
			m.t.Errorf("%s was removed, and is there again", name)
		case t != nil && (len(t.LUNs) != 1 || len(t.Access.Accounts) != 1):
			m.t.Errorf("%s is not whole: %+v", name, t)
		}
		if t != nil {
			m.made[name] = present
		} else {
			delete(m.made, name)
			_ = os.Remove(m.image(name))
		}
		delete(found, name)
	}
	if len(found) != 1 {
		m.t.Errorf("targets that nobody made: %v", found)
	}
	plan, err := m.api.Apply(m.ctx(), true, false)
	if err != nil || len(plan.Steps)+len(plan.Restart) > 0 {
		m.t.Errorf("the daemon that started differs from its file: %+v, %v", plan, err)
	}
	m.leftovers()
}

// leftovers checks that the state directory has what the configuration refers to, and nothing else.
func (m *killModel) leftovers() {
	m.t.Helper()
	if text, err := os.ReadFile(m.owned()); err == nil && len(text) == 0 {
		m.t.Error("owned.toml is empty")
	}
	owned, ps := config.LoadOwned(m.owned(), false)
	must.Be(m.t, owned != nil, "owned.toml: %v", ps)
	used := map[string]bool{}
	for i := range owned.Targets {
		for _, a := range owned.Targets[i].Access.Accounts {
			used[a.SecretFile] = true
		}
	}
	known := map[string]bool{"state.db": true, "lock": true, "owned.toml": true, "secrets": true, "losses": true}
	for _, e := range must.Get(os.ReadDir(m.state()))(m.t) {
		if !known[e.Name()] {
			m.t.Errorf("%s is left in the state directory", e.Name())
		}
	}
	secrets, err := os.ReadDir(filepath.Join(m.state(), "secrets"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		m.t.Error(err)
	}
	for _, e := range secrets {
		if !used[filepath.Join(m.state(), "secrets", e.Name())] {
			m.t.Errorf("the secret %s is left, and nothing refers to it", e.Name())
		}
	}
	if len(secrets) < len(used) {
		m.t.Errorf("%d secrets of %d", len(secrets), len(used))
	}
}
