package conform_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// fake is a target that grants logins, echoes pings and has a unit that is always ready. A ping whose data names a misdeed makes it do
// that instead.
type fake struct {
	addr  string
	over  chan struct{}
	all   sync.WaitGroup
	mu    sync.Mutex
	l     net.Listener
	conns []net.Conn
	cdbs  []byte // operation codes that arrived
}

func startFake(t *testing.T) *fake {
	f := &fake{over: make(chan struct{}), addr: "127.0.0.1:0"}
	f.listen(t)
	t.Cleanup(func() {
		close(f.over)
		f.stop()
		f.all.Wait()
	})
	return f
}

// listen begins to serve, at the same address as before.
func (f *fake) listen(t *testing.T) {
	l := must.Get(net.Listen("tcp", f.addr))(t)
	f.mu.Lock()
	f.l, f.addr = l, l.Addr().String()
	f.mu.Unlock()
	f.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, c)
			f.mu.Unlock()
			f.all.Go(func() {
				defer c.Close()
				f.serve(c)
			})
		}
	})
}

func (f *fake) stop() {
	f.deafen()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
}

// deafen takes no more connections.
func (f *fake) deafen() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.l.Close()
}

func (f *fake) target() *conform.Target {
	return &conform.Target{Portal: f.addr, Name: "iqn.2026-11.com.example:fake", Initiator: "iqn.2026-11.com.example:test"}
}

func (f *fake) codes() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]byte(nil), f.cdbs...)
}

func (f *fake) serve(c net.Conn) {
	statSN := uint32(1)
	for {
		var h pdu.BHS
		if _, err := io.ReadFull(c, h[:]); err != nil {
			return
		}
		rest := make([]byte, h.AHSLen()+h.DataLen()+pdu.Pad(h.DataLen()))
		if _, err := io.ReadFull(c, rest); err != nil {
			return
		}
		data := rest[h.AHSLen():][:h.DataLen()]
		if h.Opcode() == pdu.OpNOPOut && misdeeds[string(data)] != nil {
			misdeeds[string(data)](f, c)
			return
		}
		var r pdu.BHS
		var answer []byte
		q := (*pdu.SCSICommand)(&h)
		switch h.Opcode() {
		case pdu.OpLoginRequest:
			r.Init(pdu.OpLoginResponse)
			r.SetFlags(h.Flags())
			copy(r[8:16], h[8:16])
			(*pdu.LoginResponse)(&r).SetTSIH(1)
			answer = rawclient.Text("MaxConnections", "1", "ErrorRecoveryLevel", "0", "InitialR2T", "Yes")
		case pdu.OpNOPOut:
			r.Init(pdu.OpNOPIn)
			(*pdu.NOPIn)(&r).SetTTT(pdu.ReservedTag)
			answer = data
		case pdu.OpSCSICommand:
			f.mu.Lock()
			f.cdbs = append(f.cdbs, q.CDB()[0])
			f.mu.Unlock()
			r.Init(pdu.OpSCSIResponse)
			if q.CDB()[0] == 0x25 {
				r.Init(pdu.OpDataIn)
				r.SetFinal(true)
				r[1] |= 1 // status is present
				answer = []byte{0, 0, 0, 9, 0, 0, 2, 0}
			}
		}
		r.SetITT(h.ITT())
		exp := q.CmdSN()
		if !h.Immediate() {
			exp++
		}
		r.SetStatSN(statSN)
		r.SetExpMaxCmdSN(exp, exp+31)
		statSN++
		if _, err := c.Write(rawclient.Append(nil, &r, answer)); err != nil {
			return
		}
	}
}

// misdeeds are by the data of the ping that asks for them.
var misdeeds = map[string]func(f *fake, c net.Conn){
	"hang":    func(_ *fake, c net.Conn) { _, _ = io.Copy(io.Discard, c) },
	"close":   func(*fake, net.Conn) {},
	"half":    func(_ *fake, c net.Conn) { _, _ = c.Write(make([]byte, 20)); _, _ = io.Copy(io.Discard, c) },
	"deaf":    func(f *fake, _ net.Conn) { <-f.over },
	"garbage": func(_ *fake, c net.Conn) { forever(c, []byte(strings.Repeat("\xff", 4096))) },
	"endless": func(_ *fake, c net.Conn) {
		var h pdu.BHS
		h.Init(pdu.OpNOPIn)
		h.SetITT(pdu.ReservedTag)
		(*pdu.NOPIn)(&h).SetTTT(pdu.ReservedTag)
		forever(c, rawclient.Append(nil, &h, make([]byte, 4096)))
	},
	"pings": func(_ *fake, c net.Conn) { // that want an answer, which is not read
		var h pdu.BHS
		h.Init(pdu.OpNOPIn)
		h.SetITT(pdu.ReservedTag)
		(*pdu.NOPIn)(&h).SetTTT(7)
		forever(c, h[:])
	},
	"die": func(f *fake, _ net.Conn) { f.deafen() },
}

func forever(c net.Conn, b []byte) {
	for {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}
