package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/report"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// open opens the output files named by the flags.
func (c *benchCmd) open() (benchFiles, error) {
	return openFiles([]outFile[result.Document]{
		{flag: "--json ", path: c.JSON, write: result.Encode}, {flag: "--benchstat ", path: c.Benchstat, write: result.Benchstat},
		{flag: "--report ", path: c.Report, write: report.Write},
	})
}

// benchFiles are the output files of a benchmark.
type benchFiles = outFiles[result.Document]

// writeResult writes a result to standard output and to every file.
func writeResult(files benchFiles, format string, out io.Writer, doc result.Document) error {
	w := bufio.NewWriter(out)
	to := map[string]func(io.Writer, result.Document) error{"table": result.Table, "json": result.Encode, "benchstat": result.Benchstat}[format]
	return errors.Join(to(w, doc), w.Flush(), files.save(doc))
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
