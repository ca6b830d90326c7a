// Package decode shows PDUs field by field, by the names of RFC 7143, chapter 11, whatever is in them.
package decode

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// Field is a field of a header.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// PDU is a decoded one.
type PDU struct {
	Name   string   // the RFC's name of the PDU
	Fields []Field  // in the order of the header
	Data   []string // lines: keys, sense data, the rejected header, or a dump
	Faults []string // what is wrong with the bytes as such: cut off, a wrong digest
}

// Bytes decodes what was on the wire: a PDU with its digests, or its beginning.
func Bytes(wire []byte, d rawclient.Digests) (p PDU) {
	if len(wire) < pdu.BHSLen {
		return PDU{Name: "a part of a header", Data: dump(wire), Faults: []string{fmt.Sprintf("%d of %d bytes", len(wire), pdu.BHSLen)}}
	}
	h := pdu.BHS(wire)
	p.Name, p.Fields = Header(&h)
	rest := wire[pdu.BHSLen:]
	take := func(n int, what string) []byte {
		if n > len(rest) {
			if len(p.Faults) == 0 {
				p.Faults = append(p.Faults, fmt.Sprintf("%s: %d of %d bytes", what, len(rest), n))
			}
			n = len(rest)
		}
		part := rest[:n]
		rest = rest[n:]
		return part
	}
	ahs := take(h.AHSLen(), "AHS")
	if len(ahs) > 0 {
		p.Fields = append(p.Fields, Field{"AHS", hex.EncodeToString(ahs)})
	}
	if d.Header {
		p.digest("Header-Digest", wire[:pdu.BHSLen+len(ahs)], take(pdu.DigestLen, "Header-Digest"))
	}
	n := h.DataLen()
	if n == 0 {
		return p
	}
	data := take(n, "data segment")
	padding := take(pdu.Pad(n), "padding")
	if d.Data {
		at := pdu.BHSLen + len(ahs)
		if d.Header {
			at += pdu.DigestLen
		}
		p.digest("Data-Digest", wire[min(at, len(wire)):min(at+len(data)+len(padding), len(wire))], take(pdu.DigestLen, "Data-Digest"))
	}
	p.Data = segment(h.Opcode(), data)
	return p
}

func (p *PDU) digest(name string, covered, stored []byte) {
	if len(stored) < pdu.DigestLen {
		return
	}
	want, got := pdu.Digest(0, covered), pdu.GetDigest(stored)
	p.Fields = append(p.Fields, Field{name, fmt.Sprintf("0x%08x", got)})
	if want != got {
		p.Faults = append(p.Faults, fmt.Sprintf("%s is wrong: 0x%08x would be right", name, want))
	}
}

// Header decodes a basic header segment. Bits that the layout of its opcode reserves are shown where they are not zero.
func Header(h *pdu.BHS) (name string, fields []Field) {
	op := h.Opcode()
	layout := slices.Concat(common(op), layouts[op])
	left := *h
	for _, s := range layout {
		s.clear(&left)
		fields = append(fields, Field{s.name, s.value(h)})
	}
	for i, b := range left {
		if b != 0 {
			fields = append(fields, Field{fmt.Sprintf("Reserved, byte %d", i), fmt.Sprintf("0x%02x", b)})
		}
	}
	name = op.String()
	if layouts[op] == nil {
		name = fmt.Sprintf("opcode 0x%02x", byte(op))
	}
	return name, fields
}

// maxLines and maxText bound what is shown of a data segment.
const (
	maxLines = 200
	maxText  = 1024
	maxDump  = 512
)

// segment shows a data segment.
func segment(op pdu.Opcode, data []byte) []string {
	switch op {
	case pdu.OpLoginRequest, pdu.OpLoginResponse, pdu.OpTextRequest, pdu.OpTextResponse:
		return keys(data)
	case pdu.OpSCSIResponse, pdu.OpAsyncMessage:
		if s := sense(data); s != "" {
			return append([]string{s}, dump(data)...)
		}
	case pdu.OpReject:
		if len(data) >= pdu.BHSLen {
			h := pdu.BHS(data)
			name, fields := Header(&h)
			lines := []string{"the rejected header: " + name}
			for _, f := range fields {
				lines = append(lines, f.Name+" = "+f.Value)
			}
			return lines
		}
	}
	return dump(data)
}

// keys shows text, a pair a line. Bytes that do not print are escaped.
func keys(data []byte) (lines []string) {
	for pair := range strings.SplitSeq(strings.TrimSuffix(string(data), "\x00"), "\x00") {
		if len(lines) == maxLines {
			return append(lines, "...")
		}
		if len(pair) > maxText {
			pair = fmt.Sprintf("%s... (%d bytes)", pair[:maxText], len(pair))
		}
		quoted := fmt.Sprintf("%q", pair)
		lines = append(lines, quoted[1:len(quoted)-1])
	}
	return lines
}

// sense shows sense data after its length (RFC 7143, 11.4.7.2): sense key and additional sense code (SPC-4, 4.5), "" if there is none.
func sense(data []byte) string {
	if len(data) < 2+4 {
		return ""
	}
	s := data[2:]
	switch s[0] & 0x7f {
	case 0x70, 0x71:
		if len(s) >= 14 {
			return fmt.Sprintf("sense %X/%02X/%02X", s[2]&0x0f, s[12], s[13])
		}
	case 0x72, 0x73:
		return fmt.Sprintf("sense %X/%02X/%02X", s[1]&0x0f, s[2], s[3])
	}
	return ""
}

// dump shows bytes, 16 a line.
func dump(data []byte) (lines []string) {
	shown := data[:min(len(data), maxDump)]
	for at := 0; at < len(shown); at += 16 {
		part := shown[at:min(at+16, len(shown))]
		text := strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '.'
			}
			return r
		}, string(latin1(part)))
		lines = append(lines, fmt.Sprintf("%04x  %-47s  %s", at, fmt.Sprintf("% x", part), text))
	}
	if more := len(data) - len(shown); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d bytes more", more))
	}
	return lines
}

// latin1 makes a rune of each byte.
func latin1(b []byte) []rune {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return r
}

// Summary is a PDU in one line: its name and the fields that tell it from others, where they are not 0.
func Summary(wire []byte, d rawclient.Digests) string {
	p := Bytes(wire, d)
	parts := []string{p.Name}
	for _, f := range p.Fields {
		short := brief[f.Name]
		value := f.Value
		if f.Name == "CSG" || f.Name == "NSG" {
			value, _, _ = strings.Cut(value, " ")
		} else if value == "0" {
			continue
		}
		if short != "" {
			parts = append(parts, short+"="+value)
		}
	}
	return strings.Join(parts, " ")
}

// brief are the fields of Summary, with shorter names.
var brief = map[string]string{
	"I": "I", "T": "T", "C": "C", "F": "F", "S": "S", "CSG": "CSG", "NSG": "NSG", "Status": "Status", "Response": "Response", "Reason": "Reason", "Reason Code": "Reason",
	"Function": "Function", "Type": "Type", "TSIH": "TSIH", "Initiator Task Tag": "ITT", "CmdSN": "CmdSN", "StatSN": "StatSN", "DataSN": "DataSN", "R2TSN": "R2TSN",
	"DataSegmentLength": "data", "CDB": "CDB", "AsyncEvent": "AsyncEvent", "Buffer Offset": "offset",
}
