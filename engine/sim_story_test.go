package engine

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// The commands of a script.

func (s *scenario) do(w *words) {
	switch w.list[0] {
	case "conn":
		s.request(w, s.conn(w.list[1]), w.list[2:])
	case "join": // join cid=2 [as=NAME] [loop=1]
		cid := w.opt("cid", 0)
		name := w.opts["as"]
		if name == "" {
			name = strconv.Itoa(cid)
		}
		s.connect(name, uint16(cid), w.opt("loop", cid))
		s.conns[name].asked = true
	case "login": // login cid=1 as=NAME: a new session of the same initiator port
		s.open(w)
		s.connect(w.opts["as"], uint16(w.opt("cid", 1)), 0)
		s.conns[w.opts["as"]].asked = true
		s.settle()
		s.ready(s.conns[w.opts["as"]])
	case "ready": // ready NAME: clears the unit attentions of a connection's session
		s.ready(s.conn(w.list[1]))
	case "lose":
		s.conn(w.list[1]).sock.s.Reset()
	case "silence":
		s.conn(w.list[1]).sock.s.Silence()
	case "mute":
		s.conn(w.list[1]).mute = true
	case "backend":
		s.k.Hold(w.list[1] == "hold")
	case "helpers":
		s.busy = w.list[1] == "hold"
	case "memory":
		s.noMemory = w.list[1] == "none"
	case "time":
		d, err := time.ParseDuration(w.list[1])
		if err != nil {
			s.fail("%v", err)
		}
		s.pass(d)
	case "resize":
		n, _ := strconv.Atoi(w.list[1])
		s.nexuses[len(s.nexuses)-1].s.Resize(n)
	case "expect":
		s.expect(w, w.list[1:])
	default:
		s.fail("nobody knows that word")
	}
}

func (s *scenario) conn(name string) *simConn {
	c := s.conns[name]
	if c == nil {
		s.fail("there is no connection %s", name)
	}
	return c
}

func (s *scenario) cmd(name string) *simCmd {
	cmd := s.names[name]
	if cmd == nil {
		s.fail("there is no request %s", name)
	}
	return cmd
}

// make starts a request; cmdsn= sets its CmdSN.
func (s *scenario) make(w *words, c *simConn, kind simKind, op pdu.Opcode) *simCmd {
	s.itt++
	cmd := &simCmd{id: s.itt, kind: kind, conn: c, issued: s.step, lun: uint64(w.opt("lun", 0)), lba: w.opt("lba", 0), n: w.opt("blocks", 1)}
	next := c.sess.cmdSN
	cmd.h = c.header(op, s.itt, w.has("immediate"))
	if _, ok := w.opts["cmdsn"]; ok {
		sn := uint32(w.opt("cmdsn", 0))
		(*pdu.SCSICommand)(&cmd.h).SetCmdSN(sn)
		c.sess.cmdSN = next
		if !w.has("immediate") && !pdu.SNLess(sn, next) {
			c.sess.cmdSN = sn + 1
		}
	}
	if op != pdu.OpSCSICommand {
		s.ctl[s.itt] = cmd
	}
	if name := w.opts["as"]; name != "" {
		s.names[name] = cmd
	}
	return cmd
}

func (s *scenario) send(cmd *simCmd, data []byte) {
	cmd.conn.transmit(cmd.conn.stamped(cmd.conn.encode(&cmd.h, data)), cmd)
}

var functions = map[string]pdu.TaskFunction{
	"abort": pdu.TMFAbortTask, "abort-task-set": pdu.TMFAbortTaskSet, "clear-task-set": pdu.TMFClearTaskSet,
	"lun-reset": pdu.TMFLogicalUnitReset, "warm-reset": pdu.TMFTargetWarmReset, "cold-reset": pdu.TMFTargetColdReset,
}

// request: conn 1: WHAT ...
func (s *scenario) request(w *words, c *simConn, list []string) {
	switch what := list[0]; what {
	case "read", "write", "test":
		kind := simKind(slices.Index(simKinds[:], what))
		cmd := s.make(w, c, kind, pdu.OpSCSICommand)
		if kind == simTest {
			cmd.n = 0
		}
		cmd.fill()
		s.cmds[cmd.id] = cmd
		var data []byte
		if kind == simWrite && w.has("whole") {
			data = cmd.data()
			cmd.imm = len(data)
		}
		cmd.prompt = kind != simWrite || w.has("whole")
		s.send(cmd, data)
	case "ping":
		cmd := s.make(w, c, simPing, pdu.OpNOPOut)
		(*pdu.NOPOut)(&cmd.h).SetTTT(pdu.ReservedTag)
		s.send(cmd, nil)
	case "data": // data for NAME: the data that its R2T asked for
		s.data(s.cmd(list[2]), w)
	case "again": // again NAME: the same request a second time
		cmd := *s.cmd(list[1])
		c.transmit(c.stamped(c.encode(&cmd.h, cmd.data()[:cmd.imm])), s.cmd(list[1]))
	case "ack":
		s.ack(c, pdu.ReservedTag)
	case "logout": // logout cid=2, or logout session
		cmd := s.make(w, c, simLogout, pdu.OpLogoutRequest)
		h := (*pdu.LogoutRequest)(&cmd.h)
		h.SetReason(pdu.LogoutCloseConnection)
		if w.has("session") {
			h.SetReason(pdu.LogoutCloseSession)
		}
		h.SetCID(uint16(w.opt("cid", int(c.cid))))
		s.send(cmd, nil)
	default:
		f, ok := functions[what]
		if !ok {
			s.fail("nobody knows that request")
		}
		cmd := s.make(w, c, simManage, pdu.OpTaskManagementRequest)
		h := (*pdu.TaskManagementRequest)(&cmd.h)
		h.SetFunction(f)
		h.SetReferencedTaskTag(pdu.ReservedTag)
		if f == pdu.TMFAbortTask {
			cmd.target = s.cmd(list[1])
			cmd.lun = cmd.target.lun
			h.SetReferencedTaskTag(cmd.target.h.ITT())
			h.SetRefCmdSN(cmd.target.sn())
		}
		cmd.h.SetLUN(cmd.lun << 48)
		s.send(cmd, nil)
	}
}

// data sends the data that the R2T asked for, or with bytes=N its first N bytes.
func (s *scenario) data(cmd *simCmd, w *words) {
	r := cmd.r2t
	if r == nil {
		s.fail("no R2T came")
	}
	c, off := cmd.conn, int(r.BufferOffset())
	all := int(r.DesiredDataTransferLength())
	n := w.opt("bytes", all)
	var b pdu.BHS
	b.Init(pdu.OpDataOut)
	h := (*pdu.DataOut)(&b)
	h.SetFinal(n == all)
	h.SetLUN(cmd.lun << 48)
	h.SetITT(cmd.h.ITT())
	h.SetTTT(r.TTT())
	h.SetBufferOffset(uint32(off))
	c.transmit(c.stamped(c.encode(&b, cmd.data()[off:off+n])), cmd)
}

// expect: expect WHAT ...
func (s *scenario) expect(w *words, list []string) {
	s.settle()
	switch list[0] {
	case "conn":
		s.expectConn(w, s.conn(list[1]), list[2:])
	case "executed": // executed A B C: exactly these, in this order on each connection; or executed nothing
		s.expectExecuted(list[1:])
	case "window":
		win := s.nexuses[len(s.nexuses)-1].window()
		if got := strconv.Itoa(int(win.ExpCmdSN())) + ".." + strconv.Itoa(int(win.MaxCmdSN())); got != list[1] {
			s.fail("the window is %s", got)
		}
	case "session":
		n := s.nexuses[len(s.nexuses)-1]
		if up := slices.Contains(s.node.Sessions(), n.s); up != (list[1] == "up") {
			s.fail("it is not")
		}
	case "block": // block lba=3 of A
		if id := s.content(w.opt("lun", 0), w.opt("lba", 0)); id != s.cmd(list[2]).id {
			s.fail("it holds what command %d wrote", id)
		}
	case "tasks": // tasks 1 2: how many tasks each connection has
		for i, want := range list[1:] {
			if got := s.conn(strconv.Itoa(i + 1)).sock.target.tasks(); strconv.Itoa(got) != want {
				s.fail("conn %d has %d", i+1, got)
			}
		}
	default:
		s.fail("nobody knows what that is")
	}
}

// expectExecuted checks the commands executed since the last check. Commands of different connections are executed by
// different loops, in any order.
func (s *scenario) expectExecuted(want []string) {
	got := s.order[s.seen:]
	s.seen = len(s.order)
	if len(want) == 1 && want[0] == "nothing" {
		want = nil
	}
	ok := len(want) == len(got)
	last := map[*simTarget]int{}
	var names []string
	for _, cmd := range got {
		names = append(names, s.nameOf(cmd))
		at := slices.Index(want, s.nameOf(cmd))
		ok = ok && at >= last[cmd.executed]
		last[cmd.executed] = at
	}
	if !ok {
		s.fail("executed %v", names)
	}
}

func (s *scenario) nameOf(cmd *simCmd) string {
	for name, o := range s.names {
		if o == cmd {
			return name
		}
	}
	return cmd.String()
}

// next returns the next PDU of a connection.
func (s *scenario) next(c *simConn, op pdu.Opcode) wire {
	if len(c.got) == 0 {
		s.fail("nothing came (the connection: %v %s)", c.state, c.why)
	}
	x := c.got[0]
	c.got = c.got[1:]
	if x.h.Opcode() != op {
		s.fail("%v came", x)
	}
	return x
}

func (s *scenario) expectConn(w *words, c *simConn, list []string) {
	name := list[len(list)-1]
	isFor := func(x wire) *simCmd {
		cmd := s.cmd(name)
		if x.h.ITT() != cmd.h.ITT() {
			s.fail("%v came", x)
		}
		return cmd
	}
	switch list[0] {
	case "nothing":
		if len(c.got) > 0 {
			s.fail("%v came", c.got[0])
		}
	case "attention": // attention for A: its status is CHECK CONDITION with UNIT ATTENTION
		x := s.next(c, pdu.OpSCSIResponse)
		if isFor(x).response(c, x); !s.cmd(name).harmless {
			s.fail("status %#x", s.cmd(name).status)
		}
	case "good", "full": // good for A
		if cmd := s.cmd(name); cmd.kind == simRead && cmd.n > 0 {
			for done := false; !done; {
				x := s.next(c, pdu.OpDataIn)
				done = isFor(x).dataIn(c, x)
			}
			if len(cmd.got) != cmd.n*simBlockLen {
				s.fail("%d bytes came", len(cmd.got))
			}
			return
		}
		x := s.next(c, pdu.OpSCSIResponse)
		isFor(x)
		if status := (*pdu.SCSIResponse)(&x.h).Status(); (status == statusGood) != (list[0] == "good") {
			s.fail("status %#x", status)
		}
	case "r2t":
		x := s.next(c, pdu.OpR2T)
		h := x.h
		isFor(x).r2t = (*pdu.R2T)(&h)
	case "pong":
		isFor(s.next(c, pdu.OpNOPIn))
	case "complete", "no-task": // complete for T
		x := s.next(c, pdu.OpTaskManagementResponse)
		isFor(x)
		want := map[string]pdu.TaskResponse{"complete": pdu.TMFResponseComplete, "no-task": pdu.TMFResponseTaskDoesNotExist}[list[0]]
		if r := (*pdu.TaskManagementResponse)(&x.h).Response(); r != want {
			s.fail("response %d", r)
		}
	case "logout-ok", "no-cid": // logout-ok for L
		x := s.next(c, pdu.OpLogoutResponse)
		isFor(x)
		want := map[string]pdu.LogoutResponseCode{"logout-ok": pdu.LogoutResponseSuccess, "no-cid": pdu.LogoutResponseCIDNotFound}[list[0]]
		if r := (*pdu.LogoutResponse)(&x.h).Response(); r != want {
			s.fail("response %d", r)
		}
	case "login": // login ok, login 0x020a
		x := s.next(c, pdu.OpLoginResponse)
		status := (*pdu.LoginResponse)(&x.h).Status()
		want := uint64(0)
		if list[1] != "ok" {
			want, _ = strconv.ParseUint(strings.TrimPrefix(list[1], "0x"), 16, 16)
		}
		if uint64(status) != want {
			s.fail("status %#04x", uint16(status))
		}
	case "async": // async event=2 cid=3, async event=5 lun=0
		x := s.next(c, pdu.OpAsyncMessage)
		h := (*pdu.AsyncMessage)(&x.h)
		if int(h.AsyncEvent()) != w.opt("event", -1) || int(h.Parameter1()) != w.opt("cid", int(h.Parameter1())) || h.LUN() != uint64(w.opt("lun", 0))<<48 {
			s.fail("event %d, Parameter1 %d, LUN %d", h.AsyncEvent(), h.Parameter1(), h.LUN())
		}
	case "closed":
		if c.state != simLost && c.state != simGone {
			s.fail("it is not")
		}
	case "open":
		if c.state != simFull {
			s.fail("it is not: %s", c.why)
		}
	default:
		s.fail("nobody knows what that is")
	}
}
