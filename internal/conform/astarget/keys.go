package astarget

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/pdu"
)

// stages are where a key may be used.
type stages uint8

const (
	security stages = 1 << iota
	operational
	fullFeature
	inLogin = security | operational
)

// key is a row of the tables in RFC 7143, 12 and 13.
type key struct {
	name  string
	in    stages
	lead  bool // only on the leading connection
	judge func(value string) bool
	grant func(l *loginState, value string) (answer string, err error) // nil: declared, without an answer
}

// keys are those that an initiator may send.
var keys = []key{
	{name: "InitiatorName", in: inLogin, judge: isName},
	{name: "TargetName", in: inLogin, judge: isName},
	{name: "InitiatorAlias", in: inLogin | fullFeature, judge: anything},
	{name: "SessionType", in: inLogin, lead: true, judge: oneOf("Discovery", "Normal")},
	{name: "HeaderDigest", in: operational, judge: list, grant: grantDigest(func(l *loginState) *bool { return &l.digests.header })},
	{name: "DataDigest", in: operational, judge: list, grant: grantDigest(func(l *loginState) *bool { return &l.digests.data })},
	{name: "MaxConnections", in: operational, lead: true, judge: number(1, 65535), grant: lower(grantedConns, func(p *params) *uint32 { return &p.maxConnections })},
	{name: "InitialR2T", in: operational, lead: true, judge: isBool, grant: boolean(true, false, func(p *params) *bool { return &p.initialR2T })},
	{name: "ImmediateData", in: operational, lead: true, judge: isBool, grant: boolean(false, true, func(p *params) *bool { return &p.immediateData })},
	{name: "MaxRecvDataSegmentLength", in: operational | fullFeature, judge: number(512, pdu.MaxDataLen)},
	{name: "MaxBurstLength", in: operational, lead: true, judge: number(512, pdu.MaxDataLen), grant: lower(maxBurst, func(p *params) *uint32 { return &p.maxBurst })},
	{name: "FirstBurstLength", in: operational, lead: true, judge: number(512, pdu.MaxDataLen), grant: lower(firstBurst, func(p *params) *uint32 { return &p.firstBurst })},
	{name: "DefaultTime2Wait", in: operational, lead: true, judge: number(0, 3600), grant: lower(3600, func(p *params) *uint32 { return &p.time2Wait })},
	{name: "DefaultTime2Retain", in: operational, lead: true, judge: number(0, 3600), grant: lower(0, func(p *params) *uint32 { return &p.time2Retain })},
	{name: "MaxOutstandingR2T", in: operational, lead: true, judge: number(1, 65535), grant: lower(outstandingR2T, func(p *params) *uint32 { return &p.outstandingR2T })},
	{name: "DataPDUInOrder", in: operational, lead: true, judge: isBool, grant: boolean(true, false, func(p *params) *bool { return &p.pduInOrder })},
	{name: "DataSequenceInOrder", in: operational, lead: true, judge: isBool, grant: boolean(true, false, func(p *params) *bool { return &p.sequenceInOrder })},
	{name: "ErrorRecoveryLevel", in: operational, lead: true, judge: number(0, 2), grant: constant("0")},
	{name: "TaskReporting", in: operational, lead: true, judge: list, grant: constant("RFC3720")},
	{name: "iSCSIProtocolLevel", in: operational, lead: true, judge: number(0, 31), grant: constant("1")},
	{name: "X#NodeArchitecture", in: inLogin, lead: true, judge: anything},
	{name: "IFMarker", in: operational, judge: isBool, grant: constant("Reject")},
	{name: "OFMarker", in: operational, judge: isBool, grant: constant("Reject")},
	{name: "IFMarkInt", in: operational, judge: anything, grant: constant("Reject")},
	{name: "OFMarkInt", in: operational, judge: anything, grant: constant("Reject")},
	{name: "AuthMethod", in: security, judge: list},
	{name: "CHAP_A", in: security, judge: list},
	{name: "CHAP_N", in: security, judge: anything},
	{name: "CHAP_R", in: security, judge: anything},
	{name: "CHAP_I", in: security, judge: number(0, 255)},
	{name: "CHAP_C", in: security, judge: anything},
	{name: "SendTargets", in: fullFeature, judge: anything},
}

func findKey(name string) *key {
	if i := slices.IndexFunc(keys, func(k key) bool { return k.name == name }); i >= 0 {
		return &keys[i]
	}
	return nil
}

func anything(string) bool { return true }
func isBool(v string) bool { return v == "Yes" || v == "No" }
func isName(v string) bool { return v != "" && len(v) <= 223 && v == strings.ToLower(v) }

func list(v string) bool {
	return !slices.Contains(strings.Split(v, ","), "")
}

func oneOf(values ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(values, v) }
}

func number(lo, hi uint64) func(string) bool {
	return func(v string) bool { _, err := pdu.ParseNumber(v, lo, hi); return err == nil }
}

// lower grants the lower of what is proposed and ours.
func lower(ours uint32, at func(*params) *uint32) func(*loginState, string) (string, error) {
	return func(l *loginState, v string) (string, error) {
		n, _ := pdu.ParseNumber(v, 0, 1<<32-1) // it was judged
		got := min(uint32(n), ours)
		*at(&l.params) = got
		return strconv.FormatUint(uint64(got), 10), nil
	}
}

// boolean grants by OR or AND with our own choice.
func boolean(or, ours bool, at func(*params) *bool) func(*loginState, string) (string, error) {
	return func(l *loginState, v string) (string, error) {
		got := v == "Yes" && ours
		if or {
			got = v == "Yes" || ours
		}
		*at(&l.params) = got
		if got {
			return "Yes", nil
		}
		return "No", nil
	}
}

func constant(v string) func(*loginState, string) (string, error) {
	return func(*loginState, string) (string, error) { return v, nil }
}

// grantDigest takes the first that it knows.
func grantDigest(at func(*loginState) *bool) func(*loginState, string) (string, error) {
	return func(l *loginState, v string) (string, error) {
		for choice := range strings.SplitSeq(v, ",") {
			if choice == "CRC32C" || choice == "None" {
				*at(l) = choice == "CRC32C"
				return choice, nil
			}
		}
		return "", errors.New("no digest in " + strconv.Quote(v))
	}
}

// reservedValues are never proposed (RFC 7143, 6.2).
var reservedValues = []string{"Reject", "Irrelevant", "NotUnderstood"}

// pairs reads the text of a request and judges its form.
func (c *conn) pairs(text []byte) ([]pdu.KeyValue, error) {
	if len(text) == 0 {
		return nil, nil
	}
	pairs, err := pdu.ParseText(text, maxPairs)
	switch {
	case errors.Is(err, pdu.ErrTextNoNUL):
		c.broke("6.1/1", "%v", err)
		return nil, err
	case err != nil:
		c.broke("6.1/0", "%v", err)
		return nil, err
	}
	c.kept("6.1/0")
	c.want(text[len(text)-1] == 0, "6.1/1", "the text ends without a null")
	return pairs, nil
}

// negotiate judges the keys of a login request and answers them, in their order.
func (c *conn) negotiate(pairs []pdu.KeyValue) (answer []byte, err error) {
	l := &c.login
	chosen := chapKeys{}
	for _, kv := range pairs {
		_, twice := l.offered[kv.Key]
		c.want(!twice, "6.3/10", "%s comes twice", kv.Key)
		if twice && !chapKey(kv.Key) {
			// RFC 7143, 6.3, wants the login refused. Then nothing else could be tried on an initiator that does this.
			continue
		}
		l.offered[kv.Key] = kv.Value
		if kv.Key == l.probe {
			c.want(kv.Value == "NotUnderstood", "6.2/7", "%s=%q", kv.Key, kv.Value)
			l.probe = ""
			continue
		}
		k := findKey(kv.Key)
		if k == nil {
			answer = pdu.AppendText(answer, kv.Key, "NotUnderstood")
			continue
		}
		if !c.judgeKey(k, kv) {
			return nil, refuse(pdu.LoginInitiatorError, "%s=%.40q", kv.Key, kv.Value)
		}
		switch {
		case chapKey(kv.Key):
			chosen[kv.Key] = kv.Value
		case k.grant != nil:
			v, err := k.grant(l, kv.Value)
			if err != nil {
				return nil, refuse(pdu.LoginInitiatorError, "%v", err)
			}
			answer = pdu.AppendText(answer, kv.Key, v)
		default:
			c.declare(kv)
		}
	}
	c.judgeTogether()
	return c.authenticate(chosen, answer)
}

// judgeKey judges one key, and reports whether the login can go on with it.
func (c *conn) judgeKey(k *key, kv pdu.KeyValue) bool {
	l := &c.login
	in := operational
	if l.stage == pdu.StageSecurityNegotiation {
		in = security
	}
	c.want(k.in&in != 0, "6.3/0", "%s in stage %d", kv.Key, l.stage)
	if k.lead && l.first.TSIH() != 0 {
		c.broke("13/1", "%s in the login of another connection", kv.Key)
	} else if l.first.TSIH() != 0 {
		c.kept("13/1")
	}
	if slices.Contains(reservedValues, kv.Value) {
		c.broke("6.2/11", "%s=%s is proposed", kv.Key, kv.Value)
		return false
	}
	c.kept("6.2/11")
	ok := k.judge(kv.Value)
	c.want(ok, "6.2.2/2", "%s=%.60q", kv.Key, kv.Value)
	return ok && k.in&in != 0
}

// declare takes a declared value.
func (c *conn) declare(kv pdu.KeyValue) {
	l := &c.login
	l.names[kv.Key] = kv.Value
	switch kv.Key {
	case "MaxRecvDataSegmentLength":
		n, _ := pdu.ParseNumber(kv.Value, 0, pdu.MaxDataLen) // it was judged
		l.sendMax = int(n)
	case "SessionType":
		l.discovery = kv.Value == "Discovery"
		if l.discovery {
			c.want(l.requests == 1, "13.21/2", "SessionType=Discovery in request %d", l.requests)
		}
	}
}

// judgeTogether judges keys that depend on one another.
func (c *conn) judgeTogether() {
	l := &c.login
	first, err1 := pdu.ParseNumber(l.offered["FirstBurstLength"], 512, pdu.MaxDataLen)
	burst, err2 := pdu.ParseNumber(l.offered["MaxBurstLength"], 512, pdu.MaxDataLen)
	if err1 == nil && err2 == nil {
		c.want(first <= burst, "13.14/1", "FirstBurstLength %d, MaxBurstLength %d", first, burst)
	}
	if v, ok := l.offered["TaskReporting"]; ok {
		all := strings.Split(v, ",")
		c.want(slices.Contains(all, "RFC3720") && slices.Contains(all, "ResponseFence"), "13.23/2", "TaskReporting=%.60q", v)
	}
	l.params.firstBurst = min(l.params.firstBurst, l.params.maxBurst)
}
