package api

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// Secrets keeps the CHAP secrets that the daemon was given, one file of mode 0600 each. The configuration refers to the files. A new
// secret is a new file, so that the configuration before the change stays whole until the change is saved; Sweep removes files that
// nothing refers to.
type Secrets struct {
	dir string

	mu     sync.Mutex
	recent map[string]bool // made by a change that is in progress
}

// NewSecrets keeps secrets in dir, which is made with the first one.
func NewSecrets(dir string) *Secrets { return &Secrets{dir: dir, recent: map[string]bool{}} }

// prefix marks the files that are ours to remove.
const prefix = "chap-"

// put saves a secret and returns its file. done must be called when the configuration refers to it, or never will.
func (s *Secrets) put(secret string) (path string, done func(), err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return "", nil, err
	}
	path = filepath.Join(s.dir, prefix+strings.ToLower(rand.Text()))
	s.mu.Lock()
	s.recent[path] = true
	s.mu.Unlock()
	done = func() {
		s.mu.Lock()
		delete(s.recent, path)
		s.mu.Unlock()
	}
	if err := writeSecret(path, secret); err != nil {
		os.Remove(path)
		done()
		return "", nil, err
	}
	return path, done, syncDir(s.dir)
}

func writeSecret(path, secret string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(secret)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Sweep removes the files that the configuration does not refer to. It reads the configuration while no change can end, so that a
// secret is either in it or still recent.
func (s *Secrets) Sweep(read func() *config.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := read()
	used := map[string]bool{}
	note := func(a *config.Access) {
		for _, acc := range a.Accounts {
			used[filepath.Clean(acc.SecretFile)] = true
		}
		if a.Mutual != nil {
			used[filepath.Clean(a.Mutual.SecretFile)] = true
		}
	}
	note(&c.Discovery)
	for i := range c.Targets {
		note(&c.Targets[i].Access)
	}
	for _, h := range c.Hidden { // the next start reads them too
		used[filepath.Clean(h.SecretFile)] = true
	}
	list, err := os.ReadDir(s.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range list {
		path := filepath.Join(s.dir, e.Name())
		if strings.HasPrefix(e.Name(), prefix) && !used[path] && !s.recent[path] {
			errs = append(errs, os.Remove(path))
		}
	}
	return errors.Join(errs...)
}

// change carries out ops. A secret in them is saved first; the Op then has its file.
func (s *Server) change(r *request, ops ...admin.Op) (*reply, error) {
	var done []func()
	settle := func() {
		for _, f := range done {
			f()
		}
	}
	rotated := false
	for i, op := range ops {
		switch a := op.(type) {
		case admin.AddAccount:
			rotated = true
			f, err := s.keep(&a)
			if err != nil {
				settle()
				s.sweep()
				return nil, err
			}
			ops[i], done = a, append(done, f)
		case admin.RemoveAccount, admin.RemoveTarget, admin.Prune:
			rotated = true
		}
	}
	rp, err := s.do(r, ops...)
	settle()
	if rotated {
		s.sweep()
	}
	return rp, err
}

// sweep removes secrets that nothing refers to any more.
func (s *Server) sweep() {
	if s.Secrets == nil {
		return
	}
	if err := s.Secrets.Sweep(s.Node.Config); err != nil {
		s.Log.Warn("cannot remove unused CHAP secrets", "err", err)
	}
}

// keep saves the secret of a, unless the account has it already.
func (s *Server) keep(a *admin.AddAccount) (done func(), err error) {
	switch {
	case a.Secret != "" && a.SecretFile != "", a.Secret == "" && a.SecretFile == "":
		return nil, fmt.Errorf("%w: an account needs exactly one of secret and secret_file", ErrMalformed)
	case a.SecretFile != "":
		if !filepath.IsAbs(a.SecretFile) {
			return nil, fmt.Errorf("%w: secret_file %q is not an absolute path", ErrMalformed, a.SecretFile)
		}
		return func() {}, nil
	case s.Secrets == nil:
		return nil, fmt.Errorf("the daemon has no state directory to keep a secret in; give it a secret_file: %w", admin.ErrInvalid)
	}
	secret := a.Secret
	if err := config.CheckSecret([]byte(secret)); err != nil { // before it has a file, which would be named
		return nil, fmt.Errorf("account %q %w: %w", a.User, admin.ErrInvalid, err)
	}
	a.Secret = ""
	if path := existing(s.Node.Config(), a, secret); path != "" {
		a.SecretFile = path
		return func() {}, nil
	}
	a.SecretFile, done, err = s.Secrets.put(secret)
	return done, err
}

// existing returns the file of an account that has this secret already: the same change again is none.
func existing(c *config.Config, a *admin.AddAccount, secret string) string {
	access := &c.Discovery
	if a.Target != "" {
		access = nil
		for i := range c.Targets {
			if c.Targets[i].Name == a.Target {
				access = &c.Targets[i].Access
			}
		}
	}
	if access == nil {
		return ""
	}
	list := access.Accounts
	if a.Mutual {
		list = nil
		if access.Mutual != nil {
			list = []config.Account{*access.Mutual}
		}
	}
	for _, acc := range list {
		if acc.User == a.User && subtle.ConstantTimeCompare(acc.Secret, []byte(secret)) == 1 {
			return acc.SecretFile
		}
	}
	return ""
}
