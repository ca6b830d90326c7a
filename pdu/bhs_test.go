package pdu

import (
	"reflect"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// TotalAHSLength counts four-byte words in one byte, DataSegmentLength bytes
// in three (RFC 7143, 11.2.1.5, 11.2.1.6).
func TestLengths(t *testing.T) {
	for _, n := range []int{0, 4, 8, 1016, 1020} {
		var h BHS
		h.SetAHSLen(n)
		if want := (BHS{4: byte(n / 4)}); h != want {
			t.Errorf("SetAHSLen(%d) gives % x", n, h)
		}
		check.Equal(t, h.AHSLen(), n, "AHSLen() =")
	}
	for n, want := range map[int]BHS{
		0:          {},
		1:          {7: 1},
		0x123456:   {5: 0x12, 6: 0x34, 7: 0x56},
		MaxDataLen: {5: 0xff, 6: 0xff, 7: 0xff},
	} {
		var h BHS
		h.SetDataLen(n)
		check.That(t, h == want, "SetDataLen(%d) gives % x", n, h)
		check.Equal(t, h.DataLen(), n, "DataLen() =")
	}
}

// A length that the field cannot hold is our own bug, never the peer's: it
// must not go out truncated.
func TestLengthsThatDoNotFitPanic(t *testing.T) {
	for _, n := range []int{-4, 2, 1021, 1024} {
		mustPanic(t, "SetAHSLen", func() { new(BHS).SetAHSLen(n) })
	}
	for _, n := range []int{-1, MaxDataLen + 1} {
		mustPanic(t, "SetDataLen", func() { new(BHS).SetDataLen(n) })
	}
}

// Init stores what the figures show as constants: a 1 in bit 0 of byte 1, and
// 0xffffffff in bytes 16 to 19 of Asynchronous Message and Reject.
func TestInit(t *testing.T) {
	fixed := map[Opcode]BHS{
		OpNOPOut:                 {0: 0x00, 1: 0x80},
		OpSCSICommand:            {0: 0x01},
		OpTaskManagementRequest:  {0: 0x02, 1: 0x80},
		OpLoginRequest:           {0: 0x03},
		OpTextRequest:            {0: 0x04},
		OpDataOut:                {0: 0x05},
		OpLogoutRequest:          {0: 0x06, 1: 0x80},
		OpSNACKRequest:           {0: 0x10, 1: 0x80},
		OpNOPIn:                  {0: 0x20, 1: 0x80},
		OpSCSIResponse:           {0: 0x21, 1: 0x80},
		OpTaskManagementResponse: {0: 0x22, 1: 0x80},
		OpLoginResponse:          {0: 0x23},
		OpTextResponse:           {0: 0x24},
		OpDataIn:                 {0: 0x25},
		OpLogoutResponse:         {0: 0x26, 1: 0x80},
		OpR2T:                    {0: 0x31, 1: 0x80},
		OpAsyncMessage:           {0: 0x32, 1: 0x80, 16: 0xff, 17: 0xff, 18: 0xff, 19: 0xff},
		OpReject:                 {0: 0x3f, 1: 0x80, 16: 0xff, 17: 0xff, 18: 0xff, 19: 0xff},
	}
	for op, want := range fixed {
		h := BHS{0: 0xff, 1: 0xff, 4: 0xff, 30: 0xff, 47: 0xff}
		h.Init(op)
		check.That(t, h == want, "Init(%v):\n got % x\nwant % x", op, h, want)
		check.Equal(t, h.Opcode(), op, "Opcode() =")
		h.Reset()
		check.That(t, h == (BHS{}), "Reset() leaves % x", h)
	}
}

// "All target PDUs carry" StatSN, ExpCmdSN and MaxCmdSN at the same bytes: the
// generic setters hit the fields of every target view (RFC 7143, 11.4 to
// 11.19).
func TestSequenceFieldsOfTargetPDUs(t *testing.T) {
	targets := 0
	for _, l := range layouts {
		if !Opcode(l.op).FromTarget() {
			continue
		}
		targets++
		var h BHS
		h.Init(Opcode(l.op))
		h.SetStatSN(0x01020304)
		h.SetExpMaxCmdSN(0x05060708, 0x090a0b0c)
		for name, want := range map[string]uint64{
			"StatSN": 0x01020304, "ExpCmdSN": 0x05060708, "MaxCmdSN": 0x090a0b0c,
		} {
			got := reflect.ValueOf(l.view(&h)).MethodByName(name).Call(nil)[0].Uint()
			if got != want {
				t.Errorf("%v: %s = %#x, want %#x", Opcode(l.op), name, got, want)
			}
		}
	}
	check.That(t, targets == 10, "%d target PDUs checked, chapter 11 has 10", targets)
}

// The opcodes are those of RFC 7143, 11.2.1.2.
func TestOpcodes(t *testing.T) {
	names := map[byte]string{
		0x00: "NOP-Out", 0x01: "SCSI Command", 0x02: "Task Management Function Request",
		0x03: "Login Request", 0x04: "Text Request", 0x05: "SCSI Data-Out", 0x06: "Logout Request",
		0x10: "SNACK Request", 0x20: "NOP-In", 0x21: "SCSI Response",
		0x22: "Task Management Function Response", 0x23: "Login Response", 0x24: "Text Response",
		0x25: "SCSI Data-In", 0x26: "Logout Response", 0x31: "R2T", 0x32: "Asynchronous Message",
		0x3f: "Reject", 0x1c: "opcode 0x1c", 0x3e: "opcode 0x3e",
	}
	for v, want := range names {
		check.Equal(t, Opcode(v).String(), want, "opcode %#02x is called", v)
		check.Equal(t, Opcode(v).FromTarget(), (v >= 0x20), "opcode %#02x: FromTarget() =", v)
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		check.That(t, recover() != nil, "%s did not panic", what)
	}()
	f()
}
