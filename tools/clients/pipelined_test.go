package clients_test

import (
	"net"
	"testing"

	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/pdu"
)

// bytes returns the whole Login Request PDU.
func (l loginRequest) bytes() []byte { return wireBytes(l.header(), l.text()) }

func wireBytes(h *pdu.BHS, data []byte) []byte {
	h.SetDataLen(len(data))
	b := append(append([]byte{}, h[:]...), data...)
	return append(b, make([]byte, pdu.Pad(len(data)))...)
}

func testUnitReady(sn uint32) []byte {
	var b pdu.BHS
	b.Init(pdu.OpSCSICommand)
	h := (*pdu.SCSICommand)(&b)
	h.SetFinal(true)
	h.SetITT(100 + sn)
	h.SetCmdSN(sn)
	return wireBytes(&b, nil)
}

// Commands in one packet with the Login Request, on a leading and on a joining connection. An initiator must wait for the final
// Login Response (RFC 7143 6.3). The commands are executed with their nexus or not at all, and other sessions are not affected.
func TestCommandsBehindALogin(t *testing.T) {
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	for i := range byte(40) {
		login := loginRequest{isid: i, target: d.Target(), keys: []string{"MaxConnections=4", "DefaultTime2Retain=0"}}
		in := login.bytes()
		r := dialRaw(t, d.Addr())
		if i%2 == 1 {
			h := sendLogin(t, r, in)
			defer r.conn.Close()
			join := loginRequest{isid: i, target: d.Target()}
			b := join.header()
			(*pdu.LoginRequest)(b).SetTSIH(h.TSIH())
			(*pdu.LoginRequest)(b).SetCID(1)
			in = wireBytes(b, join.text())
			r = dialRaw(t, d.Addr())
		}
		in = append(in, testUnitReady(1)...)
		sendLogin(t, r, append(in, testUnitReady(2)...))
		r.conn.Close()
	}
	stillServes(t, d)
}

// sendLogin sends bytes that begin with a Login Request, and reads the response, which must report success.
func sendLogin(t *testing.T, r *raw, in []byte) *pdu.LoginResponse {
	t.Helper()
	if _, err := r.conn.Write(in); err != nil {
		t.Fatal(err)
	}
	h, _, err := r.recv()
	if err != nil {
		t.Fatal(err)
	}
	if h.Opcode() != pdu.OpLoginResponse || (*pdu.LoginResponse)(h).Status() != pdu.LoginSuccess {
		t.Fatalf("the target answers %v", h)
	}
	return (*pdu.LoginResponse)(h)
}

// A login replaces the only connection of a session (RFC 7143 6.3.4) and is reset before it is answered, while the session ends.
func TestJoinThatGoesAway(t *testing.T) {
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	beside := dialRaw(t, d.Addr())
	beside.loginReady(loginRequest{isid: 0xed, target: d.Target()})
	for i := range byte(120) {
		login := loginRequest{isid: i, target: d.Target(), keys: []string{"DefaultTime2Retain=0"}}
		old := dialRaw(t, d.Addr())
		tsih := sendLogin(t, old, login.bytes()).TSIH()
		next := dialRaw(t, d.Addr())
		join := loginRequest{isid: i, target: d.Target()}
		b := join.header()
		(*pdu.LoginRequest)(b).SetTSIH(tsih)
		if _, err := next.conn.Write(wireBytes(b, join.text())); err != nil {
			t.Fatal(err)
		}
		reset(t, next.conn)
		for range i % 4 { // lets the loops get to different points of it
			if err := beside.read10(0, 8, 512); err != nil {
				t.Fatal(err)
			}
			if _, err := beside.readBack(); err != nil {
				t.Fatal(err)
			}
		}
		old.conn.Close()
	}
	stillServes(t, d)
}

// reset closes a connection with RST.
func reset(t *testing.T, c *net.TCPConn) {
	t.Helper()
	if err := c.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	c.Close()
}
