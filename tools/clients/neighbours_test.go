package clients_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

const badInitiator = "iqn.2026-11.io.ringtgt:bad-neighbour"

// daemonStatus is the part of `ringtgt status --json` that these tests use.
type daemonStatus struct {
	Daemon struct {
		Bound int64 `json:"resident_bound_bytes"`
	} `json:"daemon"`
	Engine struct {
		Loops []struct {
			Connections int `json:"connections"`
			Tasks       int `json:"tasks"`
		} `json:"loops"`
	} `json:"engine"`
}

func (s daemonStatus) tasks() (n int) {
	for _, l := range s.Engine.Loops {
		n += l.Tasks
	}
	return n
}

func (s daemonStatus) connections() (n int) {
	for _, l := range s.Engine.Loops {
		n += l.Connections
	}
	return n
}

func statusOf(t testing.TB, d *harness.Daemon) (s daemonStatus) {
	t.Helper()
	binary := must.Get(harness.Build(t.Context()))(t)
	out, err := exec.Command(binary, "status", "--json", "--pid", strconv.Itoa(d.PID())).Output()
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	must.OK(t, err, "status")
	return s
}

// Ten connections of one initiator take all the memory that they can get and hold it: they send no data for their writes, or do
// not receive the data of their reads. Another initiator's reads of a file take memory of the same loop. They must be served while
// the ten are there, not after their deadlines, and the process must stay below the bound that it prints.
func TestNeighbourThatHoldsMemory(t *testing.T) {
	const conns, commands = 10, 64 // of 4 MiB each
	for name, ask := range map[string]func(r *raw) error{
		"sends no data": func(r *raw) error { return r.promise10(0, 8192, 512) },
		"fetches none":  func(r *raw) error { return r.read10(0, 8192, 512) },
	} {
		t.Run(name, func(t *testing.T) {
			d := startNeighbours(t)
			bad := make([]*raw, conns)
			for i := range bad {
				bad[i] = dialRaw(t, d.Addr())
				_ = bad[i].TCP().SetReadBuffer(4096)
				bad[i].loginReady(loginRequest{isid: byte(i), target: d.Target(), initial: badInitiator, keys: []string{"InitialR2T", "Yes", "DefaultTime2Retain", "0"}})
			}
			for _, r := range bad {
				for range commands {
					must.OK(t, ask(r))
				}
			}
			eventually(t, clientTime, func() (bool, string) {
				s := statusOf(t, d)
				n := s.tasks()
				return n >= conns*commands/2, fmt.Sprintf("%d tasks are under way", n)
			})
			readsAreServed(t, d)
			if left := statusOf(t, d).connections() - 1; left < conns/2 {
				t.Errorf("the reads were served when %d of %d bad connections were left: they waited for the others to end", left, conns)
			}
			belowBound(t, d)
		})
	}
}

// Four connections of one initiator send requests other than commands as fast as they can: pings, text, task management. Another
// initiator's reads must be served meanwhile.
func TestNeighbourThatFloods(t *testing.T) {
	ping := func(n *rawclient.Numbers) (*pdu.BHS, []byte) { return n.Next(pdu.OpNOPOut, true), make([]byte, 8192) }
	text := func(n *rawclient.Numbers) (*pdu.BHS, []byte) {
		b := pdu.AppendText(nil, "SendTargets", "All")
		for i := 0; len(b) < 8000; i++ {
			b = pdu.AppendText(b, fmt.Sprint("X-", i), "1")
		}
		return n.Next(pdu.OpTextRequest, true), b
	}
	reset := func(n *rawclient.Numbers) (*pdu.BHS, []byte) {
		return n.Manage(pdu.TMFLogicalUnitReset, 1, true).BHS(), nil // another LUN: tasks of the LUN that is read would end
	}
	for name, request := range map[string]floodRequest{"pings": ping, "text": text, "task management": reset} {
		t.Run(name, func(t *testing.T) {
			d := startNeighbours(t)
			f := startFlood(t, d, 4, request)
			f.goesOn(t)
			readsAreServed(t, d)
			f.goesOn(t)
			belowBound(t, d)
		})
	}
}

// flood is a set of connections that send immediate requests without end. A connection that the target closes is reopened.
type flood struct{ sent atomic.Int64 }

// floodRequest makes an immediate request and its data.
type floodRequest func(*rawclient.Numbers) (*pdu.BHS, []byte)

// goesOn waits until more requests have been sent.
func (f *flood) goesOn(t *testing.T) {
	t.Helper()
	before := f.sent.Load()
	eventually(t, clientTime, func() (bool, string) { return f.sent.Load() > before, "the flood does not go on" })
}

func startFlood(t *testing.T, d *harness.Daemon, conns int, request floodRequest) *flood {
	f := &flood{}
	var stop atomic.Bool
	var all sync.WaitGroup
	t.Cleanup(func() {
		stop.Store(true)
		all.Wait()
	})
	for i := range conns {
		all.Go(func() {
			for !stop.Load() {
				f.connection(d, byte(i), &stop, request)
			}
		})
	}
	return f
}

// connection floods until the target closes it.
func (f *flood) connection(d *harness.Daemon, isid byte, stop *atomic.Bool, request floodRequest) {
	c, err := net.DialTimeout("tcp", d.Addr(), rawTime)
	if err != nil {
		return
	}
	defer c.Close()
	if _, err := c.Write(loginRequest{isid: isid, target: d.Target(), initial: badInitiator}.bytes()); err != nil {
		return
	}
	go io.Copy(io.Discard, c)
	var batch []byte
	var n rawclient.Numbers
	for range 16 {
		h, data := request(&n)
		batch = rawclient.Append(batch, h, data)
	}
	for !stop.Load() {
		_ = c.SetWriteDeadline(time.Now().Add(rawTime))
		if _, err := c.Write(batch); err != nil {
			return
		}
		f.sent.Add(1)
	}
}

// startNeighbours starts a daemon with one loop and little memory, shared by all initiators.
func startNeighbours(t *testing.T) *harness.Daemon {
	return harness.StartT(t, harness.Options{
		LUNs: []string{"file:" + t.TempDir() + "/lun.img:64M", "mem:1M"},
		Args: []string{"--cores", "0", "--buffers", "32M"},
	})
}

// readsAreServed plays the well-behaved initiator: 4 KiB reads one after another, each of which must be answered.
func readsAreServed(t *testing.T, d *harness.Daemon) {
	t.Helper()
	r := dialRaw(t, d.Addr())
	r.loginReady(loginRequest{isid: 0xee, target: d.Target()})
	for i := range 64 {
		must.OK(t, r.read10(uint32(i)*8, 8, 512))
		if data, err := r.readBack(); err != nil || len(data) != 4096 {
			t.Fatalf("read %d of a good initiator: %d bytes, %v", i, len(data), err)
		}
	}
}

func belowBound(t *testing.T, d *harness.Daemon) {
	t.Helper()
	bound := statusOf(t, d).Daemon.Bound
	if peak, err := d.PeakRSS(); err != nil || peak > bound {
		t.Errorf("%d MiB were resident, and the bound that status prints is %d MiB: %v", peak>>20, bound>>20, err)
	}
}

// An initiator that logs in and disconnects leaves a session that waits for another connection (RFC 7143 6.3.6) and takes an
// entry of a loop's table. It leaves more sessions than the table has entries, and asks for an hour for each. Later logins must
// be served.
func TestSessionsLeftBehind(t *testing.T) {
	const table = 16384 // maxConnsPerLoop in engine/limits.go
	d := startNeighbours(t)
	for i := range table + 100 {
		login := loginRequest{target: d.Target(), initial: badInitiator, keys: []string{"DefaultTime2Wait", "3600", "DefaultTime2Retain", "3600"}}
		q := login.login()
		q.ISID = [6]byte{0x80, 0x12, 0x34, byte(i >> 16), byte(i >> 8), byte(i)}
		r := dialRaw(t, d.Addr())
		sendLogin(t, r, rawclient.Append(nil, q.Header(), login.text()))
		reset(t, r) // after a FIN the port would stay in TIME_WAIT
	}
	stillServes(t, d)
	if n := statusOf(t, d).connections(); n > table/8 {
		t.Errorf("%d places are taken by sessions without a connection", n)
	}
}
