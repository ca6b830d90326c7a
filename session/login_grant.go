package session

import "github.com/ringtgt/ringtgt/pdu"

// complete makes the session, or joins it. If another session of the same I_T nexus exists, that one ends first (session
// reinstatement, RFC 7143, 6.3.5). If the session has a connection with the same CID, that connection ends first (connection
// reinstatement, 6.3.4).
func (l *login) complete(now int64, resp *pdu.LoginResponse, text []byte) {
	made, err := l.register()
	if err != nil {
		l.deny(now, resp, err)
		return
	}
	switch {
	// The move comes before any other wait: now the connection has no operation in flight, not even a receive.
	case l.tsih != 0 && l.elsewhere():
		l.wait(loginMoves, resp, text)
	case made == entryWait:
		l.wait(loginWaits, resp, text)
	default:
		// "the target MUST generate a non-zero TSIH and ONLY return it in the Login Final-Response" (11.13.3).
		resp.SetTSIH(l.sess.TSIH)
		l.conn.reply(resp.BHS(), text)
		l.conn.grant(now, l.neg.conn, l.tsih == 0)
	}
}

// register makes the connection a member of its session, if the login is still admitted.
func (l *login) register() (entry, *LoginError) {
	reg := &l.node.reg
	reg.mu.Lock()
	defer reg.mu.Unlock()
	if err := l.admitted(); err != nil {
		return 0, err
	}
	if l.tsih != 0 {
		return l.conn.join(l.sess, l.chap.user())
	}
	if l.sess == nil {
		l.sess = l.newSession()
	}
	return l.conn.enter(l.sess)
}

// newSession makes the session of a leading login.
func (l *login) newSession() *Session {
	s := &Session{InitiatorName: l.initiator, Account: l.chap.user(), ISID: l.isid, Discovery: l.discovery, Target: l.target, TPGT: l.tpgt,
		Params: l.neg.params, node: l.node}
	if l.unnamed {
		s.portal = l.cfg.Local.String()
	}
	// The data path divides by these values and indexes with them, so they are bounded whatever was negotiated. From here on they
	// do not change: connections on other loops read them.
	p := &s.Params
	p.MaxBurstLength, p.FirstBurstLength = max(p.MaxBurstLength, 512), max(p.FirstBurstLength, 512)
	p.MaxOutstandingR2T = min(max(p.MaxOutstandingR2T, 1), MaxOutstandingR2T)
	s.window.Init(l.firstCmd, l.target.window(), s.Params.MaxConnections > 1)
	return s
}

// wait holds the final response back.
func (l *login) wait(until loginPhase, resp *pdu.LoginResponse, text []byte) {
	l.move(until)
	l.held = loginAnswer{resp: resp, text: append([]byte(nil), text...)}
}

// elsewhere asks the host, once, on which loop the connection will run, and reports whether it has to move.
func (l *login) elsewhere() bool {
	if l.placed {
		return false
	}
	l.placed = true
	l.loop = l.conn.place(l.sess)
	return l.loop != l.cfg.Loop
}

// nextMove returns the Move event.
func (l *login) nextMove(ev *Event) bool {
	if l.phase != loginMoves {
		return false
	}
	l.move(loginMoving)
	ev.Kind, ev.Loop = Move, l.loop
	return true
}

// moved continues a login whose connection has moved.
func (l *login) moved(now int64) {
	l.move(loginServes)
	l.complete(now, l.held.resp, l.held.text)
}

// resume handles the message that the connection or session that the login waits for has ended. The login continues when its timer
// runs. A login that moves ignores the message: it checks again when it has moved. A login that is over, l == nil, ignores it too.
func (l *login) resume() {
	if l != nil && l.phase == loginWaits {
		l.move(loginResumes)
	}
}
