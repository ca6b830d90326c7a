package session

import (
	"github.com/ringtgt/ringtgt/pdu"
)

// loginState is a login under way; it dies with it.
type loginState struct {
	due       int64
	started   bool
	name      string
	target    *Target
	discovery bool
	params    Params
	conn      ConnParams
	answered  map[string]bool
	tpgtTold  bool
}

// startLogin begins the login phase of a new connection.
func (c *Conn) startLogin(now int64) {
	c.login = &loginState{due: now + c.node.cfg.LoginTimeout, params: defaultParams(), conn: c.cp, answered: map[string]bool{}}
}

// loginDue is when the login is given up, 0 when there is none.
func (c *Conn) loginDue() int64 {
	if c.login == nil {
		return 0
	}
	return c.login.due
}

// loginGone tells the login that the connection is over.
func (c *Conn) loginGone() {}

func (c *Conn) loginHeaderError(now int64, err error) { c.fail(err) }

func (c *Conn) loginHeader(now int64, h *pdu.BHS) []byte {
	c.rx.act = actLogin
	if h.Opcode() != pdu.OpLoginRequest {
		return nil
	}
	c.rx.data = c.control(h.DataLen())
	return c.rx.data
}

func (c *Conn) loginPayload(now int64, digestOK bool) {
	l := c.login
	h := c.framer.Header()
	if h.Opcode() != pdu.OpLoginRequest {
		if !l.started {
			c.fail(errNotLogin)
			return
		}
		c.loginRefuse(now, h, pdu.LoginInvalidDuringLogin)
		return
	}
	req := (*pdu.LoginRequest)(h)
	if !l.started {
		l.started = true
		c.sn.statSN = req.ExpStatSN()
		c.sn.firstCmd = req.CmdSN()
		c.cid = req.CID()
	}
	var text []byte
	if n := h.DataLen(); n > 0 && c.ctl != nil {
		text = c.ctl[:n]
	}
	kvs, err := pdu.ParseText(text, maxKeys)
	if err != nil || req.Continue() {
		c.loginRefuse(now, h, pdu.LoginInitiatorError)
		return
	}
	out, status := l.negotiate(c, req, kvs)
	if status != pdu.LoginSuccess {
		c.loginRefuse(now, h, status)
		return
	}
	resp := c.loginResponse(req)
	resp.SetCSG(req.CSG())
	if !req.Transit() {
		c.reply(resp.BHS(), out)
		return
	}
	resp.SetTransit(true)
	resp.SetNSG(req.NSG())
	if req.NSG() != pdu.StageFullFeaturePhase {
		c.reply(resp.BHS(), out)
		return
	}
	s := &Session{InitiatorName: l.name, ISID: req.ISID(), Discovery: l.discovery, Target: l.target, TPGT: 1, Params: l.params, node: c.node}
	if req.TSIH() != 0 || !c.node.sessionUp(s) {
		c.loginRefuse(now, h, pdu.LoginSessionDoesNotExist)
		return
	}
	s.window.Init(c.sn.firstCmd, l.target.window())
	s.join(c)
	resp.SetTSIH(s.TSIH)
	c.reply(resp.BHS(), out)
	c.cp = l.conn
	c.enterFullFeature(now, s)
}

func (c *Conn) loginResponse(req *pdu.LoginRequest) *pdu.LoginResponse {
	var b pdu.BHS
	b.Init(pdu.OpLoginResponse)
	resp := (*pdu.LoginResponse)(&b)
	resp.SetISID(req.ISID())
	resp.SetITT(req.ITT())
	resp.SetTSIH(req.TSIH())
	return resp
}

func (c *Conn) loginRefuse(now int64, h *pdu.BHS, status pdu.LoginStatus) {
	resp := c.loginResponse((*pdu.LoginRequest)(h))
	resp.SetStatus(status)
	c.reply(resp.BHS(), nil)
	c.finish(now, errLoginRefused)
}
