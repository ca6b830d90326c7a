package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/health"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
	"golang.org/x/sys/unix"
)

// statusCmd is `ringtgt status`.
type statusCmd struct {
	Interval benchTime     `arg:"" optional:"" help:"With --watch: the time between two readings, in seconds or as 500ms. Default: 2s." placeholder:"INTERVAL"`
	Watch    bool          `short:"w" help:"Repeat, with the figures of the last interval, until interrupted."`
	Verbose  bool          `short:"v" help:"Show also the process, the loops and every connection, and names in full."`
	JSON     bool          `name:"json" help:"Print one JSON object, for programs; with --watch one for each interval."`
	Latency  bool          `help:"Show instead how long commands take, stage by stage, and how the loops work, since the start."`
	For      time.Duration `help:"Measure for this long from now, such as 5s, instead of since the start." placeholder:"TIME"`
	Top      int           `help:"With --latency: how many connections to show, those with the most traffic." default:"10" placeholder:"N"`
	State    string        `help:"State directory of the daemon." placeholder:"DIR"`
	Control  string        `help:"Control socket of the daemon." placeholder:"PATH"`
	PID      int           `name:"pid" help:"Process ID of the daemon." placeholder:"N"`
}

func (c *statusCmd) Run(s streams) error {
	if err := c.check(); err != nil {
		return fail(exitUsage, err)
	}
	path, err := control.Find(control.Where{Control: c.Control, State: c.State, PID: c.PID}, config.DefaultState, state.SocketFile)
	var several *control.AmbiguousError
	if errors.As(err, &several) {
		return fail(exitUsage, err)
	}
	if err != nil {
		return err
	}
	switch {
	case c.Watch:
		err = c.watch(context.Background(), s, path)
	case c.Latency:
		var l *control.Latency
		if l, err = readLatency(context.Background(), path, c.For, c.Top); err == nil {
			return c.print(s.out, l, func(w io.Writer) { printLatency(w, l) })
		}
	default:
		var st *control.Status
		if st, err = readStatus(context.Background(), path, c.For); err == nil {
			return c.print(s.out, st, func(w io.Writer) { printStatus(w, st, c.Verbose) })
		}
	}
	return c.explain(path, err)
}

// print prints an answer as JSON or by the function text.
func (c *statusCmd) print(out io.Writer, answer any, text func(io.Writer)) error {
	if c.JSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(answer)
	}
	w := bufio.NewWriter(out)
	text(w)
	return w.Flush()
}

func (c *statusCmd) check() error {
	switch {
	case c.Top < 0 || c.Top > control.MaxConnections:
		return fmt.Errorf("--top %d is not between 0 and %d", c.Top, control.MaxConnections)
	case c.For < 0:
		return fmt.Errorf("--for %v is negative", c.For)
	case c.Watch && c.Latency:
		return errors.New("--watch and --latency exclude each other")
	case c.Watch && c.For > 0:
		return errors.New("--watch takes its interval as an argument, not by --for")
	case c.Interval != 0 && !c.Watch:
		return fmt.Errorf("an interval (%v) needs --watch", time.Duration(c.Interval))
	case c.Watch && c.Interval != 0 && c.Interval < benchTime(minInterval):
		return fmt.Errorf("the interval %v is shorter than %v", time.Duration(c.Interval), minInterval)
	}
	return nil
}

// explain returns why the daemon at path did not answer.
func (c *statusCmd) explain(path string, err error) error {
	return noDaemon(path, c.Control == "" && c.State == "" && c.PID == 0, err)
}

// status returns the daemon's status for the control socket.
func (d *daemon) status(ctx context.Context) (*control.Status, error) {
	es, err := d.engineStatus(ctx)
	if err != nil {
		return nil, err
	}
	now := d.now()
	s := &control.Status{
		Version: control.Version, Engine: es, CPU: d.cpu(), Notes: slices.Clone(d.notes), Warnings: d.space.report().warnings(),
		Daemon: control.Daemon{
			PID: os.Getpid(), Version: version(), GoVersion: runtime.Version(), Kernel: kernel(), Started: es.Started,
			Draining: d.draining.Load(), Config: now.cfg.File, Control: d.controlPath(), GOMAXPROCS: runtime.GOMAXPROCS(0), Metrics: d.metricsAddress(),
			HeapBytes: heapBytes(), Resident: resident(),
			OpenFiles: resourceLimit(unix.RLIMIT_NOFILE), Memlock: resourceLimit(unix.RLIMIT_MEMLOCK),
		},
		Targets: []control.Target{}, Sessions: sessionsOf(d.engine.Sessions()),
	}
	s.Daemon.ResidentBound, s.Daemon.ResidentEver = d.residentBound()
	if d.state != nil {
		s.Daemon.State = d.state.Dir()
	}
	for _, l := range es.Loops {
		if l.ArenaTouched > 0 && !l.Registered {
			s.Notes = append(s.Notes, fmt.Sprintf("loop %d: I/O buffers are not registered with the ring, and every disk operation maps its pages anew; "+
				"the memlock limit is %s", l.Loop, printLimit(s.Daemon.Memlock, bytesText)))
		}
	}
	var reports []health.Report
	for _, t := range now.targets {
		out, of := now.targetStatus(t, d.space.report())
		s.Targets, reports = append(s.Targets, out), append(reports, of...)
	}
	d.healthStatus(s, reports)
	setQoS(s, d.engine.QoS())
	return s, nil
}

// cpu lists the CPUs and their loops.
func (d *daemon) cpu() control.CPU {
	t := d.topology
	out := control.CPU{Brand: t.Brand, ThreadsPerCore: t.ThreadsPerCore, CacheLine: t.CacheLine, CRC32C: t.CRC32C}
	for _, cpu := range t.Allowed {
		out.Cores = append(out.Cores, control.Core{
			CPU: cpu, Sibling: !slices.Contains(t.FirstSiblings, cpu), Loop: slices.Index(d.cores, cpu),
		})
	}
	return out
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// heapBytes returns the size of all heap objects, live or not yet collected. Reading it does not stop the world.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

// residentBound returns upper bounds of resident: engine.MemoryBound plus the LUNs in memory.
func (d *daemon) residentBound() (now, ever uint64) {
	n, e := d.engine.Bound()
	luns := 0
	d.now().each(func(_ *servedTarget, u *servedUnit) {
		if u.cfg.Kind == backend.KindMemory {
			luns += int(u.cfg.Size)
		}
	})
	return uint64(n + luns), uint64(e + luns)
}

// resident returns the process's resident memory in bytes.
func resident() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
