package lun_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// rsoc is REPORT SUPPORTED OPERATION CODES.
func rsoc(options byte, op byte, sa uint16, alloc uint32) []byte {
	cdb := []byte{0xA3, 0x0C, options, op, byte(sa >> 8), byte(sa), 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(cdb[6:], alloc)
	return cdb
}

// cdbSize is SPC-4 4.2.5.1, the CDB's length by the operation code's group.
func cdbSize(op byte) int {
	return map[byte]int{0: 6, 1: 10, 2: 10, 4: 16, 5: 12}[op>>5]
}

// TestAllCommands: SPC-4 6.35.2, with and without command timeouts descriptors (6.35.4), and under every allocation length.
func TestAllCommands(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 1)
	for _, rctd := range []byte{0, 0x80} {
		p := r.do(a, rsoc(rctd, 0, 0, 65535))
		r.good("all commands", p)
		if n := int(binary.BigEndian.Uint32(p.in)); n != len(p.in)-4 {
			t.Fatalf("COMMAND DATA LENGTH %d, %d bytes follow", n, len(p.in)-4)
		}
		size, seen := 8, map[opAction]bool{}
		if rctd != 0 {
			size = 20
		}
		for d := p.in[4:]; len(d) > 0; d = d[size:] {
			c := opAction{d[0], -1}
			if d[5]&1 != 0 {
				c.sa = int(binary.BigEndian.Uint16(d[2:]))
			} else if d[2] != 0 || d[3] != 0 {
				t.Errorf("%#02x: SERVACTV is zero, SERVICE ACTION is not", d[0])
			}
			if seen[c] {
				t.Errorf("%v is there twice", c)
			}
			seen[c] = true
			check.Equal(t, int(binary.BigEndian.Uint16(d[6:])), cdbSize(d[0]), "%v: CDB LENGTH", c)
			if (d[5]&2 != 0) != (rctd != 0) {
				t.Errorf("%v: CTDP %v with RCTD %v", c, d[5]&2 != 0, rctd != 0)
			}
			if rctd != 0 {
				nominal, recommended := binary.BigEndian.Uint32(d[12:]), binary.BigEndian.Uint32(d[16:])
				if binary.BigEndian.Uint16(d[8:]) != 10 || recommended == 0 || recommended < nominal {
					t.Errorf("%v: timeouts % x", c, d[8:20])
				}
			}
		}
		for alloc := range uint32(30) {
			cut := r.do(a, rsoc(rctd, 0, 0, alloc))
			r.good("cut", cut)
			if string(cut.in) != string(p.in[:alloc]) {
				t.Errorf("allocation length %d: % x", alloc, cut.in)
			}
		}
	}
}

// TestOneCommand: SPC-4 table 292 and 6.35.3, for each operation code and service action there can be. Option 011b is
// SPC-5's.
func TestOneCommand(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 1)
	offered, actions := map[opAction]bool{}, map[byte]bool{}
	for _, c := range supportedCommands(r, a) {
		offered[c] = true
		if c.sa >= 0 {
			actions[c.op] = true
		}
	}
	check := func(options, op byte, sa int, c opAction, want string) {
		t.Helper()
		p := r.do(a, rsoc(options, op, uint16(sa), 65535))
		name := fmt.Sprintf("option %d, %#02x/%#x", options&7, op, sa)
		switch want {
		case "yes":
			r.good(name, p)
			size := cdbSize(op)
			data := 4 + size
			if options&0x80 != 0 {
				data += 12
			}
			if len(p.in) != data || p.in[1] != 3|options&0x80 || int(binary.BigEndian.Uint16(p.in[2:])) != size {
				t.Fatalf("%s: % x", name, p.in)
			}
			if p.in[4] != op || c.sa >= 0 && int(p.in[5]&0x1F) != c.sa {
				t.Errorf("%s: usage data % x", name, p.in[4:])
			}
			if control := p.in[4+size-1]; control != 0x04 { // NACA is looked at, nothing else of it
				t.Errorf("%s: usage of the CONTROL byte %#x", name, control)
			}
		case "no":
			r.good(name, p)
			if len(p.in) < 2 || p.in[1]&7 != 1 {
				t.Errorf("%s: % x", name, p.in)
			}
		default:
			r.want(name, p, want)
		}
	}
	for op := range 256 {
		op := byte(op)
		plain := opAction{op, -1}
		switch {
		case actions[op]:
			check(1, op, 0, plain, badCDB)
		case offered[plain]:
			check(1, op, 0x55, plain, "yes")
			check(0x81, op, 0, plain, "yes")
			check(2, op, 0, plain, badCDB)
			check(3, op, 0, plain, "yes")
			check(3, op, 1, plain, "no")
			continue
		default:
			check(1, op, 0, plain, "no")
		}
		for _, sa := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 18, 31, 32, 0x100, 0xFFFF} {
			want := "no"
			if offered[opAction{op, sa}] {
				want = "yes"
			}
			check(2, op, sa, opAction{op, sa}, want)
			check(0x83, op, sa, opAction{op, sa}, want)
		}
	}
	for options := byte(4); options < 8; options++ {
		r.want("reserved option", r.do(a, rsoc(options, 0, 0, 65535)), badCDB)
	}
	// SPC-4 6.35.3 gives this very example, but for the CONTROL byte.
	p := r.do(a, rsoc(2, 0xA3, 0x0C, 65535))
	if want := "\xA3\x0C\x87\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00\x04"; string(p.in[4:]) != want {
		t.Errorf("usage data % x", p.in[4:])
	}
}

// TestSupportedTaskManagementFunctions: SPC-4 6.36.
func TestSupportedTaskManagementFunctions(t *testing.T) {
	r := newPRRig(t)
	a := r.login(1, 1, 1)
	for _, c := range []struct {
		cdb  []byte
		want string
	}{
		{[]byte{0xA3, 0x0D, 0, 9: 255, 11: 0}, "\xDC\x07\x00\x00"},
		{[]byte{0xA3, 0x0D, 0x80, 9: 255, 11: 0}, "\xDC\x07\x00\x0C" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{[]byte{0xA3, 0x0D, 0x80, 9: 5, 11: 0}, "\xDC\x07\x00\x0C\x00"},
	} {
		p := r.do(a, c.cdb)
		r.good("REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", p)
		if string(p.in) != c.want {
			t.Errorf("% x, want % x", p.in, c.want)
		}
	}
	r.want("allocation length below 4", r.do(a, []byte{0xA3, 0x0D, 0, 9: 3, 11: 0}), badCDB)
}
