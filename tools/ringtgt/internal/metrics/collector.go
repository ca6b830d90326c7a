// Package metrics exports the daemon's metrics to Prometheus, over an HTTP listener that is off unless configured.
// docs/latency.md lists the metrics.
package metrics

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"golang.org/x/sys/unix"
)

// Source is the daemon.
type Source struct {
	Version, GoVersion, Kernel string
	// Stages adds a histogram of each stage of the commands, and those of the loops' work. They are most of a scrape.
	Stages bool
	// Latency reads the engine's statistics, without connections. It returns soon after ctx is done.
	Latency func(ctx context.Context) (engine.Latency, error)
	// State returns the values that need no loop. It is called only after Latency has succeeded.
	State func() State
	// Health returns the line that /healthz answers, and whether all is well. It reads no loop.
	Health func() (line string, good bool)
	// Status returns what the page shows beside the figures, and Line its health in one line. It reads no loop.
	Status func() *control.Status
	Line   func(*control.Status) string
	Host   string
	Hosts  []string // further names
}

// State is the rest of the daemon at a moment.
type State struct {
	Started  time.Time
	Sessions int
	Draining bool
	// StateErrors counts errors of the state directory.
	StateErrors uint64
	LUNs        []LUN
	FileSystems []FileSystem
	Limits      []Limit
}

// Limit is a limit of IOPS or bytes a second, and what it has held back.
type Limit struct {
	Target   string
	LUN      int // -1: of an initiator
	HeldNow  int64
	Held     int64
	HeldTime time.Duration
}

// FileSystem holds files of LUNs.
type FileSystem struct {
	Mount                    string // mount point
	Bytes, Available, Growth int64  // Growth: what the files there can still take
	Problem                  int    // 0 none, 1 over-committed, 2 nearly full
}

// LUN is a unit that is served.
type LUN struct {
	Target    string
	LUN       int
	Bytes     uint64
	Allocated int64   // of a file's bytes; -1: not a file, or not known
	Health    int     // 0 good, 1 degraded, 2 lost
	Faults    []Fault // every kind
}

// Fault counts the faults of one kind.
type Fault struct {
	Kind  string
	Count uint64
}

// collector makes metrics of a Source at the moment of a scrape.
type collector struct {
	src Source

	mu   sync.Mutex // one reading at a time
	at   time.Time
	last engine.Latency
	err  error
}

// read returns a reading that is at most freshFor old. A failure stays as long.
func (c *collector) read() (*engine.Latency, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || time.Since(c.at) >= freshFor {
		ctx, cancel := context.WithTimeout(context.Background(), readTime)
		defer cancel()
		c.last, c.err = c.src.Latency(ctx)
		c.at = time.Now()
	}
	l := c.last // its slices are never changed
	return &l, c.err
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range all {
		ch <- d.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	l, err := c.read()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(commandDuration.desc, fmt.Errorf("reading the loops: %w", err))
		return
	}
	state := c.src.State()
	s := sink(ch)
	s.put(buildInfo, 1, c.src.Version, c.src.GoVersion, c.src.Kernel)
	s.put(draining, boolean(state.Draining))
	s.put(stateErrors, float64(state.StateErrors))
	s.put(sessions, float64(state.Sessions))
	s.put(readingHeld, l.Held.Seconds())
	for _, u := range state.LUNs {
		lun := strconv.Itoa(u.LUN)
		s.put(lunSize, float64(u.Bytes), u.Target, lun)
		if u.Allocated >= 0 {
			s.put(lunAllocated, float64(u.Allocated), u.Target, lun)
		}
		s.put(lunHealth, float64(u.Health), u.Target, lun)
		for _, f := range u.Faults {
			s.put(lunFaults, float64(f.Count), u.Target, lun, f.Kind)
		}
	}
	for _, f := range state.FileSystems {
		s.put(fsSize, float64(f.Bytes), f.Mount)
		s.put(fsAvailable, float64(f.Available), f.Mount)
		s.put(fsGrowth, float64(f.Growth), f.Mount)
		s.put(fsProblem, float64(f.Problem), f.Mount)
	}
	s.limits(state.Limits)
	s.logins(&l.Logins)
	s.commands(l, state.LUNs, c.src.Stages)
	for i := range l.Loops {
		s.loop(&l.Loops[i])
		if c.src.Stages {
			s.loopHistograms(&l.Loops[i])
		}
	}
	s.process(state.Started)
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// sink takes metrics.
type sink chan<- prometheus.Metric

func (s sink) put(m metric, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
}

func (s sink) histogram(m metric, n uint64, sum float64, buckets map[float64]uint64, labels ...string) {
	s <- prometheus.MustNewConstHistogram(m.desc, n, sum, buckets, labels...)
}

// limits emits what limits have held back, those of a target's initiators added up: their names would make unlimited series.
func (s sink) limits(all []Limit) {
	sums := map[[2]string]Limit{}
	for _, l := range all {
		lun := "initiators"
		if l.LUN >= 0 {
			lun = strconv.Itoa(l.LUN)
		}
		sum := sums[[2]string{l.Target, lun}]
		sum.HeldNow, sum.Held, sum.HeldTime = sum.HeldNow+l.HeldNow, sum.Held+l.Held, sum.HeldTime+l.HeldTime
		sums[[2]string{l.Target, lun}] = sum
	}
	for k, l := range sums {
		s.put(heldNow, float64(l.HeldNow), k[0], k[1])
		s.put(held, float64(l.Held), k[0], k[1])
		s.put(heldSeconds, l.HeldTime.Seconds(), k[0], k[1])
	}
}

// logins emits the counters of logins and ends of connections.
func (s sink) logins(n *engine.LoginStats) {
	for kind, v := range map[string]uint64{"session": n.Sessions, "join": n.Joins, "discovery": n.Discoveries} {
		s.put(logins, float64(v), kind)
	}
	for reason, v := range n.Refusals {
		s.put(loginsRefused, float64(v), reason)
	}
	for how, v := range map[string]uint64{"logout": n.Logouts, "replaced": n.Replaced, "closed": n.Closed, "lost": n.Losses, "abandoned": n.Abandoned} {
		s.put(connectionsEnded, float64(v), how)
	}
	s.put(sessionsExpired, float64(n.Expired))
}

// unitKey identifies the series of a unit's operation.
type unitKey struct {
	target, operation string
	lun               int
}

// sumLoops sums over the loops. Reads and writes of every served unit are there from the start, so that a rate includes the first
// command; other operations and missing LUNs appear with their first command.
func sumLoops(l *engine.Latency, luns []LUN) map[unitKey]*engine.UnitLatency {
	sums := map[unitKey]*engine.UnitLatency{}
	for _, u := range luns {
		for _, o := range []engine.Operation{engine.OperationRead, engine.OperationWrite} {
			sums[unitKey{u.Target, o.String(), u.LUN}] = &engine.UnitLatency{}
		}
	}
	for i := range l.Units {
		u := &l.Units[i]
		k := unitKey{u.Target, u.Operation, u.LUN}
		if sums[k] == nil {
			sums[k] = &engine.UnitLatency{}
		}
		sums[k].Add(u)
	}
	return sums
}

// commands emits the metrics of units by operation.
func (s sink) commands(l *engine.Latency, luns []LUN, stages bool) {
	harmless := map[[2]string]uint64{}
	for k, u := range sumLoops(l, luns) {
		lun := strconv.Itoa(k.lun)
		if k.lun < 0 {
			lun = "none"
		}
		s.put(commands, float64(u.Commands), k.target, lun, k.operation)
		s.put(commandsFailed, float64(u.Failed-u.Harmless), k.target, lun, k.operation)
		harmless[[2]string{k.target, lun}] += u.Harmless
		s.put(ioBytes, float64(u.Bytes), k.target, lun, k.operation)
		if timed(k.operation) {
			t := &u.Stages[engine.StageTotal]
			s.histogram(commandDuration, u.Commands, t.SumNanos/1e9, durations(&t.Steps, durationEnds), k.target, lun, k.operation)
		}
		for i := range u.Stages {
			if t := &u.Stages[i]; stages {
				s.histogram(stageDuration, u.Commands, t.SumNanos/1e9, durations(&t.Steps, stageEnds), k.target, lun, k.operation, engine.Stage(i).String())
			}
		}
	}
	for u, n := range harmless {
		s.put(commandsHarmless, float64(n), u[0], u[1])
	}
}

// timed reports whether an operation has a histogram without Source.Stages: those whose duration an application waits for.
func timed(operation string) bool {
	switch operation {
	case engine.OperationRead.String(), engine.OperationWrite.String(), engine.OperationFlush.String():
		return true
	}
	return false
}

func loopLabels(l *engine.LoopLatency) []string {
	cpu := "any"
	if l.Core >= 0 {
		cpu = strconv.Itoa(l.Core)
	}
	return []string{strconv.Itoa(l.Loop), cpu}
}

// loop emits the counters of one loop.
func (s sink) loop(l *engine.LoopLatency) {
	labels := loopLabels(l)
	st := &l.Stats
	for _, v := range []struct {
		metric
		v float64
	}{
		{connections, float64(l.Connections)}, {tasks, float64(l.Tasks)}, {diskInFlight, float64(l.DiskBusy)},
		{bufferUsed, float64(l.ArenaInUse)}, {bufferTouched, float64(l.ArenaTouched)}, {bufferLimit, float64(l.ArenaLimit)},
		{loopCPU, float64(l.CPUNanos) / 1e9}, {turns, float64(st.Turns)}, {loopCommands, float64(st.Commands)},
		{accepted, float64(st.Accepted)}, {refused, float64(st.Refused)}, {pdusSent, float64(st.PDUsSent)}, {sends, float64(st.Sends)},
		{diskOperations, float64(st.DiskOps)}, {enters, float64(st.Enters)}, {blockingEnters, float64(st.BlockingEnters)},
		{polls, float64(st.Polls)}, {pollSeconds, float64(st.PollNanos) / 1e9}, {wakes, float64(st.Wakes)},
	} {
		s.put(v.metric, v.v, labels...)
	}
	s.put(zeroCopySends, float64(st.SendsZeroCopied), append(labels, "no")...)
	s.put(zeroCopySends, float64(st.SendsCopied), append(labels, "yes")...)
	s.put(receives, float64(st.Receives), append(labels, "buffer")...)
	s.put(receives, float64(st.DirectReceives), append(labels, "task")...)
}

// loopHistograms emits the distributions of a loop's work.
func (s sink) loopHistograms(l *engine.LoopLatency) {
	labels := loopLabels(l)
	s.histogram(turnDuration, l.Turn.Steps.Count(), l.Turn.SumNanos/1e9, durations(&l.Turn.Steps, stageEnds), labels...)
	for _, h := range []struct {
		metric
		sizes *engine.Sizes
		steps int
	}{{turnCommands, &l.TurnCommands, 12}, {sendPDUs, &l.SendPDUs, 8}, {turnTasks, &l.TurnTasks, 16}, {turnDisk, &l.TurnIO, 12}} {
		s.histogram(h.metric, h.sizes.Count(), float64(h.sizes.Sum), sizes(h.sizes, h.steps), labels...)
	}
}

// process emits the process metrics of the library's collector except open descriptors: counting those of 16,384 connections would
// take milliseconds of a core that a loop may need.
func (s sink) process(started time.Time) {
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ru) == nil {
		s.put(processCPU, float64(ru.Utime.Nano()+ru.Stime.Nano())/1e9)
	}
	s.put(processStart, float64(started.UnixMilli())/1e3)
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(text)); len(f) > 1 {
			if pages, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				s.put(processResident, float64(pages)*float64(os.Getpagesize()))
			}
		}
	}
}
