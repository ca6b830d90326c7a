package livetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

func TestMain(m *testing.M) { harness.Main(m) }

// patience bounds what should take moments.
const patience = 60 * time.Second

// node is a daemon with a configuration file, which can be started again with what it left.
type node struct {
	*harness.Daemon
	t       *testing.T
	dir     string // of the file, the media and the state
	binary  string // "": the daemon itself
	ownedAt string // where owned.toml is, if not in state
	api     *api.Client
	addr    string
	running bool
}

// newNode starts a daemon. DIR in the text stands for its directory, PORTAL for its address.
func newNode(t *testing.T, text string) *node {
	t.Helper()
	n := &node{t: t, dir: t.TempDir()}
	n.edit(text)
	n.start()
	return n
}

func (n *node) file() string  { return filepath.Join(n.dir, "ringtgt.toml") }
func (n *node) state() string { return filepath.Join(n.dir, "state") }

func (n *node) owned() string {
	if n.ownedAt != "" {
		return n.ownedAt
	}
	return filepath.Join(n.state(), "owned.toml")
}

// edit replaces the configuration file, as a careful editor does: it is the old or the new one at any time.
func (n *node) edit(text string) {
	n.t.Helper()
	head := "[server]\nstate = \"DIR/state\"\ncontrol = \"DIR/c.sock\"\ncores = \"0\"\nsteering = \"off\"\nbuffers = \"64M\"\n"
	text = strings.ReplaceAll(head+text, "DIR", n.dir)
	must.OK(n.t, os.WriteFile(n.file()+".new", []byte(text), 0o600))
	must.OK(n.t, os.Rename(n.file()+".new", n.file()))
}

// start starts the daemon and waits until it serves.
func (n *node) start() {
	n.t.Helper()
	d, err := harness.Start(context.Background(), harness.Options{Binary: n.binary, Addr: n.addr, File: n.file(), Args: []string{"-q"}})
	must.OK(n.t, err)
	n.Daemon, n.addr, n.running = d, d.Addr(), true
	n.t.Cleanup(func() {
		_ = d.Kill()
		if n.t.Failed() && d == n.Daemon {
			n.t.Logf("the end of ringtgt's log:\n%s", d.Log())
		}
	})
	n.api = api.Dial(filepath.Join(n.dir, "c.sock"))
	n.t.Cleanup(n.api.Close)
	n.eventually(func() error {
		if err := d.Alive(); err != nil {
			n.t.Fatalf("%v\n%s", err, d.Log())
		}
		_, err := n.api.ReadConfig(n.ctx())
		return err
	})
}

func (n *node) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	n.t.Cleanup(cancel)
	return ctx
}

// eventually tries f until it succeeds.
func (n *node) eventually(f func() error) {
	n.t.Helper()
	end := time.Now().Add(patience)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			n.t.Fatalf("after %v: %v\n%s", patience, err, n.Log())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// config returns the configuration in force.
func (n *node) config() *config.Config {
	n.t.Helper()
	return must.Get(n.api.ReadConfig(n.ctx()))(n.t)
}

// text returns the configuration in force as config export prints it.
func (n *node) text() string {
	n.t.Helper()
	return string(must.Get(n.api.Export(n.ctx()))(n.t))
}

// refused checks that a change is refused with an error that says why, and that nothing changed: not what is in force, and not what
// is saved.
func (n *node) refused(change func() (*admin.Plan, error), is error, says string) {
	n.t.Helper()
	inForce, saved := n.text(), n.saved()
	_, err := change()
	switch {
	case err == nil:
		n.t.Errorf("not refused; want an error that says %q", says)
	case is != nil && !errors.Is(err, is) || !strings.Contains(err.Error(), says):
		n.t.Errorf("%v; want %v that says %q", err, is, says)
	}
	if got := n.text(); got != inForce {
		n.t.Errorf("a change that was refused changed the configuration in force:\n%s\nwas\n%s", got, inForce)
	}
	if got := n.saved(); got != saved {
		n.t.Errorf("a change that was refused is saved:\n%s\nwas\n%s", got, saved)
	}
}

// saved returns the text of the owned part, "" if there is none.
func (n *node) saved() string {
	text, err := os.ReadFile(n.owned())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		n.t.Fatal(err)
	}
	return string(text)
}
