package health

import (
	"errors"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/ringtgt/ringtgt/lun"
)

// Store wraps the state directory and reports its errors. An initiator whose reservation cannot be saved gets sense data; the
// administrator, who must make room on the disk, gets the log and status.
type Store struct {
	behind lun.Store
	dir    string
	log    *slog.Logger
	now    func() time.Time

	mu     sync.Mutex
	wrong  finding // the current error
	errors uint64
	told   uint64    // how many have been logged
	quiet  time.Time // no further line before
}

var _ lun.Store = (*Store)(nil)

// NewStore wraps s, which saves its values in dir.
func NewStore(s lun.Store, dir string, log *slog.Logger) *Store {
	return &Store{behind: s, dir: dir, log: log, now: time.Now}
}

// Load implements lun.Store.
func (s *Store) Load(key string) ([]byte, error) {
	v, err := s.behind.Load(key)
	if err != nil {
		s.failed("read", err)
	}
	return v, err
}

// Save implements lun.Store.
func (s *Store) Save(key string, value []byte) error {
	return s.Keep(func() error { return s.behind.Save(key, value) })
}

// Keep runs a function that writes to the state directory.
func (s *Store) Keep(write func() error) error {
	if err := write(); err != nil {
		s.failed("written", err)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong.text != "" {
		s.wrong = finding{}
		s.log.Info("state: it can be written again", "state", s.dir, "errors", s.errors)
	}
	return nil
}

func (s *Store) failed(how string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.errors++
	if s.wrong.text == "" {
		s.wrong.since = now
	}
	s.wrong.text = "the state directory cannot be " + how + ": " + err.Error()
	if now.Before(s.quiet) {
		return
	}
	args := []any{"state", s.dir, "err", err}
	var e syscall.Errno
	if errors.As(err, &e) {
		args = append(args, "errno", errnoName(int(e)))
	}
	s.log.Error("state: it cannot be "+how, append(args, "count", s.errors-s.told, "total", s.errors)...)
	s.told, s.quiet = s.errors, now.Add(quiet)
}

// Report returns the current error, "" if there is none, its start, and the number of errors so far.
func (s *Store) Report() (why string, since time.Time, errors uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrong.text, s.wrong.since, s.errors
}
