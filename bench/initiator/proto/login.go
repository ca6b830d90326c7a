package proto

import (
	"errors"
	"fmt"

	"github.com/ringtgt/ringtgt/pdu"
)

// LoginConfig describes the login of one connection (RFC 7143, 6.3).
type LoginConfig struct {
	InitiatorName, TargetName string
	ISID                      [6]byte
	// TSIH is 0 for the leading login of a new session, else that of the session which the connection joins (11.12.6).
	TSIH uint16
	CID  uint16
	// CmdSN is the session's next (11.12.8): in a leading login the first of all.
	CmdSN uint32
	// For a reinstated CID, ExpStatSN is what its old connection expected next (11.12.9).
	ExpStatSN uint32
	Discovery bool
	CHAP      CHAP
	Keys      Keys
	// Params are the session's, for a join.
	Params Params
	// Rand fills a CHAP challenge; needed for mutual CHAP only.
	Rand func([]byte)
}

// LoginError says that the target refused the login (11.13.5).
type LoginError struct {
	Status pdu.LoginStatus
	// Address is the new address of a target that moved (status class 1).
	Address string
}

func (e *LoginError) Error() string {
	s := fmt.Sprintf("initiator: login refused, status 0x%04x", uint16(e.Status))
	if e.Address != "" {
		s += ", moved to " + e.Address
	}
	return s
}

// Login is the login phase of one connection. Call Request, send what it returns, pass the response to Response, and repeat
// until it is done.
type Login struct {
	// What the target has granted, and the numbers of its last response.
	Params             Params
	TSIH               uint16
	StatSN             uint32
	ExpCmdSN, MaxCmdSN uint32

	cfg     LoginConfig
	leading bool
	offered map[string]string

	stage   pdu.Stage
	transit bool   // the request at hand asks for the next stage
	keys    []byte // text still to be sent in this exchange
	text    []byte // of the target's, of PDUs with the C bit
	chap    chapState

	rounds    int
	started   bool
	violation func(format string, args ...any)
}

// NewLogin begins a login. violation, if not nil, is called for breaches of the standard that do not prevent the login.
func NewLogin(cfg LoginConfig, violation func(format string, args ...any)) *Login {
	if violation == nil {
		violation = func(string, ...any) {}
	}
	l := &Login{cfg: cfg, leading: cfg.TSIH == 0, violation: violation, TSIH: cfg.TSIH, offered: map[string]string{}}
	if l.leading {
		l.Params = cfg.Keys.base(cfg.Discovery)
	} else {
		l.Params = cfg.Params
		l.Params.Conn = cfg.Keys.conn()
		l.Params.Answers = nil
	}
	who := []pdu.KeyValue{{Key: "InitiatorName", Value: cfg.InitiatorName}}
	if l.leading {
		who = append(who, pdu.KeyValue{Key: "SessionType", Value: map[bool]string{false: "Normal", true: "Discovery"}[cfg.Discovery]})
	}
	if cfg.TargetName != "" {
		who = append(who, pdu.KeyValue{Key: "TargetName", Value: cfg.TargetName})
	}
	if cfg.CHAP.User != "" {
		l.stage = pdu.StageSecurityNegotiation
		l.say(append(who, pdu.KeyValue{Key: "AuthMethod", Value: "CHAP"})...)
		return l
	}
	// "the initiator decides to forego the SecurityNegotiation stage" (6.3.1).
	l.stage = pdu.StageLoginOperationalNegotiation
	l.say(who...)
	l.operational()
	return l
}

// operational offers the keys and asks for full feature phase.
func (l *Login) operational() {
	l.stage = pdu.StageLoginOperationalNegotiation
	l.say(l.cfg.Keys.offer(l.leading, l.cfg.Discovery)...)
	l.transit = true
}

func (l *Login) say(kvs ...pdu.KeyValue) {
	for _, kv := range kvs {
		l.offered[kv.Key] = kv.Value
		l.keys = pdu.AppendText(l.keys, kv.Key, kv.Value)
	}
}

// Request returns the next Login Request and its data segment, valid until
// Response. The C bit splits a text that is longer than 8192 bytes (11.12.2).
func (l *Login) Request() (h pdu.BHS, text []byte) {
	text = l.keys[:min(len(l.keys), DefaultDataSegmentLength)]
	h.Init(pdu.OpLoginRequest)
	r := (*pdu.LoginRequest)(&h)
	r.SetImmediate(true)
	r.SetCSG(l.stage)
	if len(text) < len(l.keys) {
		r.SetContinue(true)
	} else if l.transit && len(l.text) == 0 {
		r.SetTransit(true)
		r.SetNSG(l.next())
	}
	r.SetISID(l.cfg.ISID)
	r.SetTSIH(l.cfg.TSIH)
	r.SetITT(1)
	r.SetCID(l.cfg.CID)
	r.SetCmdSN(l.cfg.CmdSN)
	if l.started {
		r.SetExpStatSN(l.StatSN + 1)
	} else {
		r.SetExpStatSN(l.cfg.ExpStatSN)
	}
	h.SetDataLen(len(text))
	return h, text
}

func (l *Login) next() pdu.Stage {
	if l.stage == pdu.StageSecurityNegotiation {
		return pdu.StageLoginOperationalNegotiation
	}
	return pdu.StageFullFeaturePhase
}

// Response takes the target's answer. Done means full feature phase: Params and TSIH are valid. The error
// is a *LoginError when the target refused.
func (l *Login) Response(h *pdu.BHS, text []byte) (done bool, err error) {
	if h.Opcode() != pdu.OpLoginResponse {
		return false, fmt.Errorf("initiator: login: the target sends a %v", h.Opcode())
	}
	if l.rounds++; l.rounds > maxLoginRounds {
		return false, errors.New("initiator: login: it does not come to an end")
	}
	r := (*pdu.LoginResponse)(h)
	sent := min(len(l.keys), DefaultDataSegmentLength)
	if st := r.Status(); st != pdu.LoginSuccess {
		e := &LoginError{Status: st}
		if kvs, err := pdu.ParseText(text, maxKeys); err == nil {
			for _, kv := range kvs {
				if kv.Key == "TargetAddress" {
					e.Address = kv.Value
				}
			}
		}
		return false, e
	}
	l.judge(r)
	l.started, l.StatSN = true, r.StatSN()
	l.ExpCmdSN, l.MaxCmdSN = r.ExpCmdSN(), r.MaxCmdSN()
	l.keys = l.keys[sent:]
	if len(l.text)+len(text) > maxLoginText {
		return false, errors.New("initiator: login: the target's text is too long")
	}
	l.text = append(l.text, text...)
	if r.Continue() || len(l.keys) > 0 {
		return false, nil // the rest of the text, theirs or ours
	}
	kvs, err := pdu.ParseText(l.text, maxKeys)
	if err != nil {
		return false, fmt.Errorf("initiator: login: %w", err)
	}
	l.text = l.text[:0]
	if l.stage == pdu.StageSecurityNegotiation {
		return false, l.securityDone(r, kvs)
	}
	for _, kv := range kvs {
		offered, known := l.offered[kv.Key]
		if err := l.Params.answer(kv, offered, l.leading); err != nil {
			return false, err
		}
		if !known && !declared[kv.Key] && kv.Value != "NotUnderstood" {
			l.say(pdu.KeyValue{Key: kv.Key, Value: "NotUnderstood"}) // 6.2: an offer has to be answered
		}
	}
	if !r.Transit() {
		return false, nil
	}
	if r.NSG() != pdu.StageFullFeaturePhase {
		return false, fmt.Errorf("initiator: login: the target goes to stage %d", r.NSG())
	}
	return true, l.finish(r)
}

// declared are keys that a target states without an offer.
var declared = map[string]bool{
	"TargetPortalGroupTag": true, "TargetAlias": true, "TargetAddress": true, "MaxRecvDataSegmentLength": true,
}

// securityDone goes on in, or leaves, the security stage.
func (l *Login) securityDone(r *pdu.LoginResponse, kvs []pdu.KeyValue) error {
	for _, kv := range kvs {
		if declared[kv.Key] {
			_ = l.Params.answer(kv, "", l.leading)
		}
	}
	next, last, err := l.security(kvs)
	if err != nil {
		return err
	}
	if len(next) == 0 && last { // authenticated
		if !r.Transit() || r.NSG() != pdu.StageLoginOperationalNegotiation {
			return errors.New("initiator: login: the target does not leave the security stage")
		}
		l.operational()
		return nil
	}
	l.say(next...)
	l.transit = last
	return nil
}

// judge checks the rules for every Login Response (11.13).
func (l *Login) judge(r *pdu.LoginResponse) {
	if r.ISID() != l.cfg.ISID {
		l.violation("Login Response has ISID %x (11.13)", r.ISID())
	}
	if l.started && r.StatSN() != l.StatSN+1 {
		l.violation("Login Response has StatSN %d after %d (11.4.9)", r.StatSN(), l.StatSN)
	}
	if r.ITT() != 1 {
		l.violation("Login Response has Initiator Task Tag %#x (11.13)", r.ITT())
	}
	if r.CSG() != l.stage {
		l.violation("Login Response has CSG %d in stage %d (11.13)", r.CSG(), l.stage)
	}
	if r.Transit() && r.Continue() {
		l.violation("Login Response has T and C (11.13.7)")
	}
	if l.leading && r.ExpCmdSN() != l.cfg.CmdSN {
		l.violation("Login Response has ExpCmdSN %d, the login has CmdSN %d (4.2.2.1)", r.ExpCmdSN(), l.cfg.CmdSN)
	}
}

func (l *Login) finish(r *pdu.LoginResponse) error {
	switch {
	case l.leading && r.TSIH() == 0:
		return errors.New("initiator: login: the final response has TSIH 0 (11.13.3)")
	case !l.leading && r.TSIH() != l.cfg.TSIH:
		l.violation("a join is answered with TSIH %d instead of %d (11.13.3)", r.TSIH(), l.cfg.TSIH)
	}
	if l.leading {
		l.TSIH = r.TSIH()
	}
	if l.Params.FirstBurstLength > l.Params.MaxBurstLength {
		l.Params.FirstBurstLength = l.Params.MaxBurstLength // 13.14
	}
	return nil
}
