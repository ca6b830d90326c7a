package session

import "github.com/ringtgt/ringtgt/pdu"

// loginAnswer is a Login Response with its text. It is a value, because an answer may have to wait.
type loginAnswer struct {
	resp *pdu.LoginResponse
	text []byte
	err  *LoginError // why the login is refused; nil if it goes on
}

// say sends the answer to a request, now or when it is due. If another request arrives before that, header ends the login.
func (x *loginExchange) say(a loginAnswer) {
	if x.at <= x.now {
		x.l.send(x.now, a)
		return
	}
	x.l.move(loginDelays)
	x.l.held, x.l.heldTo = a, x.at
}

// send sends an answer, in pieces if one response cannot hold it: then the last piece carries the stage transition.
func (l *login) send(now int64, a loginAnswer) {
	if a.err != nil {
		l.end(now, a)
		return
	}
	l.final, l.rest = a.resp.BHS(), a.text
	l.sendRest(now)
}

// sendRest sends the next piece.
func (l *login) sendRest(now int64) {
	n := min(len(l.rest), DefaultDataSegmentLength)
	piece := l.rest[:n]
	l.rest = l.rest[n:]
	if len(l.rest) > 0 {
		h := *l.final
		resp := (*pdu.LoginResponse)(&h)
		resp.SetTransit(false)
		resp.SetNSG(0)
		resp.SetContinue(true)
		l.conn.reply(&h, piece)
		return
	}
	resp := (*pdu.LoginResponse)(l.final)
	l.final = nil
	if resp.Transit() {
		l.stage = resp.NSG()
		if l.stage == pdu.StageFullFeaturePhase {
			l.complete(now, resp, piece)
			return
		}
	}
	l.conn.reply(resp.BHS(), piece)
}

// loginResponse begins the answer to a request: same stage, no transition.
func loginResponse(req *pdu.LoginRequest) *pdu.LoginResponse {
	var b pdu.BHS
	b.Init(pdu.OpLoginResponse)
	resp := (*pdu.LoginResponse)(&b)
	resp.SetISID(req.ISID())
	resp.SetITT(req.ITT())
	resp.SetTSIH(req.TSIH())
	resp.SetCSG(req.CSG())
	return resp
}

// response begins the answer to any PDU.
func (l *login) response(req *pdu.LoginRequest) *pdu.LoginResponse {
	resp := loginResponse(req)
	if req.BHS().Opcode() != pdu.OpLoginRequest {
		// Those fields of another PDU mean something else: use the values of the login's first request.
		resp.SetISID(l.isid)
		resp.SetTSIH(l.tsih)
		resp.SetCSG(l.stage)
	}
	return resp
}

// refuse ends the login with a status other than success.
func (l *login) refuse(now int64, req *pdu.LoginRequest, status pdu.LoginStatus, why string) {
	l.end(now, loginAnswer{resp: l.response(req), err: refuse(status, why)})
}

// deny ends a login whose final response was prepared but not sent. The framer may already hold a part of the next request.
func (l *login) deny(now int64, resp *pdu.LoginResponse, err *LoginError) {
	resp.SetTransit(false)
	resp.SetNSG(0)
	l.end(now, loginAnswer{resp: resp, err: err})
}

// end sends the last answer of a login that is refused, and closes the connection.
func (l *login) end(now int64, a loginAnswer) {
	l.about(a.err)
	a.resp.SetStatus(a.err.Status)
	if a.err.moved != "" {
		a.text = pdu.AppendText(nil, "TargetAddress", a.err.moved)
	}
	l.move(loginOver)
	l.conn.reply(a.resp.BHS(), a.text)
	l.conn.finish(now, a.err)
}
