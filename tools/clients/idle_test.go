package clients_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
)

// silentConnections is how many clients connect and say nothing.
const silentConnections = 2000

// 2,000 silent connections cost little memory each, do not disturb a working client, and are closed when their time to log in is up.
func TestSilentConnections(t *testing.T) {
	needFiles(t, silentConnections+200)
	needQemu(t)
	t.Parallel() // it waits for the login timeout most of the time
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	stillServes(t, d)
	before := must.Get(d.RSS())(t)
	files := must.Get(d.OpenFiles())(t)
	conns := make([]*raw, silentConnections)
	for i := range conns {
		conns[i] = dialRaw(t, d.Addr())
	}
	qemuIO(t, d.URL(0), "write -P 0x42 0 16M", "read -P 0x42 0 16M")
	after := must.Get(d.RSS())(t)
	// 16 KiB a connection, and the LUN's 16 MiB that the client touched, with buffers for it
	const allowed = silentConnections*16<<10 + 16<<20 + 32<<20
	t.Logf("%d connections: RSS %d KiB before, %d KiB after", silentConnections, before>>10, after>>10)
	check.That(t, after-before <= allowed, "RSS grew by %d KiB, allowed are %d KiB", (after-before)>>10, allowed>>10)
	// the login timeout ends them all
	eventually(t, 60*time.Second, func() (bool, string) {
		n, err := d.OpenFiles()
		if err != nil {
			return false, err.Error()
		}
		return n < files+silentConnections/2, "silent connections are not closed"
	})
	for i, r := range conns {
		_ = r.SetReadDeadline(time.Now().Add(rawTime))
		if _, err := r.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("connection %d is open for ever", i)
		}
		r.Close()
	}
	givesBackFiles(t, d, files)
	stillServes(t, d)
}

// givesBackFiles fails unless the daemon soon has about as many files open as it had before.
func givesBackFiles(t *testing.T, d *harness.Daemon, before int) {
	t.Helper()
	eventually(t, 10*time.Second, func() (bool, string) {
		n, err := d.OpenFiles()
		if err != nil {
			return false, err.Error()
		}
		return n <= before+2, "descriptors are not given back"
	})
}

// needFiles skips when the process may not open that many descriptors.
func needFiles(t testing.TB, n uint64) {
	t.Helper()
	var lim syscall.Rlimit
	must.OK(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim))
	if lim.Cur < n { // Go raised the soft limit to the hard one at start
		t.Skipf("ulimit -n is %d, the test needs %d", lim.Cur, n)
	}
}

// Clients that ask for much and never read, or promise writes and never send a byte: what waits for them lies in bounded memory, the
// daemon ends when told to, and closing gives everything back. One of them does not slow a working client down. Many, who ask for ten
// times the buffers that there are, may hold it up until keepalive finds them out, but no longer, and its I/O does not fail.
func TestClientsThatDoNotMoveData(t *testing.T) {
	needQemu(t)
	t.Parallel() // it waits for keepalive most of the time
	reads := func(r *raw) error { return r.read10(0, 2048, 512) }
	promises := func(r *raw) error { return r.promise10(0, 2048, 512) }
	for _, tt := range []struct {
		name    string
		ask     func(r *raw) error
		clients int
		buffers int64 // of each loop
	}{
		{"one never reads", reads, 1, 512 << 20},
		{"one never sends", promises, 1, 512 << 20},
		{"twenty never read", reads, 20, 64 << 20},
		{"twenty never send", promises, 20, 64 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dataDoesNotMove(t, tt.clients, tt.ask, tt.buffers)
		})
	}
}

func dataDoesNotMove(t *testing.T, clients int, ask func(r *raw) error, buffers int64) {
	d := harness.StartT(t, harness.Options{
		LUNs: []string{"mem:64M", "file:" + t.TempDir() + "/lun.img:64M"},
		Args: []string{"--buffers", fmt.Sprint(buffers)},
	})
	for lun := range 2 {
		qemuIO(t, d.URL(lun), "write -P 0x42 0 64M", "read -P 0x42 0 64M")
	}
	stillServes(t, d)
	before := must.Get(d.RSS())(t)
	files := must.Get(d.OpenFiles())(t)
	const commands = 64 // of 1 MiB each; what exceeds the window the target may ignore
	idle := make([]*raw, clients)
	for i := range idle {
		r := dialRaw(t, d.Addr())
		_ = r.TCP().SetReadBuffer(4096)
		r.lun = byte(i % 2)
		r.loginReady(loginRequest{isid: byte(i), target: d.Target(), keys: []string{"InitialR2T", "Yes", "ImmediateData", "No"}})
		for range commands {
			must.OK(t, ask(r))
		}
		idle[i] = r
	}
	begin := time.Now()
	for lun := range 2 {
		qemuIO(t, d.URL(lun), "write -P 0x43 0 32M", "read -P 0x43 0 32M", "flush")
	}
	took := time.Since(begin)
	after := must.Get(d.PeakRSS())(t)
	t.Logf("%d idle clients, %d MiB asked by each: RSS %d KiB before, at most %d KiB after; working clients %v",
		clients, commands, before>>10, after>>10, took.Round(time.Millisecond))
	if allowed := int64(runtime.NumCPU())*buffers + 64<<20; after-before > allowed {
		t.Errorf("RSS grew by %d MiB, allowed are %d", (after-before)>>20, allowed>>20)
	}
	for _, r := range idle {
		r.Close()
	}
	givesBackFiles(t, d, files)
	stillServes(t, d)
	for i := range 3 { // others are under way when the daemon ends
		r := dialRaw(t, d.Addr())
		r.loginReady(loginRequest{isid: byte(0x40 + i), target: d.Target()})
		must.OK(t, ask(r))
	}
	check.OK(t, d.Terminate(20*time.Second))
}
