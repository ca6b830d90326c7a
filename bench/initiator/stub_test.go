package initiator

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// stub is a target for Loops, which need real sockets: it logs everybody in, answers reads of up to 512 bytes and logouts,
// and leaves to the test what it does at a command or a ping's answer. It plays at the level of messages.
type stub struct {
	l      net.Listener
	login  func(c *stubConn)                       // before the answer to a login, if set
	up     func(c *stubConn)                       // once logged in, on a goroutine of its own, if set
	read   func(c *stubConn, n uint64, itt uint32) // the n-th command of the connection, from 1; nil answers
	nopOut func(c *stubConn, ttt uint32)           // answers to pings
	text   func(c *stubConn, itt uint32)           // text requests
	conns  sync.WaitGroup

	// narrow makes all connections those of one session with a window of one command, which each answer of any of them opens.
	narrow bool
	mu     sync.Mutex
	exp    uint32 // narrow
}

type stubConn struct {
	*stub
	nc       net.Conn
	mu       sync.Mutex
	statSN   uint32
	exp      uint32
	commands uint64
}

// stubWindow is how many commands a session of the stub's may have under way.
const stubWindow = 4096

// start serves until the test ends.
func (s *stub) start(t testing.TB) *stub {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.l = l
	s.conns.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			c := &stubConn{stub: s, nc: nc, statSN: 1}
			s.conns.Go(func() {
				defer nc.Close()
				c.serve()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.conns.Wait() // the sessions are closed by now: cleanups run last in, first out
	})
	return s
}

func (s *stub) config(n int) Config {
	return Config{
		Portals: []string{s.l.Addr().String()}, TargetName: "iqn.2026-11.io.ringtgt:stub", InitiatorName: "iqn.2026-11.io.ringtgt:initiator",
		ISID: [6]byte{0x80, 0, 0, 0, byte(n >> 8), byte(n)},
	}
}

func (s *stub) configs(n int) (all []Config) {
	for i := range n {
		all = append(all, s.config(i))
	}
	return all
}

func (c *stubConn) serve() {
	for {
		var h pdu.BHS
		if _, err := io.ReadFull(c.nc, h[:]); err != nil {
			return
		}
		n := h.DataLen()
		if _, err := io.CopyN(io.Discard, c.nc, int64(h.AHSLen()+n+pdu.Pad(n))); err != nil {
			return
		}
		if cmd := (*pdu.SCSICommand)(&h); h.Opcode() != pdu.OpDataOut && !h.Immediate() {
			c.mu.Lock()
			c.exp = cmd.CmdSN() + 1
			c.mu.Unlock()
			c.stub.took(cmd.CmdSN())
		}
		switch h.Opcode() {
		case pdu.OpLoginRequest:
			c.logIn((*pdu.LoginRequest)(&h))
		case pdu.OpSCSICommand:
			c.commands++
			if c.read == nil {
				c.answer(h.ITT())
			} else {
				c.read(c, c.commands, h.ITT())
			}
		case pdu.OpNOPOut:
			if c.nopOut != nil {
				c.nopOut(c, (*pdu.NOPOut)(&h).TTT())
			}
		case pdu.OpTextRequest:
			if c.text != nil {
				c.text(c, h.ITT())
			}
		case pdu.OpLogoutRequest:
			var r pdu.BHS
			r.Init(pdu.OpLogoutResponse)
			(*pdu.LogoutResponse)(&r).SetITT(h.ITT())
			c.send(&r, nil, true)
			return
		}
	}
}

func (c *stubConn) logIn(req *pdu.LoginRequest) {
	if c.login != nil {
		c.login(c)
	}
	c.exp = req.CmdSN()
	var h pdu.BHS
	h.Init(pdu.OpLoginResponse)
	r := (*pdu.LoginResponse)(&h)
	r.SetTransit(true)
	r.SetCSG(pdu.StageLoginOperationalNegotiation)
	r.SetNSG(pdu.StageFullFeaturePhase)
	r.SetISID(req.ISID())
	r.SetTSIH(1)
	r.SetITT(req.ITT())
	keys := "MaxConnections=1\x00"
	if c.narrow {
		keys = "MaxConnections=3\x00"
		if req.TSIH() != 0 {
			keys = ""
		}
	}
	c.send(&h, []byte(keys), true)
	if c.up != nil {
		c.conns.Go(func() { c.up(c) })
	}
}

// took notes a CmdSN that arrived, of a session with a narrow window.
func (s *stub) took(cmdSN uint32) {
	s.mu.Lock()
	s.exp = cmdSN + 1
	s.mu.Unlock()
}

// answer ends a read of 512 bytes with GOOD.
func (c *stubConn) answer(itt uint32) {
	var h pdu.BHS
	h.Init(pdu.OpDataIn)
	d := (*pdu.DataIn)(&h)
	d.SetFinal(true)
	d.SetStatusPresent(true)
	d.SetITT(itt)
	d.SetTTT(pdu.ReservedTag)
	c.send(&h, make([]byte, 512), true)
}

// ping asks for a NOP-Out (RFC 7143, 11.19).
func (c *stubConn) ping(ttt uint32) {
	var h pdu.BHS
	h.Init(pdu.OpNOPIn)
	n := (*pdu.NOPIn)(&h)
	n.SetITT(pdu.ReservedTag)
	n.SetTTT(ttt)
	c.send(&h, nil, false)
}

// send sends a PDU; status says that it uses a StatSN up.
func (c *stubConn) send(h *pdu.BHS, data []byte, status bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.SetStatSN(c.statSN)
	if status {
		c.statSN++
	}
	exp, max := c.exp, c.exp+stubWindow-1
	if c.narrow {
		c.stub.mu.Lock()
		exp, max = c.stub.exp, c.stub.exp
		c.stub.mu.Unlock()
	}
	h.SetExpMaxCmdSN(exp, max)
	h.SetDataLen(len(data))
	_, _ = c.nc.Write(append(append(append([]byte{}, h[:]...), data...), make([]byte, pdu.Pad(len(data)))...))
}

// stubReads is a workload that the stub can answer.
func stubReads(w Workload) Workload {
	w.ReadPercent, w.BlockSize, w.Capacity, w.BlockLen = 100, 512, 1<<20, 512
	return w
}
