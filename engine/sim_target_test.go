package engine

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/uring/simkernel"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// simSocket is the initiator's end of a TCP connection, with the PDUs in flight.
type simSocket struct {
	w         *simWorld
	id        int
	s         *simkernel.Socket
	target    *simTarget // the engine's end, once accepted
	conn      *simConn
	known     map[simKey]*simCmd // requests of which some bytes have arrived
	sent      []simPDU           // PDUs that have not arrived whole
	wrote     int                // bytes
	delivered int
}

// simKey identifies a request. Tags are reused, so the CmdSN is part of it.
type simKey struct{ itt, cmdSN uint32 }

// simPDU is a PDU in flight to the target.
type simPDU struct {
	h          pdu.BHS
	cmd        *simCmd
	start, end int
	begun      bool // its header has arrived
}

// dial opens a connection to a loop.
func (w *simWorld) dial(loop int) *simSocket { return w.dialAt(w.loops[loop].fd) }

// dialAt opens a connection to a listening socket.
func (w *simWorld) dialAt(fd int) *simSocket {
	w.dialed++
	s := &simSocket{w: w, id: w.dialed, known: map[simKey]*simCmd{}}
	s.s = w.k.Dial(fd, netip.AddrPortFrom(simRemote, uint16(20000+w.dialed)))
	w.socks = append(w.socks, s)
	return s
}

// send sends a PDU.
func (s *simSocket) send(b []byte, cmd *simCmd) {
	s.s.Write(b)
	s.sent = append(s.sent, simPDU{h: pdu.BHS(b[:pdu.BHSLen]), cmd: cmd, start: s.wrote, end: s.wrote + len(b)})
	s.wrote += len(b)
}

// delivered is called with the bytes that a receive handed to a loop.
func (w *simWorld) delivered(k *simkernel.Socket, b []byte) {
	for _, s := range w.socks {
		if s.s != k || s.target == nil {
			continue
		}
		s.delivered += len(b)
		for len(s.sent) > 0 {
			p := &s.sent[0]
			if !p.begun && s.delivered >= p.start+pdu.BHSLen {
				p.begun = true
				if p.cmd != nil {
					s.known[simKey{p.h.ITT(), (*pdu.SCSICommand)(&p.h).CmdSN()}] = p.cmd
				}
			}
			if s.delivered < p.end {
				return
			}
			s.target.arrived(p)
			s.sent = s.sent[1:]
		}
	}
}

// simTarget is the oracle's view of the engine's end of a connection. It wraps the session's Host: every call passes through
// it, and may be a point where the loop's thread is preempted.
type simTarget struct {
	session.Host // the connection
	w            *simWorld
	c            *conn
	sock         *simSocket

	begun bool
	seen  int  // PDUs of the staged batch that were checked
	taken bool // the kernel has that batch

	byITT    map[uint32]*simCmd // commands that arrived on it
	lastSN   map[uint64]uint32  // CmdSN of the last prompt command that was executed, by LUN
	statSN   uint32
	exp, max uint32
	told     bool // exp and max are set
	upAt     int  // the step of its last Login Response
	ended    bool // replaced or logged out: nothing of it may be seen
}

func (t *simTarget) String() string { return fmt.Sprintf("cid %d/%d", t.c.s.CID(), t.sock.id) }

// host implements machine.host.
func (w *simWorld) host(c *conn) session.Host {
	for _, s := range w.socks {
		if s.s.FD() == c.fd {
			t := &simTarget{Host: c, w: w, c: c, sock: s, byITT: map[uint32]*simCmd{}, lastSN: map[uint64]uint32{}}
			s.target = t
			w.targets = append(w.targets, t)
			return t
		}
	}
	w.Fatalf("a connection with unknown descriptor %d", c.fd)
	return nil
}

// deaf reports whether the engine takes no more requests from the connection, or the session has decided to close it: the loop may be
// preempted before it takes the Close event.
func (t *simTarget) deaf() bool {
	const failing = 4 // session.connFailing
	phase := reflect.ValueOf(t.c.s).Elem().FieldByName("end").FieldByName("connPhase").Uint()
	return !t.c.takesInput() || phase >= failing
}

// acknowledged reports whether the target knows that the initiator has received StatSN sn.
func (t *simTarget) acknowledged(sn uint32) bool {
	exp := reflect.ValueOf(t.c.s).Elem().FieldByName("sn").FieldByName("expStatSN").Uint()
	return pdu.SNLess(sn, uint32(exp))
}

// The methods of session.Host.

func (t *simTarget) NewTask(o *session.Conn) *session.Task {
	t.called()
	t.takes(t.c.s.Framer().Header())
	if t.w.chance(t.w.cfg.noTask) {
		t.refuseTask()
		return nil
	}
	st := t.c.NewTask(o)
	if st == nil {
		t.refuseTask()
	}
	return st
}

// refuseTask notes that the current PDU gets no task.
func (t *simTarget) refuseTask() {
	h := t.c.s.Framer().Header()
	if cmd := t.byITT[h.ITT()]; cmd != nil && h.Opcode() == pdu.OpSCSICommand {
		cmd.refused, cmd.taskless = true, true
	}
}

func (t *simTarget) DataOut(st *session.Task, may bool) session.OutState {
	t.called()
	state := t.c.DataOut(st, may)
	cmd := t.byITT[st.ITT]
	switch {
	case cmd == nil:
	case state == session.OutRefused:
		cmd.refused = true
		t.w.stats["full"]++
	case state == session.OutLater:
		t.w.stats["later"]++
	}
	for i := range st.Out {
		st.Out[i] = 0xee
	}
	return state
}

func (t *simTarget) FreeTask(st *session.Task) {
	t.w.observe(t.c.loop, t)
	if cmd := t.byITT[st.ITT]; cmd != nil {
		cmd.freed = true
	}
	o := t.c.task(st)
	if !o.inServer() { // no reader is left, but a payload may still be arriving there
		for _, b := range [][]byte{o.out, o.buf} {
			if b != nil && !t.c.recv.writesTo(b, t.c.s) {
				for i := range b {
					b[i] = 0xdd
				}
			}
		}
	}
	t.c.FreeTask(st)
	t.w.preempt()
}

func (t *simTarget) Post(m session.Message) {
	t.c.Post(m)
	t.w.preempt()
}

func (t *simTarget) Wake(from int) {
	t.w.preempt()
	if t.w.onWake == nil {
		t.c.Wake(from)
		return
	}
	t.w.onWake(func() { t.c.Wake(from) })
}

// Place may be called with the registry locked, so it cannot be preempted. Spurious wakes are allowed.
func (t *simTarget) Place(loops []int, last int) int {
	if t.w.chance(t.w.cfg.preempt) {
		t.c.mark()
	}
	return t.Host.Place(loops, last)
}

// locked reports whether the protocol holds a lock.
func (w *simWorld) locked() bool {
	free := func(v any, path ...string) bool {
		f := reflect.ValueOf(v).Elem()
		for _, name := range path {
			f = f.FieldByName(name)
		}
		mu := (*sync.Mutex)(unsafe.Pointer(f.UnsafeAddr()))
		if !mu.TryLock() {
			return false
		}
		mu.Unlock()
		return true
	}
	if !free(w.node, "reg", "mu") {
		return true
	}
	for _, n := range w.nexuses {
		if !free(n.s, "mu") {
			return true
		}
	}
	return false
}

// observe checks the PDUs staged since the last call. Those of connection last were staged after the others.
func (w *simWorld) observe(l *loop, last *simTarget) {
	for _, t := range w.targets {
		if t.c.loop == l && t != last {
			t.look()
		}
		for o := t.c.tasks; t.c.loop == l && o != nil; o = o.next {
			if cmd := t.byITT[o.s.ITT]; o.phase == taskAborting && cmd != nil && cmd.abortAt == 0 {
				cmd.abortAt = w.now
			}
		}
	}
	if last != nil {
		last.look()
	}
	w.targets = slices.DeleteFunc(w.targets, func(t *simTarget) bool { return t.c.phase == connDropped })
}

// called runs at the start of every Host call.
func (t *simTarget) called() {
	if !t.begun { // let tags wrap around soon
		t.begun = true
		next := reflect.ValueOf(t.c.s).Elem().FieldByName("ttt").FieldByName("latest")
		*(*uint32)(unsafe.Pointer(next.UnsafeAddr())) = pdu.ReservedTag - uint32(t.w.intN(20))
	}
	t.w.observe(t.c.loop, t)
	t.w.preempt()
}

// abandoned is called for a command that is given up while its backend still has it.
func (w *simWorld) abandoned(remote string, itt uint32) {
	for _, t := range w.targets {
		if t.c.name.remote.String() != remote {
			continue
		}
		w.stats["abandoned"]++
		if cmd := t.byITT[itt]; cmd != nil && w.now-cmd.abortAt < int64(abortGrace)-int64(time.Millisecond) {
			w.Fatalf("%v: %v is given up %v after its abort", t, cmd, time.Duration(w.now-cmd.abortAt))
		}
	}
}

// look passes newly staged PDUs to the oracle.
func (t *simTarget) look() {
	b := t.c.send.batch
	switch {
	case b == nil:
		t.seen, t.taken = 0, false
	case t.c.send.inFlight && t.taken:
	case t.taken:
		t.seen, t.taken = 0, false
		fallthrough
	default:
		t.parse(b)
	}
}

// sending is called with a whole message that the kernel has accepted.
func (w *simWorld) sending(k *simkernel.Socket, _ [][]byte) {
	for _, t := range w.targets {
		if t.sock.s == k {
			if t.taken {
				t.seen = 0
			}
			t.parse(t.c.send.batch)
			t.taken = true
		}
	}
}

// parse checks the PDUs of a batch from t.seen on.
func (t *simTarget) parse(b *batch) {
	at, rest := 0, []byte(nil)
	take := func(p []byte, n int) {
		for n > 0 {
			if len(rest) == 0 {
				v := b.mem.iov[at]
				at++
				rest = unsafe.Slice(*(**byte)(unsafe.Pointer(&v.base)), v.len)
			}
			k := min(n, len(rest))
			p = p[copy(p, rest[:k]):]
			rest = rest[k:]
			n -= k
		}
	}
	for i := range b.pdus {
		var h pdu.BHS
		take(h[:], pdu.BHSLen)
		n := h.DataLen()
		var cp session.ConnParams
		if h.Opcode() != pdu.OpLoginResponse {
			cp = *t.c.s.Params()
		}
		if cp.HeaderDigest {
			take(nil, 4)
		}
		take(nil, n+pdu.Pad(n))
		if cp.DataDigest && n > 0 {
			take(nil, 4)
		}
		if i >= t.seen {
			t.staged(&h, n)
		}
	}
	t.seen = b.pdus
}
