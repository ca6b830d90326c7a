package livetest

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

const (
	loadTarget = "iqn.2026-11.com.example:load"
	loadText   = "[[target]]\nname = \"" + loadTarget + "\"\n[[target.lun]]\nlun = 0\nmemory = \"16M\"\n"
)

// load is a session that writes blocks and reads them back, and measures how long that takes.
type load struct {
	t       *testing.T
	session *initiator.Session
	stop    context.CancelFunc
	done    sync.WaitGroup
	mu      sync.Mutex
	more    sync.Cond // took has grown, or the load has ended
	took    []time.Duration
}

func startLoad(t *testing.T, n *node) *load {
	t.Helper()
	s, err := initiator.Dial(n.ctx(), initiator.Config{Portals: []string{n.Addr()}, TargetName: loadTarget, InitiatorName: "iqn.2026-11.com.example:load"})
	must.OK(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{t: t, session: s, stop: cancel}
	l.more.L = &l.mu
	must.OK(t, s.Ready(ctx, 0, initiator.LUN(0)))
	l.done.Go(func() { l.run(ctx) })
	t.Cleanup(func() { l.stop(); l.done.Wait(); s.Close() })
	return l
}

func (l *load) run(ctx context.Context) {
	defer l.more.Broadcast()
	want, got := make([]byte, 4096), make([]byte, 4096)
	for i := uint64(0); ctx.Err() == nil; i++ {
		at := i % 4096 * 8
		for j := range want {
			want[j] = byte(i + uint64(j))
		}
		begin := time.Now()
		err := l.session.Write(context.Background(), 0, initiator.LUN(0), at, 8, want)
		if err == nil {
			err = l.session.Read(context.Background(), 0, initiator.LUN(0), at, 8, got)
		}
		took := time.Since(begin)
		if err != nil || !bytes.Equal(got, want) {
			l.t.Errorf("round %d of the load: %v, the same data: %t", i, err, bytes.Equal(got, want))
			return
		}
		l.mu.Lock()
		l.took = append(l.took, took)
		l.more.Signal()
		l.mu.Unlock()
	}
}

// p99 returns the 99th percentile of the latencies since the last call, and how many there were.
func (l *load) p99() (time.Duration, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	took := l.took
	l.took = nil
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return took[len(took)*99/100], len(took)
}

const clients = 32

// 32 clients create 1,000 targets with LUNs, all at once, then remove them, while another LUN is in use. None fails, and the load's
// session stays as it is.
//
// The load's latencies are printed, not judged: they depend on the machine. Creating at another daemon of the same machine tells how
// much of the difference is contention for its CPUs.
func TestThousandCreates(t *testing.T) {
	targets := 1000
	if testing.Short() {
		targets = 100
	}
	n, other := newNode(t, loadText), newNode(t, "")
	l := startLoad(t, n)
	l.rounds(3000)
	print := func(what string) {
		p99, rounds := l.p99()
		t.Logf("the load's p99 in %d rounds %s: %v", rounds, what, p99)
	}
	print("alone")
	n.thousand(targets, 1)
	print("during creates and removals")
	other.thousand(targets, 0)
	print("during those of another daemon")
	l.stop()
	l.done.Wait()
	if v := l.session.Violations(); len(v) > 0 {
		t.Errorf("against the standard: %v", v)
	}
	must.OK(t, l.session.Ping(n.ctx(), 0, nil, true), "the load's session ended")
	for _, n := range []*node{n, other} {
		must.Be(t, !bytes.Contains([]byte(n.saved()), []byte("[[target]]")), "targets are left in the owned part:\n%s", n.saved())
		must.OK(t, n.Terminate(0))
	}
}

// rounds waits for n rounds of the load.
func (l *load) rounds(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.took) < n && !l.t.Failed() {
		l.more.Wait()
	}
}

// thousand creates targets at a daemon that has some already, and removes them.
func (n *node) thousand(targets, already int) {
	n.t.Helper()
	for _, round := range []struct {
		what string
		do   func(*api.Client, int) error
		left int
	}{{"created", n.createOne, already + targets}, {"removed", n.removeOne, already}} {
		begin := time.Now()
		next := make(chan int)
		var work sync.WaitGroup
		for range clients {
			work.Go(func() {
				c := api.Dial(filepath.Join(n.dir, "c.sock"))
				defer c.Close()
				for i := range next {
					if err := round.do(c, i); err != nil {
						n.t.Error(err)
					}
				}
			})
		}
		for i := range targets {
			next <- i
		}
		close(next)
		work.Wait()
		n.t.Logf("%d targets %s by %d clients in %v", targets, round.what, clients, time.Since(begin).Round(time.Millisecond))
		check.Equal(n.t, len(n.config().Targets), round.left, "targets that are left:")
		must.Be(n.t, !n.t.Failed(), "some failed")
	}
}

func numbered(i int) string { return fmt.Sprintf("iqn.2026-11.com.example:t%d", i) }

// createOne makes a target with a LUN, and now and then logs in to it: it serves at once.
func (n *node) createOne(c *api.Client, i int) error {
	name := numbered(i)
	unit := config.LUN{Number: 0, Kind: backend.KindMemory, Size: 1 << 20}
	if i%4 == 0 {
		unit = config.LUN{Number: 0, Kind: backend.KindFile, Path: filepath.Join(n.dir, fmt.Sprintf("t%d.img", i)), Size: 1 << 20, Thin: true}
	}
	plan, err := c.Do(n.ctx(), admin.AddTarget{Name: name}, admin.AddLUN{Target: name, LUN: unit})
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	if len(plan.Steps) != 2 {
		return fmt.Errorf("create %s: %d steps", name, len(plan.Steps))
	}
	if i%100 != 0 {
		return nil
	}
	s, err := initiator.Dial(n.ctx(), initiator.Config{Portals: []string{n.Addr()}, TargetName: name, InitiatorName: "iqn.2026-11.com.example:other"})
	if err != nil {
		return fmt.Errorf("login to %s: %w", name, err)
	}
	defer s.Close()
	return s.Ready(n.ctx(), 0, initiator.LUN(0))
}

// removeOne removes a target; every other one with its LUN.
func (n *node) removeOne(c *api.Client, i int) error {
	name := numbered(i)
	if i%2 == 0 {
		if _, err := c.Do(n.ctx(), admin.RemoveLUN{Target: name, Number: 0}); err != nil {
			return fmt.Errorf("remove the LUN of %s: %w", name, err)
		}
	}
	if _, err := c.Do(n.ctx(), admin.RemoveTarget{Name: name}); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}
