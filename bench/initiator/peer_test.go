package initiator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// patience bounds every wait of these tests; nothing that works takes a hundredth of it.
const patience = 60 * time.Second

// script is a target that does what the test tells it, PDU by PDU.
type script struct {
	t     *testing.T
	dials chan *peer
	tsih  uint16
	// stated to the initiator in every PDU
	exp, max uint32
}

// peer is the target's end of one connection.
type peer struct {
	*script
	nc     net.Conn
	pdus   chan message
	statSN uint32
	login  *pdu.LoginRequest
	text   string
}

type message struct {
	h    pdu.BHS
	data []byte
}

// newScript returns a target with the window [first, first+width-1], and a Config that reaches it.
func newScript(t *testing.T, first, width uint32) (*script, Config) {
	s := &script{t: t, dials: make(chan *peer, 16), tsih: 0x77, exp: first, max: first + width - 1}
	return s, Config{
		Portals: []string{"scripted"}, TargetName: "iqn.2026-11.io.ringtgt:scripted", InitiatorName: "iqn.2026-11.io.ringtgt:initiator",
		ISID: [6]byte{0x80, 1, 2, 3, 4, 5}, FirstCmdSN: first,
		Dialer: func(ctx context.Context, portal string) (net.Conn, error) {
			a, b := net.Pipe()
			p := &peer{script: s, nc: b, pdus: make(chan message, 4096), statSN: 1000}
			go p.read()
			s.dials <- p
			return a, nil
		},
	}
}

func (p *peer) read() {
	defer close(p.pdus)
	for {
		var m message
		if _, err := io.ReadFull(p.nc, m.h[:]); err != nil {
			return
		}
		n := m.h.DataLen()
		buf := make([]byte, m.h.AHSLen()+n+pdu.Pad(n))
		if _, err := io.ReadFull(p.nc, buf); err != nil {
			return
		}
		m.data = buf[m.h.AHSLen():][:n]
		p.pdus <- m
	}
}

// dial takes the next connection and answers its login with keys.
func (s *script) dial(keys ...string) *peer {
	s.t.Helper()
	p := s.accept()
	p.grant(keys...)
	return p
}

// accept takes the next connection and its first Login Request.
func (s *script) accept() *peer {
	s.t.Helper()
	select {
	case p := <-s.dials:
		m := p.want(pdu.OpLoginRequest, "a connection begins with a login (6.3)")
		p.login, p.text = (*pdu.LoginRequest)(&m.h), string(m.data)
		return p
	case <-time.After(patience):
		s.t.Fatal("the initiator does not connect")
		return nil
	}
}

func (p *peer) grant(keys ...string) {
	p.t.Helper()
	var h pdu.BHS
	h.Init(pdu.OpLoginResponse)
	r := (*pdu.LoginResponse)(&h)
	r.SetTransit(true)
	r.SetCSG(pdu.StageLoginOperationalNegotiation)
	r.SetNSG(pdu.StageFullFeaturePhase)
	r.SetISID(p.login.ISID())
	r.SetTSIH(p.tsih)
	r.SetITT(p.login.ITT())
	p.send(&h, []byte(strings.Join(append(keys, ""), "\x00")))
}

func (p *peer) refuse(st pdu.LoginStatus) {
	p.t.Helper()
	var h pdu.BHS
	h.Init(pdu.OpLoginResponse)
	r := (*pdu.LoginResponse)(&h)
	r.SetISID(p.login.ISID())
	r.SetITT(p.login.ITT())
	r.SetStatus(st)
	p.send(&h, nil)
	_ = p.nc.Close()
}

// send sends a PDU with the next StatSN.
func (p *peer) send(h *pdu.BHS, data []byte) {
	p.t.Helper()
	h.SetStatSN(p.statSN)
	p.statSN++
	p.raw(h, data)
}

// raw sends a PDU with the StatSN that stands in it.
func (p *peer) raw(h *pdu.BHS, data []byte) {
	p.t.Helper()
	h.SetExpMaxCmdSN(p.exp, p.max)
	h.SetDataLen(len(data))
	msg := append(append(append([]byte{}, h[:]...), data...), make([]byte, pdu.Pad(len(data)))...)
	_ = p.nc.SetWriteDeadline(time.Now().Add(patience))
	if _, err := p.nc.Write(msg); err != nil {
		p.t.Fatalf("the initiator does not take %v: %v", h.Opcode(), err)
	}
}

// want takes the next PDU, which has to be op.
func (p *peer) want(op pdu.Opcode, because string) message {
	p.t.Helper()
	select {
	case m, ok := <-p.pdus:
		if !ok {
			p.t.Fatalf("the connection is closed; want a %v because %s", op, because)
		}
		if m.h.Opcode() != op {
			p.t.Fatalf("the initiator sends a %v (% x); want a %v because %s", m.h.Opcode(), m.h[:], op, because)
		}
		return m
	case <-time.After(patience):
		p.t.Fatalf("the initiator sends nothing; want a %v because %s", op, because)
		panic("unreachable")
	}
}

// wantNothing proves that nothing is on its way, by two pings of the target's: what the initiator had to send when it answered
// the first goes before the second answer.
func (p *peer) wantNothing(because string) {
	p.t.Helper()
	for ttt := range uint32(2) {
		var h pdu.BHS
		h.Init(pdu.OpNOPIn)
		n := (*pdu.NOPIn)(&h)
		n.SetITT(pdu.ReservedTag)
		n.SetTTT(ttt)
		n.SetStatSN(p.statSN)
		p.raw(&h, nil)
		m := p.want(pdu.OpNOPOut, because+"; only the answer to the target's ping (11.19.1)")
		if o := (*pdu.NOPOut)(&m.h); o.TTT() != ttt || o.ITT() != pdu.ReservedTag || !o.Immediate() {
			p.t.Fatalf("the ping is answered by ITT %#x, TTT %#x, immediate %v (11.18)", o.ITT(), o.TTT(), o.Immediate())
		}
	}
}

// wantCommand takes the next SCSI Command.
func (p *peer) wantCommand(cmdSN uint32, because string) *pdu.SCSICommand {
	p.t.Helper()
	m := p.want(pdu.OpSCSICommand, because)
	c := (*pdu.SCSICommand)(&m.h)
	if c.CmdSN() != cmdSN {
		p.t.Fatalf("the command has CmdSN %#x, want %#x because %s", c.CmdSN(), cmdSN, because)
	}
	return c
}

// good answers a command with GOOD and no data.
func (p *peer) good(itt uint32, expDataSN uint32) {
	p.t.Helper()
	var h pdu.BHS
	h.Init(pdu.OpSCSIResponse)
	r := (*pdu.SCSIResponse)(&h)
	r.SetITT(itt)
	r.SetExpDataSN(expDataSN)
	p.send(&h, nil)
}

func (p *peer) tmfComplete(itt uint32, res pdu.TaskResponse) {
	p.t.Helper()
	var h pdu.BHS
	h.Init(pdu.OpTaskManagementResponse)
	r := (*pdu.TaskManagementResponse)(&h)
	r.SetITT(itt)
	r.SetResponse(res)
	p.send(&h, nil)
}

func (p *peer) wantClosed(because string) {
	p.t.Helper()
	for {
		select {
		case m, ok := <-p.pdus:
			if !ok {
				return
			}
			p.t.Fatalf("the initiator sends a %v; want the connection closed because %s", m.h.Opcode(), because)
		case <-time.After(patience):
			p.t.Fatalf("the connection is open; want it closed because %s", because)
		}
	}
}

// dialed runs Dial while the script plays the target, and closes the session
// with the test, which the target must have played by the standard.
func dialed(t *testing.T, cfg Config, play func()) *Session {
	t.Helper()
	type outcome struct {
		s   *Session
		err error
	}
	ch := make(chan outcome, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		s, err := Dial(ctx, cfg)
		ch <- outcome{s, err}
	}()
	play()
	o := <-ch
	if o.err != nil {
		t.Fatal(o.err)
	}
	t.Cleanup(o.s.Close)
	return o.s
}

// connected makes a session of n connections with a scripted target.
func connected(t *testing.T, s *script, cfg Config, n int, keys ...string) (*Session, []*peer) {
	t.Helper()
	cfg.Connections = n
	var peers []*peer
	session := dialed(t, cfg, func() {
		peers = append(peers, s.dial(append(keys, fmt.Sprintf("MaxConnections=%d", n), "MaxRecvDataSegmentLength=65536")...))
		for len(peers) < n {
			peers = append(peers, s.dial())
		}
	})
	return session, peers
}

// start submits a command that the script will answer, and returns the end.
func start(t *testing.T, s *Session, cmd *Command) <-chan *Command {
	t.Helper()
	done := make(chan *Command, 1)
	cmd.Done = func(c *Command) { done <- c }
	if err := s.Submit(cmd); err != nil {
		t.Fatal(err)
	}
	return done
}

// testUnitReady is the shortest of commands.
func testUnitReady(cid uint16) *Command { return &Command{Conn: cid, CDB: make([]byte, 6)} }

func wait(t *testing.T, done <-chan *Command) *Command {
	t.Helper()
	select {
	case c := <-done:
		return c
	case <-time.After(patience):
		t.Fatal("the command is not over")
		return nil
	}
}

// wantOver waits for a command's end, which has to be want.
func wantOver(t *testing.T, done <-chan *Command, want error) *Command {
	t.Helper()
	c := wait(t, done)
	if !errors.Is(c.Result.Err, want) {
		t.Fatalf("the command ends with %v, want %v", c.Result.Err, want)
	}
	return c
}

// sound fails the test if the target broke the standard.
func sound(t *testing.T, s *Session) {
	t.Helper()
	for _, v := range s.Violations() {
		t.Error(v)
	}
}
