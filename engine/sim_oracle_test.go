package engine

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// SCSI status codes (SAM-5 5.3.1).
const (
	statusGood           = 0x00
	statusCheckCondition = 0x02
	statusBusy           = 0x08
	statusTaskSetFull    = 0x28
)

// The rules of RFC 7143 for a session of several connections. Each is checked at the earliest moment it can be broken: when a
// PDU is staged for sending, when a command is executed or takes effect, and after every step.

type simKind uint8

const (
	simRead simKind = iota
	simWrite
	simTest // VERIFY of a block: no data, but the backend sees it
	simSync // SYNCHRONIZE CACHE
	simUnmap
	simPing
	simManage
	simLogout
)

var simKinds = [...]string{"read", "write", "test", "sync", "unmap", "ping", "function", "logout"}

// simCmd is a request, with the initiator's view of it and the oracle's.
type simCmd struct {
	id       uint32
	kind     simKind
	h        pdu.BHS
	lun      uint64
	lba, n   int // blocks
	imm      int // bytes of immediate data
	conn     *simConn
	ping     []byte
	issued   int         // step
	over     int         // step at which the initiator learned that it is over; 0: it is not
	target   *simCmd     // the task that an ABORT TASK names
	roaming  bool        // sent on another connection as well
	plug     bool        // an ABORT TASK that only plugs a CmdSN
	asked    bool        // an R2T came
	prompt   bool        // it can be executed at once when its turn comes
	legit    [][]*simCmd // for a read: the writes that each block may show
	doubtAt  int64       // since when an answer is uncertain (duplicated, or aborted by a function that was lost); 0: it is certain
	got      []byte
	dataSN   uint32
	r2t      *pdu.R2T // for scenarios
	burst    uint32
	rejected bool // by a Reject: it counts as not received
	fua      bool
	status   byte
	check    bool // CHECK CONDITION was staged; one with a unit attention is a fence itself
	harmless bool // its status tells that it had no effect
	void     bool // so it must not appear on the medium

	// The oracle's view.
	tc       *simTarget // the connection that received it first
	refused  bool       // the host had no memory or no task for it
	taskless bool       // the host had no task for it: TASK SET FULL is on its way, and functions do not wait for that
	executed *simTarget
	cleared  bool   // another initiator's reset cleared it
	freed    bool   // and the target has released everything of it
	task     *task  // while it runs
	use      uint64 // the use of task that it has
	wrote    []bool // blocks of a write that have taken effect
	abortAt  int64  // when the engine began to abort it
	holes    int    // punched in its unit when it was executed
	answered bool   // its status was staged
	stat     uint32 // the StatSN of its status
	dead     bool   // it ended without a status: nothing of it may be seen from now on
}

func (c *simCmd) String() string {
	return fmt.Sprintf("%s %d (ITT %#x, CmdSN %d, lun %d, blocks %d+%d)", simKinds[c.kind], c.id, c.h.ITT(), c.sn(), c.lun, c.lba, c.n)
}

func (c *simCmd) sn() uint32 { return (*pdu.SCSICommand)(&c.h).CmdSN() }

func (c *simCmd) scsi() bool { return c.kind <= simUnmap }

// simNexus is the oracle's view of one of the target's sessions.
type simNexus struct {
	w          *simWorld
	s          *session.Session
	ups, downs int
	had        map[uint32]bool // CmdSNs that arrived or that an ABORT TASK plugged
	next       uint32          // had contains all before it
	fences     []simFence
}

// nexus returns the connection's session, nil before full feature phase.
func (c *simTarget) nexus() *simNexus {
	s := c.c.s.Session()
	if s == nil {
		return nil
	}
	for _, n := range c.w.nexuses {
		if n.s == s {
			return n
		}
	}
	first := uint32(0)
	if o := c.w.initiatorOf(c); o != nil {
		first = o.sess.first
	}
	n := &simNexus{w: c.w, s: s, had: map[uint32]bool{}, next: first}
	c.w.nexuses = append(c.w.nexuses, n)
	return n
}

// window returns the size of the session's command window.
func (n *simNexus) window() *session.Window {
	return (*session.Window)(unsafe.Pointer(reflect.ValueOf(n.s).Elem().FieldByName("window").UnsafeAddr()))
}

// tasks returns the number of the connection's tasks.
func (c *simTarget) tasks() (n int) {
	for t := c.c.tasks; t != nil; t = t.next {
		n++
	}
	return n
}

// seen notes that a CmdSN arrived or was plugged.
func (n *simNexus) seen(sn uint32) {
	if pdu.SNLess(sn, n.next) || pdu.SNLess(n.next+2*session.MaxWindow, sn) {
		return
	}
	n.had[sn] = true
	for n.had[n.next] {
		delete(n.had, n.next)
		n.next++
	}
}

// takes notes the request for which the connection allocates a task.
func (c *simTarget) takes(h *pdu.BHS) {
	cmd := c.sock.known[simKey{h.ITT(), (*pdu.SCSICommand)(h).CmdSN()}]
	if h.Opcode() != pdu.OpSCSICommand || cmd == nil {
		return
	}
	if old := c.byITT[h.ITT()]; old == nil || old.answered || old.dead || old.cleared {
		c.byITT[h.ITT()] = cmd
	}
	if cmd.tc == nil {
		cmd.tc = c
	}
}

// arrived is called when a PDU has arrived whole.
func (c *simTarget) arrived(p *simPDU) {
	h := &p.h
	n := c.nexus()
	if n == nil {
		return
	}
	switch op := h.Opcode(); op {
	case pdu.OpTaskManagementRequest:
		if m := (*pdu.TaskManagementRequest)(h); m.Function() == pdu.TMFAbortTask {
			n.seen(m.RefCmdSN())
		}
	case pdu.OpSCSICommand, pdu.OpNOPOut, pdu.OpTextRequest, pdu.OpLogoutRequest:
	default:
		return
	}
	if !h.Immediate() {
		n.seen((*pdu.SCSICommand)(h).CmdSN())
	}
}

// executed is called with a request on its way to a backend.
func (w *simWorld) executed(t *task, r *lun.Request) {
	var c *simTarget
	for _, o := range w.targets {
		if o.c == t.conn {
			c = o
		}
	}
	w.observe(t.conn.loop, c)
	cmd := c.byITT[t.s.ITT]
	switch {
	case cmd == nil:
		w.Fatalf("%v: a command with ITT %#x is executed, and none arrived here", c, t.s.ITT)
	case cmd.executed != nil && cmd.task == t && cmd.use == t.use:
		return // not the command's first request
	}
	w.logf("%v: executes %v", c, cmd)
	switch {
	case t.s.Conn != c.c.s:
		w.Fatalf("%v: %v is executed on another connection than its own (RFC 7143, 4.2.5.1)", c, cmd)
	case cmd.executed != nil:
		w.Fatalf("%v: %v is executed a second time", c, cmd)
	case cmd.dead || cmd.cleared || cmd.answered || c.ended:
		w.Fatalf("%v: %v is executed after its end: dead %v cleared %v answered %v connection ended %v", c, cmd, cmd.dead, cmd.cleared, cmd.answered, c.ended)
	case !c.c.steered:
		w.Fatalf("%v: %v is executed before SessionUp", c, cmd)
	case t.l.Nexus != w.engine.nexuses.of(t.s.Conn.Session()) || t.l.Nexus.Target() != w.target:
		w.Fatalf("%v: %v is executed for another nexus", c, cmd)
	}
	cmd.executed, cmd.task, cmd.use = c, t, t.use
	cmd.holes = w.holes(w.units[cmd.lun])
	w.order = append(w.order, cmd)
	w.took(t, cmd)
	if cmd.writes() && (!bytes.Equal(t.s.Out, cmd.data()) || int(t.s.Received) != len(t.s.Out)) {
		w.Fatalf("%v: %v is executed with %d bytes that are not what was sent", c, cmd, t.s.Received)
	}
	if r.Kind == lun.OpRead {
		for i := range r.Buf {
			r.Buf[i] = 0xbb // exposes a backend that does not read
		}
	}
	if t.s.Immediate {
		return
	}
	if next := c.nexus().next; !pdu.SNLess(t.s.CmdSN, next) {
		w.Fatalf("%v: %v is executed, and %d has not arrived", c, cmd, next)
	}
	// This command may overtake those that wait for data-in memory, or are held by a limit.
	for o := c.c.tasks; o != nil; o = o.next {
		if waits := c.byITT[o.s.ITT]; (o.phase == taskWaitingIn || o.phase == taskHeld) && waits != nil {
			waits.prompt = false
		}
	}
	// It may have waited for memory, or at the unit's gate since an earlier turn.
	if !cmd.prompt || w.cfg.arena > 0 || t.times.begun < t.conn.loop.lat.began {
		return
	}
	// "MUST deliver the commands for execution in the order specified by the CmdSN" (4.2.2.1): commands that need not wait are also
	// executed in that order.
	if last, ok := c.lastSN[cmd.lun]; ok && !pdu.SNLess(last, t.s.CmdSN) {
		w.Fatalf("%v: %v is executed after CmdSN %d", c, cmd, last)
	}
	c.lastSN[cmd.lun] = t.s.CmdSN
}

// staged is called when the host stages a PDU for sending.
func (c *simTarget) staged(h *pdu.BHS, n int) {
	w, op := c.w, h.Opcode()
	w.logf("%v: sends %v ITT %#x StatSN %d window %d..%d data %d", c, op, h.ITT(), (*pdu.DataIn)(h).StatSN(), (*pdu.DataIn)(h).ExpCmdSN(), (*pdu.DataIn)(h).MaxCmdSN(), n)
	c.serials(h)
	switch op {
	case pdu.OpSCSIResponse, pdu.OpDataIn, pdu.OpR2T:
		c.answers(h)
	case pdu.OpTaskManagementResponse:
		c.managed(c.once(h), (*pdu.TaskManagementResponse)(h).Response())
	case pdu.OpNOPIn:
		if h.ITT() != pdu.ReservedTag {
			c.once(h)
		}
	case pdu.OpLogoutResponse:
		c.loggedOut(c.once(h), (*pdu.LogoutResponse)(h).Response())
	case pdu.OpLoginResponse:
		if r := (*pdu.LoginResponse)(h); r.Status() == pdu.LoginSuccess && r.Transit() && r.NSG() == pdu.StageFullFeaturePhase {
			c.loggedIn()
		}
	}
}

// serials checks StatSN, ExpCmdSN and MaxCmdSN (4.2.2).
func (c *simTarget) serials(h *pdu.BHS) {
	w, op := c.w, h.Opcode()
	in := (*pdu.DataIn)(h)
	stat, exp, maxSN := in.StatSN(), in.ExpCmdSN(), in.MaxCmdSN()
	if op == pdu.OpLoginResponse && !c.told {
		c.statSN = stat
	}
	switch {
	case op == pdu.OpDataIn && !in.StatusPresent():
	case stat != c.statSN:
		w.Fatalf("%v: %v has StatSN %d, the next is %d", c, op, stat, c.statSN)
	case op == pdu.OpR2T, op == pdu.OpNOPIn && h.ITT() == pdu.ReservedTag:
	default:
		c.statSN++
	}
	if c.told && c.c.s.Session() != nil && (pdu.SNLess(exp, c.exp) || pdu.SNLess(maxSN, c.max)) {
		w.Fatalf("%v: %v: the window goes back from %d..%d to %d..%d", c, op, c.exp, c.max, exp, maxSN)
	}
	c.exp, c.max, c.told = exp, maxSN, true
	n := c.nexus()
	if n == nil {
		return
	}
	if maxSN-exp+1 > uint32(w.window) {
		w.Fatalf("%v: %v: window %d..%d of a size of %d", c, op, exp, maxSN, w.window)
	}
	if pdu.SNLess(n.next, exp) {
		w.Fatalf("%v: %v: ExpCmdSN is %d, and %d has neither arrived nor been aborted", c, op, exp, n.next)
	}
}

// answers checks a PDU that answers a command.
func (c *simTarget) answers(h *pdu.BHS) {
	w, op := c.w, h.Opcode()
	cmd := c.byITT[h.ITT()]
	switch {
	case cmd == nil:
		w.Fatalf("%v: %v for ITT %#x, of which no command arrived here", c, op, h.ITT())
	case cmd.dead || cmd.cleared:
		w.Fatalf("%v: %v of %v after its end was reported", c, op, cmd)
	case cmd.answered:
		w.Fatalf("%v: %v of %v after its status", c, op, cmd)
	case cmd.executed != nil && cmd.executed != c:
		w.Fatalf("%v: %v of %v, which is %v's", c, op, cmd, cmd.executed)
	}
	status := byte(0)
	switch op {
	case pdu.OpR2T:
		if ttt := (*pdu.R2T)(h).TTT(); ttt == pdu.ReservedTag {
			w.Fatalf("%v: R2T with the reserved Target Transfer Tag (RFC 7143, 11.8.5)", c)
		}
		return
	case pdu.OpDataIn:
		if d := (*pdu.DataIn)(h); !d.StatusPresent() {
			return
		} else {
			status = d.Status()
		}
	default:
		status = (*pdu.SCSIResponse)(h).Status()
	}
	cmd.answered, cmd.stat = true, (*pdu.SCSIResponse)(h).StatSN()
	cmd.check = status == statusCheckCondition
	if cmd.tc == nil {
		cmd.tc = c
	}
	c.passesFence(cmd)
	switch {
	case status == statusGood && cmd.kind == simWrite && cmd.lun != simMemory && slices.Contains(append(cmd.wrote, len(cmd.wrote) == cmd.n), false):
		w.Fatalf("%v: GOOD for %v, of which the medium has %v", c, cmd, cmd.wrote)
	case status == statusGood && cmd.kind == simUnmap && cmd.n > 0 && cmd.lun != simMemory && w.holes(w.units[cmd.lun]) == cmd.holes:
		w.Fatalf("%v: GOOD for %v, for which no hole was asked: one that the medium refused says nothing of the next", c, cmd)
	case status == statusGood && cmd.executed == nil && cmd.n > 0 && (cmd.kind == simWrite || cmd.kind == simRead && cmd.lun != simMemory):
		w.Fatalf("%v: GOOD for %v, which was not executed", c, cmd)
	case status == statusTaskSetFull && !cmd.refused:
		w.Fatalf("%v: TASK SET FULL for %v, which nobody refused", c, cmd)
	}
}

// once returns the request that a response answers, and fails on a second response to it.
func (c *simTarget) once(h *pdu.BHS) *simCmd {
	cmd := c.w.ctl[h.ITT()]
	switch {
	case cmd == nil:
		c.w.Fatalf("%v: %v for ITT %#x, which nobody asked for", c, h.Opcode(), h.ITT())
	case cmd.answered && !cmd.rejected:
		c.w.Fatalf("%v: %v answers %v a second time", c, h.Opcode(), cmd)
	case cmd.conn.sock.target != c:
		c.w.Fatalf("%v: %v answers %v, which was sent on %v", c, h.Opcode(), cmd, cmd.conn.sock.target)
	}
	cmd.answered, cmd.rejected = true, false // a copy of a rejected request may still arrive
	return cmd
}

// managed checks a Task Management Function Response: all affected tasks must be over (RFC 7143, 4.2.3.3).
func (c *simTarget) managed(m *simCmd, resp pdu.TaskResponse) {
	w := c.w
	w.logf("%v: function %v of %v is answered %d", c, (*pdu.TaskManagementRequest)(&m.h).Function(), m, resp)
	if r := m.target; r != nil && c.fences() && r.executed != nil {
		// Its answer may be held back by a fence.
	} else if r != nil && resp == pdu.TMFResponseTaskDoesNotExist && r.tc == c && r.arrivedBefore(m) && !r.answered && !r.dead && !r.cleared && !r.taskless && r.doubtAt == 0 && !w.doomed(r, m) {
		w.Fatalf("%v: %v is denied: %v is here", c, m, r)
	}
	if resp != pdu.TMFResponseComplete {
		return
	}
	for _, r := range w.cmds {
		if !r.answered && !r.dead && !r.cleared && !r.taskless && m.covers(r) {
			r.dead = true
		}
	}
	if m.target == nil && c.fences() {
		m.stat = c.statSN - 1
		c.fence(m)
	}
}

// fences checks the fence before a response and starts the one after it: everything sent on other connections must be
// acknowledged, and nothing more may be sent there until the response itself is (RFC 7143, 4.2.2.3.3). Immediate commands are
// exempt: only the target knows whether they came before the function.
func (c *simTarget) fence(m *simCmd) {
	for _, r := range c.w.cmds {
		o := r.tc
		if r.answered && m.spans(r) && !r.h.Immediate() && !r.taskless && !r.check && o != nil && o != c && o.upAt < m.issued && !o.deaf() && !o.acknowledged(r.stat) {
			c.w.Fatalf("%v: %v is answered, and %v, which %v has answered before, is not acknowledged", c, m, r, o)
		}
	}
	n := c.nexus()
	n.fences = append(n.fences, simFence{c, m})
}

// fences reports whether the session negotiated a TaskReporting value other than RFC3720.
func (c *simTarget) fences() bool {
	return c.c.s.Session().Params.TaskReporting != session.ReportRFC3720
}

// simFence is a function's response that is not acknowledged yet.
type simFence struct {
	c *simTarget
	m *simCmd
}

// passesFence checks that no status overtakes a fence, on connections that existed when the function arrived.
func (c *simTarget) passesFence(cmd *simCmd) {
	n := c.nexus()
	n.fences = slices.DeleteFunc(n.fences, func(f simFence) bool {
		return f.c.deaf() || f.c.acknowledged(f.m.stat)
	})
	for _, f := range n.fences {
		if f.c != c && c.upAt < f.m.issued && f.m.spans(cmd) && !cmd.h.Immediate() && !cmd.taskless && !cmd.check {
			c.w.Fatalf("%v: status of %v, and the response of %v on %v is not acknowledged", c, cmd, f.m, f.c)
		}
	}
}

// covers reports whether function m affects r: r is in its task set and precedes it in CmdSN order (RFC 7143, 11.5.1). For
// immediate commands only the target knows which came first.
func (m *simCmd) covers(r *simCmd) bool {
	return m.spans(r) && (m.target != nil || !r.h.Immediate() && pdu.SNLess(r.sn(), m.sn()))
}

// spans reports whether r is among the tasks that function m addresses.
func (m *simCmd) spans(r *simCmd) bool {
	if m.kind != simManage || m.conn.sess != r.conn.sess || !r.scsi() {
		return false
	}
	switch (*pdu.TaskManagementRequest)(&m.h).Function() {
	case pdu.TMFAbortTask:
		return r == m.target
	case pdu.TMFTargetWarmReset, pdu.TMFTargetColdReset:
		return true
	}
	return r.lun == m.lun
}

// doomed reports whether a function other than but ends r, now or soon.
func (w *simWorld) doomed(r, but *simCmd) bool {
	for _, m := range w.ctl {
		if m != but && m.spans(r) && (m.covers(r) || r.h.Immediate()) {
			return true
		}
	}
	return false
}

// arrivedBefore reports whether r was sent before m on the same connection and was not resent.
func (r *simCmd) arrivedBefore(m *simCmd) bool {
	return r.conn == m.conn && r.issued < m.issued && !r.roaming
}

// loggedIn checks a final Login Response: the connection or session that it replaces must be over (RFC 7143, 6.3.4 and 6.3.5).
func (c *simTarget) loggedIn() {
	s := c.c.s.Session()
	c.upAt = c.w.step
	c.nexus().ups++
	for _, o := range c.w.targets {
		os := o.c.s.Session()
		if o == c || os == nil || o.upAt == 0 {
			continue
		}
		if os == s && o.c.s.CID() == c.c.s.CID() || os != s && os.ISID == s.ISID && os.InitiatorName == s.InitiatorName {
			if o.c.phase < connClosed {
				c.w.Fatalf("%v: the login is answered before %v, which it replaces, is closed", c, o)
			}
			o.end(true)
		}
	}
}

// loggedOut checks a Logout Response (RFC 7143, 11.15).
func (c *simTarget) loggedOut(m *simCmd, code pdu.LogoutResponseCode) {
	if code != pdu.LogoutResponseSuccess {
		return
	}
	l := (*pdu.LogoutRequest)(&m.h)
	for _, o := range c.w.targets {
		switch {
		case o.c.s.Session() != c.c.s.Session():
		case l.Reason() == pdu.LogoutCloseSession:
			o.end(o == c)
		case o.c.s.CID() == l.CID() && o != c && o.c.phase < connClosed:
			// A connection that joined with this CID since then is another one, without these tasks.
			if o.before(m) {
				c.w.Fatalf("%v: %v is answered before %v is closed", c, m, o)
			}
		case o.c.s.CID() == l.CID() && (o == c || o.c.phase >= connClosed):
			o.end(true)
		}
	}
}

// before reports whether a connection was in full feature phase when m was issued.
func (c *simTarget) before(m *simCmd) bool { return c.upAt != 0 && c.upAt < m.issued }

// end forbids any further execution for a connection and, with whole, any further answer.
func (c *simTarget) end(whole bool) {
	c.ended = true
	for t := c.c.tasks; t != nil; t = t.next {
		if t.inServer() && t.s.Command() {
			c.w.Fatalf("%v: its end is reported while the backend has ITT %#x", c, t.s.ITT)
		}
	}
	if !whole {
		return
	}
	for _, cmd := range c.byITT {
		if cmd.tc != c || cmd.answered || cmd.roaming {
			continue
		}
		if n := c.nexus(); cmd.executed == nil && !cmd.h.Immediate() && n != nil && !pdu.SNLess(cmd.sn(), n.window().ExpCmdSN()) {
			cmd.tc = nil // if it was not received, it is sent again on another connection (7.2.1)
			continue
		}
		cmd.dead = true
	}
}

// initiatorOf returns the initiator's end of a connection.
func (w *simWorld) initiatorOf(c *simTarget) *simConn { return c.sock.conn }
