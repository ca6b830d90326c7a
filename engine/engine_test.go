package engine

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

func fill(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	r.Read(b)
	return b
}

// What is written is read back, whatever the size and wherever the loop puts the data: immediate, by R2T, by a receive
// straight into the task's buffer.
func TestWriteThenRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "disk")
	fb := must.Get(backend.Open(backend.Spec{Kind: backend.KindFile, Path: file, Size: 16 << 20}))(t)
	r := newRig(t, 2, memory(t, 16<<20), fb)
	i := r.login(1)
	for l := range byte(2) {
		for k, n := range []int{512, 4096, 65536, 262144} {
			want := fill(n, uint64(k))
			i.good(i.startWrite(l, uint32(k*1024), want))
			i.wantData(i.startRead(l, uint32(k*1024), n/512), want)
		}
	}
}

// A write whose data is asked for by R2T (RFC 7143 11.8).
func TestSolicitedWrite(t *testing.T) {
	r := newRig(t, 1, memory(t, 16<<20))
	i := r.login(1, "InitialR2T", "Yes", "ImmediateData", "No")
	want := fill(3<<20, 7)
	itt := i.start(0, rawclient.RW10(true, 8, uint16(len(want)/512)), len(want), true, nil)
	for done := 0; done < len(want); {
		i.read()
		must.Be(t, i.Header.Opcode() == pdu.OpR2T, "%v, want an R2T for byte %d on", i.Header.Opcode(), done)
		q := (*pdu.R2T)(&i.Header)
		must.Be(t, int(q.BufferOffset()) == done, "R2T for offset %d, want %d", q.BufferOffset(), done)
		end, ttt, sn := done+int(q.DesiredDataTransferLength()), q.TTT(), uint32(0)
		for done < end {
			n := min(end-done, 100_000&^3)
			i.send(i.DataOut(0, itt, ttt, sn, done, done+n == end), want[done:done+n])
			done += n
			sn++
		}
	}
	i.good(itt)
	i.wantData(i.startRead(0, 8, len(want)/512), want)
	check.That(t, r.e.Status().Loops[0].Stats.DirectReceives != 0, "no receive went straight into the task's buffer")
}

// "Abort task hangs until reboot when the backend is slow": here it is answered, and the session lives on.
func TestAbortOfATaskThatTheBackendNeverAnswers(t *testing.T) {
	f := holding(memory(t, 1<<20))
	r := newRig(t, 1, f)
	i := r.login(1)
	stuck := i.startRead(0, 0, 8)
	i.good(i.startRead(0, 8, 8))
	i.wantManaged(i.manage(pdu.TMFAbortTask, 0, stuck, i.CmdSN-2), pdu.TMFResponseComplete)
	i.ping()
	// The backend comes back after all: nothing may be sent for the task, and its memory comes home.
	f.Release(1)
	i.ping()
	i.Conn.Close()
	waitFor(t, "tasks and buffers to come back", r.quiet(0))
}

// LUN RESET from one session ends the other's stuck task, tells it by a unit attention, and is answered.
func TestLUNResetReachesOtherSessionsAndLoops(t *testing.T) {
	f := holding(memory(t, 1<<20))
	r := newRig(t, 2, f)
	a, b := r.login(1), r.login(2)
	a.startRead(0, 0, 8)
	waitFor(t, "the read to reach the backend", func() bool { return f.Held() == 1 })
	b.wantManaged(b.manage(pdu.TMFLogicalUnitReset, 0, pdu.ReservedTag, 0), pdu.TMFResponseComplete)
	a.wantStatus(a.startRead(0, 8, 8), 2, "the other session has a unit attention")
	f.Release(1)
}

// The task management functions of RFC 7144 are available once iSCSIProtocolLevel 2 is negotiated.
func TestQueryTaskSetAndNexusReset(t *testing.T) {
	f := holding(memory(t, 1<<20))
	r := newRig(t, 2, f)
	i := r.login(1, "iSCSIProtocolLevel", "2")
	ask := func(f pdu.TaskFunction, want pdu.TaskResponse) {
		t.Helper()
		i.wantManaged(i.manage(f, 0, pdu.ReservedTag, 0), want)
	}
	ask(pdu.TMFQueryTaskSet, pdu.TMFResponseComplete)
	i.startRead(0, 0, 8)
	waitFor(t, "the read to reach the backend", func() bool { return f.Held() == 1 })
	// The answer does not depend on a loop that has no connection of the session.
	blocked := make(chan struct{})
	release := sync.OnceFunc(func() { close(blocked) })
	t.Cleanup(release)
	r.e.loops[1-r.e.Status().Connections[0].Loop].Post(query(func() { <-blocked }))
	ask(pdu.TMFQueryTaskSet, pdu.TMFResponseFunctionSucceeded)
	release()
	ask(pdu.TMFQueryAsyncEvent, pdu.TMFResponseComplete)
	ask(pdu.TMFLogicalUnitReset, pdu.TMFResponseComplete)
	ask(pdu.TMFQueryAsyncEvent, pdu.TMFResponseFunctionSucceeded) // RFC 7144, 6.4.2: its unit attention is pending
	i.wantStatus(i.startRead(0, 8, 8), 2, "the query leaves the unit attention pending")
	ask(pdu.TMFQueryAsyncEvent, pdu.TMFResponseComplete)
	ask(pdu.TMFITNexusReset, pdu.TMFResponseComplete)
	if err := i.Recv(); err == nil { // RFC 7144, 6.3: it drops the connections of its session
		t.Fatalf("%v instead of the end of the connection", i.Header.Opcode())
	}
	f.Release(1)
}

// Who has read a Logout Response may rely on it: the session's RESERVE(6) is gone for the next command on another
// connection, also while the first one's socket is still open.
func TestLogoutReleasesBeforeItIsAnswered(t *testing.T) {
	r := newRig(t, 2, memory(t, 1<<20))
	for k := range byte(20) {
		a, b := r.login(2*k), r.login(2*k+1)
		itt := a.start(0, []byte{0x16, 0, 0, 0, 0, 0}, 0, false, nil)
		a.good(itt)
		b.wantStatus(b.startRead(0, 0, 8), 0x18, "the unit is reserved")
		q := (*pdu.LogoutRequest)(a.Next(pdu.OpLogoutRequest, false))
		q.SetReason(pdu.LogoutCloseSession)
		a.send(q.BHS(), nil)
		a.read()
		must.Be(t, a.Header.Opcode() == pdu.OpLogoutResponse, "logout answered %v", a.Header.Opcode())
		b.good(b.startRead(0, 0, 8))
	}
}

// shout sends reads far beyond the command window, and never looks at an answer.
func (i *initiator) shout() {
	for k := range 2000 {
		var h pdu.BHS
		i.command(&h, 0, rawclient.RW10(false, uint32(k%8)*512, 512), 512*512, false)
		if _, err := i.Conn.Write(h[:]); err != nil {
			return
		}
	}
}

// A client that sends commands and never reads costs its window and nothing else; others are served, and when it goes
// everything comes back.
func TestClientThatNeverReads(t *testing.T) {
	r := newRig(t, 1, memory(t, 16<<20))
	deaf, i := r.login(1), r.login(2)
	go deaf.shout()
	for range 200 {
		i.good(i.startRead(0, 0, 128))
	}
	deaf.Conn.Close()
	waitFor(t, "the deaf client's tasks to come back", r.quiet(1))
}

// Garbage gets an end, not a crash: a port scanner's first bytes, a stream cut at every place.
func TestGarbageAndTruncation(t *testing.T) {
	r := newRig(t, 1, memory(t, 1<<20))
	rng := rand.New(rand.NewPCG(1, 1))
	for k := range 200 {
		c := must.Get(net.Dial("tcp", r.addr))(t)
		b := make([]byte, 1+rng.IntN(400))
		for j := range b {
			b[j] = byte(rng.Uint32())
		}
		if k%4 == 0 {
			copy(b, "GET / HTTP/1.1\r\n")
		}
		c.Write(b)
		if k%2 == 0 {
			c.(*net.TCPConn).CloseWrite()
			c.SetReadDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.Copy(io.Discard, c); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("%d bytes of garbage: the connection stays open", len(b))
			}
		}
		c.Close()
	}
	r.login(3).ping()
}

// Connections that say nothing are given up after the login timeout, and do not keep others out.
func TestSilentConnections(t *testing.T) {
	r := newRigWith(t, Config{Cores: make([]int, 1)}, session.NodeConfig{LoginTimeout: int64(time.Second)}, memory(t, 1<<20))
	silent := make([]net.Conn, 300)
	for k := range silent {
		c := must.Get(net.Dial("tcp", r.addr))(t)
		defer c.Close()
		silent[k] = c
	}
	i := r.login(1)
	i.ping()
	for _, c := range silent {
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a silent connection: %v, want its end", err)
		}
	}
	i.ping()
}

// Memory stays under limits.go's sum, silent connections, a deaf client and full-sized transfers together.
func TestMemoryStaysUnderTheBound(t *testing.T) {
	const arena, silent = 32 << 20, 500
	r := newRigWith(t, Config{Cores: make([]int, 1), ArenaPerLoop: arena}, session.NodeConfig{}, memory(t, 64<<20))
	before := inUse()
	for range silent {
		r.dial()
	}
	deaf := r.login(1)
	go deaf.shout()
	i := r.login(2)
	data := fill(262144, 1)
	for k := range 400 {
		if st, _ := i.finish(i.startWrite(0, uint32(k%8)*512, data)); st != 0 && st != 0x28 {
			t.Fatalf("status %#x", st)
		}
	}
	s := r.e.Status().Loops[0]
	check.That(t, s.ArenaTouched <= s.ArenaLimit && s.ArenaLimit <= arena+slabSize, "arena: %d touched of %d", s.ArenaTouched, s.ArenaLimit)
	if used, bound := inUse()-before+s.ArenaTouched, r.e.MemoryBound(silent+2); used > bound {
		t.Errorf("%d bytes in use; limits.go allows %d", used, bound)
	}
	deaf.Conn.Close()
}

// inUse is the Go heap without garbage, in bytes.
func inUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A graceful stop asks for logout (RFC 7143 11.9.1, event 1) and ends.
func TestShutdownDrains(t *testing.T) {
	r := newRig(t, 2, memory(t, 1<<20))
	i := r.login(1)
	done := make(chan struct{})
	go func() { r.e.Shutdown(); close(done) }()
	i.read()
	if a := (*pdu.AsyncMessage)(&i.Header); i.Header.Opcode() != pdu.OpAsyncMessage || a.AsyncEvent() != pdu.AsyncEventLogoutRequest {
		t.Fatalf("%v, want the asynchronous message that asks for logout", i.Header.Opcode())
	}
	i.Conn.Close()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the engine does not stop")
	}
}

// waitFor polls: what it waits for happens on other threads and has no event of its own.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(30 * time.Second)
	for !ok() {
		must.Be(t, !time.Now().After(end), "waiting for %s: it does not happen", what)
		<-tick.C
	}
}
