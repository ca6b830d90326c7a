package peer

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/peer/echo"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/host"
)

func startEcho(t *testing.T) *Target {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := StartEcho(t.Context(), []string{exe, Echo}, host.CPUs()[:1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	return p
}

// The initiator that measures targets takes the responder for one that reads whatever is asked, without a complaint, once and again.
func TestEchoIsRead(t *testing.T) {
	p := startEcho(t)
	for i := range 2 {
		ls, err := initiator.NewLoops(t.Context(), initiator.LoopsConfig{Sessions: []initiator.Config{p.Session(i)}})
		if err != nil {
			t.Fatalf("%v\n%s", err, p.Log())
		}
		for _, depth := range []int{1, 8} {
			r, err := ls.Run(t.Context(), initiator.Workload{ReadPercent: 100, BlockSize: 4096, Depth: depth, Count: 500, Capacity: 1 << 20, BlockLen: 512})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Err(); err != nil {
				t.Error(err)
			}
			if r.Requests() != 500 {
				t.Errorf("%d requests of 500", r.Requests())
			}
		}
		for _, s := range ls.Sessions() {
			for _, v := range s.Violations() {
				t.Error(v)
			}
		}
		ls.Close()
	}
	bound(t, p.PID, host.CPUs()[0])
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	gone(t, p.PID, p.Portal)
}

// The plain client gets 48 bytes and the data for 48 bytes.
func TestEchoPing(t *testing.T) {
	p := startEcho(t)
	h, err := echo.Ping(t.Context(), p.Portal, -1, 4096, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if h.Count() == 0 || h.Min() <= 0 {
		t.Errorf("%d round trips, the shortest %v", h.Count(), h.Min())
	}
	for _, n := range []int{0, -512, 100, echo.MaxData + 512} {
		if _, err := echo.Ping(t.Context(), p.Portal, -1, n, time.Millisecond); err == nil {
			t.Errorf("%d bytes were asked for", n)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := echo.Ping(ctx, p.Portal, -1, 4096, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("a ping whose context ends: %v", err)
	}
}

// A benchmark takes the responder for a disk.
func TestEchoIsMeasured(t *testing.T) {
	p := startEcho(t)
	r, err := run.Do(t.Context(), run.Options{URL: p.URL, TargetPID: p.PID, RW: "randread", Runtime: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Figure(result.FigureP50); !ok || r.Total.Errors > 0 || r.Target.Capacity != 1<<40 {
		t.Errorf("%+v, %d bytes", r.Total, r.Target.Capacity)
	}
}

// What is no login, logout or read ends the connection, and the responder takes the next.
func TestEchoEndsWhatItDoesNotKnow(t *testing.T) {
	p := startEcho(t)
	for _, first := range [][]byte{
		make([]byte, 48), // NOP-Out
		append([]byte{0x01, 0xa0}, make([]byte, 46)...),                               // a command that writes
		append([]byte{0x03, 0x87, 0, 0, 0xff, 0xff, 0xff, 0xff}, make([]byte, 40)...), // a login with 16 MiB of text
		append([]byte{0x3f}, make([]byte, 47)...),
	} {
		nc, err := net.Dial("tcp", p.Portal)
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(patience))
		if _, err := nc.Write(first); err != nil {
			t.Fatal(err)
		}
		if n, err := nc.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("% x: %d bytes, %v", first[:8], n, err)
		}
		nc.Close()
	}
	if _, err := echo.Ping(t.Context(), p.Portal, -1, 512, time.Millisecond); err != nil {
		t.Error(err)
	}
}
