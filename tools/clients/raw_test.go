package clients_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// rawTime bounds every send and receive of a raw connection.
const rawTime = 20 * time.Second

// raw is a TCP connection that sends what no initiator would.
type raw struct {
	t    testing.TB
	conn *net.TCPConn
	itt  uint32
	lun  byte // that commands go to
	// of the session, after login
	cmdSN, expStatSN uint32
}

// dialRaw connects. The connection is closed with the test.
func dialRaw(t testing.TB, addr string) *raw {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, rawTime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &raw{t: t, conn: conn.(*net.TCPConn)}
}

// send writes one PDU with its data segment and padding; no digests.
func (r *raw) send(h *pdu.BHS, data []byte) error {
	h.SetDataLen(len(data))
	msg := append(append([]byte{}, h[:]...), data...)
	for len(msg)%4 != 0 {
		msg = append(msg, 0)
	}
	_ = r.conn.SetWriteDeadline(time.Now().Add(rawTime))
	_, err := r.conn.Write(msg)
	return err
}

// recv reads one PDU. io.EOF: the target closed the connection in order.
func (r *raw) recv() (*pdu.BHS, []byte, error) {
	_ = r.conn.SetReadDeadline(time.Now().Add(rawTime))
	var h pdu.BHS
	if _, err := io.ReadFull(r.conn, h[:]); err != nil {
		return nil, nil, err
	}
	data := make([]byte, h.AHSLen()+(h.DataLen()+3)&^3)
	if _, err := io.ReadFull(r.conn, data); err != nil {
		return nil, nil, err
	}
	return &h, data[h.AHSLen() : h.AHSLen()+h.DataLen()], nil
}

// wantClosed fails unless the target closes the connection without another PDU.
func (r *raw) wantClosed(after string) {
	r.t.Helper()
	h, _, err := r.recv()
	switch {
	case err == nil:
		r.t.Errorf("after %s: the target answers %v, want the connection closed", after, h.Opcode())
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.t.Errorf("after %s: the connection is still open after %v", after, rawTime)
	}
}

// loginRequest describes a login with one request straight into full feature phase.
type loginRequest struct {
	isid    byte // the last byte of the ISID
	target  string
	initial string // InitiatorName; "" is a default
	keys    []string
}

// login logs in to a normal session, with no security and the keys given, and fails the test if that does not work.
func (r *raw) login(l loginRequest) {
	r.t.Helper()
	if status := r.tryLogin(l); status != pdu.LoginSuccess {
		r.t.Fatalf("login: status %04x", uint16(status))
	}
}

// loginReady is login, and then TEST UNIT READY until the unit attentions of a new nexus are reported (SAM-5 5.14).
func (r *raw) loginReady(l loginRequest) {
	r.t.Helper()
	r.login(l)
	var err error
	for range 8 {
		if err = r.command([16]byte{}, 0); err == nil {
			if _, err = r.readBack(); err == nil {
				return
			}
		}
	}
	r.t.Fatalf("the unit does not become ready: %v", err)
}

func (r *raw) tryLogin(l loginRequest) pdu.LoginStatus {
	r.t.Helper()
	if err := r.send(l.header(), l.text()); err != nil {
		r.t.Fatal(err)
	}
	h, data, err := r.recv()
	if err != nil {
		r.t.Fatalf("login: %v", err)
	}
	if h.Opcode() != pdu.OpLoginResponse {
		r.t.Fatalf("login: the target answers %v", h.Opcode())
	}
	res := (*pdu.LoginResponse)(h)
	if res.Status() == pdu.LoginSuccess && (!res.Transit() || res.NSG() != pdu.StageFullFeaturePhase) {
		r.t.Fatalf("login: the target does not go into full feature phase: % x %q", h[:4], data)
	}
	r.cmdSN, r.expStatSN = res.ExpCmdSN(), res.StatSN()+1
	return res.Status()
}

func (l loginRequest) header() *pdu.BHS {
	var h pdu.BHS
	h.Init(pdu.OpLoginRequest)
	req := (*pdu.LoginRequest)(&h)
	req.SetImmediate(true)
	req.SetTransit(true)
	req.SetCSG(pdu.StageLoginOperationalNegotiation)
	req.SetNSG(pdu.StageFullFeaturePhase)
	req.SetISID([6]byte{0x80, 0x12, 0x34, 0, 0, l.isid})
	req.SetITT(1)
	req.SetCmdSN(1)
	return &h
}

func (l loginRequest) text() []byte {
	name := l.initial
	if name == "" {
		name = "iqn.2026-11.io.ringtgt:raw-client"
	}
	keys := append([]string{"InitiatorName=" + name, "TargetName=" + l.target, "SessionType=Normal"}, l.keys...)
	return []byte(strings.Join(keys, "\x00") + "\x00")
}

// read10 sends a READ(10) of blocks at lba and does not wait for the answer.
func (r *raw) read10(lba uint32, blocks uint16, block int) error {
	cdb := [16]byte{0: 0x28}
	binary.BigEndian.PutUint32(cdb[2:], lba)
	binary.BigEndian.PutUint16(cdb[7:], blocks)
	return r.command(cdb, uint32(blocks)*uint32(block))
}

// promise10 sends a WRITE(10) of blocks at lba with no data: the target has to ask for all of it.
func (r *raw) promise10(lba uint32, blocks uint16, block int) error {
	cdb := [16]byte{0: 0x2a}
	binary.BigEndian.PutUint32(cdb[2:], lba)
	binary.BigEndian.PutUint16(cdb[7:], blocks)
	h := r.scsiCommand(cdb, uint32(blocks)*uint32(block))
	(*pdu.SCSICommand)(h).SetWrite(true)
	return r.send(h, nil)
}

// command sends a SCSI command that reads up to edtl bytes.
func (r *raw) command(cdb [16]byte, edtl uint32) error {
	h := r.scsiCommand(cdb, edtl)
	(*pdu.SCSICommand)(h).SetRead(edtl > 0)
	return r.send(h, nil)
}

func (r *raw) scsiCommand(cdb [16]byte, edtl uint32) *pdu.BHS {
	var h pdu.BHS
	h.Init(pdu.OpSCSICommand)
	cmd := (*pdu.SCSICommand)(&h)
	cmd.SetFinal(true)
	cmd.SetAttr(1) // simple
	cmd.SetLUN(uint64(r.lun) << 48)
	r.itt++
	cmd.SetITT(r.itt)
	cmd.SetExpectedDataTransferLength(edtl)
	cmd.SetCmdSN(r.cmdSN)
	r.cmdSN++
	cmd.SetExpStatSN(r.expStatSN)
	*cmd.CDB() = cdb
	return &h
}

// readBack takes PDUs until the status of a command comes and returns the data.
func (r *raw) readBack() ([]byte, error) {
	var got []byte
	for {
		h, data, err := r.recv()
		if err != nil {
			return nil, err
		}
		switch h.Opcode() {
		case pdu.OpDataIn:
			got = append(got, data...)
			if in := (*pdu.DataIn)(h); in.StatusPresent() {
				r.expStatSN = in.StatSN() + 1
				return got, statusError(in.Status())
			}
		case pdu.OpSCSIResponse:
			res := (*pdu.SCSIResponse)(h)
			r.expStatSN = res.StatSN() + 1
			return got, statusError(res.Status())
		case pdu.OpNOPIn:
		default:
			return nil, fmt.Errorf("the target sends %v", h.Opcode())
		}
	}
}

func statusError(status byte) error {
	if status != 0 {
		return fmt.Errorf("SCSI status %02Xh", status)
	}
	return nil
}
