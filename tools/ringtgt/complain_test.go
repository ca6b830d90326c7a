package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// Each fault is one line, with the advice below it. A command to type has its own line and starts the program by the path that
// the user typed.
func TestComplaints(t *testing.T) {
	lost := state.Losses{Cut: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), From: 4096}
	refusal := func(path string, reason state.Reason) error {
		r := &state.Refusal{State: "/st", Ask: state.Ask{Kind: medium.File, Path: path}, Disk: state.Disk{ID: "one", Lost: lost}, Other: &state.Disk{ID: "two"}, Reason: reason, Why: "inode is 2, was 1"}
		return fmt.Errorf("--lun file:%s: target t lun 0: %w", path, r)
	}
	var b strings.Builder
	s := streams{err: &b, program: "bin/ringtgt"}
	complain(s, fail(exitStart, errors.Join(refusal("/a", state.Missing), errors.New("the net is down"), errors.Join(refusal("/b", state.Another)),
		refusal("/c", state.Ambiguous), refusal("/d", state.Twice), refusal("/e e", state.Cut))))
	golden(t, "testdata/complaints.golden", b.String())
	b.Reset()
	complain(s, fmt.Errorf("%w, and %w", errors.New("this"), errors.New("that")))
	check.That(t, b.String() == "ringtgt: this, and that\n", "an error of two, in words of its own: %q", b.String())
	// The program's path may be relative to another folder or contain blanks.
	b.Reset()
	s.program = filepath.Join("my programs", "ringtgt")
	if code := run([]string{"nosuch"}, s); code != exitUsage || !strings.HasSuffix(b.String(), "\n'my programs/ringtgt' --help lists the commands.\n") {
		t.Errorf("code %d, %q", code, b.String())
	}
}
