package decode

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

func field(p PDU, name string) string {
	for _, f := range p.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return "(missing)"
}

// A Login Response shows its fields by the names of RFC 7143, 11.13, and its keys as lines.
func TestLoginResponse(t *testing.T) {
	var h pdu.BHS
	h.Init(pdu.OpLoginResponse)
	r := (*pdu.LoginResponse)(&h)
	r.SetTransit(true)
	r.SetCSG(pdu.StageLoginOperationalNegotiation)
	r.SetNSG(pdu.StageFullFeaturePhase)
	r.SetISID([6]byte{0x80, 1, 2, 3, 4, 5})
	r.SetStatSN(7)
	r.SetStatus(pdu.LoginMissingParameter)
	h[22] = 9
	p := Bytes(rawclient.Append(nil, &h, rawclient.Text("MaxBurstLength", "512", "X", "\x01")), rawclient.Digests{})
	check.Equal(t, p.Name, "Login Response", "name")
	for name, want := range map[string]string{
		"T": "1", "CSG": "1 (LoginOperationalNegotiation)", "NSG": "3 (FullFeaturePhase)", "ISID": "0x800102030405", "StatSN": "7",
		"Status": "0x0207 (missing parameter)", "Reserved, byte 22": "0x09", "DataSegmentLength": "23",
	} {
		check.Equal(t, field(p, name), want, "%s", name)
	}
	check.That(t, slices.Equal(p.Data, []string{"MaxBurstLength=512", `X=\x01`}), "keys %q", p.Data)
	check.That(t, len(p.Faults) == 0, "faults %q", p.Faults)
}

// The fields of a layout do not overlap, and none reaches beyond the header.
func TestLayouts(t *testing.T) {
	for op, own := range layouts {
		var used pdu.BHS
		for _, s := range slices.Concat(common(op), own) {
			for i := s.at; i < s.at+s.size; i++ {
				m := s.mask
				if m == 0 {
					m = 0xff
				}
				check.That(t, used[i]&m == 0, "%v: %s overlaps at byte %d", op, s.name, i)
				used[i] |= m
			}
		}
	}
}

// A damaged digest, and a PDU that is cut off at any byte, are shown as such.
func TestFaults(t *testing.T) {
	var n rawclient.Numbers
	d := rawclient.Digests{Header: true, Data: true}
	wire := d.Append(nil, n.Next(pdu.OpNOPOut, true), []byte("12345"))
	check.That(t, len(Bytes(wire, d).Faults) == 0, "faults of a right PDU")
	for at := pdu.BHSLen; at < len(wire); at++ {
		bad := slices.Clone(wire)
		bad[at] ^= 1
		check.That(t, len(Bytes(bad, d).Faults) == 1, "byte %d is wrong: %q", at, Bytes(bad, d).Faults)
	}
	for n := range wire {
		check.That(t, len(Bytes(wire[:n], d).Faults) == 1, "%d bytes: %q", n, Bytes(wire[:n], d).Faults)
	}
}

// A Reject shows the header that it rejects (RFC 7143, 11.17.3), a SCSI Response its sense data (11.4.7.2).
func TestDataSegments(t *testing.T) {
	var n rawclient.Numbers
	rejected := n.Command(0, rawclient.RW10(false, 1, 2), 1024, false)
	var h pdu.BHS
	h.Init(pdu.OpReject)
	(*pdu.Reject)(&h).SetReason(pdu.RejectProtocolError)
	p := Bytes(rawclient.Append(nil, &h, rejected[:]), rawclient.Digests{})
	check.Equal(t, field(p, "Reason"), "0x04 (protocol error)", "reason")
	check.Equal(t, p.Data[0], "the rejected header: SCSI Command", "data")
	check.That(t, strings.Contains(strings.Join(p.Data, "\n"), "CDB = 28000000000100000200"), "data %q", p.Data)

	h.Init(pdu.OpSCSIResponse)
	fixed := append([]byte{0, 18, 0x70, 0, 6}, make([]byte, 15)...)
	fixed[2+12], fixed[2+13] = 0x29, 0x01
	p = Bytes(rawclient.Append(nil, &h, fixed), rawclient.Digests{})
	check.Equal(t, p.Data[0], "sense 6/29/01", "sense")
}

// Whatever the bytes are, they are shown.
func FuzzBytes(f *testing.F) {
	var n rawclient.Numbers
	f.Add(rawclient.Append(nil, n.Next(pdu.OpTextRequest, true), []byte("a=b")), true, false)
	f.Fuzz(func(t *testing.T, wire []byte, header, data bool) {
		d := rawclient.Digests{Header: header, Data: data}
		p := Bytes(wire, d)
		check.That(t, p.Name != "" && strings.HasPrefix(Summary(wire, d), p.Name), "%s", fmt.Sprint(p))
	})
}
