package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// node is a daemon in this process, with a configuration file and a state directory.
type node struct {
	*daemon
	t    *testing.T
	ctx  context.Context
	dir  string
	file string
}

const (
	targetA = "iqn.2026-11.io.example:a"
	targetB = "iqn.2026-11.io.example:b"
)

// newNode starts a daemon. DIR in the text of the file stands for a directory of the test.
func newNode(t *testing.T, text string) *node {
	t.Helper()
	n := &node{t: t, dir: t.TempDir()}
	n.file = filepath.Join(n.dir, "ringtgt.toml")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	n.ctx = ctx
	n.edit(text)
	n.start()
	t.Cleanup(func() { n.stop() })
	return n
}

func (n *node) start() {
	n.t.Helper()
	src, ps := load(config.Flags{Config: n.file, LogLevel: "error"}, false)
	must.Be(n.t, src != nil, "%v", ps)
	log, level := newLog(n.t.Output(), src.cfg.Server)
	d, err := start(src, log, level)
	must.OK(n.t, err)
	n.daemon = d
}

// edit writes the configuration file.
func (n *node) edit(text string) {
	n.t.Helper()
	head := "[server]\nstate = \"DIR/state\"\ncontrol = \"DIR/c.sock\"\ncores = \"0\"\nsteering = \"off\"\nbuffers = \"64M\"\n[[portal]]\nlisten = \"127.0.0.1:0\"\n"
	must.OK(n.t, os.WriteFile(n.file, []byte(strings.ReplaceAll(head+text, "DIR", n.dir)), 0o600))
}

// apply applies an edited file.
func (n *node) apply(text string) (*admin.Plan, error) {
	n.edit(text)
	return n.manager.Apply(n.ctx, false, false)
}

// applied checks that an edited file leads to these steps.
func (n *node) applied(text string, want ...string) {
	n.t.Helper()
	plan, err := n.apply(text)
	must.OK(n.t, err)
	var got []string
	for _, s := range plan.Steps {
		text := fmt.Sprintf("%s %s %s", s.Verb, s.Kind, s.Name)
		if s.Target != "" {
			text += " of " + s.Target
		}
		got = append(got, strings.TrimSuffix(text+": "+strings.Join(s.Fields, ", "), ": "))
	}
	check.Equal(n.t, strings.Join(got, "\n"), strings.Join(want, "\n"), "the steps:")
}

// login logs in to a target.
func (n *node) login(target string) *initiator.Session {
	n.t.Helper()
	s, err := initiator.Dial(n.ctx, initiator.Config{Portals: []string{n.now().portals[0].bound.String()}, TargetName: target, InitiatorName: "iqn.2026-11.com.example:host-7"})
	must.OK(n.t, err)
	n.t.Cleanup(s.Close)
	return s
}

// luns returns what REPORT LUNS lists.
func (n *node) luns(s *initiator.Session) string {
	n.t.Helper()
	cmd := &initiator.Command{CDB: []byte{0xA0, 8: 8, 11: 0}, In: make([]byte, 2048)}
	must.OK(n.t, s.Exec(n.ctx, cmd))
	var out []string
	for i := 0; i < int(cmd.In[3])/8; i++ {
		out = append(out, fmt.Sprint(cmd.In[8+8*i+1]))
	}
	return strings.Join(out, " ")
}

const (
	fileA  = "[[target]]\nname = \"" + targetA + "\"\n[[target.lun]]\nlun = 0\nfile = \"DIR/a0.img\"\nsize = \"1M\"\n"
	lunA1  = "[[target.lun]]\nlun = 1\nfile = \"DIR/a1.img\"\nsize = \"2M\"\n"
	fileB  = "[[target]]\nname = \"" + targetB + "\"\n[[target.lun]]\nlun = 0\nmemory = \"1M\"\n"
	portal = "[[portal]]\nlisten = \"127.0.0.1:0\"\n"
)

// An edited file is applied while sessions run: what did not change is not disturbed, and initiators learn of what did by the unit
// attentions that SPC-4 and SBC-3 have for it.
func TestApply(t *testing.T) {
	n := newNode(t, fileA+fileB)
	a, b := n.login(targetA), n.login(targetB)
	must.OK(t, errors.Join(a.Ready(n.ctx, 0, initiator.LUN(0)), b.Ready(n.ctx, 0, initiator.LUN(0))))
	n.applied(fileA + fileB) // nothing

	n.applied(fileA+lunA1+fileB, "add lun 1 of "+targetA)
	n.attention(a, 0, "3F/0E")
	check.Equal(t, n.luns(a), "0 1", "LUNs of a:")
	n.attention(b, 0, "")

	n.applied(strings.Replace(fileA, "1M", "4M", 1)+lunA1+fileB, "change lun 0 of "+targetA+": size")
	n.attention(a, 0, "2A/09")
	blocks, _, err := a.Capacity(n.ctx, 0, initiator.LUN(0))
	must.OK(t, err)
	check.Equal(t, blocks, 8192, "blocks of the LUN that grew:")

	n.applied(strings.Replace(fileA, "1M", "4M", 1)+fileB, "remove lun 1 of "+targetA)
	n.attention(a, 0, "3F/0E")
	check.Equal(t, n.luns(a), "0", "LUNs of a:")

	n.applied(strings.Replace(fileA, "1M", "4M", 1), "remove target "+targetB)
	must.Be(t, b.Ping(n.ctx, 0, nil, true) != nil, "a session with a target that was removed lives")
	_, err = initiator.Dial(n.ctx, initiator.Config{Portals: []string{n.now().portals[0].bound.String()}, TargetName: targetB, InitiatorName: "iqn.2026-11.com.example:host-7"})
	must.Be(t, err != nil, "a login to a target that was removed succeeds")
	must.OK(t, a.Ping(n.ctx, 0, nil, true), "the session with the other target")
	check.Equal(t, len(a.Violations()), 0, "violations:")
}

// attention checks the next unit attention of a LUN, "" for none.
func (n *node) attention(s *initiator.Session, lun int, want string) {
	n.t.Helper()
	cmd := &initiator.Command{LUN: initiator.LUN(lun), CDB: make([]byte, 6)} // TEST UNIT READY
	err := s.Exec(n.ctx, cmd)
	got := ""
	if r := &cmd.Result; r.Status == 2 && len(r.Sense) > 13 {
		got = fmt.Sprintf("%02X/%02X", r.Sense[12], r.Sense[13])
	} else {
		must.OK(n.t, err)
	}
	check.Equal(n.t, got, want, "the unit attention of LUN %d:", lun)
}

// A change that cannot be made as a whole changes nothing: not the part that was right, and no file.
func TestApplyRefused(t *testing.T) {
	n := newNode(t, fileA)
	must.OK(t, os.WriteFile(filepath.Join(n.dir, "plain"), nil, 0o600))
	before := n.now()
	for what, c := range map[string]struct{ text, want string }{
		"a syntax error":              {fileA + lunA1 + "[[target.lun", "ringtgt.toml:"},
		"a value that is wrong":       {fileA + lunA1 + fileB + "block_size = 513\n", "block size"},
		"a file that is not there":    {fileA + lunA1 + fileB + "[[target.lun]]\nlun = 1\nfile = \"DIR/none.img\"\n", "none.img"},
		"a folder that is not there":  {fileA + lunA1 + fileB + "[[target.lun]]\nlun = 1\nfile = \"DIR/none/b.img\"\nsize = \"1M\"\n", "none"},
		"an address that is in use":   {fileA + lunA1 + "[[portal]]\nlisten = \"" + n.now().portals[0].bound.String() + "\"\n", "in use"},
		"a medium that has no blocks": {fileA + lunA1 + fileB + "[[target.lun]]\nlun = 1\nfile = \"DIR/plain\"\n", "plain"},
	} {
		plan, err := n.apply(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v; want an error with %q", what, plan, err, c.want)
		}
		check.That(t, n.now() == before, "%s: another configuration is in force", what)
		check.Equal(t, len(before.targets[0].lun.Units()), 1, "%s: units of the first target:", what)
		if _, err := os.Stat(filepath.Join(n.dir, "state", "owned.toml")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: owned.toml: %v", what, err)
		}
	}
	n.applied(fileA+lunA1, "add lun 1 of "+targetA) // its file may have been made by a refused change
}

// A LUN can move from one target to another in one change, although its file is locked while it is served.
func TestApplyMovesLUN(t *testing.T) {
	n := newNode(t, fileA+lunA1)
	a := n.login(targetA)
	must.OK(t, a.Ready(n.ctx, 0, initiator.LUN(1)))
	block := []byte(strings.Repeat("moved", 103)[:512])
	must.OK(t, a.Write(n.ctx, 0, initiator.LUN(1), 7, 1, block))
	before := n.now().targets[0].units[1].config.ID
	_, err := n.apply(fileA + "[[target]]\nname = \"" + targetB + "\"\n" + strings.Replace(lunA1, "lun = 1", "lun = 0", 1))
	must.OK(t, err)
	b := n.login(targetB)
	must.OK(t, b.Ready(n.ctx, 0, initiator.LUN(0)))
	got := make([]byte, 512)
	must.OK(t, b.Read(n.ctx, 0, initiator.LUN(0), 7, 1, got))
	check.Equal(t, string(got), string(block), "the block in its new place:")
	check.Equal(t, n.now().target(targetB).units[0].config.ID, before, "the disk's identity:")
}

// What commands make is served at once, is idempotent, survives a restart, and is kept apart from what the file names.
func TestDo(t *testing.T) {
	n := newNode(t, fileA)
	do := func(ops ...admin.Op) (*admin.Plan, error) { return n.manager.Do(n.ctx, ops...) }
	target := admin.AddTarget{Name: targetB}
	unit := admin.AddLUN{Target: targetB, LUN: config.LUN{Number: 3, Kind: "file", Path: filepath.Join(n.dir, "b3.img"), Size: 1 << 20}}
	plan, err := do(target, unit)
	must.OK(t, err)
	check.Equal(t, len(plan.Steps), 2, "steps:")
	plan, err = do(target, unit)
	must.OK(t, err, "the same again")
	check.Equal(t, len(plan.Steps), 0, "steps of the same again:")
	s := n.login(targetB)
	must.OK(t, s.Ready(n.ctx, 0, initiator.LUN(3)))

	_, err = do(admin.RemoveTarget{Name: targetA})
	check.That(t, errors.Is(err, admin.ErrFileOwned), "removal of the file's target: %v", err)
	_, err = do(admin.ResizeLUN{Target: targetB, Number: 3, Size: 2 << 20})
	must.OK(t, err)
	n.attention(s, 3, "2A/09")
	s.Close()

	must.OK(t, n.stop())
	n.start()
	s = n.login(targetB)
	must.OK(t, s.Ready(n.ctx, 0, initiator.LUN(3)))
	blocks, _, err := s.Capacity(n.ctx, 0, initiator.LUN(3))
	must.OK(t, err)
	check.Equal(t, blocks, 4096, "blocks after the restart:")

	_, err = do(admin.RemoveTarget{Name: targetB})
	must.OK(t, err)
	must.Be(t, s.Ping(n.ctx, 0, nil, true) != nil, "a session with a target that was removed lives")
	_, err = do(admin.RemoveTarget{Name: targetB})
	check.That(t, err == nil || errors.Is(err, admin.ErrNotFound), "the same again: %v", err)
}

// Sessions are listed, and can be ended by name.
func TestKick(t *testing.T) {
	n := newNode(t, fileA+fileB)
	a, b := n.login(targetA), n.login(targetB)
	all, err := n.manager.Sessions(n.ctx, admin.SessionFilter{})
	must.OK(t, err)
	check.Equal(t, len(all), 2, "sessions:")
	ended, err := n.manager.Kick(n.ctx, admin.SessionFilter{Target: targetB}, true)
	must.OK(t, err)
	check.Equal(t, len(ended), 1, "sessions that ended:")
	check.That(t, b.Ping(n.ctx, 0, nil, true) != nil, "the session that was ended lives")
	must.OK(t, a.Ping(n.ctx, 0, nil, true), "the other session")
}

// An initiator that the edited access list does not admit any more is logged out; one that it admits stays, also when its secret
// changes.
func TestApplyAccess(t *testing.T) {
	n := newNode(t, fileA)
	a := n.login(targetA)
	n.applied(fileA+"[target.acl]\ninitiators = [\"iqn.2026-11.com.example:*\"]\n", "change target "+targetA+": acl")
	must.OK(t, a.Ping(n.ctx, 0, nil, true), "a session that is admitted still")
	_, err := n.apply(fileA + "[target.acl]\ninitiators = [\"iqn.2026-11.com.example:other\"]\n")
	must.OK(t, err)
	check.That(t, a.Ping(n.ctx, 0, nil, true) != nil, "a session that is not admitted any more lives")
}

// A daemon that waited for the state directory while another one saved a change does not start with what it read before.
func TestOwnedPartChangesBeforeTheLock(t *testing.T) {
	n := newNode(t, fileA)
	src, ps := load(config.Flags{Config: n.file, LogLevel: "error"}, false)
	must.Be(t, src != nil, "%v", ps)
	must.OK(t, src.confirm(n.daemon.state.Dir()), "nothing changed yet")
	_, err := n.manager.Do(n.ctx, admin.AddTarget{Name: targetB})
	must.OK(t, err)
	must.OK(t, n.daemon.stop())
	log, level := newLog(t.Output(), src.cfg.Server)
	d, err := start(src, log, level)
	if err == nil {
		d.stop()
	}
	must.Be(t, err != nil && strings.Contains(err.Error(), "changed while the daemon was starting"), "%v", err)
	n.start()
	check.Equal(t, len(n.manager.Config().Targets), 2, "targets:")
}

// The last entry of an ACL is that of a command, and the file has none: without it the target would be open.
func TestLastACLEntryOfTheFilesTarget(t *testing.T) {
	n := newNode(t, fileA)
	entry := []string{"iqn.2026-11.com.example:host-7"}
	_, err := n.manager.Do(n.ctx, admin.AddACL{Target: targetA, Initiators: entry})
	must.OK(t, err)
	_, err = n.manager.Do(n.ctx, admin.RemoveACL{Target: targetA, Initiators: entry})
	must.Be(t, errors.Is(err, admin.ErrInUse), "%v", err)
	_, err = n.manager.Do(n.ctx, admin.RemoveACL{Target: targetA, Initiators: entry, Open: true})
	must.OK(t, err)
}

// An initiator that a change shuts out does not see the LUNs that the same change adds, not even while it is asked to log out.
func TestApplyHidesWhatIsNew(t *testing.T) {
	n := newNode(t, fileA)
	a := n.login(targetA)
	must.OK(t, a.Ready(n.ctx, 0, initiator.LUN(0)))
	done := make(chan error, 1)
	go func() {
		_, err := n.apply(fileA + lunA1 + "[target.acl]\ninitiators = [\"iqn.2026-11.com.example:other\"]\n")
		done <- err
	}()
	for a.Ping(n.ctx, 0, nil, true) == nil {
		cmd := &initiator.Command{CDB: []byte{0xA0, 8: 8, 11: 0}, In: make([]byte, 2048)}
		if s := a.Exec(n.ctx, cmd); s == nil && cmd.Result.Good() == nil {
			must.Be(t, cmd.In[3] == 8, "the initiator sees %d LUNs", cmd.In[3]/8)
		}
	}
	must.OK(t, <-done)
	check.Equal(t, len(n.now().targets[0].lun.Units()), 2, "units:")
}

// Changes that wait are carried out together, and once: what fails after a change was saved, such as the loss of a file that was
// deleted, is reported for the LUN concerned and does not make the batch be carried out again.
func TestDoOnceAlthoughSomethingFailsLate(t *testing.T) {
	n := newNode(t, fileA)
	add := func(target string, number int, l config.LUN) admin.Op {
		l.Number = number
		return admin.AddLUN{Target: target, LUN: l}
	}
	path := filepath.Join(n.dir, "b0.img")
	_, err := n.manager.Do(n.ctx, admin.AddTarget{Name: targetB}, add(targetB, 0, config.LUN{Kind: "file", Path: path, Size: 1 << 20}))
	must.OK(t, err)
	must.OK(t, os.Remove(path))
	// The file's target gets LUNs without a number, which would be added twice.
	remove := &job{ops: []admin.Op{admin.RemoveLUN{Target: targetB, Number: 0}}, answer: make(chan answer, 1)}
	more := &job{ops: []admin.Op{add(targetA, -1, config.LUN{Kind: "mem", Size: 1 << 20})}, answer: make(chan answer, 1)}
	n.manager.close() // this goroutine does its work
	n.manager.ctx = context.Background()
	n.manager.edits([]*job{remove, more})
	a, b := <-remove.answer, <-more.answer
	check.That(t, a.err != nil && strings.Contains(a.err.Error(), "lost"), "the removal of a LUN whose file was deleted: %v", a.err)
	must.OK(t, b.err, "the other change")
	check.Equal(t, len(n.now().target(targetA).units), 2, "LUNs of the other target:")
	n.daemon.manager = newManager(n.daemon, n.manager.src)
	go n.manager.run()
}

// A LUN of every kind can be removed while the daemon runs.
func TestRemoveEveryKind(t *testing.T) {
	n := newNode(t, fileA)
	for i, l := range []config.LUN{{Kind: "null", Size: 1 << 34}, {Kind: "mem", Size: 1 << 26}, {Kind: "file", Path: filepath.Join(n.dir, "k.img"), Size: 1 << 20}} {
		l.Number = i + 1
		_, err := n.manager.Do(n.ctx, admin.AddLUN{Target: targetA, LUN: l})
		must.OK(t, err, "%s", l.Kind)
		_, err = n.manager.Do(n.ctx, admin.RemoveLUN{Target: targetA, Number: l.Number})
		must.OK(t, err, "%s", l.Kind)
	}
}

// An initiator that a change admits does not see what the same change takes away, even if something else is removed before that:
// the LUN with another medium leaves before the access list admits it.
func TestApplyTakesAwayBeforeItAdmits(t *testing.T) {
	const old, admitted = "[target.acl]\ninitiators = [\"iqn.2026-11.com.example:host-7\"]\n", "[target.acl]\ninitiators = [\"iqn.2026-11.com.example:*\"]\n"
	n := newNode(t, fileB+fileA+old)
	a := n.login(targetA)
	must.OK(t, a.Ready(n.ctx, 0, initiator.LUN(0)))
	n.edit(strings.Replace(fileA, "a0.img", "new.img", 1) + admitted)
	j := &job{answer: make(chan answer, 1)}
	src, ps := load(config.Flags{Config: n.file, LogLevel: "error"}, false)
	must.Be(t, src != nil, "%v", ps)
	c := n.manager.change(src.cfg, j.force)
	check.That(t, c.leave.early(targetA, 0), "lun 0, whose medium is replaced, does not leave first: %v", c.plan.Steps)
	_, err := n.manager.Apply(n.ctx, false, false)
	must.OK(t, err)
	must.OK(t, a.Ready(n.ctx, 0, initiator.LUN(0)))
	check.Equal(t, filepath.Base(n.now().target(targetA).units[0].cfg.Path), "new.img", "the medium:")
}
