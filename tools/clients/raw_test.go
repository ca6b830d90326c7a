package clients_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// rawTime bounds every send and receive of a raw connection.
const rawTime = 20 * time.Second

// raw is a TCP connection that sends what no initiator would.
type raw struct {
	*rawclient.Client
	t   testing.TB
	lun byte // that commands go to
}

// dialRaw connects. The connection is closed with the test.
func dialRaw(t testing.TB, addr string) *raw {
	t.Helper()
	c, err := rawclient.Dial(addr, rawTime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &raw{Client: c, t: t}
}

// wantClosed fails unless the target closes the connection without another PDU.
func (r *raw) wantClosed(after string) {
	r.t.Helper()
	switch err := r.Recv(); {
	case err == nil:
		r.t.Errorf("after %s: the target answers %v, want the connection closed", after, r.Header.Opcode())
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.t.Errorf("after %s: the connection is still open after %v", after, rawTime)
	}
}

// loginRequest describes a login with one request straight into full feature phase.
type loginRequest struct {
	isid    byte // the last byte of the ISID
	target  string
	initial string   // InitiatorName; "" is a default
	keys    []string // and their values, which alternate
}

// login logs in to a normal session, with no security and the keys given, and fails the test if that does not work.
func (r *raw) login(l loginRequest) {
	r.t.Helper()
	res, err := r.LogIn(l.login(), l.text())
	switch {
	case err != nil:
		r.t.Fatalf("login: %v", err)
	case res.Status() != pdu.LoginSuccess:
		r.t.Fatalf("login: status %04x", uint16(res.Status()))
	case !res.Transit() || res.NSG() != pdu.StageFullFeaturePhase:
		r.t.Fatalf("login: the target does not go into full feature phase: % x %q", r.Header[:4], r.Data)
	}
}

// loginReady is login, and then TEST UNIT READY until the unit attentions of a new nexus are reported (SAM-5 5.14).
func (r *raw) loginReady(l loginRequest) {
	r.t.Helper()
	r.login(l)
	var err error
	for range 8 {
		if err = r.command(make([]byte, 6), 0); err == nil {
			if _, err = r.readBack(); err == nil {
				return
			}
		}
	}
	r.t.Fatalf("the unit does not become ready: %v", err)
}

func (l loginRequest) login() rawclient.Login {
	q := rawclient.OneRequest([6]byte{0x80, 0x12, 0x34, 0, 0, l.isid})
	q.ITT = 1
	return q
}

func (l loginRequest) text() []byte {
	name := l.initial
	if name == "" {
		name = "iqn.2026-11.io.ringtgt:raw-client"
	}
	return rawclient.Text(append([]string{"InitiatorName", name, "TargetName", l.target, "SessionType", "Normal"}, l.keys...)...)
}

// bytes returns the whole Login Request PDU.
func (l loginRequest) bytes() []byte { return rawclient.Append(nil, l.login().Header(), l.text()) }

// join returns a Login Request of the connection for a session that exists.
func (l loginRequest) join(tsih, cid uint16) []byte {
	q := l.login()
	q.TSIH, q.CID = tsih, cid
	return rawclient.Append(nil, q.Header(), l.text())
}

// read10 sends a READ(10) of blocks at lba and does not wait for the answer.
func (r *raw) read10(lba uint32, blocks uint16, block int) error {
	return r.command(rawclient.RW10(false, lba, blocks), int(blocks)*block)
}

// promise10 sends a WRITE(10) of blocks at lba with no data: the target has to ask for all of it.
func (r *raw) promise10(lba uint32, blocks uint16, block int) error {
	return r.Send(r.Command(r.lun, rawclient.RW10(true, lba, blocks), int(blocks)*block, true), nil)
}

// command sends a SCSI command that reads up to edtl bytes.
func (r *raw) command(cdb []byte, edtl int) error {
	return r.Send(r.Command(r.lun, cdb, edtl, false), nil)
}

// readBack takes PDUs until the status of a command comes and returns the data.
func (r *raw) readBack() ([]byte, error) {
	a, err := r.Answer()
	if err == nil {
		err = a.Good()
	}
	return a.Data, err
}
