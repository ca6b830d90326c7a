package astarget

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

const labTarget, labInitiator = "iqn.2026-11.io.ringtgt:lab", "iqn.2026-11.com.example:initiator"

// lab is a target without sockets, whose time the test moves, and an initiator that sends what the test wants.
type lab struct {
	t      testing.TB
	target *Target
	time   time.Time
	timers []*labTimer
	*labConn
}

type labTimer struct {
	at  time.Time
	f   func()
	off bool
}

func (l *lab) now() time.Time { return l.time }

func (l *lab) after(d time.Duration, f func()) func() {
	t := &labTimer{at: l.time.Add(d), f: f}
	l.timers = append(l.timers, t)
	return func() { t.off = true }
}

// pass moves the time.
func (l *lab) pass(d time.Duration) {
	l.time = l.time.Add(d)
	for _, t := range slices.Clone(l.timers) {
		if !t.off && !t.at.After(l.time) {
			t.off = true
			t.f()
		}
	}
	l.timers = slices.DeleteFunc(l.timers, func(t *labTimer) bool { return t.off })
}

// labConn is a connection, and the initiator's end of it.
type labConn struct {
	l *lab
	c *conn
	rawclient.Numbers
	sent  []*received // by the target, not yet looked at
	ended bool
}

func (k *labConn) send(wire []byte) {
	in := &reader{r: bytes.NewReader(wire), header: k.c.digests.Header, data: k.c.digests.Data}
	r, err := in.next()
	if err != nil {
		k.l.t.Fatalf("the target sends %x: %v", wire, err)
	}
	k.sent = append(k.sent, r)
}
func (k *labConn) finish() { k.ended = true }
func (k *labConn) abort()  { k.ended = true }

func newLab(t testing.TB, cfg Config) *lab {
	t.Helper()
	cfg.Name, cfg.Size = labTarget, 1<<20
	l := &lab{t: t, time: time.Unix(1_000_000, 0)}
	l.target = must.Get(New(cfg))(t)
	l.target.clock, l.target.began = l, l.time
	l.labConn = l.connect()
	return l
}

// connect makes another connection.
func (l *lab) connect() *labConn {
	k := &labConn{l: l, Numbers: rawclient.Numbers{CmdSN: 1}}
	k.c = l.target.attach(k, "192.0.2.1:3260", "192.0.2.2:40000")
	return k
}

// only lets the target play one scenario, as soon as it can; without a name none.
func (l *lab) only(name string) *lab {
	for _, s := range l.target.plan.all {
		s.done = s.name != name
	}
	return l
}

// put sends a PDU of the initiator's.
func (k *labConn) put(h *pdu.BHS, data []byte, ahs ...byte) {
	h.SetDataLen(len(data))
	h.SetAHSLen(len(ahs))
	k.c.take(&received{h: h, data: data, ahs: ahs, pad: make([]byte, pdu.Pad(len(data)))})
}

// next takes the next PDU that the target sent.
func (k *labConn) next(op pdu.Opcode) *received {
	k.l.t.Helper()
	for len(k.sent) > 0 {
		r := k.sent[0]
		k.sent = k.sent[1:]
		if sn := (*pdu.SCSIResponse)(r.h).StatSN(); r.h.Opcode() != pdu.OpR2T && r.h.Opcode() != pdu.OpNOPIn && sn >= k.ExpStatSN {
			k.ExpStatSN = sn + 1
		}
		if r.h.Opcode() == op {
			return r
		}
	}
	k.l.t.Fatalf("the target sends no %v", op)
	return nil
}

// drain looks at all that the target sent.
func (k *labConn) drain() {
	for len(k.sent) > 0 {
		k.next(k.sent[0].h.Opcode())
	}
}

var who = []string{"InitiatorName", labInitiator, "TargetName", labTarget}

// request is a login request that ends the operational stage.
func request1(change ...func(*rawclient.Login)) rawclient.Login {
	l := rawclient.OneRequest([6]byte{0x80, 0, 0, 0, 0, 1})
	l.ITT = 7
	for _, f := range change {
		f(&l)
	}
	return l
}

// login goes to full feature phase in one request.
func (k *labConn) login(pairs ...string) {
	k.l.t.Helper()
	k.loginAs(request1(), pairs...)
	if k.c.phase != full {
		k.l.t.Fatalf("the login does not end: phase %d", k.c.phase)
	}
}

func (k *labConn) loginAs(q rawclient.Login, pairs ...string) *pdu.LoginResponse {
	k.l.t.Helper()
	k.put(q.Header(), rawclient.Text(append(slices.Clone(who), pairs...)...))
	r := (*pdu.LoginResponse)(k.next(pdu.OpLoginResponse).h)
	k.CmdSN = r.ExpCmdSN()
	return r
}

// secure sends a request in SecurityNegotiation.
func (k *labConn) secure(next pdu.Stage, transit bool, pairs ...string) map[string]string {
	k.l.t.Helper()
	q := request1(func(q *rawclient.Login) {
		q.CSG, q.NSG, q.Transit, q.ExpStatSN = pdu.StageSecurityNegotiation, next, transit, k.ExpStatSN
	})
	k.put(q.Header(), rawclient.Text(pairs...))
	r := k.next(pdu.OpLoginResponse)
	keys := map[string]string{}
	for _, kv := range must.Get(pdu.ParseText(r.data, 64))(k.l.t) {
		keys[kv.Key] = kv.Value
	}
	return keys
}

// begun is a session that took its unit attention and did enough commands for any scenario.
func (k *labConn) begun(pairs ...string) {
	k.l.t.Helper()
	k.login(pairs...)
	playing := k.c.s.playing
	k.c.s.attention, k.c.s.done, k.c.s.playing = false, roughAfter, playing
	k.c.s.max = k.c.s.exp + window - 1
}

// do sends a command without data and takes its answer.
func (k *labConn) do(cdb ...byte) {
	k.l.t.Helper()
	k.put(k.Command(0, cdb, 0, false), nil)
	k.drain()
}

// read sends a READ of blocks.
func (k *labConn) read(blocks uint16) *pdu.BHS {
	h := k.Command(0, rawclient.RW10(false, 0, blocks), int(blocks)*512, false)
	k.put(h, nil)
	return h
}

// write sends a WRITE of blocks with immediate data.
func (k *labConn) write(blocks uint16, immediate int, final bool) *pdu.BHS {
	h := k.Command(0, rawclient.RW10(true, 0, blocks), int(blocks)*512, true)
	h.SetFinal(final)
	k.put(h, make([]byte, immediate))
	return h
}

// out sends Data-Out.
func (k *labConn) out(itt, ttt, sn uint32, offset, n int, final bool) {
	k.put(k.DataOut(0, itt, ttt, sn, offset, final), make([]byte, n))
}

// r2t takes the next R2T.
func (k *labConn) r2t() *pdu.R2T {
	k.l.t.Helper()
	return (*pdu.R2T)(k.next(pdu.OpR2T).h)
}
