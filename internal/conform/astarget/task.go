package astarget

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// task is a request under way.
type task struct {
	c         *conn
	itt       uint32
	cmdSN     uint32
	lun       uint64
	immediate bool
	do        func() // in its turn

	// Of a SCSI command.
	scsi   bool
	op     operation
	write  bool
	edtl   uint32
	need   uint32 // bytes of data that the command takes in
	got    uint32 // and those that it has, from offset 0
	asked  uint32 // R2Ts went out up to here
	turn   bool
	failed bool // a data digest was wrong
	unsol  *sequence
	r2ts   []*sequence // that wait for data
	r2tSN  uint32
	piece  uint32 // length of the R2Ts of a scenario; 0: as long as may be
	back   bool   // the last piece first
}

// sequence is Data-Out that is due: the unsolicited one, or what answers an R2T.
type sequence struct {
	ttt          uint32
	from, length uint32
	got          uint32
	pdus         uint32
}

// takeFull judges and answers a PDU in full feature phase.
func (c *conn) takeFull(r *received) {
	op := r.h.Opcode()
	c.want(op != pdu.OpLoginRequest, "4.2.4/4", "a login request in full feature phase")
	c.want(op != pdu.OpSNACKRequest, "11.16/0", "a SNACK")
	if op == pdu.OpLoginRequest {
		c.end("a login request in full feature phase")
		return
	}
	if op != pdu.OpDataOut {
		c.want(!c.logout, "11.14/1", "a %v after the logout request", op)
		if c.s.closed && !c.logout {
			c.broke("11.14/2", "a %v after a logout of the session on another connection", op)
		}
	}
	c.judgeStatSN(r.h)
	switch {
	case op == pdu.OpDataOut:
		c.takeDataOut(r)
		return
	case op == pdu.OpSNACKRequest, request(op) == nil:
		c.reject(pdu.RejectCommandNotSupported, r.h)
		return
	case r.badDat:
		c.reject(pdu.RejectDataDigestError, r.h)
		return
	}
	if c.s.discovery {
		fits := op == pdu.OpTextRequest || op == pdu.OpLogoutRequest
		c.want(fits, "4.3/2", "a %v in a discovery session", op)
		if !fits {
			c.reject(pdu.RejectCommandNotSupported, r.h)
			return
		}
	}
	k := &task{c: c, itt: r.h.ITT(), cmdSN: (*pdu.SCSICommand)(r.h).CmdSN(), lun: r.h.LUN(), immediate: r.h.Immediate()}
	if c.number(k) {
		request(op)(c, k, r)
		c.queue(k)
	}
}

// request is what begins a task for a kind of request, nil if there is none.
func request(op pdu.Opcode) func(c *conn, k *task, r *received) {
	switch op {
	case pdu.OpNOPOut:
		return (*conn).takeNOP
	case pdu.OpSCSICommand:
		return (*conn).takeCommand
	case pdu.OpTaskManagementRequest:
		return (*conn).takeManagement
	case pdu.OpTextRequest:
		return (*conn).takeText
	case pdu.OpLogoutRequest:
		return (*conn).takeLogout
	}
	return nil
}

// judgeStatSN judges ExpStatSN, which is at the same place in all PDUs of an initiator.
func (c *conn) judgeStatSN(h *pdu.BHS) {
	e := (*pdu.SCSICommand)(h).ExpStatSN()
	ok := pdu.SNLessEq(c.acked, e) && pdu.SNLessEq(e, c.statSN)
	c.want(ok, "11.3.3/0", "ExpStatSN %d in a %v, after %d, where the next StatSN is %d", e, h.Opcode(), c.acked, c.statSN)
	if !ok {
		return
	}
	if e != c.acked {
		c.kept("4.2.2.2/3")
	}
	c.acked = e
	if n := c.statSN - e; n == unacknowledged {
		c.broke("4.2.2.2/3", "%d responses are not acknowledged", n)
	}
}

// unacknowledged is how many responses an initiator leaves unacknowledged before it counts as a fault.
const unacknowledged = 1024

// number judges CmdSN and reports whether the request is taken.
func (c *conn) number(k *task) bool {
	s := c.s
	if k.immediate {
		if !s.many && !s.gap {
			c.want(k.cmdSN == c.next(), "4.2.2.1/1", "an immediate request with CmdSN %d where the next is %d", k.cmdSN, c.next())
		}
		if !s.many && !s.gap {
			c.cmdSN, c.any = k.cmdSN-1, true
		}
		c.urgent = true
		return len(s.tasks) < window+maxImmediate
	}
	if s.shut && !s.gap {
		shut := s.exp == s.max+1
		if shut {
			c.broke("4.2.2.1/0a", "a command with CmdSN %d where MaxCmdSN is %d", k.cmdSN, s.max)
		}
	}
	inside := pdu.SNLessEq(s.exp, k.cmdSN) && pdu.SNLessEq(k.cmdSN, s.max)
	c.want(inside, "4.2.2.1/0", "CmdSN %d where the window is %d to %d", k.cmdSN, s.exp, s.max)
	again := s.gap && k.cmdSN == s.exp
	switch {
	case again:
	case s.first && !s.many:
		c.want(k.cmdSN == s.initial, "11.12.8/0", "the first command has CmdSN %d, the login %d", k.cmdSN, s.initial)
	case !s.many:
		c.want(k.cmdSN == c.next(), map[bool]string{true: "4.2.2.1/2", false: "4.2.2.1/3"}[c.urgent], "CmdSN %d where %d is the next", k.cmdSN, c.next())
	default:
		c.want(!c.any || pdu.SNLess(c.cmdSN, k.cmdSN), "4.2.2.1/7", "CmdSN %d after %d on the connection", k.cmdSN, c.cmdSN)
	}
	if !again {
		c.cmdSN, c.any = k.cmdSN, true
	}
	s.first, c.urgent = false, false
	return inside && s.held[k.cmdSN] == nil
}

// next is the CmdSN that is due on the only connection of a session.
func (c *conn) next() uint32 {
	if !c.any {
		return c.s.initial
	}
	return c.cmdSN + 1
}

// queue lets a task run in its turn.
func (c *conn) queue(k *task) {
	s := c.s
	if k.do == nil {
		return // it was refused
	}
	if k.immediate {
		k.do()
		return
	}
	s.held[k.cmdSN] = k
	for s.held[s.exp] != nil {
		k := s.held[s.exp]
		delete(s.held, s.exp)
		s.exp++
		s.gap = false
		k.do()
	}
}

// tag judges an Initiator Task Tag and makes the task known by it.
func (c *conn) tag(k *task, op pdu.Opcode) bool {
	c.want(k.itt != pdu.ReservedTag, "11.2.1.8/2", "a %v with ITT 0xffffffff", op)
	old := c.s.tasks[k.itt]
	c.want(old == nil, "11.2.1.8/1", "a %v with ITT 0x%x, which a task has", op, k.itt)
	if old != nil || k.itt == pdu.ReservedTag {
		c.reject(pdu.RejectTaskInProgress, nil)
		c.s.gap = !k.immediate
		return false
	}
	c.s.tasks[k.itt] = k
	return true
}

// reject sends a Reject (RFC 7143, 11.17).
func (c *conn) reject(reason pdu.RejectReason, of *pdu.BHS) {
	var h pdu.BHS
	h.Init(pdu.OpReject)
	(*pdu.Reject)(&h).SetReason(reason)
	var data []byte
	if of != nil {
		data = of[:]
	}
	c.send(&h, data, true)
}

// drop forgets a task.
func (k *task) drop() {
	delete(k.c.s.tasks, k.itt)
	k.c.burst = slices.DeleteFunc(k.c.burst, func(o *task) bool { return o == k })
}
