package web

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

const (
	images = "iqn.2026-11.com.example:vm-images"
	backup = "iqn.2026-11.com.example:backup"
	evil   = `iqn.</script><script>alert(1)</script><img src=x onerror=alert(2)>"'` + "\x1b[2J\u202e"
)

// fake is a daemon with some LUNs under a load that varies.
type fake struct {
	mu    sync.Mutex
	l     engine.Latency
	rng   *rand.Rand
	err   error
	lost  bool
	count map[string]int
	page  *page
}

func newFake() *fake {
	f := &fake{rng: rand.New(rand.NewPCG(1, 2)), count: map[string]int{}}
	f.l.At = time.Now().Add(-time.Hour)
	for lun := range 3 {
		for _, op := range []string{"read", "write", "other"} {
			f.l.Units = append(f.l.Units, engine.UnitLatency{Target: images, LUN: lun, Operation: op})
		}
	}
	return f
}

// step lets some seconds pass.
func (f *fake) step(i int, d time.Duration) {
	f.l.At = f.l.At.Add(d)
	f.l.Units = append([]engine.UnitLatency(nil), f.l.Units...)
	for k := range f.l.Units {
		u := &f.l.Units[k]
		if u.Operation == "other" || u.LUN == 2 {
			continue
		}
		n := uint64(d.Seconds() * float64(8000+2000*u.LUN) * (1 + 0.3*f.rng.Float64()))
		if u.Operation == "write" {
			n /= 3
		}
		if i%90 > 60 {
			n /= 4
		}
		u.Commands, u.Bytes = u.Commands+n, u.Bytes+n*8192
		t := &u.Stages[engine.StageTotal]
		for range 200 {
			ns := int64(60e3 + 40e3*f.rng.ExpFloat64())
			if f.rng.IntN(100) == 0 {
				ns *= 12
			}
			if i%120 > 100 && f.rng.IntN(20) == 0 {
				ns += 5e6
			}
			t.Steps.Add(ns, n/200)
			t.MaxNanos = max(t.MaxNanos, ns)
		}
	}
}

// run fills the history with n samples of 3 seconds, the last of them now.
func (f *fake) run(t *testing.T, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const every = 3 * time.Second
	f.l.At = time.Now().Add(-time.Duration(n) * every)
	for i := range n {
		f.step(i, every)
		l := f.l
		f.page.history.sample(&l)
	}
}

func (f *fake) read() (*engine.Latency, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := time.Since(f.l.At); d > sampleEvery {
		f.step(1, d)
	}
	l := f.l
	return &l, f.err
}

func (f *fake) asked(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[path]
}

func (f *fake) status() *control.Status {
	since := time.Now().Add(-26 * time.Hour)
	naa := "6727467012345678abcdef012345678"
	lun := func(n int, kind string, size uint64) control.LUN {
		id := naa + string(rune('0'+n))
		return control.LUN{LUN: n, Kind: kind, Bytes: size, NAA: id, ByID: []string{"wwn-0x" + id}, SerialNumber: "0123456789abcdef", Health: control.LUNHealth{State: "good"}}
	}
	s := &control.Status{
		Daemon: control.Daemon{Version: "v1.2.3", Started: since}, Health: control.Health{State: "good", Good: 4},
		Targets: []control.Target{
			{Name: images, Alias: "virtual machines", CHAP: "mutual", LUNs: []control.LUN{lun(0, "file", 2<<40), lun(1, "block", 960<<30), lun(2, "mem", 4<<30)}},
			{Name: backup, CHAP: "none", LUNs: []control.LUN{lun(3, "file", 8<<40)}},
			{Name: "iqn.2026-11.com.example:" + strings.Repeat("x", 199), CHAP: "one-way"},
		},
		Sessions: []admin.Session{
			{Initiator: "iqn.1993-08.org.debian:01:abc", Target: images, Account: "host-7", TSIH: 7, Since: since, Connections: make([]admin.Connection, 4)},
			{Initiator: evil, Target: images, Account: evil, TSIH: 8, Since: time.Now(), Connections: make([]admin.Connection, 1)},
			{Initiator: "iqn.1998-01.com.vmware:" + strings.Repeat("y", 200), TSIH: 9, Since: time.Now().Add(-time.Minute)},
		},
		Warnings: []string{"/srv is over-committed: 1.2 TiB free of 4.0 TiB, and the files of LUNs there can grow by 3.1 TiB"},
	}
	s.Targets[0].LUNs[0].Space = &control.Space{Allocated: 900 << 30, Available: 1200 << 30}
	s.Targets[0].LUNs[1].Reservation = &control.Reservation{Type: "Write Exclusive - Registrants Only", Initiator: "iqn.1993-08.org.debian:01:abc", Registrants: 2}
	if f.lost {
		s.Health = control.Health{State: "lost", Good: 3, Lost: 1, Since: &since}
		s.Targets[1].LUNs[0].Health = control.LUNHealth{State: "lost", Since: &since, Why: []string{"it was truncated: blocks from LBA 8192 on are lost"}}
	}
	return s
}

// handler serves the page of the fake daemon.
func (f *fake) handler(t *testing.T) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	line := func(s *control.Status) string { return "health: " + s.Health.State + ", 4 LUNs, 1 warning" }
	f.page = must.Get(register(mux, Source{Read: f.read, Status: f.status, Line: line, Host: "storage-1"}))(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.count[r.URL.Path]++
		f.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

// Every answer forbids what the page does not need, and names from elsewhere are text.
func TestAnswers(t *testing.T) {
	f := newFake()
	h := f.handler(t)
	f.run(t, 10)
	for _, path := range []string{"/", "/page/now", "/page/charts", "/page/page.css", "/page/page.js"} {
		w := get(h, path)
		check.Equal(t, w.Code, http.StatusOK, "%s:", path)
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		} {
			check.Equal(t, w.Header().Get(name), want, "%s of %s", name, path)
		}
		text := w.Body.String()
		check.That(t, !strings.Contains(text, "<script>alert") && !strings.Contains(text, "<img src=x") && !strings.ContainsAny(text, "\x1b\u202e"), "%s: a name is not escaped", path)
	}
	for _, path := range []string{"/page", "/page/", "/x", "/page/now/x"} {
		check.Equal(t, get(h, path).Code, http.StatusNotFound, "%s:", path)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/page/now", nil))
	check.Equal(t, w.Code, http.StatusMethodNotAllowed, "POST")
}

// Before there are two readings nothing is known of rates, which is not a rate of 0. After that an idle LUN has one of 0.
func TestNothingIsKnownYet(t *testing.T) {
	f := newFake()
	f.handler(t)
	for n, want := range []string{unknown, unknown, "0"} {
		f.page.history = history{}
		f.run(t, n)
		v := f.page.view()
		idle := v.Targets[1].LUNs[0]
		check.Equal(t, idle.Read+idle.Write+idle.ReadMB+idle.WriteMB, strings.Repeat(want, 4), "rates of an idle LUN after %d readings:", n)
		check.Equal(t, v.Tiles[0].Value == unknown, n < 2, "after %d readings the first tile is %q; is it unknown:", n, v.Tiles[0].Value)
		check.Equal(t, v.Tiles[len(v.Tiles)-1].Value, "3", "sessions after %d readings:", n)
	}
}

// A loop that does not answer: the page says so.
func TestStuck(t *testing.T) {
	f := newFake()
	h := f.handler(t)
	f.err = errors.New("a loop does not answer")
	w := get(h, "/page/now")
	check.That(t, w.Code == http.StatusServiceUnavailable && strings.Contains(w.Body.String(), "a loop does not answer"), "%d %s", w.Code, w.Body)
}

// The history holds what happened between samples, merges them to columns, is bounded, and begins anew after a gap.
func TestHistory(t *testing.T) {
	f := newFake()
	f.handler(t)
	h := &f.page.history
	at := time.Unix(1e9, 0)
	l := engine.Latency{At: at, Units: []engine.UnitLatency{{Target: images, Operation: "read", Commands: 1000}}}
	pass := func(d time.Duration, n uint64) {
		l.At = l.At.Add(d)
		u := l.Units[0]
		u.Commands, u.Bytes = u.Commands+n, u.Bytes+n*512
		u.Stages[engine.StageTotal].Steps.Add(1000, n)
		l.Units = []engine.UnitLatency{u}
		c := l
		h.sample(&c)
	}
	pass(0, 0)
	check.That(t, h.now == nil && len(h.columns) == 0, "there are figures after one reading: %+v", h.now)
	pass(2*time.Second, 200)
	id := control.UnitID{Target: images}
	check.That(t, h.now[id].ReadIOPS == 100 && h.total.ReadBytes == 51200, "%+v", h.now[id])
	pass(time.Second, 50) // too early: it counts with the next
	check.Equal(t, h.now[id].ReadIOPS, 100.0, "IOPS after an early reading:")
	pass(time.Second, 50)
	check.Equal(t, h.now[id].ReadIOPS, 50.0, "IOPS:")
	check.That(t, len(h.columns) == 1 && h.columns[0].commands[0] == 300 && h.columns[0].times.Count() == 300, "columns %+v", len(h.columns))
	for range 2 * maxColumns {
		pass(columnTime, 10)
	}
	all, span := h.slices()
	check.That(t, len(h.columns) == maxColumns && len(all) == maxColumns && span == maxSpan && len(h.sparks[id]) == sparkPoints, "%d columns, %v, %d points", len(all), span, len(h.sparks[id]))
	pass(longGap+time.Second, 1e6)
	check.That(t, h.now == nil, "a mean over a gap is shown: %+v", h.now)
	for range sparkPoints + 1 {
		pass(2*time.Second, 0)
	}
	check.That(t, len(h.sparks) == 0, "an idle unit keeps its line")
}
