package astarget

import (
	"fmt"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// takeNOP judges a NOP-Out and answers a ping (RFC 7143, 11.18).
func (c *conn) takeNOP(k *task, r *received) {
	q := (*pdu.NOPOut)(r.h)
	if k.itt == pdu.ReservedTag {
		c.want(q.Immediate(), "11.18.1/4", "a NOP-Out with ITT 0xffffffff and without the I bit")
		if q.TTT() == pdu.ReservedTag && c.bare > 0 {
			c.bare--
			c.broke("11.18/3", "a NOP-In without a Target Transfer Tag is answered")
		}
	}
	if q.TTT() != pdu.ReservedTag {
		lun, asked := c.pings[q.TTT()]
		c.want(asked, "11.18/2", "Target Transfer Tag 0x%x of no NOP-In that waits", q.TTT())
		if asked {
			c.want(q.LUN() == lun, "11.18.2/3", "LUN %x where the NOP-In has %x", q.LUN(), lun)
			delete(c.pings, q.TTT())
		}
	}
	data := r.data
	k.do = func() {
		if k.itt == pdu.ReservedTag {
			return
		}
		var h pdu.BHS
		h.Init(pdu.OpNOPIn)
		n := (*pdu.NOPIn)(&h)
		n.SetITT(k.itt)
		n.SetTTT(pdu.ReservedTag)
		c.s.advance()
		c.send(&h, data[:min(len(data), c.sendMax)], true)
	}
}

// takeManagement judges a task management request (RFC 7143, 11.5).
func (c *conn) takeManagement(k *task, r *received) {
	q := (*pdu.TaskManagementRequest)(r.h)
	c.want(len(r.data) == 0 && len(r.ahs) == 0, "11.5.2/1", "%d bytes of data, %d of additional headers", len(r.data), len(r.ahs))
	f := q.Function()
	old := c.s.tasks[q.ReferencedTaskTag()]
	if f == pdu.TMFAbortTask || f == pdu.TMFQueryTask {
		if old != nil && old.immediate {
			c.want(q.RefCmdSN() == q.CmdSN(), "11.5.1/7", "RefCmdSN %d, CmdSN %d for an immediate command", q.RefCmdSN(), q.CmdSN())
		} else if old != nil {
			c.want(q.RefCmdSN() == old.cmdSN, "11.5.1/8", "RefCmdSN %d of a task with CmdSN %d", q.RefCmdSN(), old.cmdSN)
		}
		if old != nil {
			c.want(old.c == c, "11.5.1/9", "ABORT TASK of a task of connection %d", old.c.n)
		}
	} else if f != pdu.TMFTaskReassign {
		c.want(q.ReferencedTaskTag() == pdu.ReservedTag, "11.5.4/1", "Referenced Task Tag 0x%x with function %d", q.ReferencedTaskTag(), f)
	}
	if !c.tag(k, pdu.OpTaskManagementRequest) {
		return
	}
	ref := q.ReferencedTaskTag()
	k.do = func() { c.manage(k, f, ref) }
}

func (c *conn) manage(k *task, f pdu.TaskFunction, ref uint32) {
	response := pdu.TMFResponseComplete
	switch f {
	case pdu.TMFAbortTask:
		response = pdu.TMFResponseTaskDoesNotExist
		if old := c.s.tasks[ref]; old != nil && old.scsi {
			response = pdu.TMFResponseComplete
			old.drop()
		}
	case pdu.TMFAbortTaskSet, pdu.TMFClearTaskSet, pdu.TMFLogicalUnitReset, pdu.TMFTargetWarmReset, pdu.TMFITNexusReset:
		for _, old := range c.s.tasks {
			if old.scsi && (old.turn || pdu.SNLess(old.cmdSN, k.cmdSN)) {
				old.drop()
				old.do = func() {}
			}
		}
	case pdu.TMFTaskReassign:
		response = pdu.TMFResponseReassignNotSupported
	default:
		response = pdu.TMFResponseFunctionNotSupported
	}
	var h pdu.BHS
	h.Init(pdu.OpTaskManagementResponse)
	m := (*pdu.TaskManagementResponse)(&h)
	m.SetITT(k.itt)
	m.SetResponse(response)
	k.close()
	c.send(&h, nil, true)
}

// textState is a text response that goes on in further ones.
type textState struct {
	itt, ttt  uint32
	immediate bool
	rest      []byte
}

// takeText judges a text request and answers it (RFC 7143, 11.10).
func (c *conn) takeText(k *task, r *received) {
	q := (*pdu.TextRequest)(r.h)
	c.want(!(q.Continue() && q.Final()), "6.2/1", "a text request with the C and the F bit")
	c.want(k.itt != pdu.ReservedTag, "11.2.1.8/2", "a text request with ITT 0xffffffff")
	if t := c.text; t != nil {
		c.want(q.TTT() == t.ttt && q.LUN() == 0, "11.11.4/3", "Target Transfer Tag 0x%x, LUN %x where the response has 0x%x, 0", q.TTT(), q.LUN(), t.ttt)
		if q.TTT() == t.ttt {
			c.want(k.itt == t.itt, "11.10.3/1", "ITT 0x%x after 0x%x", k.itt, t.itt)
			c.want(q.Immediate() == t.immediate, "11.10.3/2", "the I bit changes within the sequence")
			c.want(len(r.data) == 0, "6.2/3", "%d bytes after a response with the C bit", len(r.data))
		}
		c.text = nil
		k.do = func() { c.answerText(k, t.rest, false) }
		return
	}
	if q.Continue() {
		// Nothing that this target understands is so long: it declines.
		k.do = func() { c.reject(pdu.RejectCommandNotSupported, r.h) }
		return
	}
	answer, reason := c.textKeys(r.data)
	k.do = func() {
		if reason != 0 {
			c.reject(reason, r.h)
			return
		}
		c.answerText(k, answer, c.t.plan.text(len(answer)))
	}
}

// textKeys answers the keys of a text request.
func (c *conn) textKeys(data []byte) (answer []byte, reason pdu.RejectReason) {
	pairs, err := c.pairs(data)
	if err != nil {
		return nil, pdu.RejectInvalidPDUField
	}
	for _, kv := range pairs {
		k := findKey(kv.Key)
		if c.s.discovery {
			c.want(kv.Key == "SendTargets", "4.3/2", "%s in a discovery session", kv.Key)
		}
		switch {
		case k == nil:
			answer = pdu.AppendText(answer, kv.Key, "NotUnderstood")
			continue
		case k.in&fullFeature == 0:
			c.broke("6.3/0", "%s in full feature phase", kv.Key)
			return nil, pdu.RejectProtocolError
		}
		c.kept("6.3/0")
		if ok := k.judge(kv.Value); !ok {
			c.broke("6.2.2/2", "%s=%.60q", kv.Key, kv.Value)
			return nil, pdu.RejectProtocolError
		}
		switch kv.Key {
		case "SendTargets":
			answer = pdu.AppendText(answer, "TargetName", c.t.cfg.Name)
			answer = pdu.AppendText(answer, "TargetAddress", c.local+",1")
		case "MaxRecvDataSegmentLength":
			n, _ := pdu.ParseNumber(kv.Value, 512, pdu.MaxDataLen) // it was judged
			c.sendMax = int(n)
		}
	}
	if len(answer) > min(c.sendMax, maxText) {
		return nil, pdu.RejectLongOperation
	}
	return answer, 0
}

// answerText sends a text response, or the first half of one with the C bit.
func (c *conn) answerText(k *task, answer []byte, half bool) {
	var h pdu.BHS
	h.Init(pdu.OpTextResponse)
	r := (*pdu.TextResponse)(&h)
	r.SetITT(k.itt)
	r.SetTTT(pdu.ReservedTag)
	r.SetFinal(true)
	if half {
		n := len(answer) / 2
		c.text = &textState{itt: k.itt, ttt: c.s.ttt(), immediate: k.immediate, rest: answer[n:]}
		answer = answer[:n]
		r.SetTTT(c.text.ttt)
		r.SetFinal(false)
		r.SetContinue(true)
		c.continues(pdu.OpTextRequest)
	}
	c.s.advance()
	c.send(&h, answer, true)
}

// takeLogout judges a logout request and carries it out (RFC 7143, 11.14).
func (c *conn) takeLogout(k *task, r *received) {
	q := (*pdu.LogoutRequest)(r.h)
	c.want(len(r.data) == 0 && len(r.ahs) == 0, "11.14.2/1", "%d bytes of data, %d of additional headers", len(r.data), len(r.ahs))
	c.want(q.Reason() <= pdu.LogoutCloseConnection, "11.14.1/0", "reason %d at ErrorRecoveryLevel 0", q.Reason())
	c.want(k.itt != pdu.ReservedTag, "11.2.1.8/2", "a logout request with ITT 0xffffffff")
	reason, cid := q.Reason(), q.CID()
	if reason == pdu.LogoutCloseSession || reason == pdu.LogoutCloseConnection && cid == c.cid {
		c.logout = true
		c.s.closed = reason == pdu.LogoutCloseSession
	}
	k.do = func() { c.logOut(k, reason, cid) }
}

func (c *conn) logOut(k *task, reason pdu.LogoutReason, cid uint16) {
	response := pdu.LogoutResponseSuccess
	other := c.s.conns[cid]
	switch {
	case reason > pdu.LogoutCloseConnection:
		response = pdu.LogoutResponseRecoveryNotSupported
	case reason == pdu.LogoutCloseConnection && other == nil:
		response = pdu.LogoutResponseCIDNotFound
	case reason == pdu.LogoutCloseConnection && other != c:
		other.end("another connection logged it out")
	}
	var h pdu.BHS
	h.Init(pdu.OpLogoutResponse)
	r := (*pdu.LogoutResponse)(&h)
	r.SetITT(k.itt)
	r.SetResponse(response)
	c.s.advance()
	c.send(&h, nil, true)
	if !c.logout {
		return
	}
	c.t.say(fmt.Sprintf("connection %d: logged out", c.n))
	c.phase = loggedOut
	c.finish("11.14/5")
}

// ask sends an Asynchronous Message (RFC 7143, 11.9).
func (c *conn) ask(event pdu.AsyncEvent, within time.Duration) {
	var h pdu.BHS
	h.Init(pdu.OpAsyncMessage)
	a := (*pdu.AsyncMessage)(&h)
	a.SetAsyncEvent(event)
	a.SetParameter3(uint16(within / time.Second))
	c.send(&h, nil, true)
}

// ping sends a NOP-In of this target's own. Without a tag no answer is due.
func (c *conn) ping(ttt uint32, lun uint64) {
	var h pdu.BHS
	h.Init(pdu.OpNOPIn)
	n := (*pdu.NOPIn)(&h)
	n.SetITT(pdu.ReservedTag)
	n.SetTTT(ttt)
	n.SetLUN(lun)
	c.send(&h, nil, false)
}
