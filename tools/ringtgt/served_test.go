package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// served is a daemon of a test.
type served struct {
	*running
	portal, control, log string // log: a path
}

// serve starts `ringtgt serve ARG...`, run by the command wrap if there is one, and waits until it serves.
func serve(t *testing.T, wrap []string, args ...string) *served {
	t.Helper()
	dir := t.TempDir()
	s := &served{control: filepath.Join(dir, "c.sock"), log: filepath.Join(dir, "log")}
	words := append(slices.Clone(wrap), "ringtgt", "serve", "--quiet", "--control", s.control)
	words = append(words, args...)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(os.Environ(), control.RuntimeDirEnv+"="+filepath.Join(dir, "run"))
	log := must.Get(os.Create(s.log))(t)
	p, serving, err := launch(cmd, log)
	must.OK(t, err)
	s.running = p
	t.Cleanup(func() {
		_ = p.Kill()
		log.Close()
		if t.Failed() {
			t.Logf("its log:\n%s", s.text())
		}
	})
	select {
	case s.portal = <-serving:
	case <-p.Exited():
		t.Fatalf("ended before it served: %v", cmd.ProcessState)
	case <-time.After(patience):
		t.Fatalf("does not serve after %v", patience)
	}
	return s
}

// serveFile serves a configuration file with this text.
func serveFile(t *testing.T, text string) *served {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ringtgt.toml")
	must.OK(t, os.WriteFile(file, []byte(text), 0o600))
	return serve(t, nil, "--config", file)
}

// text returns the log so far.
func (s *served) text() string {
	text, _ := os.ReadFile(s.log)
	return string(text)
}

func (s *served) status(t *testing.T) *control.Status {
	t.Helper()
	return must.Get(control.Get(context.Background(), s.control))(t)
}

// stop drains the daemon and checks that it ends cleanly.
func (s *served) stop(t *testing.T) {
	t.Helper()
	s.Signal(syscall.SIGTERM)
	select {
	case <-s.Exited():
	case <-time.After(patience):
		t.Fatalf("still runs %v after SIGTERM", patience)
	}
	must.Be(t, s.cmd.ProcessState.ExitCode() == exitOK, "ended with %v", s.cmd.ProcessState)
}
