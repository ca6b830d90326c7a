package lun

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// TestTransportID: SPC-4 7.6.4.6, with the forms that must be refused.
func TestTransportID(t *testing.T) {
	const name = "iqn.1998-03.com.example:host"
	id := func(first byte, text string, pad int) []byte {
		b := append([]byte{first, 0, 0, byte(len(text) + pad)}, text...)
		return append(b, make([]byte, pad)...)
	}
	for _, c := range []struct {
		name string
		b    []byte
		want transportID
		n    int
	}{
		{"device", id(0x05, name, 4), transportID{node: name}, 36},
		{"port", id(0x45, name+",i,0x00023d000001", 3), transportID{name, name + ",i,0x00023d000001"}, 52},
		{"port, no null: the field is full", id(0x45, name+",i,0x23d000001", 2), transportID{name, name + ",i,0x00023d000001"}, 48},
		{"port, upper case", id(0x45, "IQN.1998-03.COM.example:HOST,i,0x00023D000001", 3), transportID{name, name + ",i,0x00023d000001"}, 52},
		{"reserved bits of byte 0 are ignored", id(0x35, name, 4), transportID{node: name}, 36},
		{"text ends at the first null", id(0x05, name+"\x00,i,0x1", 1), transportID{node: name}, 40},
		{"something follows", append(id(0x05, name, 4), 1, 2, 3), transportID{node: name}, 36},
		{"protocol FCP", id(0x00, name, 4), transportID{}, 0},
		{"format 10b", id(0x85, name, 4), transportID{}, 0},
		{"format 11b", id(0xC5, name, 4), transportID{}, 0},
		{"length not a multiple of four", id(0x05, name, 3), transportID{}, 0},
		{"length below 20", id(0x05, "iqn.x", 11), transportID{}, 0},
		{"length beyond the list", id(0x05, name, 4)[:35], transportID{}, 0},
		{"header cut", []byte{0x05, 0, 0}, transportID{}, 0},
		{"nothing", nil, transportID{}, 0},
		{"empty name", id(0x05, "", 20), transportID{}, 0},
		{"port without ISID", id(0x45, name, 4), transportID{}, 0},
		{"port with an empty ISID", id(0x45, name+",i,0x", 3), transportID{}, 0},
		{"port with a long ISID", id(0x45, name+",i,0x00023d0000010", 2), transportID{}, 0},
		{"port with digits that are none", id(0x45, name+",i,0x00023d00000g", 3), transportID{}, 0},
		{"device with a port's name", id(0x05, name+",i,0x00023d000001", 3), transportID{}, 0},
		{"blank in the name", id(0x05, strings.Replace(name, "n", " ", 1), 4), transportID{}, 0},
		{"name of 224 bytes", id(0x05, strings.Repeat("n", 224), 4), transportID{}, 0},
		{"name of 223 bytes", id(0x05, strings.Repeat("n", 223), 1), transportID{node: strings.Repeat("n", 223)}, 228},
	} {
		got, n := parseTransportID(c.b[:len(c.b):len(c.b)])
		check.That(t, got == c.want && n == c.n, "%s: %+v, %d bytes; want %+v, %d", c.name, got, n, c.want, c.n)
	}
}

// FuzzTransportID: what parses is as long as it says, and comes back the same from appendTransportID.
func FuzzTransportID(f *testing.F) {
	f.Add([]byte("\x45\x00\x00\x20iqn.2026-11.io:a,i,0x00023d00000\x00\x00"))
	f.Add(append([]byte{0x05, 0, 0, 20}, "iqn.2026-11.io:abc\x00\x00"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, n := parseTransportID(b[:len(b):len(b)])
		if n == 0 {
			return
		}
		must.Be(t, n <= len(b) && n%4 == 0 && n >= transportIDMin && iscsiName(id.node), "%d of %d bytes, %+v", n, len(b), id)
		if id.port == "" {
			return
		}
		again, m := parseTransportID(appendTransportID(nil, id.port))
		must.Be(t, again == id && m != 0, "%+v became %+v", id, again)
	})
}

// FuzzReservationImage: whatever a store returns, it is taken whole or not at all, and what is taken saves the same.
func FuzzReservationImage(f *testing.F) {
	s := prState{aptpl: true, typ: prWriteExclusive, holder: nexusID{"iqn.a,i,0x000000000001", 1},
		regs: []registration{{nexusID{"iqn.a,i,0x000000000001", 1}, 1, 5, ""}, {nexusID{"iqn.b,i,0x000000000001", 2}, 2, 5, ""}}}
	f.Add(s.encode())
	f.Add([]byte(`{"Version":1,"Registrations":[],"Type":7}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		s, err := decodeReservations(value)
		if err != nil || len(value) == 0 {
			return
		}
		again, err := decodeReservations(s.encode())
		must.Be(t, err == nil && bytes.Equal(again.encode(), s.encode()), "%+v became %+v, %v", s, again, err)
	})
}

// TestReservationCheckAllocatesNothing: under a reservation, commands of registered nexuses are the data path.
func TestReservationCheckAllocatesNothing(t *testing.T) {
	for _, typ := range []prType{prWriteExclusive, prExclusiveAccessRegistrants, prWriteExclusiveAll} {
		task := reservedTask(typ, 64)
		if n := testing.AllocsPerRun(100, func() {
			must.Be(t, !task.unit.resv.Load().conflicts(task), "the holder conflicts")
		}); n != 0 {
			t.Errorf("type %d: %v allocations", typ, n)
		}
	}
}

// BenchmarkReservationCheck is what a reservation costs a write of a nexus that may write.
func BenchmarkReservationCheck(b *testing.B) {
	task := reservedTask(prWriteExclusiveRegistrants, 64)
	b.ReportAllocs()
	for b.Loop() {
		must.Be(b, !task.unit.resv.Load().conflicts(task), "conflict")
	}
}

// reservedTask is a WRITE(10) from the holder of a reservation with so many registered nexuses.
func reservedTask(typ prType, registered int) *Task {
	u := &Unit{}
	n := &Nexus{NexusConfig: NexusConfig{TPGT: 1}, portName: "iqn.2026-11.io.example:host-with-a-usual-name,i,0x00023d000001"}
	u.pr.now = prState{typ: typ, holder: n.id(), regs: []registration{{n.id(), 1, 1, ""}}}
	for i := range registered - 1 {
		u.pr.now.regs = append(u.pr.now.regs, registration{nexusID{n.portName, uint16(i + 2)}, 1, 1, ""})
	}
	u.publishReservation()
	c, _ := find(&[16]byte{0x2A})
	return &Task{unit: u, cmd: c, CDB: [16]byte{0x2A}, Nexus: n}
}
