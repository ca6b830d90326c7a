package session

import (
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// loginRig is a rig whose connection has not logged in yet.
type loginRig struct {
	*rig
	isid [6]byte
	tsih uint16
	cid  uint16
}

// newNodeWith makes a node with the targets.
func newNodeWith(cfg NodeConfig, targets ...*Target) *Node {
	n := NewNode(cfg)
	n.SetTargets(targets)
	return n
}

func plainTarget() *Target {
	return &Target{Name: testTarget, Portals: []Portal{{Addr: "127.0.0.1:3260", TPGT: 1}}}
}

// newLogin connects to n.
func newLogin(t testing.TB, n *Node) *loginRig {
	r := &rig{TB: t, node: n, now: int64(time.Hour), room: true, cmdSN: 1, expStatSN: 500}
	r.host = &fakeHost{rig: r, tasks: 1 << 20, live: map[*Task]bool{}}
	r.connect()
	return &loginRig{rig: r, isid: [6]byte{0x80, 9, 9, 9, 9, 9}, cid: 3}
}

// turn lets everything that was posted happen, and the timers that are due.
func (r *loginRig) turn() {
	for len(r.host.posts) > 0 {
		r.receive()
	}
	if at := r.conn.Timer(); at != 0 && at <= r.now {
		r.conn.Advance(r.now)
	}
	r.pump()
}

// receive delivers the oldest message that was posted.
func (r *rig) receive() {
	m := r.host.posts[0]
	r.host.posts = r.host.posts[1:]
	r.conn.Receive(r.now, m)
}

// loginFlags are the bits of byte 1, and what a test changes in a request.
type loginFlags struct {
	csg, nsg pdu.Stage
	t, c     bool
	change   func(*pdu.LoginRequest)
}

var (
	security     = loginFlags{csg: pdu.StageSecurityNegotiation}
	securityNext = loginFlags{csg: pdu.StageSecurityNegotiation, nsg: pdu.StageLoginOperationalNegotiation, t: true}
	securityFull = loginFlags{csg: pdu.StageSecurityNegotiation, nsg: pdu.StageFullFeaturePhase, t: true}
	operational  = loginFlags{csg: pdu.StageLoginOperationalNegotiation}
	toFull       = loginFlags{csg: pdu.StageLoginOperationalNegotiation, nsg: pdu.StageFullFeaturePhase, t: true}
)

// names are the keys of a first request to the test target.
func names(more ...string) []string {
	return append([]string{"InitiatorName", testInitiator, "TargetName", testTarget}, more...)
}

// ask sends a login request.
func (r *loginRig) ask(f loginFlags, keys ...string) {
	r.Helper()
	var text []byte
	for i := 0; i < len(keys); i += 2 {
		text = pdu.AppendText(text, keys[i], keys[i+1])
	}
	r.askText(f, text)
}

func (r *loginRig) askText(f loginFlags, text []byte) {
	r.Helper()
	r.send(r.loginHeader(f), text)
}

func (r *loginRig) loginHeader(f loginFlags) *pdu.BHS {
	h := (*pdu.LoginRequest)(r.request(pdu.OpLoginRequest, 0x77))
	h.SetImmediate(true)
	h.SetTransit(f.t)
	h.SetContinue(f.c)
	h.SetCSG(f.csg)
	h.SetNSG(f.nsg)
	h.SetISID(r.isid)
	h.SetTSIH(r.tsih)
	h.SetCID(r.cid)
	if f.change != nil {
		f.change(h)
	}
	return h.BHS()
}

// answer takes the login response and its keys.
func (r *loginRig) answer(because string) (*pdu.LoginResponse, map[string]string) {
	r.Helper()
	w := r.want(pdu.OpLoginResponse, because)
	kvs, err := pdu.ParseText(w.data, 200)
	must.OK(r, err, "answer %q", w.data)
	m := map[string]string{}
	for _, kv := range kvs {
		if _, twice := m[kv.Key]; twice {
			r.Errorf("key %s answered twice", kv.Key)
		}
		m[kv.Key] = kv.Value
	}
	h := w.h
	return (*pdu.LoginResponse)(&h), m
}

// ok sends a request that succeeds.
func (r *loginRig) ok(f loginFlags, keys ...string) map[string]string {
	r.Helper()
	r.ask(f, keys...)
	h, m := r.answer("every login request is answered")
	if h.Status() != pdu.LoginSuccess || h.Transit() != f.t || f.t && h.NSG() != f.nsg || h.CSG() != f.csg {
		r.Fatalf("status %#04x, T %v CSG %d NSG %d; want success, T %v", uint16(h.Status()), h.Transit(), h.CSG(), h.NSG(), f.t)
	}
	return m
}

// refused sends a request that ends the login.
func (r *loginRig) refused(status pdu.LoginStatus, because string, f loginFlags, keys ...string) map[string]string {
	r.Helper()
	r.ask(f, keys...)
	return r.wantRefused(status, because)
}

func (r *loginRig) wantRefused(status pdu.LoginStatus, because string) map[string]string {
	r.Helper()
	h, m := r.answer(because)
	if h.Status() != status || h.Transit() {
		r.Fatalf("status %#04x T %v; want %#04x, because %s", uint16(h.Status()), h.Transit(), uint16(status), because)
	}
	r.wantEvent(Flush)
	must.Be(r, r.conn.Session() == nil, "a refused login has a session")
	return m
}

// up logs in with the test initiator's ISID.
func (r *loginRig) up() {
	r.Helper()
	r.ok(toFull, names("DefaultTime2Retain", "0")...)
	r.wantEvent(SessionUp)
}

// gone is the host's report that the transport is gone.
func (r *loginRig) gone() {
	r.conn.Closed(r.now)
	r.pump()
}
