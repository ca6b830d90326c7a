package astarget

import (
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// over ends a scenario of the session.
func (s *session) over() {
	if s.playing == closedWindow && s.shut {
		s.t.plan.again(s.playing) // the initiator left before it was closed
	} else if s.playing != "" {
		s.t.plan.done(s.playing)
	}
	s.playing = ""
}

// survives ends the scenario, and notes that the initiator went on when it acknowledges the status of what was sent up to now.
func (c *conn) survives(id string) {
	last := c.statSN
	c.expect(&expectation{
		within: patience,
		met: func(r *received) bool {
			if pdu.SNLess((*pdu.SCSICommand)(r.h).ExpStatSN(), last) {
				return false
			}
			c.kept(id)
			c.s.over()
			return true
		},
		late:   func() { c.s.over() }, // it was idle, and that says nothing
		closed: func() { c.broke(id, "the connection is closed") },
	})
}

func playPing(c *conn, k *task) {
	k.proceed()
	ttt := c.s.ttt()
	c.pings[ttt] = 0
	c.bare = 1
	c.ping(pdu.ReservedTag, 0)
	c.ping(ttt, 0)
	c.expect(&expectation{
		within: patience,
		met: func(r *received) bool {
			if r.h.Opcode() != pdu.OpNOPOut || (*pdu.NOPOut)(r.h).TTT() != ttt {
				return false
			}
			c.kept("11.18/1")
			if c.bare > 0 {
				c.bare = 0
				c.kept("11.18/3") // an answer to the one before it would have come first
			}
			c.s.over()
			return true
		},
		late: func() {
			c.broke("11.18/1", "no NOP-Out within %v", patience)
			c.s.over()
		},
	})
}

// playWindow leaves MaxCmdSN where it is until the window is closed, and opens it again after a while.
func playWindow(c *conn, k *task) {
	s := c.s
	s.shut = true
	k.proceed()
	var look func()
	look = func() {
		switch {
		case s.t.sessions[s.tsih] != s || s.playing != closedWindow:
			s.shut = false
			return
		case s.exp != s.max+1:
			// The initiator has not used the window up yet. It may never.
			c.t.clock.after(closedFor, look)
			return
		}
		if s.t.judge.of("4.2.2.1/0a").broke == 0 {
			c.kept("4.2.2.1/0a")
		}
		s.shut = false
		s.max = s.exp + window - 1
		s.over()
		for _, o := range s.conns {
			if o.phase == full {
				o.ping(pdu.ReservedTag, 0)
			}
		}
	}
	c.t.clock.after(closedFor, look)
}

func playSeparate(c *conn, k *task) {
	k.sendData(c.t.disk.read(k.op.at, int(k.op.out)), maxBurst, false)
	c.s.over()
}

func playStatusInData(c *conn, k *task) {
	k.sendData(c.t.disk.read(k.op.at, int(k.op.out)), maxBurst, true)
	c.survives("11.7/1")
}

// playSequences ends a sequence after each block, and begins with a Data-In that has no data.
func playSequences(c *conn, k *task) {
	k.sendData(c.t.disk.read(k.op.at, int(k.op.out)), blockLen, true)
	c.survives("11.7.7/1")
}

func playPieces(c *conn, k *task) {
	k.piece = max(pieceLen, (k.need-k.got)/3|1)
	k.proceed()
	c.s.over()
}

func playBack(c *conn, k *task) {
	k.piece, k.back = max(pieceLen, (k.need-k.got)/3|1), true
	k.proceed()
	c.s.over()
}

func playStatus(id string, status byte) func(c *conn, k *task) {
	return func(c *conn, k *task) {
		k.respond(status, nil)
		c.survives(id)
	}
}

func playAttention(c *conn, k *task) {
	k.op = failure(0x6, 0x29, 0x00) // POWER ON, RESET, OR BUS DEVICE RESET OCCURRED
	k.finish()
	c.survives("11.4.2/0b")
}

// playResidual returns all but the last block.
func playResidual(c *conn, k *task) {
	k.sendData(c.t.disk.read(k.op.at, int(k.op.out)-blockLen), maxBurst, false)
	c.survives("11.4.5/0")
}

func playNegotiation(c *conn, k *task) {
	k.proceed()
	c.ask(pdu.AsyncEventNegotiationRequest, patience)
	c.expect(&expectation{
		within: patience,
		met: func(r *received) bool {
			op := r.h.Opcode()
			if op != pdu.OpTextRequest && op != pdu.OpLogoutRequest {
				return false
			}
			c.kept("11.9.1/5")
			c.s.over()
			return true
		},
		late: func() {
			c.broke("11.9.1/5", "neither a text request nor a logout within %v", patience)
			c.s.over()
		},
	})
}

func playLogout(c *conn, k *task) {
	k.proceed()
	c.ask(pdu.AsyncEventLogoutRequest, logoutWithin*time.Second)
	asked, late := c.statSN, 0
	c.expect(&expectation{
		within: logoutWithin * time.Second,
		met: func(r *received) bool {
			cmd := (*pdu.SCSICommand)(r.h)
			if r.h.Opcode() == pdu.OpSCSICommand && pdu.SNLessEq(asked, cmd.ExpStatSN()) {
				late++ // the request was acknowledged before it
			}
			if r.h.Opcode() != pdu.OpLogoutRequest {
				return false
			}
			c.kept("11.9.1/2")
			c.want(late == 0, "11.9.1/4", "%d new commands after the request to log out was acknowledged", late)
			reason := (*pdu.LogoutRequest)(r.h).Reason()
			c.want(reason <= pdu.LogoutCloseConnection, "11.9.1/3", "a logout with reason %d", reason)
			c.s.over()
			return true
		},
		late: func() {
			c.broke("11.9.1/2", "no logout within %d s", logoutWithin)
			c.s.over()
		},
		closed: func() { c.broke("11.9.1/2", "the connection is closed without a logout") },
	})
}

// playReject rejects a command, so that its CmdSN counts as not received (RFC 7143, 7.3).
func playReject(c *conn, k *task) {
	s := c.s
	s.exp, s.gap = k.cmdSN, true
	k.drop()
	var h pdu.BHS
	h.Init(pdu.OpSCSICommand)
	q := (*pdu.SCSICommand)(&h)
	q.SetFinal(true)
	q.SetITT(k.itt)
	q.SetCmdSN(k.cmdSN)
	c.reject(pdu.RejectCommandNotSupported, &h)
	c.expect(&expectation{
		within: patience,
		met: func(r *received) bool {
			again := !r.h.Immediate() && r.h.Opcode() != pdu.OpDataOut && (*pdu.SCSICommand)(r.h).CmdSN() == k.cmdSN
			m := (*pdu.TaskManagementRequest)(r.h)
			aborted := r.h.Opcode() == pdu.OpTaskManagementRequest && m.RefCmdSN() == k.cmdSN
			if aborted {
				s.exp++ // the abort plugs the gap (RFC 7143, 7.11)
				s.gap = false
			}
			if again || aborted || r.h.Opcode() == pdu.OpLogoutRequest {
				c.kept("7.3/3")
				s.over()
				return true
			}
			return false
		},
		late: func() {
			c.broke("7.3/3", "CmdSN %d is missing for %v, and the session goes on", k.cmdSN, patience)
			c.end("the window cannot move")
		},
		closed: func() { c.kept("7.3/3") },
	})
}

// playDigest damages a Data-In, and holds the status back until the initiator does something about it.
func playDigest(c *conn, k *task) {
	data := c.t.disk.read(k.op.at, min(int(k.op.out), c.sendMax))
	c.sendDamaged(k.dataIn(0, 0, int(k.op.out) <= len(data)).BHS(), data, false, damagedData)
	c.expect(&expectation{
		within: patience,
		met: func(r *received) bool {
			op := r.h.Opcode()
			if op != pdu.OpTaskManagementRequest && op != pdu.OpLogoutRequest && op != pdu.OpSNACKRequest {
				return false
			}
			c.kept("7.8/6")
			c.s.over()
			return true
		},
		late: func() {
			c.broke("7.8/6", "nothing comes within %v of a damaged Data-In", patience)
			k.respond(statusBusy, nil)
			c.s.over()
		},
		closed: func() { c.kept("7.8/6") },
	})
}

// playCut asks for data and ends the connection when the first of them come.
func playCut(c *conn, k *task) {
	s := c.s
	k.piece = 0
	k.proceed()
	c.expect(&expectation{
		within: patience,
		met: func(r *received) bool {
			if r.h.Opcode() != pdu.OpDataOut {
				return false
			}
			c.t.cut[s.nexus] = cut{c.t.clock.now(), time.Duration(s.p.time2Wait) * time.Second}
			s.over()
			for _, o := range s.conns {
				o.cutOff()
			}
			return true
		},
		late: func() { s.over() },
	})
}

// cutOff ends this end of the stream and waits for the other.
func (c *conn) cutOff() {
	s := c.s
	c.finish("7.1.4.3/1")
	c.phase = cutShort
	for itt, k := range s.tasks {
		if k.c == c {
			delete(s.tasks, itt)
		}
	}
}
