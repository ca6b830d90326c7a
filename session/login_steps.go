package session

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/internal/iscsiname"
	"github.com/ringtgt/ringtgt/pdu"
)

// loginExchange is one login request with its complete text, and its answer.
type loginExchange struct {
	l    *login
	now  int64
	req  *pdu.LoginRequest
	at   int64 // earliest time of the answer, if later than now
	keys pdu.Text
	out  []byte
}

// header checks the rules for every login request (11.12).
func (x *loginExchange) header() *LoginError {
	l, q := x.l, x.req
	// PDUs with the C bit are not counted but bounded by their bytes, in payload: a text may come in any number of them (6.2).
	if !q.Continue() || q.BHS().DataLen() == 0 {
		l.pdus++
	}
	l.begin(q)
	switch {
	case q.VersionMin() > 0:
		return refuse(pdu.LoginUnsupportedVersion, "version "+strconv.Itoa(int(q.VersionMin()))+" or later wanted")
	case l.pdus > maxLoginPDUs:
		return refuse(pdu.LoginInitiatorError, "too many login requests")
	case q.BHS().AHSLen() > 0:
		return refuse(pdu.LoginInitiatorError, "additional header segments")
	case l.phase.answering():
		return refuse(pdu.LoginInitiatorError, "another request before the last was answered")
	}
	switch {
	case q.ISID() != l.isid, q.TSIH() != l.tsih, q.CID() != l.cid:
		return refuse(pdu.LoginInitiatorError, "ISID, TSIH or CID changed during login")
	case q.CSG() != pdu.StageSecurityNegotiation && q.CSG() != pdu.StageLoginOperationalNegotiation:
		return refuse(pdu.LoginInitiatorError, "no such stage") // 11.12.3
	case q.CSG() != l.stage:
		return refuse(pdu.LoginInitiatorError, "wrong stage")
	case q.Transit() && q.Continue():
		return refuse(pdu.LoginInitiatorError, "T and C bit") // 11.12.2
	case q.Transit() && (q.NSG() <= q.CSG() || q.NSG() == 2):
		return refuse(pdu.LoginInitiatorError, "transition to an earlier stage")
	}
	return nil
}

// run answers a request whose text is complete.
func (x *loginExchange) run(text []byte) *LoginError {
	var err error
	if x.keys, err = pdu.ReadText(text); err != nil {
		return refuse(pdu.LoginInitiatorError, err.Error())
	}
	for _, step := range []func() *LoginError{x.once, x.identify, x.security, x.operational, x.answer} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// once checks that no key is declared or negotiated twice in a login: "if such an attempt is detected by the target, the target
// MUST respond with a Login reject (initiator error)" (6.3). It also checks that each key belongs to its stage.
func (x *loginExchange) once() *LoginError {
	use := useOperational
	if x.req.CSG() == pdu.StageSecurityNegotiation {
		use = useSecurity
	}
	if key := x.l.seen.add(x.keys, x.repeats()); key != "" {
		return refuse(pdu.LoginInitiatorError, "key "+key+" a second time")
	}
	for kv := range x.keys.Pairs() {
		if row := findKey(kv.Key); row != nil && row.use&use == 0 && row.use&useLogin != 0 {
			return refuse(pdu.LoginInitiatorError, "key "+kv.Key+" in the wrong stage")
		}
	}
	return nil
}

// repeats is a deliberate exception to once. When libiscsi has offered CHAP and got the answer None, it repeats InitiatorName,
// TargetName and SessionType unchanged at the start of the operational stage, which 13.4 and 13.5 forbid. An unchanged repeat
// is harmless, and without the exception qemu and iscsi-ls with a user in their URL could not log in to a target without CHAP.
// NodeConfig.StrictLogin turns it off.
func (x *loginExchange) repeats() func(pdu.KeyValue) bool {
	l := x.l
	changes := x.req.CSG() == pdu.StageLoginOperationalNegotiation && !l.operational
	l.operational = l.operational || changes
	if !changes || l.settings.StrictLogin {
		return nil
	}
	left := l.declared // each may be repeated once
	return func(kv pdu.KeyValue) bool {
		for i, d := range left {
			if d == kv {
				left[i] = pdu.KeyValue{}
				return true
			}
		}
		return false
	}
}

// declares saves the keys of the first request that name the session.
func (x *loginExchange) declares() {
	for i, key := range [...]string{"InitiatorName", "TargetName", "SessionType"} {
		if v, ok := x.keys.Get(key); ok {
			x.l.declared[i] = pdu.KeyValue{Key: key, Value: strings.Clone(v)}
		}
	}
}

// identify takes the names of the first request (6.3, 13.4, 13.5, 13.21) and finds the target.
func (x *loginExchange) identify() *LoginError {
	l := x.l
	if l.identified {
		return nil
	}
	name, ok := x.keys.Get("InitiatorName")
	if !ok || name == "" {
		return refuse(pdu.LoginMissingParameter, "no InitiatorName")
	}
	var err error
	if l.initiator, err = iscsiname.Canonical(name); err != nil {
		return refuse(pdu.LoginInitiatorError, "InitiatorName "+quoted(name)+": "+err.Error())
	}
	switch kind, ok := x.keys.Get("SessionType"); {
	case !ok, kind == "Normal":
	case kind == "Discovery":
		l.discovery = true
		name, _ := x.keys.Get("TargetName")
		l.unnamed = name == ""
	default:
		return refuse(pdu.LoginSessionTypeNotSupported, "session type "+quoted(kind))
	}
	if !l.discovery {
		if err := x.findTarget(); err != nil {
			return err
		}
	}
	if l.tsih != 0 {
		s, err := l.node.reg.find(l.tsih, l.nexus(), l.discovery)
		if err != nil {
			return err
		}
		l.sess = s
		l.neg.params = s.Params // what the leading login negotiated
	}
	l.neg.limits = l.target.limits()
	x.declares()
	l.identified = true
	return nil
}

// nexus names the I_T nexus that the login is for.
func (l *login) nexus() nexusName {
	n := nexusName{initiator: l.initiator, isid: l.isid, tpgt: l.tpgt}
	if l.target != nil {
		n.target = l.target.Name
	}
	return n
}

// findTarget looks the target up, and checks whether the initiator may use it.
func (x *loginExchange) findTarget() *LoginError {
	l := x.l
	name, ok := x.keys.Get("TargetName")
	if !ok || name == "" {
		return refuse(pdu.LoginMissingParameter, "no TargetName")
	}
	t := l.node.Target(name)
	if l.named = quoted(name); t == nil {
		return refuse(pdu.LoginNotFound, "no target "+quoted(name))
	}
	group, err := t.admit(l.initiator, l.cfg.Local, l.cfg.Remote.Addr())
	if err != nil {
		return err
	}
	l.named, l.target, l.tpgt = t.Name, t, group
	return nil
}

func (x *loginExchange) auth() *Auth {
	if x.l.discovery {
		return &x.l.settings.DiscoveryAuth
	}
	return &x.l.target.Auth
}

// security handles the SecurityNegotiation stage, or its absence.
func (x *loginExchange) security() *LoginError {
	l, a := x.l, x.auth()
	if x.req.CSG() != pdu.StageSecurityNegotiation {
		if a.Required() && l.chap.step != chapDone {
			return refuse(pdu.LoginAuthenticationFailure, "authentication is required")
		}
		return nil
	}
	if methods, ok := x.keys.Get("AuthMethod"); ok {
		want := "None"
		if a.Required() {
			want = "CHAP"
		}
		if !slices.Contains(strings.Split(methods, ","), want) {
			return refuse(pdu.LoginAuthenticationFailure, "no common AuthMethod in "+quoted(methods))
		}
		l.method = want
		x.out = pdu.AppendText(x.out, "AuthMethod", want)
	}
	if l.method == "CHAP" {
		if err := x.chap(a); err != nil {
			return err
		}
		if acc := l.chap.account; acc != nil && !iscsiname.Listed(acc.Initiators, l.initiator) {
			return refuse(pdu.LoginAuthorizationFailure, "CHAP account "+quoted(acc.User)+" is not for that initiator name")
		}
	}
	if x.req.Transit() && a.Required() && l.chap.step != chapDone {
		if l.method == "" {
			return refuse(pdu.LoginAuthenticationFailure, "authentication is required")
		}
	}
	return nil
}

// chap advances the exchange by one step. The answer may be delayed: guess.go.
func (x *loginExchange) chap(a *Auth) *LoginError {
	l := x.l
	user, answers := x.keys.Get("CHAP_N")
	if answers = answers && l.chap.step == chapWantsResponse; answers {
		var ok bool
		if x.at, ok = l.node.guesses.turn(l.cfg.Remote.Addr(), x.now); !ok {
			return refuse(pdu.LoginOutOfResources, "too many CHAP logins from this address after some that failed")
		}
	}
	var err error
	if x.out, err = l.chap.advance(a, l.cfg.Rand, x.keys.Get, x.out); err == nil {
		return nil
	}
	e := refuse(chapStatus(err), err.Error())
	if answers && err == errCHAPSecret {
		e.Failed, e.User = l.node.guesses.wrong(l.cfg.Remote.Addr(), x.now), quoted(user)
	}
	return e
}

// operational answers the keys that no other step handles.
func (x *loginExchange) operational() *LoginError {
	l := x.l
	if l.sess != nil && (!x.auth().Required() || l.chap.step == chapDone) && l.sess.Account != l.chap.user() {
		return refuseForeign() // before the session's negotiated values are disclosed
	}
	for kv := range x.keys.Pairs() {
		row := findKey(kv.Key)
		switch {
		case row == nil:
			x.out = pdu.AppendText(x.out, kv.Key, "NotUnderstood") // 6.2
		case row.use&useLogin == 0:
			x.out = pdu.AppendText(x.out, kv.Key, answerReject)
		case row.use&useOperational == 0, row.name == "TargetName", row.name == "InitiatorName", row.name == "SessionType":
			// the other steps handle these
		case row.leads && l.tsih != 0:
			// Session-wide keys are negotiated by the leading login ("LO", 13). If offered again, the answer is the value in force.
			x.out = pdu.AppendText(x.out, kv.Key, l.neg.inForce(row))
		default:
			if first := findKey(row.after); first != nil {
				if v, ok := x.keys.Get(first.name); ok {
					l.neg.answer(first, v) // and again when its own turn comes
				}
			}
			if v := l.neg.answer(row, kv.Value); v != "" {
				x.out = pdu.AppendText(x.out, kv.Key, v)
			}
		}
	}
	l.neg.adjustDefaults()
	return nil
}

// badSegment reports whether the request declares an invalid MaxRecvDataSegmentLength.
func (x *loginExchange) badSegment() bool {
	v, ok := x.keys.Get("MaxRecvDataSegmentLength")
	if ok {
		_, ok = segmentLength(v)
		return !ok
	}
	return false
}

// answer adds the keys that we declare, and sends the response.
func (x *loginExchange) answer() *LoginError {
	l, q := x.l, x.req
	if l.target != nil && !l.told {
		// It comes "with the first Login Response PDU with which it is allowed" (6.3.1), if TargetName was given (13.9).
		l.told = true
		x.out = pdu.AppendText(x.out, "TargetPortalGroupTag", strconv.Itoa(int(l.tpgt)))
		if l.target.Alias != "" {
			x.out = pdu.AppendText(x.out, "TargetAlias", l.target.Alias)
		}
	}
	// If the initiator's declaration was rejected, ours would be a second value for the key. It is sent later; until then 8192 holds.
	if q.CSG() == pdu.StageLoginOperationalNegotiation && !l.offered && !x.badSegment() {
		l.offered = true
		l.neg.conn.MaxRecvDataSegmentLength = l.neg.limits.MaxRecvDataSegmentLength
		x.out = pdu.AppendText(x.out, "MaxRecvDataSegmentLength", strconv.Itoa(int(l.neg.limits.MaxRecvDataSegmentLength)))
	}
	resp := loginResponse(q)
	if q.Transit() && (!x.auth().Required() || l.chap.step == chapDone) {
		resp.SetTransit(true)
		resp.SetNSG(q.NSG())
	}
	x.say(loginAnswer{resp: resp, text: x.out})
	return nil
}
