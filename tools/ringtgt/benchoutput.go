package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/report"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// benchFile is an output file for results. It is opened before the run, so that a missing directory does not cost an hour's
// measurements. Its old content is replaced only by a result.
type benchFile struct {
	flag  string
	f     *os.File
	write func(io.Writer, result.Document) error
	fresh bool // created by open
	done  bool
}

type benchFiles []*benchFile

// open opens the output files named by the flags.
func (c *benchCmd) open() (files benchFiles, err error) {
	for _, want := range []struct {
		flag, path string
		write      func(io.Writer, result.Document) error
	}{{"--json ", c.JSON, result.Encode}, {"--benchstat ", c.Benchstat, result.Benchstat}, {"--report ", c.Report, report.Write}} {
		if want.path == "" {
			continue
		}
		b := &benchFile{flag: want.flag + want.path, write: want.write}
		_, gone := os.Lstat(want.path)
		if b.f, err = os.OpenFile(want.path, os.O_WRONLY|os.O_CREATE, 0o644); err != nil {
			files.close()
			return nil, fmt.Errorf("%s: %w", b.flag, err)
		}
		b.fresh = errors.Is(gone, os.ErrNotExist)
		files = append(files, b)
	}
	return files, nil
}

// write writes a result to standard output and to every file.
func (files benchFiles) write(format string, out io.Writer, doc result.Document) error {
	w := bufio.NewWriter(out)
	to := map[string]func(io.Writer, result.Document) error{"table": result.Table, "json": result.Encode, "benchstat": result.Benchstat}[format]
	errs := []error{to(w, doc), w.Flush()}
	for _, f := range files {
		errs = append(errs, f.save(doc))
	}
	return errors.Join(errs...)
}

func (b *benchFile) save(doc result.Document) error {
	w := bufio.NewWriter(b.f)
	err := errors.Join(b.f.Truncate(0), b.write(w, doc), w.Flush())
	if b.done = err == nil; err != nil {
		return fmt.Errorf("%s: %w", b.flag, err)
	}
	return nil
}

// close closes the files, and removes new ones that are still empty.
func (files benchFiles) close() {
	for _, b := range files {
		_ = b.f.Close()
		if b.fresh && !b.done {
			_ = os.Remove(b.f.Name())
		}
	}
}

// identifyTimeout bounds the wait for a daemon's version, in case it hangs.
const identifyTimeout = 3 * time.Second

// identify adds the versions of targets that are ringtgt daemons.
func identify(d result.Document) {
	known := map[int]string{}
	for _, r := range d.Runs() {
		t := &r.Target
		if t.PID == 0 {
			continue
		}
		if _, asked := known[t.PID]; !asked {
			known[t.PID] = daemonVersion(t.PID)
		}
		if v := known[t.PID]; v != "" {
			t.Software = "ringtgt " + v
		}
	}
}

// daemonVersion returns the version of a daemon, "" if the process is not one or belongs to another user.
func daemonVersion(pid int) string {
	path, err := control.Find(control.Where{PID: pid}, config.DefaultState, state.SocketFile)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), identifyTimeout)
	defer cancel()
	s, err := control.Get(ctx, path)
	if err != nil || s.Daemon.PID != pid {
		return ""
	}
	return s.Daemon.Version
}
