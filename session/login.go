package session

import (
	"errors"

	"github.com/ringtgt/ringtgt/pdu"
)

// login is the state of a connection's login phase (RFC 7143, 6.3), and exists only during it. login.go receives the PDUs,
// login_steps.go negotiates, login_answer.go sends the answers, and login_grant.go makes the session or joins one.
type login struct {
	conn loginConn
	node *Node
	cfg  *ConnConfig // the connection's
	// settings are the node's when the login began: see admitted.
	settings *NodeConfig

	phase loginPhase
	due   int64 // when it times out, ns
	pdus  int

	sess *Session // the session that is joined or, at the end of a leading login, made

	held   loginAnswer // the answer that waits, in loginDelays, loginMoves, loginMoving, loginWaits and loginResumes
	heldTo int64       // in loginDelays, when it may be sent, ns
	placed bool        // the host was asked for loop
	loop   int
	target *Target
	tpgt   uint16

	// The fields that must not change from request to request (11.12).
	isid  [6]byte
	tsih  uint16
	cid   uint16
	stage pdu.Stage
	// firstCmd is the CmdSN of the first request, in force until there is a session.
	firstCmd uint32

	text   []byte   // data segment of the current request
	gather []byte   // text of preceding requests with the C bit
	rest   []byte   // of an answer that does not fit one response
	final  *pdu.BHS // the response whose text rest completes
	taken  int      // bytes of text so far
	seen   keysSeen // keys negotiated so far; each may come once (6.3)

	named      string // the target's name; in quotes if there is none
	identified bool
	initiator  string
	discovery  bool
	unnamed    bool // a discovery session without TargetName (7.4.2.1)
	told       bool // TargetPortalGroupTag and TargetAlias were sent
	offered    bool // our MaxRecvDataSegmentLength has been sent

	operational bool            // the operational stage has begun
	declared    [3]pdu.KeyValue // the keys that name the session, as declared: loginExchange.repeats

	method string // chosen AuthMethod, "" before
	chap   chapState
	neg    negotiation
}

var errNotLogin = errors.New("first PDU is not a login request")

// startLogin begins the login phase of a new connection.
func startLogin(cfg *ConnConfig, conn loginConn, params ConnParams) *login {
	settings := cfg.Node.config()
	return &login{conn: conn, node: cfg.Node, cfg: cfg, settings: settings, due: cfg.Now + settings.LoginTimeout,
		neg: negotiation{params: defaultParams(), conn: params}}
}

// begin stores the fields of the first request that must be the same in all.
func (l *login) begin(q *pdu.LoginRequest) {
	if l.phase != loginNew {
		return
	}
	l.move(loginServes)
	l.isid, l.tsih, l.stage, l.cid, l.firstCmd = q.ISID(), q.TSIH(), q.CSG(), q.CID(), q.CmdSN()
	l.conn.begin(l.cid, q.ExpStatSN()) // StatSN is what the initiator expects; 11.13.4 leaves the choice to us
}

// headerError handles a header that the framer refuses: the PDU is too long for the login phase, or invalid in another way.
func (l *login) headerError(now int64, h *pdu.BHS, err error) {
	if h.Opcode() != pdu.OpLoginRequest {
		l.notLogin(now, h)
		return
	}
	l.begin((*pdu.LoginRequest)(h))
	l.refuse(now, (*pdu.LoginRequest)(h), pdu.LoginInitiatorError, err.Error())
}

// header handles the header of a PDU and returns where its text goes.
func (l *login) header(now int64, h *pdu.BHS) []byte {
	if h.Opcode() != pdu.OpLoginRequest {
		l.notLogin(now, h) // at its header: the login may end before its data arrives
		return nil
	}
	if h.DataLen() == 0 {
		return nil
	}
	if l.text == nil {
		l.text = make([]byte, DefaultDataSegmentLength) // the framer accepts no longer segment
	}
	return l.text
}

// notLogin handles any PDU other than a Login Request. Before the first login request it "MUST immediately terminate the connection"; after it the
// target "MUST send a Login reject (with Status "invalid during login") and then disconnect" (4.2.4).
func (l *login) notLogin(now int64, h *pdu.BHS) {
	if l.phase == loginNew {
		l.conn.fail(errNotLogin)
		return
	}
	l.refuse(now, (*pdu.LoginRequest)(h), pdu.LoginInvalidDuringLogin, h.Opcode().String()+" during login")
}

// payload handles one complete PDU.
func (l *login) payload(now int64, h *pdu.BHS) {
	req := (*pdu.LoginRequest)(h)
	x := &loginExchange{l: l, now: now, req: req}
	if err := x.header(); err != nil {
		l.refuse(now, req, err.Status, err.Why)
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
			l.refuse(now, req, pdu.LoginInitiatorError, "keys while an answer was not yet complete")
			return
		}
		l.final.SetITT(h.ITT())
		l.sendRest(now)
		return
	case len(l.gather)+len(text) > maxText, l.taken > maxLoginText:
		l.refuse(now, req, pdu.LoginInitiatorError, "too much text")
		return
	case req.Continue():
		// "MUST answer with a Text or Login Response with no data segment" (6.2).
		l.gather = append(l.gather, text...)
		l.conn.reply(loginResponse(req).BHS(), nil)
		return
	}
	if l.gather != nil {
		text = append(l.gather, text...)
		l.gather = nil
	}
	if err := x.run(text); err != nil {
		x.say(loginAnswer{resp: l.response(req), err: err})
	}
}

// next returns when timer has to be called.
func (l *login) next() int64 {
	switch l.phase {
	case loginResumes:
		return 1 // at once
	case loginDelays:
		return min(l.heldTo, l.due)
	}
	return l.due
}

// timer handles the login's deadline and delayed answer, if they are due.
func (l *login) timer(now int64) {
	switch {
	case now < l.next():
	case l.phase == loginDelays && now >= l.heldTo:
		l.move(loginServes)
		l.send(now, l.held)
	case l.phase == loginResumes:
		l.move(loginServes)
		l.complete(now, l.held.resp, l.held.text)
	default:
		l.conn.fail(errLoginTimeout)
	}
}

// window returns ExpCmdSN and MaxCmdSN for a Login Response. A login that joins a session gets that session's.
func (l *login) window() (exp, maxSN uint32) {
	if l.sess == nil {
		return l.firstCmd, l.firstCmd
	}
	return l.sess.window.ExpCmdSN(), l.sess.window.MaxCmdSN()
}

// gone ends a login whose connection has ended.
func (l *login) gone() {
	if l.phase != loginOver {
		l.move(loginOver)
	}
	if l.sess != nil {
		l.conn.forget(l.sess, l.tsih != 0)
	}
}
