package tgtadm

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"golang.org/x/sys/unix"
)

// notebook keeps what tgt knows and ringtgt's configuration does not: the numbers of targets, and accounts that are bound to no target
// yet. It is a file in the daemon's state directory, and locked while a tgtadm runs, so that many may run at once.
type notebook struct {
	dir  string
	lock *os.File
	data notes
}

// notes are the notebook's contents. Secrets are not among them: they are files beside it, which only their owner can read.
type notes struct {
	Targets  map[string]int `json:"targets"`  // number by name
	Accounts []string       `json:"accounts"` // names
}

const (
	notesFile   = "tgtadm.json"
	secretsDir  = "tgtadm"
	privateMode = 0o600
)

// openNotebook opens the notebook in dir, and waits until no other tgtadm uses it. Without a dir, or if the user may not write there, the
// notebook is empty and cannot be saved: that is enough to show.
func openNotebook(dir string) (*notebook, error) {
	n := &notebook{dir: dir, data: notes{Targets: map[string]int{}}}
	if dir == "" {
		return n, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, notesFile+".lock"), os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, privateMode)
	switch {
	case errors.Is(err, os.ErrPermission):
		return n, nil
	case err != nil:
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	n.lock = f
	b, err := os.ReadFile(filepath.Join(dir, notesFile))
	if err == nil {
		err = json.Unmarshal(b, &n.data)
	} else if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err != nil {
		n.close()
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, notesFile), err)
	}
	if n.data.Targets == nil {
		n.data.Targets = map[string]int{}
	}
	return n, nil
}

func (n *notebook) locked() bool { return n.lock != nil }

func (n *notebook) close() {
	if n.lock != nil {
		n.lock.Close()
	}
}

// save replaces the file as a whole.
func (n *notebook) save() error {
	if n.lock == nil {
		return fmt.Errorf("cannot keep target numbers and accounts: the daemon has no state directory, or you may not write to it")
	}
	b, err := json.MarshalIndent(&n.data, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(n.dir, notesFile), append(b, '\n'))
}

// replaceFile writes a file that only its owner can read, durably and as a whole.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // if it was not renamed
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// follow gives every target a number and forgets targets that are gone. A target that was not made by tgtadm gets the lowest free one,
// and keeps it.
func (n *notebook) follow(cfg *config.Config) error {
	changed := false
	there := map[string]bool{}
	for i := range cfg.Targets {
		there[cfg.Targets[i].Name] = true
	}
	for name := range n.data.Targets {
		if !there[name] {
			delete(n.data.Targets, name)
			changed = true
		}
	}
	for i := range cfg.Targets {
		name := cfg.Targets[i].Name
		if n.data.Targets[name] == 0 {
			n.data.Targets[name] = n.free()
			changed = true
		}
	}
	if changed && n.locked() {
		return n.save()
	}
	return nil
}

func (n *notebook) free() int {
	for tid := 1; ; tid++ {
		if n.name(tid) == "" {
			return tid
		}
	}
}

// name is the target with a number, "" if there is none.
func (n *notebook) name(tid int) string {
	for name, number := range n.data.Targets {
		if number == tid {
			return name
		}
	}
	return ""
}

// secret is the file of an account's secret.
func (n *notebook) secret(user string) string {
	return filepath.Join(n.dir, secretsDir, fmt.Sprintf("%x", user))
}

func (n *notebook) has(user string) bool { return slices.Contains(n.data.Accounts, user) }

// addAccount keeps an account and its secret.
func (n *notebook) addAccount(user, secret string) error {
	if !n.locked() {
		return n.save() // says why not
	}
	if err := os.MkdirAll(filepath.Join(n.dir, secretsDir), 0o700); err != nil {
		return err
	}
	if err := replaceFile(n.secret(user), []byte(secret)); err != nil {
		return err
	}
	n.data.Accounts = append(n.data.Accounts, user)
	return n.save()
}

func (n *notebook) dropAccount(user string) error {
	n.data.Accounts = slices.DeleteFunc(n.data.Accounts, func(s string) bool { return s == user })
	if err := n.save(); err != nil {
		return err
	}
	if err := os.Remove(n.secret(user)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
