package session

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

var simSeeds = flag.Int("sim.seeds", 600, "number of simulated sessions")

// TestSimulation plays sessions of an initiator, a connection and a backend with no socket, each from a seed: requests and
// answers delayed and split, CmdSNs out of order, duplicate, stale and lost, digests wrong, tasks aborted, units reset,
// memory short, the transport lost. Its oracle: exactly one answer to each command that was not aborted and none after the
// abort's, the right bytes both ways, StatSN without gap, ExpCmdSN and MaxCmdSN never back (rig.check), no session that
// stands still, and every task freed.
//
// RINGTGT_SIM_SEED=n plays one seed, verbosely.
func TestSimulation(t *testing.T) {
	if s := os.Getenv("RINGTGT_SIM_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		newSim(t, seed, true).run()
		return
	}
	for seed := range uint64(*simSeeds) {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("reproduce: RINGTGT_SIM_SEED=%d go test -run '^TestSimulation$' -v ./session", seed)
				}
			}()
			newSim(t, seed, false).run()
		})
		if !ok {
			break
		}
	}
}

// sim is one simulated session.
type sim struct {
	*rig
	rng     *rand.Rand
	verbose bool

	// The initiator.
	left     int                // requests still to be made
	cmds     map[uint32]*simCmd // by ITT, until answered
	senders  []*simSender       // PDUs that wait to be sent, in order within each
	toTarget []byte             // on the wire
	inbox    []wire             // PDUs of the target's under way
	sent     [][]byte           // non-immediate requests, to be sent again
	firstSN  uint32
	stats    map[string]int

	// The host and its backend.
	running  []*Task
	aborting []*Task
	managing []*Task
	memory   []*Task // OutLater
	refused  map[uint32]bool
	gone     bool
	calm     bool
}

type simKind uint8

const (
	simRead simKind = iota
	simWrite
	simTest
	simPing
	simManage
)

// simCmd is a request from its making to its answer.
type simCmd struct {
	kind    simKind
	h       pdu.BHS
	n       int // bytes to move
	key     int // of the data
	got     []byte
	dataSN  uint32
	burst   uint32
	spoiled bool // CHECK CONDITION 0B/47/05 is right
	doomed  *simCmd
	over    bool // its abort was answered
	target  *simCmd
	resent  bool
}

// simSender is a stream of PDUs of the initiator's that keep their order.
type simSender struct {
	pdus [][]byte
}

func newSim(t *testing.T, seed uint64, verbose bool) *sim {
	rng := rand.New(rand.NewPCG(seed, 0x517))
	pick := func(v ...string) string { return v[rng.IntN(len(v))] }
	keys := []string{
		"HeaderDigest", pick("None", "CRC32C"), "DataDigest", pick("None", "CRC32C"),
		"InitialR2T", pick("Yes", "No"), "ImmediateData", pick("Yes", "No"),
		"MaxRecvDataSegmentLength", pick("512", "1000", "8192", "65536"),
		"MaxBurstLength", pick("1024", "4096", "262144"),
		"MaxOutstandingR2T", pick("1", "2", "4"),
	}
	keys = append(keys, "FirstBurstLength", pick("512", "1024"))
	window := 1 + rng.IntN(20)
	r := newRig(t, with(keys...), withWindow(window), func(o *rigOptions) { o.firstCmd = ^uint32(0) - uint32(rng.IntN(60)) })
	s := &sim{rig: r, rng: rng, verbose: verbose, left: 40, cmds: map[uint32]*simCmd{}, firstSN: r.cmdSN, refused: map[uint32]bool{}, stats: map[string]int{}}
	r.maxCmdSN, r.expCmdSN = r.conn.sess.window.MaxCmdSN(), r.conn.sess.window.ExpCmdSN()
	r.conn.host = s
	return s
}

func (s *sim) logf(format string, args ...any) {
	if s.verbose {
		s.Logf(format, args...)
	}
}

// Host of the connection: the rig's, with memory that is short at times.

func (s *sim) NewTask(c *Conn) *Task { return s.host.NewTask(c) }
func (s *sim) FreeTask(t *Task) {
	s.host.FreeTask(t)
	for i, m := range s.memory {
		if m == t {
			s.memory = append(s.memory[:i], s.memory[i+1:]...)
			break
		}
	}
}
func (s *sim) Post(fn func()) { s.Fatal("Post") }

func (s *sim) DataOut(t *Task, may bool) OutState {
	switch s.rng.IntN(12) {
	case 0:
		if may {
			s.memory = append(s.memory, t)
			return OutLater
		}
		fallthrough
	case 1:
		if t.Write {
			s.refused[t.ITT] = true
			return OutRefused
		}
	}
	s.host.give(t)
	return OutReady
}

func (s *sim) run() {
	idle := 0
	die := -1
	if s.rng.IntN(4) == 0 {
		die = s.rng.IntN(1500)
	}
	for step := 0; ; step++ {
		s.calm = step > 3000 // enough mischief: what is still waiting has to come to its end
		if step == die {
			s.logf("the transport is lost")
			s.gone = true
			break
		}
		if s.left == 0 && len(s.cmds) == 0 && len(s.senders) == 0 && len(s.toTarget) == 0 && len(s.inbox) == 0 {
			break
		}
		if s.step() {
			idle = 0
		} else if idle++; idle > 2000 {
			for itt, c := range s.cmds {
				s.Errorf("unanswered: %#x kind %d CmdSN %d", itt, c.kind, (*pdu.SCSICommand)(&c.h).CmdSN())
			}
			s.Fatalf("the session stands still: window %d..%d, next CmdSN %d", s.expCmdSN, s.maxCmdSN, s.cmdSN)
		}
	}
	s.finish()
}

// step does one random thing, and reports whether there was something to do.
func (s *sim) step() bool {
	defer s.take()
	r := s.rng
	switch r.IntN(12) {
	case 0, 1:
		return s.request()
	case 2, 3, 4:
		return s.transmit()
	case 5, 6:
		return s.deliver()
	case 7, 8:
		return s.receive()
	case 9:
		return s.backend()
	case 10:
		s.host.holdSent = r.IntN(2) == 0
		if !s.host.holdSent {
			s.host.sent()
		}
		s.room = r.IntN(3) > 0
		s.pump()
		return false
	case 11:
		if !s.calm {
			return s.mischief()
		}
	}
	return false
}

// take sorts what the connection asked for.
func (s *sim) take() {
	s.inbox = append(s.inbox, s.got...)
	s.got = nil
	for _, ev := range s.events {
		switch ev.Kind {
		case Execute:
			t := ev.Task
			c := s.cmds[t.ITT]
			if c == nil || c.over {
				s.Fatalf("Execute of %#x, which is over", t.ITT)
			}
			if t.Write && !bytes.Equal(t.Out[:t.Received], pattern(c.key, c.n)) {
				s.Fatalf("Execute of write %#x with %d bytes that are not what was sent", t.ITT, t.Received)
			}
			s.running = append(s.running, t)
		case Abort:
			i := index(s.running, ev.Task)
			if i < 0 {
				s.Fatalf("Abort of %#x, which is not executed", ev.Task.ITT)
			}
			s.running = append(s.running[:i], s.running[i+1:]...)
			s.aborting = append(s.aborting, ev.Task)
		case Manage:
			s.managing = append(s.managing, ev.Task)
		case SessionDown:
			if len(s.host.live) > 0 {
				s.Fatalf("SessionDown with %d tasks", len(s.host.live))
			}
			s.stats["down"]++
		default:
			if !s.gone {
				s.Fatalf("event kind %d: %v", ev.Kind, ev.Reason)
			}
		}
	}
	s.events = nil
}

func index(ts []*Task, t *Task) int {
	for i := range ts {
		if ts[i] == t {
			return i
		}
	}
	return -1
}

// request makes a request, if the command window is open (RFC 7143, 4.2.2.1).
func (s *sim) request() bool {
	if s.left == 0 || pdu.SNLess(s.maxCmdSN, s.cmdSN) || len(s.senders) > 6 {
		return false
	}
	s.left--
	p := &s.conn.sess.Params
	c := &simCmd{kind: simKind(s.rng.IntN(4)), key: s.rng.IntN(1 << 20)}
	switch c.kind {
	case simRead:
		c.n = s.rng.IntN(6000)
		h := s.read(uint32(c.n))
		c.h = *h.BHS()
		s.queue(s.encode(&c.h, nil))
	case simWrite:
		c.n = s.rng.IntN(6000)
		h := s.write(uint32(c.n))
		unsolicited := 0
		first := min(c.n, int(p.FirstBurstLength))
		if !p.InitialR2T && s.rng.IntN(2) == 0 {
			unsolicited = first
			h.SetFinal(false)
		}
		imm := 0
		if p.ImmediateData {
			imm = s.rng.IntN(first + 1)
		}
		c.h = *h.BHS()
		sender := s.queue(s.encode(&c.h, pattern(c.key, imm)))
		if !h.Final() {
			s.data(sender, c, pdu.ReservedTag, imm, unsolicited)
		}
	case simTest:
		h := s.read(0)
		c.kind = simRead
		if s.rng.IntN(4) == 0 {
			s.immediate(h.BHS())
		}
		c.h = *h.BHS()
		s.queue(s.encode(&c.h, nil))
	case simPing:
		h := s.nopOut(s.nextITT(), pdu.ReservedTag, s.rng.IntN(2) == 0)
		c.h, c.n = *h, s.rng.IntN(512)
		s.queue(s.encode(&c.h, pattern(c.key, c.n)))
	}
	s.cmds[c.h.ITT()] = c
	s.logf("request %#x kind %d CmdSN %d n %d", c.h.ITT(), c.kind, (*pdu.SCSICommand)(&c.h).CmdSN(), c.n)
	return true
}

// queue adds a sender with one PDU.
func (s *sim) queue(b []byte) *simSender {
	if b[0]&0x40 == 0 && b[1]&0x80 != 0 {
		s.sent = append(s.sent, b)
	}
	x := &simSender{pdus: [][]byte{b}}
	s.senders = append(s.senders, x)
	return x
}

// data adds the Data-Out PDUs of a sequence, in pieces of any size.
func (s *sim) data(x *simSender, c *simCmd, ttt uint32, off, end int) {
	if off == end {
		h := s.dataOut(c.h.ITT(), ttt, 0, uint32(off), true)
		x.pdus = append(x.pdus, s.encode(h.BHS(), nil))
		return
	}
	for sn := uint32(0); off < end; sn++ {
		n := 1 + s.rng.IntN(min(end-off, 2000))
		h := s.dataOut(c.h.ITT(), ttt, sn, uint32(off), off+n == end)
		b := s.encode(h.BHS(), pattern(c.key+off, n))
		if s.dd && s.rng.IntN(60) == 0 {
			b[len(b)-1] ^= 0x40
			c.spoiled = true
			s.stats["spoiled"]++
		}
		x.pdus = append(x.pdus, b)
		off += n
	}
}

// transmit puts the next PDU of a sender on the wire: mostly the oldest, so that CmdSNs leave out of order at times.
func (s *sim) transmit() bool {
	if len(s.senders) == 0 {
		return false
	}
	i := 0
	if s.rng.IntN(3) == 0 {
		i = s.rng.IntN(len(s.senders))
	}
	x := s.senders[i]
	s.toTarget = append(s.toTarget, x.pdus[0]...)
	if x.pdus = x.pdus[1:]; len(x.pdus) == 0 {
		s.senders = append(s.senders[:i], s.senders[i+1:]...)
	}
	return true
}

// deliver brings some bytes to the target.
func (s *sim) deliver() bool {
	if len(s.toTarget) == 0 {
		return false
	}
	n := 1 + s.rng.IntN(len(s.toTarget))
	if s.rng.IntN(2) == 0 {
		n = min(n, 60)
	}
	s.feed(s.toTarget[:n])
	s.toTarget = s.toTarget[n:]
	return true
}

// backend does one thing of the host's.
func (s *sim) backend() bool {
	r := s.rng
	take := func(ts *[]*Task) *Task {
		i := r.IntN(len(*ts))
		t := (*ts)[i]
		*ts = append((*ts)[:i], (*ts)[i+1:]...)
		return t
	}
	switch {
	case len(s.memory) > 0 && r.IntN(2) == 0:
		t := take(&s.memory)
		s.host.give(t)
		s.conn.Buffer(s.now, t)
	case len(s.aborting) > 0 && r.IntN(2) == 0:
		t := take(&s.aborting)
		if r.IntN(2) == 0 {
			s.conn.Aborted(s.now, t)
		} else {
			t.Result = Result{In: []byte("late")}
			s.conn.Complete(s.now, t)
		}
	case len(s.managing) > 0 && r.IntN(2) == 0:
		s.conn.Managed(s.now, take(&s.managing), 0)
	case len(s.running) > 0:
		t := take(&s.running)
		c := s.cmds[t.ITT]
		res := Result{}
		if t.Read {
			res.In, res.RequiredIn = pattern(c.key, c.n), int64(c.n)
		} else {
			res.RequiredOut = int64(c.n)
		}
		t.Result = res
		s.conn.Complete(s.now, t)
	default:
		return false
	}
	s.pump()
	return true
}

// mischief is what makes a session hard.
func (s *sim) mischief() bool {
	r := s.rng
	switch r.IntN(6) {
	case 0: // a request again, whole: stale, or a duplicate within the window
		if len(s.sent) > 0 {
			s.toTarget = append(s.toTarget, s.sent[r.IntN(len(s.sent))]...)
			s.stats["duplicate"]++
		}
	case 1: // far out of the window
		h := s.read(512)
		s.cmdSN--
		h.SetCmdSN(s.cmdSN + []uint32{1 << 31, 1 << 30, 5000}[r.IntN(3)])
		s.toTarget = append(s.toTarget, s.encode(h.BHS(), nil)...)
	case 2: // data for nobody
		h := s.dataOut(0x7777, pdu.ReservedTag, 0, 0, true)
		s.toTarget = append(s.toTarget, s.encode(h.BHS(), pattern(0, 100))...)
	case 3:
		if c := s.victim(); c != nil {
			return s.abort(c)
		}
	case 4:
		if r.IntN(30) == 0 {
			return s.reset()
		}
	case 5: // another nexus clears the task set: no answers at all
		if r.IntN(40) == 0 {
			return s.cleared()
		}
	}
	return false
}

// victim picks a command that may be aborted: one that has left.
func (s *sim) victim() *simCmd {
	if s.rng.IntN(6) > 0 {
		return nil
	}
	var found *simCmd
	for _, c := range s.cmds {
		if c.kind <= simWrite && c.doomed == nil && !s.waits(c) && (found == nil || c.h.ITT() < found.h.ITT()) {
			found = c
		}
	}
	return found
}

// waits says that PDUs of c have not left. An initiator has to send what it announced before it aborts (or the target
// discards it), and no request may be lost but by the wire.
func (s *sim) waits(c *simCmd) bool { return s.sender(c) != nil }

// sender is the one that has PDUs of c, nil if all have left.
func (s *sim) sender(c *simCmd) *simSender {
	for _, x := range s.senders {
		if (*pdu.BHS)(x.pdus[0][:48]).ITT() == c.h.ITT() {
			return x
		}
	}
	return nil
}

// abort sends ABORT TASK, and what follows at once on the wire so that its place in the stream is known.
func (s *sim) abort(c *simCmd) bool {
	m := s.manage(pdu.TMFAbortTask, true)
	m.SetReferencedTaskTag(c.h.ITT())
	m.SetRefCmdSN((*pdu.SCSICommand)(&c.h).CmdSN())
	if c.h.Immediate() {
		m.SetRefCmdSN(m.CmdSN()) // an immediate command has no CmdSN of its own (11.5.5)
	}
	mc := &simCmd{kind: simManage, h: *m.BHS(), target: c}
	c.doomed = mc
	s.cmds[m.ITT()] = mc
	s.toTarget = append(s.toTarget, s.encode(m.BHS(), nil)...)
	s.stats["abort"]++
	s.logf("abort of %#x by %#x", c.h.ITT(), m.ITT())
	return true
}

// reset sends LOGICAL UNIT RESET, non-immediate, once everything before it has left.
func (s *sim) reset() bool {
	if len(s.senders) > 0 || pdu.SNLess(s.maxCmdSN, s.cmdSN) {
		return false
	}
	m := s.manage(pdu.TMFLogicalUnitReset, false)
	mc := &simCmd{kind: simManage, h: *m.BHS()}
	for _, c := range s.cmds {
		if c.kind <= simWrite && c.doomed == nil {
			c.doomed = mc
		}
	}
	s.cmds[m.ITT()] = mc
	s.toTarget = append(s.toTarget, s.encode(m.BHS(), nil)...)
	s.stats["reset"]++
	s.logf("reset by %#x", m.ITT())
	return true
}

// cleared aborts every command that the target knows of without an answer. What is on the wire is received first.
func (s *sim) cleared() bool {
	if len(s.toTarget)+len(s.senders)+len(s.inbox) > 0 {
		return false
	}
	var ended []uint32
	s.conn.AbortTasks(s.now, func(t *Task) bool {
		if !t.st.aborted {
			ended = append(ended, t.ITT)
		}
		return true
	})
	for _, itt := range ended {
		if c := s.cmds[itt]; c != nil && c.doomed == nil {
			delete(s.cmds, itt)
		}
	}
	s.pump()
	s.stats["cleared"]++
	return true
}

// receive takes the next PDU of the target's.
func (s *sim) receive() bool {
	if len(s.inbox) == 0 {
		return false
	}
	w := s.inbox[0]
	s.inbox = s.inbox[1:]
	if pdu.SNLess(s.cmdSN, (*pdu.SCSIResponse)(&w.h).ExpCmdSN()) {
		s.Fatalf("%v: ExpCmdSN is beyond what was sent, %d", w, s.cmdSN)
	}
	itt := w.h.ITT()
	c := s.cmds[itt]
	switch op := w.h.Opcode(); {
	case op == pdu.OpReject:
		s.rejected(w)
	case op == pdu.OpNOPIn && itt == pdu.ReservedTag:
	case c == nil:
		s.Fatalf("%v is for no request that waits", w)
	case c.over:
		s.Fatalf("%v comes after the answer to the abort", w)
	case op == pdu.OpR2T:
		h := (*pdu.R2T)(&w.h)
		x := s.sender(c) // sequences keep the order of their R2Ts (13.19)
		if x == nil {
			x = &simSender{}
			s.senders = append(s.senders, x)
		}
		s.data(x, c, h.TTT(), int(h.BufferOffset()), int(h.BufferOffset()+h.DesiredDataTransferLength()))
	case op == pdu.OpDataIn:
		s.dataIn(c, w)
	case op == pdu.OpSCSIResponse:
		s.response(c, w)
	case op == pdu.OpNOPIn:
		if !bytes.Equal(w.data, pattern(c.key, c.n)) {
			s.Fatalf("ping %#x: %d bytes came back", itt, len(w.data))
		}
		delete(s.cmds, itt)
	case op == pdu.OpTaskManagementResponse:
		for k, d := range s.cmds {
			if d.doomed == c {
				delete(s.cmds, k) // nothing of it may come any more
			}
		}
		delete(s.cmds, itt)
	default:
		s.Fatalf("%v", w)
	}
	return true
}

// rejected is a Reject: of data whose digest was wrong, or of a duplicate of an immediate request.
func (s *sim) rejected(w wire) {
	bad := (*pdu.BHS)(w.data)
	if reason := (*pdu.Reject)(&w.h).Reason(); reason != pdu.RejectDataDigestError || bad.Opcode() != pdu.OpDataOut {
		s.Fatalf("Reject %#x of %v %x", reason, bad.Opcode(), bad[:])
	}
}

func (s *sim) dataIn(c *simCmd, w wire) {
	h := (*pdu.DataIn)(&w.h)
	p := &s.conn.sess.Params
	if h.DataSN() != c.dataSN || int(h.BufferOffset()) != len(c.got) {
		s.Fatalf("%v: DataSN %d offset %d; want %d, %d", w, h.DataSN(), h.BufferOffset(), c.dataSN, len(c.got))
	}
	c.dataSN++
	c.got = append(c.got, w.data...)
	if c.burst += uint32(len(w.data)); c.burst > p.MaxBurstLength || len(w.data) > int(s.conn.cp.MaxXmitDataSegmentLength) {
		s.Fatalf("%v: burst of %d", w, c.burst)
	}
	if h.Final() {
		c.burst = 0
	}
	if !h.StatusPresent() {
		return
	}
	if h.Status() != statusGood || !bytes.Equal(c.got, pattern(c.key, c.n)) {
		s.Fatalf("read %#x: status %#x, %d bytes of %d", c.h.ITT(), h.Status(), len(c.got), c.n)
	}
	delete(s.cmds, c.h.ITT())
}

func (s *sim) response(c *simCmd, w wire) {
	h := (*pdu.SCSIResponse)(&w.h)
	switch status := h.Status(); {
	case status == statusGood && !c.spoiled && !s.refused[c.h.ITT()]:
		if c.kind == simRead && c.n > 0 {
			s.Fatalf("read %#x is GOOD without data", c.h.ITT())
		}
	case status == statusTaskSetFull && s.refused[c.h.ITT()]:
	case status == statusCheckCondition && c.spoiled && w.data[4] == 0x0b && w.data[14] == 0x47 && w.data[15] == 5:
	default:
		s.Fatalf("%#x kind %d spoiled %v: status %#x, sense %x", c.h.ITT(), c.kind, c.spoiled, status, w.data)
	}
	delete(s.cmds, c.h.ITT())
}

// finish ends the session: by logout, or because the transport is gone.
func (s *sim) finish() {
	s.room = true
	s.host.holdSent = false
	if !s.gone {
		s.host.sent()
		s.pump()
		s.take()
		l := s.logout(pdu.LogoutCloseSession, 0)
		s.send(l.BHS(), nil)
		for len(s.aborting)+len(s.managing)+len(s.running) > 0 {
			s.gone = true
			s.take()
			s.backend()
		}
		s.gone = true
		if len(s.got) == 0 || s.got[len(s.got)-1].h.Opcode() != pdu.OpLogoutResponse {
			s.Fatalf("no logout response: %v", s.got)
		}
	}
	s.take()
	s.closeNow()
	s.take()
	s.room = false
	for n := 0; len(s.aborting)+len(s.managing) > 0; n++ {
		if s.stats["down"] > 0 {
			s.Fatal("SessionDown before the host's last answer")
		}
		s.backend()
		s.take()
	}
	if len(s.running) > 0 {
		s.Fatalf("%d tasks run on without Abort", len(s.running))
	}
	s.wantNoTasks()
	if s.stats["down"] != 1 {
		s.Fatalf("SessionDown came %d times", s.stats["down"])
	}
	s.logf("%v", s.stats)
}
