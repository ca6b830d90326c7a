package session

import (
	"errors"
	"fmt"

	"github.com/ringtgt/ringtgt/pdu"
)

// loginState is a login under way (RFC 7143, 6.3); it dies with it.
type loginState struct {
	due   int64 // when it is given up, ns
	begun bool  // a login request came
	gone  bool  // its connection is over
	pdus  int

	sess *Session // the session that is joined or, at the end of a leading login, made

	// While the session or the connection that this one replaces ends, the answer waits; resume says that it has ended. It
	// waits as well while the connection moves to loop.
	waiting, resume bool
	loop            int
	placed          bool // the host was asked for loop
	moves           bool // the host has to take Move
	held            *pdu.LoginResponse
	heldText        []byte

	// An answer to be sent at laterAt (guess.go); 0: none. It does not refer to the current request.
	laterAt int64
	later   func(now int64)

	// What must not change from request to request (11.12).
	isid  [6]byte
	tsih  uint16
	stage pdu.Stage

	text   []byte   // data segment of the current request
	gather []byte   // text of preceding requests with the C bit
	rest   []byte   // of an answer that does not fit one response
	final  *pdu.BHS // the response whose text rest completes
	taken  int      // bytes of text so far
	seen   keysSeen // keys negotiated so far; each may come once (6.3)

	identified bool
	initiator  string
	discovery  bool
	target     *Target
	tpgt       uint16
	told       bool // TargetPortalGroupTag and TargetAlias were sent
	offered    bool // our MaxRecvDataSegmentLength has been sent

	operational bool            // the operational stage has begun
	declared    [3]pdu.KeyValue // the keys that name the session, as declared: loginExchange.repeats

	method string // chosen AuthMethod, "" before
	chap   chapState
	neg    negotiation
}

// LoginError is why a login was refused: what the initiator is told and what the log says beyond it.
type LoginError struct {
	Status    pdu.LoginStatus
	Initiator string // as far as it is known
	Why       string
	// Failed is the number of failed CHAP logins from the initiator's address, including this one; 0: it was refused for another
	// reason. User is the name that it gave, made safe for a log.
	Failed int
	User   string
}

func (e *LoginError) Error() string {
	who := e.Initiator
	if who == "" {
		who = "initiator without a name"
	}
	return fmt.Sprintf("login of %s refused with status %#04x: %s", who, uint16(e.Status), e.Why)
}

var errNotLogin = errors.New("first PDU is no login request")

// startLogin begins the login phase of a new connection.
func (c *Conn) startLogin(now int64) {
	c.login = &loginState{due: now + c.node.cfg.LoginTimeout, neg: negotiation{params: defaultParams(), conn: c.cp}}
}

// loginDue is when the login is given up, 0 when there is none.
func (c *Conn) loginDue() int64 {
	switch {
	case c.login == nil:
		return 0
	case c.login.resume:
		return 1 // at once
	case c.login.laterAt != 0:
		return min(c.login.laterAt, c.login.due)
	}
	return c.login.due
}

// loginTimer runs when loginDue has come.
func (c *Conn) loginTimer(now int64) {
	l := c.login
	if c.end.deaf() {
		return // it has ended
	}
	if l.laterAt != 0 && now >= l.laterAt {
		later := l.later
		l.waiting, l.laterAt, l.later = false, 0, nil
		later(now)
		return
	}
	if !l.resume {
		c.fail(errLoginTimeout)
		return
	}
	l.waiting, l.resume = false, false
	c.loginComplete(now, l.held, l.heldText)
}

// loginGone tells the login that the connection is over.
func (c *Conn) loginGone() {
	l := c.login
	if l == nil {
		return
	}
	l.gone = true
	switch {
	case l.sess == nil:
	case l.tsih != 0:
		l.sess.forgetWaiter(c)
	default:
		c.node.reg.forgetWaiter(l.sess, c)
	}
}

// loginHeaderError is a PDU too long for the login phase, or worse.
func (c *Conn) loginHeaderError(now int64, err error) {
	h := c.framer.Header()
	if h.Opcode() != pdu.OpLoginRequest {
		c.notLogin(now, h)
		return
	}
	c.beginLogin((*pdu.LoginRequest)(h))
	c.loginRefuse(now, (*pdu.LoginRequest)(h), pdu.LoginInitiatorError, err.Error())
}

// loginHeader says where a login request's text goes.
func (c *Conn) loginHeader(now int64, h *pdu.BHS) []byte {
	c.rx.act = actLogin
	if h.Opcode() != pdu.OpLoginRequest {
		c.notLogin(now, h) // at its header: the login may end before its data arrives
		return nil
	}
	if h.DataLen() == 0 {
		return nil
	}
	if c.login.text == nil {
		c.login.text = make([]byte, DefaultDataSegmentLength) // the framer accepts no longer segment
	}
	c.rx.data = c.login.text
	return c.rx.data
}

// notLogin is any other PDU in the login phase. Before the first login request "the target ... MUST ... terminate the
// connection"; after it "the target MUST send a Login reject (with a status of "invalid during login") and then disconnect"
// (6.3).
func (c *Conn) notLogin(now int64, h *pdu.BHS) {
	if !c.login.begun {
		c.fail(errNotLogin)
		return
	}
	c.loginRefuse(now, (*pdu.LoginRequest)(h), pdu.LoginInvalidDuringLogin, h.Opcode().String()+" during login")
}

// loginPayload takes one complete PDU of the login phase.
func (c *Conn) loginPayload(now int64, digestOK bool) {
	l := c.login
	if l == nil {
		// The login was waiting for another connection to end, and was granted while this request arrived.
		c.fail(errLoginInFullFeature)
		return
	}
	h := c.framer.Header()
	req := (*pdu.LoginRequest)(h)
	x := &loginExchange{c: c, l: l, now: now, req: req}
	if err := x.header(); err != nil {
		c.loginRefuse(now, req, err.Status, err.Why)
		return
	}
	var text []byte
	if n := h.DataLen(); n > 0 {
		text = l.text[:n]
		l.taken += n
	}
	switch {
	case l.final != nil && len(l.rest) > 0:
		if len(text) > 0 || req.Continue() {
			c.loginRefuse(now, req, pdu.LoginInitiatorError, "keys while an answer was not yet complete")
			return
		}
		l.final.SetITT(h.ITT())
		c.loginRest(now)
		return
	case len(l.gather)+len(text) > maxText, l.taken > maxLoginText:
		c.loginRefuse(now, req, pdu.LoginInitiatorError, "too much text")
		return
	case req.Continue():
		// "until the responder has received the entire set of keys" (6.2): answered by an empty response.
		l.gather = append(l.gather, text...)
		c.reply(c.loginResponse(req).BHS(), nil)
		return
	}
	if l.gather != nil {
		text = append(l.gather, text...)
		l.gather = nil
	}
	if err := x.run(text); err != nil && err != errAnswered {
		err.Initiator = l.initiator
		h := *req
		x.say(func(now int64) { c.loginRefuseWith(now, &h, err, nil) })
	}
}

// say sends the answer to a request now or when it is due. Another request before that ends the login: header.
func (x *loginExchange) say(answer func(now int64)) {
	if x.at <= x.now {
		answer(x.now)
		return
	}
	x.l.waiting, x.l.laterAt, x.l.later = true, x.at, answer
}

// loginResponse begins the answer to a request: same stage, no transition.
func (c *Conn) loginResponse(req *pdu.LoginRequest) *pdu.LoginResponse {
	var b pdu.BHS
	b.Init(pdu.OpLoginResponse)
	resp := (*pdu.LoginResponse)(&b)
	resp.SetISID(req.ISID())
	resp.SetITT(req.ITT())
	resp.SetTSIH(req.TSIH())
	resp.SetCSG(req.CSG())
	return resp
}

// loginAnswer sends a response with its text, in pieces if one cannot hold it: then the last carries the transition.
func (c *Conn) loginAnswer(now int64, resp *pdu.LoginResponse, text []byte) {
	c.login.final, c.login.rest = resp.BHS(), text
	c.loginRest(now)
}

// loginRest sends the next piece.
func (c *Conn) loginRest(now int64) {
	l := c.login
	n := min(len(l.rest), DefaultDataSegmentLength)
	piece := l.rest[:n]
	l.rest = l.rest[n:]
	if len(l.rest) > 0 {
		h := *l.final
		resp := (*pdu.LoginResponse)(&h)
		resp.SetTransit(false)
		resp.SetNSG(0)
		resp.SetContinue(true)
		c.reply(&h, piece)
		return
	}
	resp := (*pdu.LoginResponse)(l.final)
	l.final = nil
	if resp.Transit() {
		l.stage = resp.NSG()
		if l.stage == pdu.StageFullFeaturePhase {
			c.loginComplete(now, resp, piece)
			return
		}
	}
	c.reply(resp.BHS(), piece)
}

// loginResumes takes the message that what the login waited for has ended. It goes on in Advance.
func (c *Conn) loginResumes() {
	if l := c.login; l != nil && !l.gone && l.waiting {
		l.resume = true
	}
}

// loginComplete makes the session, or joins it. When another one of the same I_T nexus lives, that one ends first (session
// reinstatement, 6.3.5), and when the session has a connection with the same CID, that one does (connection reinstatement,
// 6.3.4).
func (c *Conn) loginComplete(now int64, resp *pdu.LoginResponse, text []byte) {
	l := c.login
	var made entry
	var foreign error
	if l.tsih != 0 {
		var err *LoginError
		if made, err = l.sess.join(c, l.chap.user()); err != nil {
			c.loginDenied(now, resp, err.Status, err.Why)
			return
		}
		// Before anything is waited for: now nothing is under way on the connection, not even a receive.
		if c.place(l) {
			l.waiting = true
			l.held, l.heldText = resp, append([]byte(nil), text...)
			return
		}
	} else {
		if l.sess == nil {
			l.sess = c.newSession(l)
		}
		made, foreign = c.node.reg.enter(l.sess, c)
	}
	switch made {
	case entryWait:
		l.waiting = true
		l.held, l.heldText = resp, append([]byte(nil), text...)
	case entryFull:
		c.loginDenied(now, resp, pdu.LoginOutOfResources, "too many sessions")
	case entryForeign:
		c.loginDenied(now, resp, pdu.LoginAuthorizationFailure, foreign.Error())
	case entryMade:
		if l.tsih == 0 {
			l.sess.remember(c)
		}
		c.loginOver(now, resp, text)
	}
}

// newSession makes the session of a leading login.
func (c *Conn) newSession(l *loginState) *Session {
	s := &Session{InitiatorName: l.initiator, Account: l.chap.user(), ISID: l.isid, Discovery: l.discovery, Target: l.target, TPGT: l.tpgt,
		Params: l.neg.params, node: c.node}
	// What negotiation let through is what the data path divides by and indexes with. From here on it does not change:
	// connections on other loops read it.
	p := &s.Params
	p.MaxBurstLength, p.FirstBurstLength = max(p.MaxBurstLength, 512), max(p.FirstBurstLength, 512)
	p.MaxOutstandingR2T = min(max(p.MaxOutstandingR2T, 1), MaxOutstandingR2T)
	s.window.Init(c.sn.firstCmd, l.target.window(), s.Params.MaxConnections > 1)
	return s
}

// place asks the host, once, on which loop a connection that joins a session is to live, and reports whether it is to move.
func (c *Conn) place(l *loginState) bool {
	if l.placed {
		return false
	}
	l.placed = true
	if l.loop = l.sess.place(c); l.loop == c.cfg.Loop {
		return false
	}
	l.moves = true
	return true
}

// nextMove returns the Move event.
func (l *loginState) nextMove(ev *Event) bool {
	if !l.moves {
		return false
	}
	l.moves = false
	ev.Kind, ev.Loop = Move, l.loop
	return true
}

// Moved says that the connection is on the loop that Move named.
func (c *Conn) Moved(now int64, loop int) {
	c.cfg.Loop = loop
	l := c.login
	if l == nil || c.end.deaf() {
		return
	}
	l.waiting = false
	c.loginComplete(now, l.held, l.heldText)
}

// loginOver sends the final response: full feature phase begins.
func (c *Conn) loginOver(now int64, resp *pdu.LoginResponse, text []byte) {
	l := c.login
	// "the target ... generates a TSIH ... MUST ... in the final Login Response" (11.13.3).
	resp.SetTSIH(c.sess.TSIH)
	c.reply(resp.BHS(), text)
	c.cp = l.neg.conn
	c.enterFullFeature(now, l.tsih == 0)
}

// loginRefuse ends a login with a status other than success.
func (c *Conn) loginRefuse(now int64, req *pdu.LoginRequest, status pdu.LoginStatus, why string) {
	c.loginRefuseWith(now, req, &LoginError{Status: status, Initiator: c.login.initiator, Why: why}, nil)
}

func (c *Conn) loginRefuseWith(now int64, req *pdu.LoginRequest, err *LoginError, text []byte) {
	resp := c.loginResponse(req)
	if req.BHS().Opcode() != pdu.OpLoginRequest {
		// The fields of another PDU mean something else; what the login said holds.
		resp.SetISID(c.login.isid)
		resp.SetTSIH(c.login.tsih)
		resp.SetCSG(c.login.stage)
	}
	c.loginEnds(now, resp, err, text)
}

// loginDenied ends a login whose final response was prepared but not sent. The framer may already hold a part of the next
// request.
func (c *Conn) loginDenied(now int64, resp *pdu.LoginResponse, status pdu.LoginStatus, why string) {
	resp.SetTransit(false)
	resp.SetNSG(0)
	c.loginEnds(now, resp, &LoginError{Status: status, Initiator: c.login.initiator, Why: why}, nil)
}

func (c *Conn) loginEnds(now int64, resp *pdu.LoginResponse, err *LoginError, text []byte) {
	resp.SetStatus(err.Status)
	c.login.waiting, c.login.laterAt, c.login.later = false, 0, nil
	c.reply(resp.BHS(), text)
	c.finish(now, err)
}
