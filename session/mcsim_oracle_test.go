package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// What the standard promises about a session of several connections, checked where it can first be seen to be broken: when a
// PDU is taken for sending, a command is executed or takes effect, and after every step.

type mcKind uint8

const (
	mcRead mcKind = iota
	mcWrite
	mcTest // a command without data
	mcPing
	mcManage
	mcLogout
)

var mcKinds = [...]string{"read", "write", "test", "ping", "function", "logout"}

// mcCmd is a request, as both the initiator and the oracle see it.
type mcCmd struct {
	id       uint32
	kind     mcKind
	h        pdu.BHS
	lun      uint64
	lba, n   int // blocks
	imm      int // bytes of immediate data
	conn     *mcConn
	ping     []byte
	issued   int        // step
	over     int        // step at which the initiator knew that it had come to its end, 0 before
	target   *mcCmd     // of ABORT TASK
	roaming  bool       // sent on another connection as well
	plug     bool       // an ABORT TASK for the sake of the CmdSN
	asked    bool       // an R2T came
	prompt   bool       // nothing keeps it from being executed when its turn has come
	legit    [][]*mcCmd // of a read: what may be read, by block
	doubtAt  int64      // since when nobody knows whether it will be answered (sent once more, or aborted by a lost function); 0: it will
	got      []byte
	dataSN   uint32
	r2t      *pdu.R2T // of a scenario
	burst    uint32
	rejected bool // by a Reject: never received

	// The oracle's.
	tc        *mcTarget // the connection on which it arrived first
	refused   bool      // the host had no memory or no task for it
	taskless  bool      // the host had no task for it: TASK SET FULL is under way, and no function waits for that
	executed  *mcTarget
	applied   bool
	completed bool   // the backend has answered
	cleared   bool   // another initiator's reset took it away
	freed     bool   // and nothing of it is left
	answered  bool   // its status was taken for sending
	stat      uint32 // StatSN of that
	dead      bool   // its end was reported without a status: nothing of it may be seen any more
}

func (c *mcCmd) String() string {
	return fmt.Sprintf("%s %d (ITT %#x, CmdSN %d, lun %d, blocks %d+%d)", mcKinds[c.kind], c.id, c.h.ITT(), c.sn(), c.lun, c.lba, c.n)
}

func (c *mcCmd) sn() uint32 { return (*pdu.SCSICommand)(&c.h).CmdSN() }

func (c *mcCmd) scsi() bool { return c.kind <= mcTest }

// data is what a write writes.
func (c *mcCmd) data() []byte {
	ids := make([]uint32, c.n)
	for i := range ids {
		ids[i] = c.id
	}
	return mcData(c.lun, c.lba, ids)
}

// mcNexus is a session of the target's, from its first sight to its end.
type mcNexus struct {
	w          *mcWorld
	s          *Session
	ups, downs int
	had        map[uint32]bool // CmdSNs that arrived, or that an ABORT TASK names
	next       uint32          // all before it are in had
	exp, max   uint32
	fences     []mcFence
}

func (w *mcWorld) nexus(s *Session) *mcNexus {
	for _, n := range w.nexuses {
		if n.s == s {
			return n
		}
	}
	n := &mcNexus{w: w, s: s, had: map[uint32]bool{}, next: s.window.ExpCmdSN(), exp: s.window.ExpCmdSN(), max: s.window.MaxCmdSN()}
	w.nexuses = append(w.nexuses, n)
	return n
}

func (n *mcNexus) cameUp(c *mcTarget) {
	if n.ups++; n.ups > 1 || n.downs > 0 {
		n.w.Fatalf("%v: NewNexus comes %d times, after %d SessionDown", c, n.ups, n.downs)
	}
}

func (n *mcNexus) wentDown(c *mcTarget) {
	n.w.logf("%v: SessionDown of %d", c, n.s.TSIH)
	if n.downs++; n.downs > 1 || n.ups != 1 {
		n.w.Fatalf("%v: SessionDown comes %d times, after %d SessionUp", c, n.downs, n.ups)
	}
	for _, o := range n.w.targets {
		if o.s.sess == n.s {
			o.end(true)
			if len(o.tasks) > 0 {
				n.w.Fatalf("%v: SessionDown while %v has %d tasks", c, o, len(o.tasks))
			}
		}
	}
}

// seen notes that a CmdSN arrived, or that the initiator gave it up.
func (n *mcNexus) seen(sn uint32) {
	if exp := n.s.window.ExpCmdSN(); pdu.SNLess(sn, exp) || pdu.SNLess(exp+2*MaxWindow, sn) {
		return
	}
	n.had[sn] = true
	for n.had[n.next] {
		delete(n.had, n.next)
		n.next++
	}
}

// headerArrived notes whose tag it is.
func (c *mcTarget) headerArrived(h *pdu.BHS) {
	if h.Opcode() != pdu.OpSCSICommand || c.s.login != nil {
		return
	}
	cmd := c.w.cmds[binary.BigEndian.Uint32((*pdu.SCSICommand)(h).CDB()[8:12])]
	if old := c.byITT[h.ITT()]; cmd != nil && (old == nil || old.answered || old.dead || old.cleared) {
		c.byITT[h.ITT()] = cmd
	}
}

// arrived is a PDU of the initiator's complete, just before the protocol hears of it.
func (c *mcTarget) arrived(h *pdu.BHS) {
	if c.s.login != nil || c.s.end.deaf {
		return
	}
	n := c.w.nexus(c.s.sess)
	switch op := h.Opcode(); op {
	case pdu.OpSCSICommand:
		if cmd := c.byITT[h.ITT()]; cmd != nil && cmd.tc == nil {
			cmd.tc = c
		}
	case pdu.OpTaskManagementRequest:
		if m := (*pdu.TaskManagementRequest)(h); m.Function() == pdu.TMFAbortTask {
			n.seen(m.RefCmdSN())
		}
	case pdu.OpNOPOut, pdu.OpTextRequest, pdu.OpLogoutRequest:
	default:
		return
	}
	if !h.Immediate() {
		n.seen((*pdu.SCSICommand)(h).CmdSN())
	}
}

// executed is a command on its way to the backend.
func (c *mcTarget) executed(t *mcTask) {
	w, cmd := c.w, t.cmd
	w.logf("%v: Execute %v", c, cmd)
	switch {
	case t.conn != c || t.s.Conn != c.s:
		w.Fatalf("%v: %v is executed on another connection than its own (RFC 7143, 4.2.4.1)", c, cmd)
	case c.byITT[t.s.ITT] != cmd:
		w.Fatalf("%v: %v is executed, and never arrived here", c, cmd)
	case cmd.executed != nil:
		w.Fatalf("%v: %v is executed a second time", c, cmd)
	case cmd.dead || cmd.cleared || cmd.answered || c.ended:
		w.Fatalf("%v: %v is executed after its end: dead %v cleared %v answered %v connection ended %v", c, cmd, cmd.dead, cmd.cleared, cmd.answered, c.ended)
	case c.nx == nil:
		w.Fatalf("%v: %v is executed before SessionUp", c, cmd)
	}
	cmd.executed = c
	w.order = append(w.order, cmd)
	if cmd.kind == mcWrite && (!bytes.Equal(t.s.Out, cmd.data()) || int(t.s.Received) != len(t.s.Out)) {
		w.Fatalf("%v: %v is executed with %d bytes that are not what was sent", c, cmd, t.s.Received)
	}
	if t.s.Immediate {
		return
	}
	if exp := c.s.sess.window.ExpCmdSN(); !pdu.SNLess(t.s.CmdSN, exp) {
		w.Fatalf("%v: %v is executed, and ExpCmdSN is %d", c, cmd, exp)
	}
	if !cmd.prompt || t.phase == mcWaiting {
		return
	}
	// "commands are delivered ... in the order of CmdSN" (4.2.2.1): what waits for nothing is executed so as well.
	if last, ok := c.lastSN[cmd.lun]; ok && !pdu.SNLess(last, t.s.CmdSN) {
		w.Fatalf("%v: %v is executed after CmdSN %d", c, cmd, last)
	}
	c.lastSN[cmd.lun] = t.s.CmdSN
}

// staged is a PDU that the host took for sending.
func (c *mcTarget) staged(h *pdu.BHS, ev *Event) {
	w, op := c.w, h.Opcode()
	w.logf("%v: sends %v ITT %#x StatSN %d window %d..%d data %d", c, op, h.ITT(), (*pdu.DataIn)(h).StatSN(), (*pdu.DataIn)(h).ExpCmdSN(), (*pdu.DataIn)(h).MaxCmdSN(), len(ev.Data))
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
func (c *mcTarget) serials(h *pdu.BHS) {
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
	if c.told && c.s.fullFeature() && (pdu.SNLess(exp, c.exp) || pdu.SNLess(maxSN, c.max)) {
		w.Fatalf("%v: %v: the window goes back from %d..%d to %d..%d", c, op, c.exp, c.max, exp, maxSN)
	}
	c.exp, c.max, c.told = exp, maxSN, true
	if !c.s.fullFeature() {
		return
	}
	n := w.nexus(c.s.sess)
	if size := len(n.s.window.slots); maxSN-exp+1 > uint32(size) {
		w.Fatalf("%v: %v: window %d..%d of a size of %d", c, op, exp, maxSN, size)
	}
	if pdu.SNLess(n.next, exp) {
		w.Fatalf("%v: %v: ExpCmdSN is %d, and %d has neither arrived nor been aborted", c, op, exp, n.next)
	}
}

// answers is a PDU of a command's answer.
func (c *mcTarget) answers(h *pdu.BHS) {
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
	if cmd.tc == nil {
		cmd.tc = c
	}
	c.passesFence(cmd)
	switch {
	case status == statusGood && cmd.completed && cmd.applied:
	case status == statusTaskSetFull && cmd.refused:
	default:
		w.Fatalf("%v: status %#x of %v: completed %v applied %v refused %v", c, status, cmd, cmd.completed, cmd.applied, cmd.refused)
	}
}

// once finds the request that a PDU without a command answers, which it may do once.
func (c *mcTarget) once(h *pdu.BHS) *mcCmd {
	cmd := c.w.ctl[h.ITT()]
	switch {
	case cmd == nil:
		c.w.Fatalf("%v: %v for ITT %#x, which nobody asked for", c, h.Opcode(), h.ITT())
	case cmd.answered && !cmd.rejected:
		c.w.Fatalf("%v: %v answers %v a second time", c, h.Opcode(), cmd)
	case cmd.conn.sock.target != c:
		c.w.Fatalf("%v: %v answers %v, which was sent on %v", c, h.Opcode(), cmd, cmd.conn.sock.target)
	}
	cmd.answered, cmd.rejected = true, false // a copy of what was rejected may arrive
	return cmd
}

// managed is a task-management function's response: what it affected has come to its end (RFC 7143, 4.2.3.3).
func (c *mcTarget) managed(m *mcCmd, resp pdu.TaskResponse) {
	w := c.w
	w.logf("%v: function %v of %v is answered %d", c, (*pdu.TaskManagementRequest)(&m.h).Function(), m, resp)
	if r := m.target; r != nil && r.completed && c.s.sess.fences() {
		// Its answer may wait behind a fence.
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
	if m.target == nil && c.s.sess.fences() {
		m.stat = c.statSN - 1
		c.fences(m)
	}
}

// fences checks the fence before a response, and keeps it for those that follow: all that was sent on other connections is
// acknowledged, and nothing follows there until the response itself is (4.2.2.3.3). Immediate commands are left out: whether
// they came before or after the function only the target knows.
func (c *mcTarget) fences(m *mcCmd) {
	for _, r := range c.w.cmds {
		o := r.tc
		if r.answered && m.spans(r) && !r.h.Immediate() && !r.taskless && o != nil && o != c && o.upAt < m.issued && !o.s.end.deaf && !pdu.SNLess(r.stat, o.s.sn.expStatSN) {
			c.w.Fatalf("%v: %v is answered, and %v, which %v has answered before, is not acknowledged", c, m, r, o)
		}
	}
	n := c.w.nexus(c.s.sess)
	n.fences = append(n.fences, mcFence{c, m})
}

// mcFence is a function's response until it is acknowledged.
type mcFence struct {
	c *mcTarget
	m *mcCmd
}

// passesFence checks that no status passes a fence, on connections that were there when the function came.
func (c *mcTarget) passesFence(cmd *mcCmd) {
	n := c.w.nexus(c.s.sess)
	n.fences = slices.DeleteFunc(n.fences, func(f mcFence) bool {
		return f.c.s.end.deaf || pdu.SNLess(f.m.stat, f.c.s.sn.expStatSN)
	})
	for _, f := range n.fences {
		if f.c != c && c.upAt < f.m.issued && f.m.spans(cmd) && !cmd.h.Immediate() && !cmd.taskless {
			c.w.Fatalf("%v: status of %v, and the response of %v on %v is not acknowledged", c, cmd, f.m, f.c)
		}
	}
}

// covers says that function m affects r: in its task set and before it in CmdSN order (11.5.1). Of immediate commands only
// the target knows which came before.
func (m *mcCmd) covers(r *mcCmd) bool {
	return m.spans(r) && (m.target != nil || !r.h.Immediate() && pdu.SNLess(r.sn(), m.sn()))
}

// spans says that r is of those that function m is about.
func (m *mcCmd) spans(r *mcCmd) bool {
	if m.kind != mcManage || m.conn.sess != r.conn.sess || !r.scsi() {
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

// doomed says that a function other than but has taken r, or is about to.
func (w *mcWorld) doomed(r, but *mcCmd) bool {
	for _, m := range w.ctl {
		if m != but && m.spans(r) && (m.covers(r) || r.h.Immediate()) {
			return true
		}
	}
	return false
}

// arrivedBefore says that r was sent before m on the same connection, and is no resent one.
func (r *mcCmd) arrivedBefore(m *mcCmd) bool {
	return r.conn == m.conn && r.issued < m.issued && !r.roaming
}

// loggedIn is a login's last response: what it replaces has come to its end (6.3.4, 6.3.5).
func (c *mcTarget) loggedIn() {
	s := c.s.sess
	c.upAt = c.w.step
	if n := c.w.nexus(s); n.downs > 0 {
		c.w.Fatalf("%v: joins session %d, which is down", c, s.TSIH)
	}
	for _, o := range c.w.targets {
		if o == c || o.s.sess == nil {
			continue
		}
		if o.s.sess == s && o.s.CID() == c.s.CID() || o.s.sess != s && o.s.sess.nexus() == s.nexus() {
			if !o.toldGone {
				c.w.Fatalf("%v: the login is answered before %v, which it replaces, is closed", c, o)
			}
			o.end(true)
		}
	}
	for _, o := range c.w.nexuses {
		if o.s != s && o.s.nexus() == s.nexus() && o.downs == 0 && o.ups > 0 {
			c.w.Fatalf("%v: session %d is up beside %d of the same nexus", c, s.TSIH, o.s.TSIH)
		}
	}
}

// loggedOut is a Logout Response (11.15).
func (c *mcTarget) loggedOut(m *mcCmd, code pdu.LogoutResponseCode) {
	if code != pdu.LogoutResponseSuccess {
		return
	}
	l := (*pdu.LogoutRequest)(&m.h)
	for _, o := range c.w.targets {
		switch {
		case o.s.sess != c.s.sess:
		case l.Reason() == pdu.LogoutCloseSession:
			o.end(o == c)
		case o.s.CID() == l.CID() && o != c && !o.toldGone && o.s.fullFeature():
			// A connection with that CID that joined meanwhile is not meant; it would not have the tasks.
			if o.before(m) {
				c.w.Fatalf("%v: %v is answered before %v is closed", c, m, o)
			}
		case o.s.CID() == l.CID() && (o == c || o.toldGone):
			o.end(true)
		}
	}
}

// before says that a connection was in full feature phase when m was made.
func (c *mcTarget) before(m *mcCmd) bool { return c.upAt != 0 && c.upAt < m.issued }

// end says that nothing of a connection may be executed any more; with whole, that nothing of it may be answered.
func (c *mcTarget) end(whole bool) {
	c.ended = true
	for _, t := range c.tasks {
		if t.phase == mcRunning && !t.gone {
			c.w.Fatalf("%v: its end is reported while the backend has %v", c, t.cmd)
		}
	}
	if !whole {
		return
	}
	for _, cmd := range c.byITT {
		if cmd.tc == c && !cmd.answered && !cmd.roaming {
			cmd.dead = true
		}
	}
}

// check is what holds after every step.
func (w *mcWorld) check() {
	for _, n := range w.nexuses {
		if n.downs > 0 {
			continue
		}
		win := &n.s.window
		exp, maxSN := win.ExpCmdSN(), win.MaxCmdSN()
		if pdu.SNLess(exp, n.exp) || pdu.SNLess(maxSN, n.max) {
			w.Fatalf("session %d: the window went back from %d..%d to %d..%d", n.s.TSIH, n.exp, n.max, exp, maxSN)
		}
		n.exp, n.max = exp, maxSN
		// Every request that was delivered and is not answered holds one place of the window, no more and no less.
		open := int32(maxSN - exp + 1)
		held := int32(0)
		for _, c := range w.targets {
			if c.s.sess != n.s {
				continue
			}
			for _, t := range c.tasks {
				if t.s.st.credit && pdu.SNLess(t.s.CmdSN, exp) {
					held++
				}
			}
		}
		if size := int32(uint32(win.size.Load())); open < 0 || open+held != size {
			w.Fatalf("session %d: window %d..%d and %d requests that hold a place make %d; its size is %d", n.s.TSIH, exp, maxSN, held, open+held, size)
		}
	}
}

// quiet is what holds when every loop sleeps: nothing was handed to anybody that nobody looks at, and the initiator knows that
// the window is open. (Sooner or later a NOP-In would wake everybody; a command is not to wait for that.)
func (w *mcWorld) quiet(ss *mcSession) {
	for _, c := range w.targets {
		switch h := c.s.in.head.Load(); {
		case h != nil && h != shut:
			w.Fatalf("%v: CmdSN %d was handed to it, and its loop sleeps", c, h.CmdSN)
		case c.s.watching && c.s.stirred.Load():
			w.Fatalf("%v: waits for ExpCmdSN, which has moved, and its loop sleeps", c)
		case c.s.redeliver:
			w.Fatalf("%v: owes the window a delivery, and its loop sleeps", c)
		}
	}
	if ss == nil || !ss.up || ss.over {
		return
	}
	some := false
	for _, c := range w.targets {
		if !c.s.fullFeature() || c.s.sess.TSIH != ss.tsih {
			continue
		}
		if len(c.tasks) > 0 || c.s.end.deaf || c.batch != nil || len(c.sock.down) > 0 || c.sock.silent || c.sock.reset {
			return // the news is under way, or comes with an answer, or when the connection has left
		}
		win := &c.s.sess.window
		some = some || pdu.SNLess(ss.max, win.ExpCmdSN()) && !pdu.SNLess(win.MaxCmdSN(), win.ExpCmdSN())
	}
	if some {
		w.Fatalf("the window is open, and the initiator knows nothing beyond %d", ss.max)
	}
}
