package kerneltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/process"
)

// Names of the script's own objects.
const (
	iqnNeighbour = "iqn.2026-11.io.ringtgt:neighbour" // an initiator on the host that uses what changes
	iqnComing    = "iqn.2026-11.io.ringtgt:coming"    // a target that comes and goes
	comingUser   = "coming-user"
)

// live is the script of case live: it changes a running daemon by its commands, while the guest uses one LUN.
type live struct {
	ctx       context.Context
	target    *target
	binary    string
	dir       string
	neighbour *neighbour
	commands  int
	log       func(string)
}

// runLive runs the script against t. guest is the initiator name whose session must be the same at the end; "" if t has none.
func runLive(ctx context.Context, t *target, guest string, rounds int, log func(string)) error {
	ctx, cancel := context.WithTimeout(ctx, liveLimit)
	defer cancel()
	binary, err := harness.Build(ctx)
	if err != nil {
		return err
	}
	l := &live{ctx: ctx, target: t, binary: binary, dir: t.config.dir, log: log}
	before, err := l.session(guest)
	if err != nil {
		return err
	}
	l.neighbour = startNeighbour(ctx, t.config.listen)
	began := time.Now()
	for round := range rounds {
		if err := l.round(round); err != nil {
			l.neighbour.stop()
			return fmt.Errorf("round %d: %w", round, err)
		}
	}
	l.neighbour.stop()
	after, err := l.session(guest)
	if err != nil {
		return err
	}
	if before != after {
		return fmt.Errorf("the guest's session was %s, is %s", before, after)
	}
	used, logins := l.neighbour.commands.Load(), l.neighbour.logins.Load()
	if used == 0 || logins < int64(rounds) {
		return fmt.Errorf("the neighbour carried out %d commands in %d sessions", used, logins)
	}
	log(fmt.Sprintf("%d commands changed the daemon in %.1f s; the neighbour carried out %d commands in %d sessions",
		l.commands, time.Since(began).Seconds(), used, logins))
	return nil
}

// runElsewhere runs the script against another daemon of the host: what it costs the guest then is the processors' time, which is
// short under emulation, and nothing of the guest's daemon.
func runElsewhere(ctx context.Context, t *target, rounds int, log func(string)) (err error) {
	dir, err := os.MkdirTemp(t.config.dir, "elsewhere-")
	if err != nil {
		return err
	}
	other := &target{kind: t.kind, log: io.Discard}
	if other.config, err = newTargetConfig(dir, t.kind.firstLUN); err != nil {
		return err
	}
	if err := other.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.child.Terminate(targetLimit), os.RemoveAll(dir)) }()
	return runLive(ctx, other, "", rounds, log)
}

// round does each kind of change once.
func (l *live) round(round int) error {
	for _, part := range []func(round int) error{l.addLUNs, l.changeLUNs, l.portals, l.targets, l.kick, l.apply, l.removeLUNs} {
		if err := part(round); err != nil {
			return err
		}
	}
	return nil
}

// ringtgt runs a command against the daemon.
func (l *live) ringtgt(args ...string) error { return l.command("", args...) }

func (l *live) command(input string, args ...string) error {
	l.commands++
	cmd := exec.CommandContext(l.ctx, l.binary, append(args, "--state", filepath.Join(l.dir, "state"))...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ringtgt %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// inTurn runs commands until one fails.
func (l *live) inTurn(commands ...[]string) error {
	for _, c := range commands {
		if err := l.ringtgt(c...); err != nil {
			return err
		}
	}
	return nil
}

// file is the file of a LUN: another one in each round, as the daemon would miss the disk that a path had before.
func (l *live) file(round, n int) string {
	return filepath.Join(l.dir, fmt.Sprintf("live-%d-%d", round, n))
}

func (l *live) addLUNs(round int) error {
	for n := 1; n <= liveLUNs; n++ {
		args := []string{"lun", "add", iqnLive, "--lun", strconv.Itoa(n), "--file", l.file(round, n), "--size", "8M"}
		if n%2 == 0 {
			args = append(args, "--thin")
		}
		if err := l.ringtgt(args...); err != nil {
			return err
		}
	}
	return l.neighbour.uses(l.ctx)
}

// changeLUNs grows, masks, limits and protects LUNs, and takes all but the size back.
func (l *live) changeLUNs(round int) error {
	return l.inTurn(
		[]string{"lun", "resize", iqnLive, "1", "12M"},
		[]string{"lun", "set", iqnLive, "2", "--export", iqnNeighbour + "=7"},
		[]string{"lun", "set", iqnLive, "3", "--read-iops", "50", "--write-bytes", "1M"},
		[]string{"lun", "set", iqnLive, "4", "--read-only"},
		[]string{"lun", "set", iqnLive, "2", "--export-all"},
		[]string{"lun", "set", iqnLive, "3", "--no-qos"},
		[]string{"lun", "set", iqnLive, "4", "--no-read-only"},
	)
}

// portals adds a portal, logs in through it, and removes it with the session.
func (l *live) portals(round int) error {
	addr, err := process.FreePort()
	if err != nil {
		return err
	}
	if err := l.ringtgt("portal", "add", addr); err != nil {
		return err
	}
	s, err := l.dial(addr, iqnLive, "")
	if err != nil {
		return err
	}
	defer s.Close()
	args := []string{"portal", "remove", addr}
	if round%2 == 0 {
		args = append(args, "--force")
	}
	return l.ringtgt(args...)
}

// targets makes a target with a CHAP account, changes the secret, and removes the target with a session.
func (l *live) targets(round int) error {
	secret := func(n int) string { return fmt.Sprintf("a secret of round %d, %d", round, n) }
	if err := l.inTurn(
		[]string{"target", "add", iqnComing},
		[]string{"lun", "add", iqnComing, "--lun", "0", "--memory", "4M"},
		[]string{"target", "set", iqnComing, "--qos-initiator", iqnNeighbour + "-2", "--read-iops", "200"},
	); err != nil {
		return err
	}
	for n := range 3 {
		if err := l.command(secret(n), "account", "add", iqnComing, comingUser); err != nil {
			return err
		}
		s, err := l.dial(l.target.config.listen, iqnComing, secret(n))
		if err != nil {
			return fmt.Errorf("the new secret: %w", err)
		}
		defer s.Close()
		if old, err := l.dial(l.target.config.listen, iqnComing, secret(n+100)); err == nil {
			old.Close()
			return fmt.Errorf("a secret that is none was taken")
		}
	}
	return l.ringtgt("target", "remove", iqnComing, "--force")
}

func (l *live) dial(addr, target, secret string) (*initiator.Session, error) {
	cfg := initiator.Config{Portals: []string{addr}, TargetName: target, InitiatorName: iqnNeighbour + "-2"}
	if secret != "" {
		cfg.CHAP = initiator.CHAP{User: comingUser, Secret: secret}
	}
	return initiator.Dial(l.ctx, cfg)
}

// kick ends the neighbour's session, which comes back.
func (l *live) kick(round int) error {
	args := []string{"session", "kick", "--initiator", iqnNeighbour}
	if round%2 == 0 {
		args = append(args, "--force")
	}
	if err := l.ringtgt(args...); err != nil {
		return err
	}
	return l.neighbour.uses(l.ctx)
}

// apply edits the configuration file: a LUN and a target of it come, and go again.
func (l *live) apply(round int) error {
	path := filepath.Join(l.dir, "ringtgt.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	more := fmt.Sprintf("%s\n[[target]]\nname = %q\n[[target.lun]]\nlun = 0\nmemory = \"4M\"\n", text, iqnComing+"-by-file")
	for _, edited := range [][]byte{[]byte(more), text} {
		if err := os.WriteFile(path, edited, 0o600); err != nil {
			return err
		}
		if err := l.inTurn([]string{"apply", "--dry-run"}, []string{"apply"}); err != nil {
			return err
		}
	}
	return nil
}

func (l *live) removeLUNs(round int) error {
	for n := 1; n <= liveLUNs; n++ {
		args := []string{"lun", "remove", iqnLive, strconv.Itoa(n)}
		if n%2 == round%2 {
			args = append(args, "--force")
		}
		if err := l.ringtgt(args...); err != nil {
			return err
		}
		if err := os.Remove(l.file(round, n)); err != nil {
			return err
		}
	}
	return nil
}

// session describes the session of an initiator with the target: it is another one after a reconnection.
func (l *live) session(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	cmd := exec.CommandContext(l.ctx, l.binary, "session", "list", "--json", "--initiator", name, "--target", iqnLive, "--state", filepath.Join(l.dir, "state"))
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ringtgt session list: %w: %s", err, out)
	}
	var list struct {
		Session []struct {
			TSIH        uint16
			Since       time.Time
			Connections []struct {
				CID    uint16
				Remote string
			}
		}
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return "", fmt.Errorf("ringtgt session list: %w: %s", err, out)
	}
	if len(list.Session) != 1 {
		return "", fmt.Errorf("initiator %s has %d sessions: %s", name, len(list.Session), out)
	}
	return fmt.Sprint(list.Session[0]), nil
}

// neighbour is an initiator on the host that reads and writes the LUNs that come and go, and logs in again when its session ends.
type neighbour struct {
	listen           string
	cancel           context.CancelFunc
	done             sync.WaitGroup
	commands, logins atomic.Int64
}

func startNeighbour(ctx context.Context, listen string) *neighbour {
	ctx, cancel := context.WithCancel(ctx)
	n := &neighbour{listen: listen, cancel: cancel}
	n.done.Go(func() {
		for ctx.Err() == nil {
			n.session(ctx)
		}
	})
	return n
}

func (n *neighbour) stop() {
	n.cancel()
	n.done.Wait()
}

// session is one session, until it ends.
func (n *neighbour) session(ctx context.Context) {
	ended := make(chan struct{})
	var once sync.Once
	s, err := initiator.Dial(ctx, initiator.Config{
		Portals: []string{n.listen}, TargetName: iqnLive, InitiatorName: iqnNeighbour, ISID: [6]byte{0x80, 0, 0, 0, 0, 9},
		OnAsync: func(initiator.Async) { once.Do(func() { close(ended) }) },
	})
	if err != nil {
		return
	}
	defer s.Close()
	n.logins.Add(1)
	block := make([]byte, 4096)
	pace := time.NewTicker(neighbourPace)
	defer pace.Stop()
	for k := 0; ; k++ {
		select {
		case <-ended: // it was asked to log out
			_ = s.Logout(ctx)
			return
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		// LUN 0 is the guest's. That commands to a LUN that is gone, masked or read-only fail is what they must do.
		lun := initiator.LUN(1 + k%liveLUNs)
		write := s.Write(ctx, 0, lun, uint64(k%100)*8, 8, block)
		read := s.Read(ctx, 0, lun, uint64(k%100)*8, 8, block)
		if write == nil || read == nil {
			n.commands.Add(1)
		}
		if len(s.CIDs()) == 0 {
			return // it was closed
		}
	}
}

// uses waits until the neighbour has carried out a command that begins now.
func (n *neighbour) uses(ctx context.Context) error {
	from := n.commands.Load()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n.commands.Load() < from+2 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the neighbour finds no LUN: %w", ctx.Err())
		}
	}
	return nil
}
