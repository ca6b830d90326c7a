package clients_test

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// stillServes is the working client beside the hostile one.
func stillServes(t testing.TB, d *harness.Daemon) {
	t.Helper()
	must.OK(t, d.Alive())
	r := dialRaw(t, d.Addr())
	defer r.Close()
	r.loginReady(loginRequest{isid: 0xee, target: d.Target()})
	must.OK(t, r.read10(0, 8, 512))
	if data, err := r.readBack(); err != nil || len(data) != 4096 {
		t.Fatalf("a plain client beside: %d bytes, %v", len(data), err)
	}
}

// What port scanners, other protocols and broken initiators say to the portal before any login. "A target receiving any PDU except
// a Login Request before the Login Phase is started MUST immediately terminate the connection" (RFC 7143 4.2.4).
func TestPortScanner(t *testing.T) {
	t.Parallel() // some wait for the login timeout
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	login := loginRequest{isid: 1, target: d.Target()}

	opcode := func(op pdu.Opcode) []byte {
		var h pdu.BHS
		h.Init(op)
		return h[:]
	}
	loginLen := func(ahs, data int) []byte {
		h := login.login().Header()
		h.SetAHSLen(ahs)
		h.SetDataLen(data)
		return h[:]
	}
	garbage := make([]byte, 4096)
	for i := range garbage {
		garbage[i] = byte(rand.Uint32())
	}
	whole := append(loginLen(0, len(login.text())), login.text()...)

	scans := []struct {
		name  string
		bytes []byte
		half  bool // the client closes its side behind it: nothing more will come
	}{
		{name: "garbage", bytes: garbage},
		{name: "zeros", bytes: make([]byte, 4096)},
		{name: "ones", bytes: []byte(strings.Repeat("\xff", 4096))},
		{name: "HTTP", bytes: []byte("GET / HTTP/1.1\r\nHost: storage.example\r\nUser-Agent: scanner\r\nAccept: */*\r\n\r\n")},
		{name: "TLS", bytes: clientHello(t)},
		{name: "SSH", bytes: []byte("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n" + strings.Repeat("x", 64))},
		{name: "nothing", half: true},
		{name: "half a header", bytes: whole[:20], half: true},
		{name: "half a login", bytes: whole[:len(whole)/2], half: true},
		{name: "login of 16 MiB, nothing behind", bytes: loginLen(0, 1<<24-1), half: true},
		{name: "login of 16 MiB, some of it", bytes: append(loginLen(0, 1<<24-1), make([]byte, 65536)...)},
		{name: "login with additional headers", bytes: loginLen(1020, 0), half: true},
		{name: "NOP-Out first", bytes: opcode(pdu.OpNOPOut)},
		{name: "SCSI Command first", bytes: opcode(pdu.OpSCSICommand)},
		{name: "Task Management first", bytes: opcode(pdu.OpTaskManagementRequest)},
		{name: "Text Request first", bytes: opcode(pdu.OpTextRequest)},
		{name: "Data-Out first", bytes: opcode(pdu.OpDataOut)},
		{name: "Logout Request first", bytes: opcode(pdu.OpLogoutRequest)},
		{name: "SNACK first", bytes: opcode(pdu.OpSNACKRequest)},
		{name: "a target's PDU", bytes: opcode(pdu.OpR2T)},
	}
	t.Run("scan", func(t *testing.T) {
		for _, tt := range scans {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				r := dialRaw(t, d.Addr())
				must.Get(r.Write(tt.bytes))(t)
				if tt.half {
					must.OK(t, r.TCP().CloseWrite())
				}
				r.wantEnd()
			})
		}
	})
	stillServes(t, d)
}

// wantEnd fails unless the target ends the connection; a login response that refuses may come before.
func (r *raw) wantEnd() {
	r.t.Helper()
	for {
		err := r.Recv()
		switch {
		case err == nil && r.Header.Opcode() == pdu.OpLoginResponse && (*pdu.LoginResponse)(&r.Header).StatusClass() != 0:
		case err == nil:
			r.t.Errorf("the target answers %v", r.Header.Opcode())
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			r.t.Errorf("the connection is still open after %v", rawTime)
			return
		default:
			return
		}
	}
}

// "Once the Login Phase has started, if the target receives any PDU except a Login Request, it MUST send a Login reject (with Status
// "invalid during login") and then disconnect" (RFC 7143 4.2.4).
func TestOtherPDUDuringLogin(t *testing.T) {
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	for _, op := range []pdu.Opcode{pdu.OpNOPOut, pdu.OpSCSICommand, pdu.OpTaskManagementRequest, pdu.OpTextRequest, pdu.OpDataOut, pdu.OpLogoutRequest} {
		t.Run(op.String(), func(t *testing.T) {
			r := dialRaw(t, d.Addr())
			l := loginRequest{isid: 1, target: d.Target()}
			first := l.login()
			first.Transit = false // the phase goes on
			if res, err := r.LogIn(first, l.text()); err != nil || res.Status() != pdu.LoginSuccess {
				t.Fatalf("first login request: %v %v", res, err)
			}
			must.OK(t, r.Send(rawclient.Request(op, 2, 0, 0), nil))
			err := r.Recv()
			if err != nil || r.Header.Opcode() != pdu.OpLoginResponse || (*pdu.LoginResponse)(&r.Header).Status() != pdu.LoginInvalidDuringLogin {
				t.Fatalf("answer %v, %v; want a login response with status 020b", r.Header, err)
			}
			r.wantClosed("the reject")
		})
	}
	stillServes(t, d)
}

// A second login on a connection in full feature phase is a protocol error (RFC 7143 4.2.4), as is a length that was not negotiated.
func TestProtocolErrorsInFullFeaturePhase(t *testing.T) {
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	l := loginRequest{isid: 1, target: d.Target()}
	for _, tt := range []struct {
		name string
		send func(r *raw) error
	}{
		{"a login request", func(r *raw) error { return r.Send(l.login().Header(), l.text()) }},
		{"a data segment of 16 MiB", func(r *raw) error {
			h := rawclient.Request(pdu.OpNOPOut, 5, 0, 0)
			h.SetImmediate(true)
			h.SetDataLen(1<<24 - 1)
			_, err := r.Write(h[:])
			return err
		}},
		{"an unknown opcode", func(r *raw) error {
			h := rawclient.Request(0x1e, 5, 0, 0)
			h.SetImmediate(true)
			return r.Send(h, nil)
		}},
		{"garbage", func(r *raw) error {
			_, err := r.Write([]byte(strings.Repeat("\xa5\x5a\x00\xff", 4096)))
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := dialRaw(t, d.Addr())
			r.login(l)
			must.OK(t, tt.send(r))
			// a Reject or the end of the connection: a clear answer, in time
			err := r.Recv()
			check.That(t, !errors.Is(err, os.ErrDeadlineExceeded), "no answer in %v", rawTime)
			if op := r.Header.Opcode(); err == nil && op != pdu.OpReject && op != pdu.OpAsyncMessage && op != pdu.OpLoginResponse {
				t.Errorf("the target answers %v", op)
			}
		})
	}
	stillServes(t, d)
}

// clientHello is the first flight of a TLS client.
func clientHello(t testing.TB) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		_ = tls.Client(near, &tls.Config{ServerName: "storage.example", MinVersion: tls.VersionTLS12}).Handshake()
		near.Close()
	}()
	header := make([]byte, 5)
	must.Get(io.ReadFull(far, header))(t)
	body := make([]byte, binary.BigEndian.Uint16(header[3:]))
	must.Get(io.ReadFull(far, body))(t)
	return append(header, body...)
}

// Sessions of one initiator name with distinct ISIDs live side by side; the same ISID again reinstates: the old session is closed
// (RFC 7143 6.3.5) and the others are left alone.
func TestManySessionsOfOneInitiator(t *testing.T) {
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	sessions := make([]*raw, 200)
	for i := range sessions {
		sessions[i] = dialRaw(t, d.Addr())
		sessions[i].loginReady(loginRequest{isid: byte(i), target: d.Target()})
	}
	for i, r := range sessions {
		must.OK(t, r.read10(uint32(i), 1, 512))
	}
	for i, r := range sessions {
		if data, err := r.readBack(); err != nil || len(data) != 512 {
			t.Fatalf("session %d: %d bytes, %v", i, len(data), err)
		}
	}
	again := dialRaw(t, d.Addr())
	again.loginReady(loginRequest{isid: 7, target: d.Target()})
	sessions[7].wantReinstated()
	for i, r := range []*raw{again, sessions[6], sessions[8]} {
		must.OK(t, r.read10(0, 1, 512))
		if _, err := r.readBack(); err != nil {
			t.Errorf("session %d of again, 6, 8: %v", i, err)
		}
	}
}

// wantReinstated fails unless the reinstated session's connection ends, with or without an asynchronous message before.
func (r *raw) wantReinstated() {
	r.t.Helper()
	for {
		err := r.Recv()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			r.t.Errorf("the old session's connection is still open after %v", rawTime)
			return
		}
		if err != nil {
			return
		}
		if op := r.Header.Opcode(); op != pdu.OpAsyncMessage {
			r.t.Errorf("the old session is sent %v", op)
			return
		}
	}
}
