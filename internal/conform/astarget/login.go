package astarget

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/ringtgt/ringtgt/pdu"
)

// loginState is what a login has come to.
type loginState struct {
	requests   int
	first      pdu.LoginRequest
	stage      pdu.Stage
	declared   bool              // MaxRecvDataSegmentLength was
	text       []byte            // of requests with the C bit
	names      map[string]string // keys that the initiator declared
	offered    map[string]string // keys that the initiator sent
	discovery  bool
	named      bool // TargetPortalGroupTag was sent
	cmdSN      uint32
	params     params
	digests    struct{ header, data bool }
	sendMax    int
	chap       chapState
	play       string // the scenario of this login
	probed     bool   // its key was sent, or its empty round was taken
	transitDue bool   // the next request should have the T bit
	probe      string // the key that waits for an answer
	split      []byte // the rest of a response with the C bit
	final      bool   // and whether the T bit goes with it
	next       pdu.Stage
}

func (l *loginState) nexus() nexus { return nexus{l.names["InitiatorName"], l.first.ISID()} }

// errLogin ends a login.
type errLogin struct {
	status pdu.LoginStatus
	why    string
}

func (e *errLogin) Error() string { return e.why }

func refuse(s pdu.LoginStatus, why string, args ...any) error {
	return &errLogin{s, fmt.Sprintf(why, args...)}
}

// takeLogin judges and answers a PDU in the login phase.
func (c *conn) takeLogin(r *received) {
	l := &c.login
	op := r.h.Opcode()
	if l.requests == 0 {
		c.want(op == pdu.OpLoginRequest, "4.2.4/3", "the first PDU is a %v", op)
		if op != pdu.OpLoginRequest {
			c.end("no login") // RFC 7143, 4.2.4: at once
			return
		}
	} else {
		c.want(op == pdu.OpLoginRequest, "4.2.4/2", "a %v during login", op)
	}
	q := (*pdu.LoginRequest)(r.h)
	if op != pdu.OpLoginRequest {
		c.refuseLogin(q, &errLogin{pdu.LoginInvalidDuringLogin, "no login request"})
		return
	}
	c.judgeLoginHeader(q)
	l.requests++
	err := c.loginStep(q, r.data)
	if e := new(errLogin); errors.As(err, &e) {
		c.refuseLogin(q, e)
	}
}

// judgeLoginHeader judges the fields of a login request.
func (c *conn) judgeLoginHeader(q *pdu.LoginRequest) {
	l := &c.login
	c.want(q.Immediate(), "11.12/0", "a login request without the I bit")
	c.want(!(q.Continue() && q.Transit()), "6.2/1", "a login request with the C and the T bit")
	c.want(q.ITT() != pdu.ReservedTag, "11.2.1.8/2", "a login request with ITT 0xffffffff")
	if l.requests == 0 {
		l.first, l.stage, l.cmdSN = *q, q.CSG(), q.CmdSN()
		l.names, l.offered, l.params, l.sendMax = map[string]string{}, map[string]string{}, defaults, loginDataSegment
		c.cid = q.CID()
		c.want(q.VersionMin() == 0 && q.VersionMax() == 0, "11.12.4/1", "Version-min %d, Version-max %d", q.VersionMin(), q.VersionMax())
		isid := q.ISID()
		c.want(isid[0]>>6 != 3, "11.12.5/0", "ISID %x", isid)
	} else {
		f := &l.first
		c.want(q.VersionMax() == f.VersionMax(), "11.12.4.1/1", "Version-max %d after %d", q.VersionMax(), f.VersionMax())
		c.want(q.VersionMin() == f.VersionMin(), "11.12.4.2/1", "Version-min %d after %d", q.VersionMin(), f.VersionMin())
		c.want(q.TSIH() == f.TSIH(), "11.12.6/3", "TSIH %d after %d", q.TSIH(), f.TSIH())
		c.want(q.CID() == f.CID(), "11.12.7/1", "CID %d after %d", q.CID(), f.CID())
		c.want(q.ITT() == f.ITT(), "6.3/0a", "ITT 0x%x after 0x%x", q.ITT(), f.ITT())
		if f.TSIH() == 0 {
			c.want(q.CmdSN() == f.CmdSN(), "11.12.8/0", "CmdSN %d after %d", q.CmdSN(), f.CmdSN())
		}
		c.want(q.ExpStatSN() == c.statSN, "11.12.9/0", "ExpStatSN %d where the next StatSN is %d", q.ExpStatSN(), c.statSN)
	}
	c.want(l.requests == 0 && q.CSG() <= 1 || q.CSG() == l.stage, "6.3/0b", "CSG %d in stage %d", q.CSG(), l.stage)
	if q.CSG() == pdu.StageSecurityNegotiation && l.stage != pdu.StageSecurityNegotiation {
		c.broke("6.3/5", "SecurityNegotiation after stage %d", l.stage)
	} else if q.CSG() == pdu.StageLoginOperationalNegotiation {
		c.kept("6.3/5")
	}
	if q.Transit() {
		c.want(q.NSG() > q.CSG() && q.NSG() != 2, "6.3/0b", "NSG %d after CSG %d", q.NSG(), q.CSG())
	}
}

// loginStep answers a login request, or says why it is refused.
func (c *conn) loginStep(q *pdu.LoginRequest, data []byte) error {
	l := &c.login
	if l.transitDue {
		c.want(q.Transit(), "6.3.3/2", "no T bit in the request after a response without it")
		l.transitDue = false
	}
	if l.split != nil {
		c.want(len(data) == 0, "6.2/3", "%d bytes after a response with the C bit", len(data))
		rest := l.split
		l.split = nil
		c.respond(q, rest, l.final, l.next)
		return nil
	}
	if q.CSG() != l.stage || q.Transit() && (q.NSG() <= q.CSG() || q.NSG() == 2) || q.VersionMin() > 0 || l.requests > 64 {
		return refuse(pdu.LoginInitiatorError, "CSG %d, NSG %d in stage %d", q.CSG(), q.NSG(), l.stage)
	}
	if len(l.text)+len(data) > maxText {
		return refuse(pdu.LoginInitiatorError, "more than %d bytes of text", maxText)
	}
	l.text = append(l.text, data...)
	if q.Continue() {
		c.respond(q, nil, false, 0)
		return nil
	}
	pairs, err := c.pairs(l.text)
	l.text = nil
	if err != nil {
		return refuse(pdu.LoginInitiatorError, "%v", err)
	}
	began := !l.named
	answer, err := c.negotiate(pairs)
	if err != nil {
		return err
	}
	if began {
		if err := c.admit(q); err != nil {
			return err
		}
		l.named = true
		if !l.discovery || l.names["TargetName"] != "" {
			answer = pdu.AppendText(answer, "TargetPortalGroupTag", "1")
		}
	}
	return c.conclude(q, answer)
}

// conclude sends the answer to a request, and moves to the next stage if both want to.
func (c *conn) conclude(q *pdu.LoginRequest, answer []byte) error {
	l := &c.login
	transit := q.Transit()
	if l.stage == pdu.StageSecurityNegotiation {
		if !l.chap.over(c.t.cfg.User != "") {
			transit = false
			if q.Transit() && l.chap.step == chapNone && c.t.cfg.User != "" {
				return refuse(pdu.LoginAuthenticationFailure, "no CHAP")
			}
		}
	} else if c.t.cfg.User != "" && !l.chap.proved && !l.discovery {
		return refuse(pdu.LoginAuthenticationFailure, "no CHAP")
	}
	if l.stage == pdu.StageLoginOperationalNegotiation && !l.declared {
		l.declared = true
		answer = pdu.AppendText(answer, "MaxRecvDataSegmentLength", strconv.Itoa(recvDataSegment))
	}
	if transit && l.stage == pdu.StageLoginOperationalNegotiation {
		var held bool
		if answer, held = c.playLogin(answer); held {
			transit = false
		}
	}
	if l.play == "response with the C bit" && !l.probed && transit && q.NSG() == pdu.StageFullFeaturePhase && len(answer) > 1 {
		l.probed, l.split, l.final, l.next = true, answer[len(answer)/2:], true, q.NSG()
		h := c.response(q, false, 0)
		h.SetContinue(true)
		c.continues(pdu.OpLoginRequest)
		c.send(h.BHS(), answer[:len(answer)/2], true)
		return nil
	}
	c.respond(q, answer, transit, q.NSG())
	return nil
}

// response is the header of a login response.
func (c *conn) response(q *pdu.LoginRequest, transit bool, next pdu.Stage) *pdu.LoginResponse {
	var h pdu.BHS
	h.Init(pdu.OpLoginResponse)
	r := (*pdu.LoginResponse)(&h)
	r.SetTransit(transit)
	r.SetCSG(q.CSG())
	if transit {
		r.SetNSG(next)
	}
	r.SetISID(q.ISID())
	r.SetTSIH(q.TSIH())
	r.SetITT(q.ITT())
	return r
}

// respond sends a login response, and enters full feature phase with the final one.
func (c *conn) respond(q *pdu.LoginRequest, answer []byte, transit bool, next pdu.Stage) {
	r := c.response(q, transit, next)
	if len(answer) > loginDataSegment {
		c.refuseLogin(q, &errLogin{pdu.LoginInitiatorError, "the answer is too long"})
		return
	}
	if !transit || next != pdu.StageFullFeaturePhase {
		if transit {
			c.login.stage = next
		}
		c.send(r.BHS(), answer, true)
		return
	}
	if c.login.play == "a target that cannot authenticate" && c.login.chap.wrong {
		// The initiator had the wrong proof before this: it should not have come so far.
		c.broke("12.1.3/6", "the login goes on after a wrong CHAP_R of the target's")
	}
	c.enter(q, r)
	c.send(r.BHS(), answer, true)
	c.phase = full
	c.digests.Header, c.digests.Data = c.login.digests.header, c.login.digests.data
	c.sendMax = c.login.sendMax
	c.t.say(fmt.Sprintf("connection %d: %s logged in, session %d, CID %d", c.n, c.s.nexus.name, c.s.tsih, c.cid))
	if c.login.probed {
		c.t.plan.done(c.login.play)
	} else {
		c.t.plan.again(c.login.play)
	}
}

// enter makes the session, or joins one.
func (c *conn) enter(q *pdu.LoginRequest, r *pdu.LoginResponse) {
	if s := c.t.sessions[q.TSIH()]; q.TSIH() != 0 && s != nil {
		c.s, s.many = s, true
		if old := s.conns[c.cid]; old != nil {
			old.end("its connection was reinstated")
		}
	} else {
		if !c.login.discovery {
			c.t.reinstated(c.login.nexus())
		}
		c.s = c.t.open(c)
	}
	c.t.sessions[c.s.tsih] = c.s // an old connection may have been the last
	c.s.conns[c.cid] = c
	r.SetTSIH(c.s.tsih)
}

// admit decides on the session that a login is for.
func (c *conn) admit(q *pdu.LoginRequest) error {
	l := &c.login
	name := l.names["InitiatorName"]
	l.discovery = l.names["SessionType"] == "Discovery"
	c.want(name != "", "6.3/2", "no InitiatorName in the first request")
	c.want(l.discovery || l.names["TargetName"] != "", "6.3/3", "no TargetName in the first request of a normal session")
	switch {
	case name == "" || !l.discovery && l.names["TargetName"] == "":
		return refuse(pdu.LoginMissingParameter, "a name is missing")
	case !l.discovery && l.names["TargetName"] != c.t.cfg.Name:
		return refuse(pdu.LoginNotFound, "%q is not served", l.names["TargetName"])
	}
	s := c.t.sessions[q.TSIH()]
	if q.TSIH() != 0 {
		known := s != nil && s.nexus == l.nexus()
		c.want(known, "11.12.6/2", "TSIH %d of no session of this initiator", q.TSIH())
		switch {
		case !known:
			return refuse(pdu.LoginSessionDoesNotExist, "TSIH %d", q.TSIH())
		case len(s.conns) >= int(s.p.maxConnections) && s.conns[c.cid] == nil:
			return refuse(pdu.LoginTooManyConnections, "%d connections", len(s.conns))
		}
		return nil
	}
	if len(c.t.sessions) >= maxSessions {
		return refuse(pdu.LoginOutOfResources, "%d sessions", maxSessions)
	}
	if !l.discovery {
		return c.begin()
	}
	return nil
}

// begin is the first request of a new normal session: a cut one may come back by it, and it may be the one that a scenario refuses.
func (c *conn) begin() error {
	l := &c.login
	if cut, ok := c.t.cut[l.nexus()]; ok {
		delete(c.t.cut, l.nexus())
		passed := c.t.clock.now().Sub(cut.at)
		c.kept("6.3.5/1")
		c.want(passed >= cut.wait, "7.5/1", "a login with the same ISID %v after the cut, with Time2Wait %v", passed.Round(1e6), cut.wait)
	}
	l.play = c.t.plan.login()
	if l.play == "a login that is refused" {
		c.t.plan.done(l.play)
		return refuse(pdu.LoginServiceUnavailable, "on purpose")
	}
	return nil
}

// refuseLogin answers with a status and ends the connection.
func (c *conn) refuseLogin(q *pdu.LoginRequest, e *errLogin) {
	c.t.say(fmt.Sprintf("connection %d: login refused with status %04x: %s", c.n, uint16(e.status), e.why))
	r := c.response(q, false, 0)
	r.SetStatus(e.status)
	c.send(r.BHS(), nil, true)
	c.phase = refused
	c.finish("11.13.5/4")
}
