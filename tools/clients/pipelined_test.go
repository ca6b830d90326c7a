package clients_test

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// testUnitReady returns the command with that CmdSN.
func testUnitReady(sn uint32) []byte {
	h := rawclient.Request(pdu.OpSCSICommand, 100+sn, sn, 0)
	h.SetFinal(true)
	return h[:]
}

// Commands in one packet with the Login Request, on a leading and on a joining connection. An initiator must wait for the final
// Login Response (RFC 7143 4.2.4). The commands are executed with their nexus or not at all, and other sessions are not affected.
func TestCommandsBehindALogin(t *testing.T) {
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	for i := range byte(40) {
		login := loginRequest{isid: i, target: d.Target(), keys: []string{"MaxConnections", "4", "DefaultTime2Retain", "0"}}
		in := login.bytes()
		r := dialRaw(t, d.Addr())
		if i%2 == 1 {
			h := sendLogin(t, r, in)
			defer r.Close()
			in = loginRequest{isid: i, target: d.Target()}.join(h.TSIH(), 1)
			r = dialRaw(t, d.Addr())
		}
		in = append(in, testUnitReady(1)...)
		sendLogin(t, r, append(in, testUnitReady(2)...))
		r.Close()
	}
	stillServes(t, d)
}

// sendLogin sends bytes that begin with a Login Request, and reads the response, which must report success.
func sendLogin(t *testing.T, r *raw, in []byte) *pdu.LoginResponse {
	t.Helper()
	must.Get(r.Write(in))(t)
	must.OK(t, r.Recv())
	h := pdu.LoginResponse(r.Header)
	must.Be(t, r.Header.Opcode() == pdu.OpLoginResponse && h.Status() == pdu.LoginSuccess, "the target answers %v", r.Header)
	return &h
}

// A login replaces the only connection of a session (RFC 7143 6.3.4) and is reset before it is answered, while the session ends.
func TestJoinThatGoesAway(t *testing.T) {
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	beside := dialRaw(t, d.Addr())
	beside.loginReady(loginRequest{isid: 0xed, target: d.Target()})
	for i := range byte(120) {
		login := loginRequest{isid: i, target: d.Target(), keys: []string{"DefaultTime2Retain", "0"}}
		old := dialRaw(t, d.Addr())
		tsih := sendLogin(t, old, login.bytes()).TSIH()
		next := dialRaw(t, d.Addr())
		must.Get(next.Write(loginRequest{isid: i, target: d.Target()}.join(tsih, 0)))(t)
		reset(t, next)
		for range i % 4 { // lets the loops get to different points of it
			must.OK(t, beside.read10(0, 8, 512))
			must.Get(beside.readBack())(t)
		}
		old.Close()
	}
	stillServes(t, d)
}

// reset closes a connection with RST.
func reset(t *testing.T, c *raw) {
	t.Helper()
	must.OK(t, c.TCP().SetLinger(0))
	c.Close()
}
