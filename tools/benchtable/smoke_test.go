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

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/bench/compare"
	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/host"
)

// small is the benchmark in miniature: every row, for a moment.
func small(t *testing.T) *bench {
	t.Helper()
	return &bench{
		rounds: 1, tails: 1, runtime: 40 * time.Millisecond, ramp: 5 * time.Millisecond, idle: 50 * time.Millisecond,
		few: 2, many: 12, memory: 4 << 20, file: 8 << 20, dir: disk(t), progress: io.Discard,
	}
}

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
	"randread":  {"IOPS per target CPU-second, times tgt's", "p99.9 at "},
	"randwrite": {"IOPS per target CPU-second, times tgt's", "p99.9 at "},
	"read":      {"bytes per target CPU-second, times tgt's", "p99.9 at "},
	"write":     {"bytes per target CPU-second, times tgt's", "p99.9 at "},
	"depth1":    {"p50, times a bare TCP echo's", "target's idle CPU", "p99.9 at "},
	"digests":   {"IOPS per target CPU-second, times tgt's", "p99.9 at "},
	"file":      {"IOPS, times local fio io_uring's", "p99.9 at "},
	"sessions":  {"memory of an idle connection", "IOPS per target CPU-second, 12 sessions to 2"},
}

// Every row runs, so that none can rot; what it measures in a moment is worth nothing and not looked at.
func TestEveryRowRuns(t *testing.T) {
	b := small(t)
	before := host.CPUs()
	table, err := measure(t.Context(), b, rows(), []string{"benchtable"})
	if err != nil {
		t.Fatal(err)
	}
	// A row that was starved by other tests gets longer runs: that it runs is to be seen, not how fast the machine is.
	for i, r := range rows() {
		for again := small(t); errors.Is(table.Rows[i].err, compare.ErrNothing) && b.runtime < time.Second; {
			b.runtime *= 5
			again.runtime = b.runtime
			t.Logf("%s: %v: again, with runs of %v", r.id, table.Rows[i].err, again.runtime)
			one, err := measure(t.Context(), again, []row{r}, nil)
			if err != nil {
				t.Fatal(err)
			}
			table.Rows[i] = one.Rows[0]
		}
		b.runtime = small(t).runtime
	}
	if !slices.Equal(host.CPUs(), before) {
		t.Errorf("this process is left on CPUs %v of %v", host.CPUs(), before)
	}
	if len(table.Rows) != len(figures) {
		t.Errorf("%d rows, want %d", len(table.Rows), len(figures))
	}
	for _, r := range table.Rows {
		t.Run(r.ID, func(t *testing.T) {
			if errors.Is(r.err, peer.ErrMissing) {
				if os.Getenv("CI") == "true" {
					t.Fatal(r.err)
				}
				t.Skip(r.err)
			}
			if r.err != nil || r.Missing != "" {
				t.Fatalf("%v, %q", r.err, r.Missing)
			}
			want := figures[r.ID]
			if len(r.Figures) != len(want) {
				t.Fatalf("figures %+v, want %q", r.Figures, want)
			}
			for i, f := range r.Figures {
				if !strings.HasPrefix(f.What, want[i]) {
					t.Errorf("figure %d is %q, want %q", i, f.What, want[i])
				}
				m := f.Measured
				if math.IsNaN(m.Median) || math.IsInf(m.Median, 0) || m.Low > m.Median || m.Median > m.High || f.Met != f.Required.met(m.Median) {
					t.Errorf("%s: %+v", f.What, f)
				}
				if m.Median <= 0 && f.Required.Unit == "x" {
					t.Errorf("%s: %v", f.What, m)
				}
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
	for _, r := range rows() {
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
	if left, _ := os.ReadDir(b.dir); len(left) > 0 {
		t.Errorf("%v is left on the disk", left)
	}
}

// An interruption ends the row at hand and leaves out the rest; nothing stays.
func TestInterrupted(t *testing.T) {
	b := small(t)
	b.runtime = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.progress = writer(func(p []byte) (int, error) {
		if strings.HasPrefix(string(p), rows()[0].load) {
			time.AfterFunc(100*time.Millisecond, cancel)
		}
		return len(p), nil
	})
	table, err := measure(ctx, b, rows(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(table.incomplete()); n != len(rows()) {
		t.Errorf("%d rows are not measured, want all of %d", n, len(rows()))
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
