package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/need"
	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/bench/compare"
	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/host"
)

// small is the benchmark in miniature: every row, for a moment.
func small(t *testing.T) *bench {
	t.Helper()
	return &bench{
		rounds: 1, tails: 1, runtime: 40 * time.Millisecond, ramp: 5 * time.Millisecond, idle: 50 * time.Millisecond,
		few: 2, many: 12, memory: 4 << 20, file: 8 << 20, dir: disk(t), studyClient: "both", progress: io.Discard,
	}
}

func (b *bench) rows() []row { return rows(b.few, b.many) }

// disk returns a directory that is not in memory: /tmp often is.
func disk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if st.Type != unix.TMPFS_MAGIC {
		return dir
	}
	dir, err := os.MkdirTemp(".", "smoke-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// what each row has to show, in this order.
var figures = map[string][]string{
	"randread":   {"IOPS per target CPU-second, times tgt's", "IOPS per target CPU-second, times the limit's", "p99.9 at "},
	"randwrite":  {"IOPS per target CPU-second, times tgt's", "p99.9 at "},
	"read":       {"bytes per target CPU-second, times tgt's", "p99.9 at "},
	"write":      {"bytes per target CPU-second, times tgt's", "p99.9 at "},
	"depth1":     {"p50, times a bare TCP echo's", "target's idle CPU", "p99.9 at "},
	"digests":    {"IOPS per target CPU-second, times tgt's", "p99.9 at "},
	"file":       {"IOPS, times local fio io_uring's", "p99.9 at "},
	"file-write": {"IOPS, times local fio io_uring's", "p99.9 at "},
	"sessions":   {"memory of an idle connection", "IOPS per target CPU-second, 12 sessions to 2"},
	"4x8":        {"IOPS per target CPU-second, times the limit's"},
	"4x32":       {"IOPS per target CPU-second, times the limit's"},
}

// limits is the limits that the rows of figures have to show.
var limits = map[string]int{"randread": 1, "randwrite": 1, "read": 1, "write": 1, "depth1": 1, "digests": 1, "sessions": 1}

// newToOldFigures is what each row has to show of two binaries.
var newToOldFigures = map[string][]string{
	"randread":   {"IOPS per target CPU-second, new to old"},
	"randwrite":  {"IOPS per target CPU-second, new to old"},
	"read":       {"bytes per target CPU-second, new to old"},
	"write":      {"bytes per target CPU-second, new to old"},
	"depth1":     {"p50, new to old"},
	"digests":    {"IOPS per target CPU-second, new to old"},
	"file":       {"IOPS, new to old: --poll 500µs", "IOPS, new to old"},
	"file-write": {"IOPS, new to old: --poll 500µs", "IOPS, new to old"},
	"sessions":   {"memory of an idle connection, new to old", "IOPS per target CPU-second, new to old: 12 sessions of depth 32", "IOPS per target CPU-second, new to old: 2 sessions of depth 32", "IOPS per target CPU-second, new to old: 12 sessions of depth 4", "IOPS per target CPU-second, new to old: 2 sessions of depth 4"},
	"4x8":        {"IOPS per target CPU-second, new to old"},
	"4x32":       {"IOPS per target CPU-second, new to old"},
	"mcs-read":   {"IOPS per target CPU-second, new to old: 1 loop(s), 1 session of 4 connections", "IOPS per target CPU-second, new to old: 1 loop(s), 4 sessions of 1", "IOPS per target CPU-second, new to old: 2 loop(s), 1 session of 4 connections", "IOPS per target CPU-second, new to old: 2 loop(s), 4 sessions of 1"},
}

// everyRow measures rows. A row that was starved by other tests gets longer runs: the test is that it runs, not how fast the machine is.
func everyRow(t *testing.T, b *bench, selected []row) *Table {
	t.Helper()
	before := host.CPUs()
	table, err := measure(t.Context(), b, selected, []string{"bench"})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range selected {
		again := *b
		for errors.Is(table.Rows[i].err, compare.ErrNothing) && again.runtime < time.Second {
			again.runtime *= 5
			t.Logf("%s: %v: again, with runs of %v", r.id, table.Rows[i].err, again.runtime)
			one, err := measure(t.Context(), &again, []row{r}, nil)
			if err != nil {
				t.Fatal(err)
			}
			table.Rows[i] = one.Rows[0]
		}
	}
	if !slices.Equal(host.CPUs(), before) {
		t.Errorf("this process is left on CPUs %v of %v", host.CPUs(), before)
	}
	if len(b.started) > 0 {
		t.Errorf("targets are left: %v", b.started)
	}
	if left, _ := os.ReadDir(b.dir); len(left) > 0 {
		t.Errorf("%v is left on the disk", left)
	}
	return table
}

// Two binaries are compared in every row, without tgt and fio.
func TestNewToOld(t *testing.T) {
	b := small(t)
	b.binary = harness.BuildT(t)
	b.before = b.binary
	t.Setenv("PATH", "/nothing/is/here")
	selected := slices.DeleteFunc(b.rows(), func(r row) bool { return newToOldFigures[r.id] == nil })
	for _, r := range everyRow(t, b, selected).Rows {
		if r.err != nil {
			t.Errorf("%s: %v", r.ID, r.err)
			continue
		}
		want := newToOldFigures[r.ID]
		if len(r.Figures) != len(want) {
			t.Fatalf("%s: figures %+v, want %q", r.ID, r.Figures, want)
		}
		for i, f := range r.Figures {
			if !strings.HasPrefix(f.What, want[i]) || f.Measured.Median <= 0 {
				t.Errorf("%s: figure %d is %+v, want %q", r.ID, i, f, want[i])
			}
			if lower := strings.HasPrefix(f.What, "p50") || strings.HasPrefix(f.What, "memory"); f.Required.AtMost != lower {
				t.Errorf("%s: %s %v", r.ID, f.What, f.Required)
			}
		}
	}
}

// Each row of the group has its ratio to the limit.
func TestLimits(t *testing.T) {
	b := small(t)
	selected := slices.DeleteFunc(b.rows(), func(r row) bool { return r.group != limitGroup })
	for _, r := range everyRow(t, b, selected).Rows {
		if r.err != nil || len(r.Details) == 0 || !strings.HasPrefix(r.Details[0], limitFigure+": ") {
			t.Errorf("%s: %v, %q", r.ID, r.err, r.Details)
		}
	}
}

// The study of MC/S has a line for each variant, with the CPU time of its loops.
func TestStudy(t *testing.T) {
	if len(host.CPUs()) < 2 {
		t.Skip("it takes two CPUs")
	}
	b := small(t)
	selected := slices.DeleteFunc(b.rows(), func(r row) bool { return !strings.HasPrefix(r.group, studyGroup) })
	table := everyRow(t, b, selected)
	for _, r := range table.Rows {
		if r.err != nil || len(r.Grid) != 6 || len(r.Figures) > 0 {
			t.Errorf("%s: %v, %q, %v", r.ID, r.err, r.Grid, r.Figures)
			continue
		}
		for _, line := range r.Grid[:5] {
			if len(line) != 10 {
				t.Errorf("%q", line)
			}
		}
	}
	var text strings.Builder
	if err := table.write(&text); err != nil || strings.Contains(text.String(), "required") {
		t.Error(err, &text)
	}
	t.Logf("\n%s", &text)
}

// Every row runs, so that none can rot; what it measures in a moment means nothing and is not looked at.
func TestEveryRowRuns(t *testing.T) {
	b := small(t)
	selected := slices.DeleteFunc(b.rows(), func(r row) bool { return r.group != "" })
	table := everyRow(t, b, selected)
	if len(table.Rows) != len(figures) {
		t.Errorf("%d rows, want %d", len(table.Rows), len(figures))
	}
	for _, r := range table.Rows {
		t.Run(r.ID, func(t *testing.T) {
			if errors.Is(r.err, peer.ErrMissing) {
				need.Missing(t, r.err)
			}
			if r.err != nil || r.Missing != "" {
				t.Fatalf("%v, %q", r.err, r.Missing)
			}
			want := figures[r.ID]
			if len(r.Figures) != len(want) {
				t.Fatalf("figures %+v, want %q", r.Figures, want)
			}
			limited := 0
			for i, f := range r.Figures {
				if !strings.HasPrefix(f.What, want[i]) {
					t.Errorf("figure %d is %q, want %q", i, f.What, want[i])
				}
				if f.Limit != nil {
					limited++
					if f.Limit.Median <= 0 || f.Limit.Low > f.Limit.Median || f.Limit.Median > f.Limit.High {
						t.Errorf("%s: limit %+v", f.What, f.Limit)
					}
				}
				m := f.Measured
				if math.IsNaN(m.Median) || math.IsInf(m.Median, 0) || m.Low > m.Median || m.Median > m.High || f.Met != f.Required.met(m.Median) {
					t.Errorf("%s: %+v", f.What, f)
				}
				if m.Median <= 0 && f.Required.Unit == "x" {
					t.Errorf("%s: %v", f.What, m)
				}
			}
			if limited != limits[r.ID] {
				t.Errorf("%d limits, want %d", limited, limits[r.ID])
			}
			if len(r.Details) == 0 {
				t.Error("nothing stands behind the figures")
			}
		})
	}
	var text, doc bytes.Buffer
	if err := table.write(&text); err != nil {
		t.Fatal(err)
	}
	for _, r := range selected {
		if !strings.Contains(text.String(), r.load) {
			t.Errorf("the table has no row %q", r.load)
		}
	}
	t.Logf("\n%s", &text)
	path := filepath.Join(t.TempDir(), "table.json")
	if err := writeJSON(path, table); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var back Table
	if err := json.NewDecoder(io.TeeReader(bytes.NewReader(written), &doc)).Decode(&back); err != nil {
		t.Fatal(err)
	}
	if len(back.Rows) != len(table.Rows) || back.Rounds != 1 {
		t.Errorf("read back: %d rows, %d rounds", len(back.Rows), back.Rounds)
	}
}

// An interruption ends the row at hand and leaves out the rest; nothing stays.
func TestInterrupted(t *testing.T) {
	b := small(t)
	b.runtime = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.progress = writer(func(p []byte) (int, error) {
		if strings.HasPrefix(string(p), b.rows()[0].load) {
			time.AfterFunc(100*time.Millisecond, cancel)
		}
		return len(p), nil
	})
	table, err := measure(ctx, b, b.rows(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(table.incomplete()); n != len(b.rows()) {
		t.Errorf("%d rows are not measured, want all of %d", n, len(b.rows()))
	}
	for _, r := range table.Rows {
		if !errors.Is(r.err, context.Canceled) || r.Missing != "interrupted" {
			t.Errorf("%s: %v, %q", r.ID, r.err, r.Missing)
		}
	}
	if len(b.started) > 0 {
		t.Errorf("targets are left: %v", b.started)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
