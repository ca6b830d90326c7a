package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/hist"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

const target = "iqn.2026-11.io.ringtgt:disk0"

// example is a reading without empty parts.
func example() engine.Latency {
	u := engine.UnitLatency{Target: target, LUN: 0, Operation: "read", Commands: 100, Bytes: 409600, Failed: 3, Harmless: 1}
	for s := range u.Stages {
		t := &u.Stages[s]
		t.Steps.Add(20_000, 90)
		t.Steps.Add(2_000_000, 9)
		t.Steps.Add(20_000_000_000, 1)
		t.SumNanos, t.MaxNanos = 5e9, 20_000_000_000
	}
	other := u
	other.Loop = 1
	none := engine.UnitLatency{Target: target, LUN: -1, Operation: "other", Commands: 1, Failed: 1}
	l := engine.LoopLatency{LoopStatus: engine.LoopStatus{Loop: 0, Core: 4, CPUNanos: 1_500_000_000, Connections: 3}}
	l.Stats = engine.LoopStats{Turns: 7, Commands: 200, Receives: 5, DirectReceives: 2, SendsZeroCopied: 8, SendsCopied: 9}
	l.TurnCommands.Counts[0], l.TurnCommands.Counts[3], l.TurnCommands.Sum = 5, 2, 8
	second := l
	second.Loop, second.Core = 1, -1
	return engine.Latency{Loops: []engine.LoopLatency{l, second}, Units: []engine.UnitLatency{u, other, none}, Held: 4 * time.Microsecond,
		Logins: engine.LoginStats{Sessions: 5, Joins: 6, Losses: 2, Expired: 1, Refusals: map[string]uint64{"acl": 3, "authentication": 0}}}
}

func source() Source {
	return Source{
		Version: "v1.2.3", GoVersion: "go1.26", Kernel: "6.18.0", Stages: true,
		Latency: func(context.Context) (engine.Latency, error) { return example(), nil },
		Health:  func() (string, bool) { return "health: good, 2 LUNs", true },
		Status:  func() *control.Status { return &control.Status{} }, Line: func(*control.Status) string { return "health: good" }, Host: "node",
		State: func() State {
			return State{Started: time.Unix(1000, 0), Sessions: 2, LUNs: []LUN{
				{Target: target, LUN: 0, Bytes: 1 << 30, Allocated: 4096, Faults: []Fault{{"write error", 0}, {"gone", 0}}},
				{Target: target, LUN: 5, Bytes: 1 << 20, Allocated: -1, Health: 2, Faults: []Fault{{"write error", 7}, {"gone", 1}}},
			}, FileSystems: []FileSystem{{Mount: "/srv", Bytes: 100, Available: 30, Growth: 50, Problem: 1}}, Limits: []Limit{
				{Target: target, LUN: 0, HeldNow: 3, Held: 40, HeldTime: 2 * time.Second}, {Target: target, LUN: -1, Held: 5}, {Target: target, LUN: -1, Held: 6},
			}}
		},
	}
}

func listen(t *testing.T, src Source) *Server {
	t.Helper()
	s := must.Get(Listen(netip.MustParseAddrPort("127.0.0.1:0"), src, slog.New(slog.DiscardHandler)))(t)
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	resp := must.Get(http.Get("http://" + s.Addr().String() + path))(t)
	defer resp.Body.Close()
	text := must.Get(io.ReadAll(resp.Body))(t)
	return resp.StatusCode, string(text)
}

// values parses a text into samples by name and labels.
func values(t *testing.T, text string) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(strings.TrimSpace(line[i+1:]), 64)
		must.OK(t, err, "%q", line)
		out[line[:i]] = v
	}
	return out
}

// Names, units and helps are what Prometheus wants them to be.
func TestLint(t *testing.T) {
	_, text := get(t, listen(t, source()), "/metrics")
	problems := must.Get(promlint.New(strings.NewReader(text)).Lint())(t)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Loops are added up, units are there from the start, and every metric that is defined has a value.
func TestCollect(t *testing.T) {
	code, text := get(t, listen(t, source()), "/metrics")
	must.Be(t, code == http.StatusOK, "%d: %s", code, text)
	got := values(t, text)
	unit := func(name, lun, op, more string) string {
		return fmt.Sprintf(`%s{lun="%s",operation="%s"%starget="%s"`, name, lun, op, more, target)
	}
	const d = "ringtgt_command_stage_duration_seconds"
	for name, want := range map[string]float64{
		`ringtgt_build_info{go_version="go1.26",kernel="6.18.0",version="v1.2.3"}`: 1,
		`ringtgt_logins_total{kind="join"}`:                                        6,
		`ringtgt_logins_refused_total{reason="acl"}`:                               3,
		`ringtgt_connections_ended_total{how="lost"}`:                              2,
		`ringtgt_limited_commands{lun="0",target="` + target + `"}`:                3,
		`ringtgt_limited_seconds_total{lun="0",target="` + target + `"}`:           2,
		`ringtgt_limited_commands_total{lun="initiators",target="` + target + `"}`: 11,
		`ringtgt_sessions_expired_total`:                                           1,
		`ringtgt_lun_allocated_bytes{lun="0",target="` + target + `"}`:             4096,
		`ringtgt_filesystem_available_bytes{mountpoint="/srv"}`:                    30,
		`ringtgt_filesystem_problem{mountpoint="/srv"}`:                            1,
		`ringtgt_sessions`:                                                                       2,
		`ringtgt_reading_held_seconds`:                                                           4e-6,
		`ringtgt_lun_size_bytes{lun="5",target="` + target + `"}`:                                1 << 20,
		`ringtgt_lun_health{lun="0",target="` + target + `"}`:                                    0,
		`ringtgt_lun_health{lun="5",target="` + target + `"}`:                                    2,
		`ringtgt_lun_faults_total{kind="write error",lun="0",target="` + target + `"}`:           0,
		`ringtgt_lun_faults_total{kind="write error",lun="5",target="` + target + `"}`:           7,
		unit("ringtgt_commands_total", "0", "read", ",") + "}":                                   200,
		unit("ringtgt_commands_failed_total", "0", "read", ",") + "}":                            4,
		`ringtgt_commands_harmless_total{lun="0",target="` + target + `"}`:                       2,
		unit("ringtgt_command_duration_seconds_count", "0", "read", ",") + "}":                   200,
		unit("ringtgt_command_duration_seconds_bucket", "0", "read", ",") + `,le="6.5536e-05"}`:  180,
		unit("ringtgt_command_duration_seconds_bucket", "0", "read", ",") + `,le="0.002097152"}`: 198,
		unit("ringtgt_io_bytes_total", "0", "read", ",") + "}":                                   819200,
		unit("ringtgt_commands_total", "0", "write", ",") + "}":                                  0,
		unit("ringtgt_commands_total", "5", "read", ",") + "}":                                   0,
		unit("ringtgt_commands_total", "none", "other", ",") + "}":                               1,
		unit(d+"_count", "0", "read", `,stage="queue",`) + "}":                                   200,
		unit(d+"_sum", "0", "read", `,stage="queue",`) + "}":                                     10,
		unit(d+"_bucket", "0", "read", `,stage="send",`) + `,le="1.6384e-05"}`:                   0,
		unit(d+"_bucket", "0", "read", `,stage="send",`) + `,le="2.4576e-05"}`:                   180,
		unit(d+"_bucket", "0", "read", `,stage="send",`) + `,le="0.001572864"}`:                  180,
		unit(d+"_bucket", "0", "read", `,stage="send",`) + `,le="0.002097152"}`:                  198,
		unit(d+"_bucket", "0", "read", `,stage="send",`) + `,le="17.179869184"}`:                 198,
		unit(d+"_bucket", "0", "read", `,stage="send",`) + `,le="+Inf"}`:                         200,
		`ringtgt_connections{cpu="4",loop="0"}`:                                                  3,
		`ringtgt_loop_cpu_seconds_total{cpu="any",loop="1"}`:                                     1.5,
		`ringtgt_zero_copy_sends_total{copied="no",cpu="4",loop="0"}`:                            8,
		`ringtgt_zero_copy_sends_total{copied="yes",cpu="4",loop="0"}`:                           9,
		`ringtgt_receives_total{cpu="4",into="buffer",loop="0"}`:                                 5,
		`ringtgt_receives_total{cpu="4",into="task",loop="0"}`:                                   2,
		`ringtgt_turn_commands_bucket{cpu="4",loop="0",le="0"}`:                                  5,
		`ringtgt_turn_commands_bucket{cpu="4",loop="0",le="2"}`:                                  5,
		`ringtgt_turn_commands_bucket{cpu="4",loop="0",le="4"}`:                                  7,
		`ringtgt_turn_commands_sum{cpu="4",loop="0"}`:                                            8,
		`process_start_time_seconds`:                                                             1000,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (there: %v), want %v", name, v, ok, want)
		}
	}
	for _, m := range all {
		name := strings.TrimPrefix(strings.SplitN(m.desc.String(), `"`, 3)[1], `"`)
		check.That(t, strings.Contains(text, "# TYPE "+name+" "), "%s is defined and has no value", name)
	}
	if t.Failed() {
		for _, name := range slices.Sorted(maps.Keys(got)) {
			if strings.HasPrefix(name, "ringtgt") && !strings.Contains(name, "_bucket") {
				t.Log(name, got[name])
			}
		}
	}
}

// By default a scrape of ten busy LUNs on four loops is below 100 KB: every operation, fault and stage has occurred.
func TestScrapeSize(t *testing.T) {
	for _, tt := range []struct {
		stages   bool
		from, to int
	}{{false, 50_000, 100_000}, {true, 500_000, 2_000_000}} {
		src := source()
		src.Stages = tt.stages
		l, state := engine.Latency{Logins: example().Logins}, src.State()
		state.LUNs = nil
		for i := range 4 {
			loop := example().Loops[0]
			loop.Loop, loop.Core = i, i
			loop.Stats.Commands = 1e9
			l.Loops = append(l.Loops, loop)
		}
		for i := range 10 {
			u := LUN{Target: "iqn.2026-11.com.example:vm-images", LUN: i, Bytes: 1 << 40}
			for k := range lun.NumFaults {
				u.Faults = append(u.Faults, Fault{lun.FaultKind(k).String(), 1e6})
			}
			state.LUNs = append(state.LUNs, u)
			for o := range engine.NumOperations {
				x := example().Units[0]
				x.Target, x.LUN, x.Operation, x.Commands = u.Target, i, o.String(), 1e9
				l.Units = append(l.Units, x)
			}
		}
		src.Latency = func(context.Context) (engine.Latency, error) { return l, nil }
		src.State = func() State { return state }
		_, text := get(t, listen(t, src), "/metrics")
		t.Logf("stages %v: %d bytes", tt.stages, len(text))
		check.That(t, tt.from < len(text) && len(text) < tt.to, "stages %v: %d bytes, want %d to %d", tt.stages, len(text), tt.from, tt.to)
	}
}

// Buckets are ends of steps: what they count is exact.
func TestBucketsAreExact(t *testing.T) {
	var c hist.Compact
	for i := range int64(5000) {
		c.Add(i*i*200, 1)
	}
	for _, ends := range [][]int64{durationEnds, stageEnds} {
		last := int64(0)
		for _, end := range ends {
			check.That(t, hist.CompactEnd(hist.CompactStep(end)) == end, "no step ends at %d ns", end)
			check.That(t, end > last, "%d after %d", end, last)
			last = end
		}
		for le, n := range durations(&c, ends) {
			if want := c.Cumulative(int64(le*1e9 + 0.5)); n != want {
				t.Errorf("le %g: %d, want %d", le, n, want)
			}
		}
	}
}

// However many scrapers there are, the engine is read at most once a second, and never concurrently.
func TestReadingsAreShared(t *testing.T) {
	var reads, at, most atomic.Int64
	src := source()
	latency := src.Latency
	src.Latency = func(ctx context.Context) (engine.Latency, error) {
		reads.Add(1)
		most.Store(max(most.Load(), at.Add(1)))
		defer at.Add(-1)
		return latency(ctx)
	}
	c := &collector{src: src}
	done := make(chan struct{})
	for range 50 {
		go func() {
			c.read()
			done <- struct{}{}
		}()
	}
	for range 50 {
		<-done
	}
	begin := c.at
	if reads.Load() != 1 && time.Since(begin) < freshFor || most.Load() != 1 {
		t.Errorf("%d readings for 50 who ask at once, %d at a time", reads.Load(), most.Load())
	}
	c.at = c.at.Add(-freshFor)
	c.read()
	check.That(t, reads.Load() >= 2, "an old reading is shown")
}

// A scrape fails when a loop does not answer, so that `up` says so, and it does so within bounds.
func TestStuckLoop(t *testing.T) {
	src := source()
	src.Latency = func(ctx context.Context) (engine.Latency, error) {
		if end, ok := ctx.Deadline(); !ok || time.Until(end) > readTime {
			t.Error("a reading has no end")
		}
		return engine.Latency{}, errors.New("a loop does not answer")
	}
	code, text := get(t, listen(t, src), "/metrics")
	check.That(t, code == http.StatusInternalServerError && strings.Contains(text, "a loop does not answer"), "%d %s", code, text)
}

// /healthz answers 200 or 503 with the health line; a loop that does not answer is not healthy.
func TestHealthz(t *testing.T) {
	bad := func() (string, bool) { return "health: LOST for 3s, 1 lost of 2 LUNs", false }
	stuck := func(context.Context) (engine.Latency, error) {
		return engine.Latency{}, errors.New("a loop does not answer")
	}
	for _, tt := range []struct {
		change func(*Source)
		code   int
		line   string
	}{
		{func(*Source) {}, http.StatusOK, "health: good, 2 LUNs\n"},
		{func(s *Source) { s.Health = bad }, http.StatusServiceUnavailable, "health: LOST for 3s, 1 lost of 2 LUNs\n"},
		{func(s *Source) { s.Latency = stuck }, http.StatusServiceUnavailable, "health: good, 2 LUNs; a loop does not answer\n"},
	} {
		src := source()
		tt.change(&src)
		code, line := get(t, listen(t, src), "/healthz")
		check.That(t, code == tt.code && line == tt.line, "%d %q, want %d %q", code, line, tt.code, tt.line)
	}
}

// The listener serves /metrics and a page that names it, to GET alone.
func TestPaths(t *testing.T) {
	s := listen(t, source())
	if code, text := get(t, s, "/"); code != http.StatusOK || !strings.Contains(text, "/metrics") {
		t.Errorf("/: %d %s", code, text)
	}
	for _, path := range []string{"/debug/pprof/", "/v1/status", "/metrics/x"} {
		if code, _ := get(t, s, path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
	resp := must.Get(http.Post("http://"+s.Addr().String()+"/metrics", "text/plain", strings.NewReader("x")))(t)
	resp.Body.Close()
	check.That(t, resp.StatusCode == http.StatusMethodNotAllowed, "POST: %d", resp.StatusCode)
}

// Silent clients and clients that send too much occupy only their connection slots, and not for long.
func TestBadClients(t *testing.T) {
	s := listen(t, source())
	if h := s.http; h.ReadHeaderTimeout <= 0 || h.ReadTimeout <= 0 || h.WriteTimeout <= 0 || h.IdleTimeout <= 0 || h.MaxHeaderBytes <= 0 {
		t.Errorf("without bounds: %+v", h)
	}
	c := must.Get(net.Dial("tcp", s.Addr().String()))(t)
	defer c.Close()
	fmt.Fprintf(c, "GET /metrics HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("x", 4*maxHeader))
	answer, _ := io.ReadAll(c)
	check.That(t, strings.HasPrefix(string(answer), "HTTP/1.1 431"), "a long header is answered %.40q", answer)
	var silent []net.Conn
	for range maxConns + 10 {
		c := must.Get(net.Dial("tcp", s.Addr().String()))(t)
		silent = append(silent, c)
	}
	// All slots are taken: a new client waits until one is free.
	answered := make(chan int)
	go func() {
		resp, err := http.Get("http://" + s.Addr().String() + "/")
		if err != nil {
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	for _, c := range silent {
		c.Close()
	}
	check.Equal(t, <-answered, http.StatusOK, "the status once the others are gone is")
}
