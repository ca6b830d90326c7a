package main

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// metrics scrapes the daemon and returns the samples by name and labels.
func (s *served) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	resp := must.Get(http.Get("http://" + s.status(t).Daemon.Metrics + "/metrics"))(t)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must.Be(t, err == nil && resp.StatusCode == http.StatusOK, "%d %v %s", resp.StatusCode, err, text)
	out := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			if out[line[:i]], err = strconv.ParseFloat(strings.TrimSpace(line[i+1:]), 64); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
	}
	return out
}

// load runs n commands of 4 KiB on each of two connections of one session, reads percent of them reads.
func (s *served) load(t *testing.T, n uint64, reads int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ls, err := initiator.NewLoops(ctx, initiator.LoopsConfig{Sessions: []initiator.Config{{
		Portals: []string{s.portal}, TargetName: config.DefaultTarget, InitiatorName: "iqn.2026-11.com.example:load",
		ISID: [6]byte{0x80, 0, 0, 0, 0, 1}, Connections: 2,
	}}})
	must.OK(t, err)
	defer ls.Close()
	must.Get(ls.Run(ctx, initiator.Workload{ReadPercent: reads, Depth: 16, Count: n}))(t)
}

// A daemon's counts match the initiator's commands: in status, in the difference of two readings, and in the metrics.
func TestLatencyOfADaemon(t *testing.T) {
	s := serve(t, nil, "--listen", "127.0.0.1:0", "--lun", "mem:16M", "--metrics", "127.0.0.1:0")
	const n = 1000
	s.load(t, n, 100)
	before := must.Get(control.GetLatency(t.Context(), s.control, 10))(t)
	between := make(chan *control.Latency, 1)
	failed := make(chan error, 1)
	go func() {
		l, err := readLatency(t.Context(), s.control, time.Second, 10)
		failed <- err
		between <- l
	}()
	s.load(t, n, 0)
	must.OK(t, <-failed)
	<-between
	after := must.Get(control.GetLatency(t.Context(), s.control, 10))(t)
	// A new nexus's first command gets a unit attention (SAM-5 5.14), and the initiator repeats it.
	sum := func(l *control.Latency, op string) (good uint64) {
		var bytes, failed uint64
		for _, u := range l.Units {
			if u.Operation == op && u.LUN == 0 {
				good += u.Commands - u.Failed
				bytes += u.Bytes
				failed += u.Failed
			}
		}
		want := 4096 * good
		if op == "write" {
			want += 4096 * failed // its immediate data was transferred
		}
		check.That(t, bytes == want && failed <= 1, "%s: %d good, %d failed, %d bytes, want %d", op, good, failed, bytes, want)
		return good
	}
	if r, w := sum(before, "read"), sum(before, "write"); r != 2*n || w != 0 {
		t.Errorf("%d reads and %d writes, want %d and none", r, w, 2*n)
	}
	if r, w := sum(after, "read"), sum(after, "write"); r != 2*n || w != 2*n {
		t.Errorf("%d reads and %d writes, want %d each", r, w, 2*n)
	}
	check.That(t, before.PID == s.PID() && before.Since.Equal(before.Started) && len(before.Loops) != 0 && before.Held > 0, "%+v", before)
	after.Sub(&before.Latency)
	if r, w := sum(after, "read"), sum(after, "write"); r != 0 || w != 2*n {
		t.Errorf("in between: %d reads and %d writes", r, w)
	}

	m := s.metrics(t)
	unit := `{lun="0",operation="read",`
	end := `target="` + config.DefaultTarget + `"`
	for _, name := range []string{
		"ringtgt_commands_total" + unit + end + "}",
		"ringtgt_command_duration_seconds_count" + unit + end + "}",
		"ringtgt_command_duration_seconds_bucket" + unit + end + `,le="+Inf"}`,
	} {
		// The unit attention is harmless; it went to a read or to a TEST UNIT READY.
		if want := m["ringtgt_commands_harmless_total{"+`lun="0",`+end+"}"]; m[name] < 2*n || m[name] > 2*n+want || m["ringtgt_commands_failed_total"+unit+end+"}"] != 0 {
			t.Errorf("%s is %g, want %g", name, m[name], want)
		}
	}
	check.Equal(t, m["ringtgt_io_bytes_total"+unit+end+"}"], 2*n*4096, "bytes:")
	for i := range before.Units {
		u := &before.Units[i]
		stages := 0.0
		for s := range engine.StageTotal {
			stages += u.Stages[s].SumNanos
		}
		if total := u.Stages[engine.StageTotal].SumNanos; total <= 0 || stages < total*0.999999 || stages > total*1.000001 {
			t.Errorf("unit %d: the stages took %g ns, the total %g", i, stages, total)
		}
	}
	if m["ringtgt_sessions"] != 0 || m["process_resident_memory_bytes"] == 0 || m["ringtgt_draining"] != 0 {
		t.Errorf("%g sessions, %g resident, draining %g", m["ringtgt_sessions"], m["process_resident_memory_bytes"], m["ringtgt_draining"])
	}
	s.stop(t)
}

// The latencies of a busy daemon as printed.
func TestPrintLatency(t *testing.T) {
	since := time.Now().Add(-(2*time.Hour + 30*time.Second))
	var total engine.Times
	fill := func(t *engine.Times, n uint64, ns ...int64) {
		for i, v := range ns {
			k := n >> (3 * i)
			t.Steps.Add(v, k)
			t.SumNanos += float64(v) * float64(k)
			t.MaxNanos = max(t.MaxNanos, v)
		}
	}
	fill(&total, 1<<20, 80_000, 700_000, 9_000_000, 1_200_000_000)
	n := total.Steps.Count()
	unit := engine.UnitLatency{Target: "iqn.2026-11.io.ringtgt:disk0", LUN: 3, Operation: "read", Commands: n, Bytes: n * 4096, Failed: 2}
	for s := range unit.Stages {
		unit.Stages[s].Steps.Add(0, n)
	}
	fill(&unit.Stages[engine.StageQueue], 0)
	unit.Stages[engine.StageBackend], unit.Stages[engine.StageTotal] = total, total
	other := unit
	other.Loop, other.LUN, other.Operation = 1, -1, "other"
	write := unit
	write.Operation = "write"
	loop := engine.LoopLatency{LoopStatus: engine.LoopStatus{Loop: 0, Core: 2, Connections: 5, CPUNanos: int64(n) * 4321}}
	loop.Stats = engine.LoopStats{Turns: 50000, Commands: n, PDUsSent: n, Sends: n / 8, Enters: 50000, BlockingEnters: 4000, Wakes: 17}
	loop.TurnCommands.Counts[5], loop.TurnCommands.Sum = 50000, n
	fill(&loop.Turn, 50000, 30_000, 95_000)
	conn := engine.ConnLatency{Remote: "192.0.2.9:51234", TSIH: 7, CID: 1, Commands: n, Bytes: n * 4096}
	op := engine.ConnOperation{Operation: "read", Commands: n, Bytes: n * 4096}
	op.Stages[engine.StageTotal] = total
	conn.Operations = []engine.ConnOperation{op}
	l := &control.Latency{Version: 1, PID: 4711, Daemon: "v1.2.3", Started: since, Since: since, Latency: engine.Latency{
		At: since.Add(1000 * time.Second), Loops: []engine.LoopLatency{loop}, Units: []engine.UnitLatency{other, write, unit}, Connections: []engine.ConnLatency{conn},
	}}
	var b strings.Builder
	printLatency(&b, l)
	golden(t, "testdata/latency.golden", b.String())
}

// Latencies have at most three significant digits, and no more than the histogram's resolution.
func TestNanos(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "<256ns", 256: "<256ns", 257: "257ns", 999: "999ns", 1000: "1.00µs", 9_994: "9.99µs", 9_996: "10.0µs", 99_940: "99.9µs", 99_960: "100µs",
		999_400: "999µs", 999_600: "1.00ms", 1_500_000: "1.50ms", 17_179_869_184: "17.2s", 3_600_000_000_000: "3600s",
	} {
		check.Equal(t, nanos(ns), want, "%d is shown as", ns)
	}
}
