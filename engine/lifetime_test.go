package engine

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// quiet is an idle engine: no connection, no task, no buffer.
func (r *rig) quiet(conns int) func() bool {
	return func() bool {
		n := 0
		for _, l := range r.e.Status().Loops {
			if l.Tasks != 0 || l.ArenaInUse != 0 || l.DiskBusy != 0 {
				return false
			}
			n += l.Connections
		}
		return n == conns
	}
}

// quietNode sends no keepalive pings, however slow the machine is.
var quietNode = session.NodeConfig{NOPInterval: int64(time.Hour), LoginTimeout: int64(time.Minute)}

// A backend that answers when the connection is long gone: its place in the table, and its descriptor, belong to another
// connection then, which must not notice.
func TestAnswerAfterTheConnectionIsGone(t *testing.T) {
	t.Parallel()
	f := holding(memory(t, 1<<20))
	r := newRig(t, 1, f)
	a := r.login(1)
	a.startRead(0, 0, 8)
	a.startWrite(0, 0, fill(4096, 1))
	waitFor(t, "the commands to reach the backend", func() bool { return f.Held() == 2 })
	a.Conn.Close()
	waitFor(t, "the connection to be given up", func() bool { return r.e.Status().Loops[0].Connections == 0 })
	b := r.login(2)
	f.Release(-1)
	for range 3 {
		b.ping()
	}
	waitFor(t, "tasks and buffers to come back, and nothing else to go", r.quiet(1))
	c := r.login(3)
	b.ping()
	c.ping()
	if n := len(r.e.Status().Connections); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// beginWrite sends a write of n bytes with the beginning of its immediate data, and waits until it has arrived.
func (r *rig) beginWrite(i *initiator, n int, sent []byte) {
	r.t.Helper()
	var h pdu.BHS
	i.command(&h, 0, rawclient.RW10(true, 0, uint16(n/512)), n, true)
	h.SetDataLen(n)
	must.Get(i.Conn.Write(append(h[:], sent...)))(r.t)
	waitFor(r.t, "the command to arrive", func() bool { return r.e.Status().Loops[0].Tasks == 1 })
}

// A connection that ends in the middle of a payload leaves nothing behind, wherever the cut is: in a receive through a
// provided buffer, in one straight into the task's block, at the first byte.
func TestConnectionCutInTheMiddleOfAPayload(t *testing.T) {
	r := newRig(t, 1, memory(t, 16<<20))
	const size = 256 << 10
	for _, sent := range []int{0, 1, 4096, 100_000, size - 20_000, size - 1} {
		i := r.login(1)
		r.beginWrite(i, size, make([]byte, sent))
		i.Conn.Close()
		waitFor(t, fmt.Sprintf("everything to come back after %d bytes", sent), r.quiet(0))
	}
}

// A session is replaced while one of its payloads arrives. What still arrives of it must not land in memory that another
// task has by then.
func TestReinstatementWhileAPayloadArrives(t *testing.T) {
	r := newRigWith(t, Config{Cores: make([]int, 1)}, quietNode, memory(t, 16<<20))
	const size = 256 << 10
	junk := bytes.Repeat([]byte{0xEE}, size)
	b := r.login(2)
	for _, sent := range []int{4096, 100_000, size - 10_000} {
		a := r.login(1)
		r.beginWrite(a, size, junk[:sent])
		poured := make(chan struct{})
		go func() {
			defer close(poured)
			for at := sent; at < size; at += 512 {
				if _, err := a.Conn.Write(junk[at:min(at+512, size)]); err != nil {
					return
				}
			}
		}()
		ready := make(chan struct{})
		go func() {
			defer close(ready)
			r.enter(1).Close()
		}()
		// The other's data takes blocks of the same size all the time.
		for k := range uint64(10) {
			want := fill(size, k)
			b.good(b.startWrite(0, 1024, want))
			b.wantData(b.startRead(0, 1024, size/512), want)
		}
		<-ready
		<-poured
		a.Conn.Close()
		waitFor(t, "everything to come back", r.quiet(1))
	}
}

// A task that ends while the kernel receives into its block leaves the block where it is until the receive has ended.
func TestBlockIsHeldUntilTheReceiveEnds(t *testing.T) {
	r := newRigWith(t, Config{Cores: make([]int, 1)}, quietNode, memory(t, 16<<20))
	const size = 256 << 10
	for _, sent := range []int{0, 100_000, size - 1000} {
		a := r.login(1)
		r.beginWrite(a, size, make([]byte, sent))
		l := r.e.loops[0]
		r.e.on(l, func() {
			c := l.conns[0]
			armed := c.recv.armed
			c.s.Terminate(l.now, net.ErrClosed)
			check.That(t, c.tasks == nil && armed, "the task goes on, or no receive is with the kernel: %v", armed)
			check.That(t, l.arena.inUse == size, "after %d bytes of a payload: %d bytes in use, want %d", sent, l.arena.inUse, size)
			c.mark()
		})
		waitFor(t, "everything to come back", r.quiet(0))
	}
}

// A command that was answered already, by an answer that its initiator does not fetch, delays no LUN RESET.
func TestResetDoesNotWaitForAClientThatNeverReads(t *testing.T) {
	r := newRigWith(t, Config{Cores: make([]int, 1)}, quietNode, memory(t, 16<<20))
	deaf, b := r.login(1), r.login(2)
	before := r.e.Status().Loops[0].Stats.Commands
	for range 100 {
		deaf.startRead(0, 0, 512)
	}
	waitFor(t, "the reads to run", func() bool { return r.e.Status().Loops[0].Stats.Commands >= before+100 })
	var h pdu.BHS
	deaf.command(&h, 0, rawclient.RW10(false, 0, 8), 4096, false)
	deaf.send(&h, make([]byte, 512)) // a read with data-out: answered before the device server ever sees it
	b.ping()
	waitFor(t, "the deaf client's socket to be full", func() bool {
		s := r.e.Status().Loops[0]
		b.ping()
		return s.Tasks > 2 && s.Stats.PDUsSent+1 == r.e.Status().Loops[0].Stats.PDUsSent
	})
	b.Conn.SetDeadline(time.Now().Add(20 * time.Second))
	b.manage(pdu.TMFLogicalUnitReset, 0, pdu.ReservedTag, 0)
	b.read()
	must.Be(t, b.Header.Opcode() == pdu.OpTaskManagementResponse, "LUN RESET answered %v", b.Header.Opcode())
	deaf.Conn.Close()
}

// Who asks a stopped engine how it is gets an answer.
func TestStatusAfterShutdown(t *testing.T) {
	r := newRig(t, 2, memory(t, 1<<20))
	r.e.Shutdown()
	done := make(chan Status, 1)
	go func() { done <- r.e.Status() }()
	select {
	case s := <-done:
		check.That(t, len(s.Loops) == 2 && len(s.Connections) == 0, "%+v", s)
	case <-time.After(20 * time.Second):
		t.Fatal("Status of a stopped engine does not return")
	}
}

// A Start that fails leaves no listening socket behind, whose connections would not be served.
func TestFailedStartClosesItsSockets(t *testing.T) {
	free := newRig(t, 1, memory(t, 1<<20))
	free.e.Shutdown()
	first := netip.MustParseAddrPort(free.addr)
	e, err := New(Config{Node: session.NewNode(session.NodeConfig{}), Cores: []int{-1, -1},
		Portals: []netip.AddrPort{first, netip.MustParseAddrPort("192.0.2.1:1")}}) // TEST-NET-1: no address of ours
	must.OK(t, err)
	must.Be(t, e.Start() != nil, "Start on a foreign address succeeded")
	if c, err := net.Dial("tcp", free.addr); err == nil {
		c.Close()
		t.Error("the first portal still takes connections")
	}
}
