package pdu

import (
	"encoding/binary"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
)

// A field as the figures of RFC 7143, chapter 11, place it: n whole bytes from
// byte off, or, where mask is not 0, the bits of byte off that mask selects.
type field struct {
	name string
	off  int
	n    int
	mask byte
}

func bytesAt(off, n int, name string) field        { return field{name, off, n, 0} }
func bitsAt(off int, mask byte, name string) field { return field{name, off, 1, mask} }

var (
	fI         = bitsAt(0, 0x40, "Immediate")
	fF         = bitsAt(1, 0x80, "Final")
	fLUN       = bytesAt(8, 8, "LUN")
	fITT       = bytesAt(16, 4, "ITT")
	fTTT       = bytesAt(20, 4, "TTT")
	fCmdSN     = bytesAt(24, 4, "CmdSN")
	fExpStatSN = bytesAt(28, 4, "ExpStatSN")
	fStatSN    = bytesAt(24, 4, "StatSN")
	fExpCmdSN  = bytesAt(28, 4, "ExpCmdSN")
	fMaxCmdSN  = bytesAt(32, 4, "MaxCmdSN")
)

// layouts is transcribed from the figures, apart from the code: section,
// opcode, view, fields.
var layouts = []struct {
	section string
	op      byte
	view    func(*BHS) any
	fields  []field
}{
	{"11.3", 0x01, func(h *BHS) any { return (*SCSICommand)(h) }, []field{
		fI, fF, bitsAt(1, 0x40, "Read"), bitsAt(1, 0x20, "Write"), bitsAt(1, 0x07, "Attr"),
		bitsAt(2, 0xf0, "Priority"), // RFC 7144, 5.1
		fLUN, fITT, bytesAt(20, 4, "ExpectedDataTransferLength"), fCmdSN, fExpStatSN,
		bytesAt(32, 16, "CDB"),
	}},
	{"11.4", 0x21, func(h *BHS) any { return (*SCSIResponse)(h) }, []field{
		bitsAt(1, 0x10, "BidiReadOverflow"), bitsAt(1, 0x08, "BidiReadUnderflow"),
		bitsAt(1, 0x04, "Overflow"), bitsAt(1, 0x02, "Underflow"),
		bytesAt(2, 1, "Response"), bytesAt(3, 1, "Status"),
		bytesAt(8, 2, "StatusQualifier"), // RFC 7144
		fITT, bytesAt(20, 4, "SNACKTag"), fStatSN, fExpCmdSN, fMaxCmdSN,
		bytesAt(36, 4, "ExpDataSN"), bytesAt(40, 4, "BidiReadResidualCount"), bytesAt(44, 4, "ResidualCount"),
	}},
	{"11.5", 0x02, func(h *BHS) any { return (*TaskManagementRequest)(h) }, []field{
		fI, bitsAt(1, 0x7f, "Function"), fLUN, fITT, bytesAt(20, 4, "ReferencedTaskTag"),
		fCmdSN, fExpStatSN, bytesAt(32, 4, "RefCmdSN"), bytesAt(36, 4, "ExpDataSN"),
	}},
	{"11.6", 0x22, func(h *BHS) any { return (*TaskManagementResponse)(h) }, []field{
		bytesAt(2, 1, "Response"),
		bytesAt(8, 3, "AdditionalResponseInformation"), // RFC 7144
		fITT, fStatSN, fExpCmdSN, fMaxCmdSN,
	}},
	{"11.7", 0x05, func(h *BHS) any { return (*DataOut)(h) }, []field{
		fF, fLUN, fITT, fTTT, fExpStatSN, bytesAt(36, 4, "DataSN"), bytesAt(40, 4, "BufferOffset"),
	}},
	{"11.7", 0x25, func(h *BHS) any { return (*DataIn)(h) }, []field{
		fF, bitsAt(1, 0x40, "Acknowledge"), bitsAt(1, 0x04, "Overflow"), bitsAt(1, 0x02, "Underflow"),
		bitsAt(1, 0x01, "StatusPresent"), bytesAt(3, 1, "Status"), fLUN, fITT, fTTT,
		fStatSN, fExpCmdSN, fMaxCmdSN, bytesAt(36, 4, "DataSN"), bytesAt(40, 4, "BufferOffset"),
		bytesAt(44, 4, "ResidualCount"),
	}},
	{"11.8", 0x31, func(h *BHS) any { return (*R2T)(h) }, []field{
		fLUN, fITT, fTTT, fStatSN, fExpCmdSN, fMaxCmdSN, bytesAt(36, 4, "R2TSN"),
		bytesAt(40, 4, "BufferOffset"), bytesAt(44, 4, "DesiredDataTransferLength"),
	}},
	{"11.9", 0x32, func(h *BHS) any { return (*AsyncMessage)(h) }, []field{
		fLUN, fITT, fStatSN, fExpCmdSN, fMaxCmdSN, bytesAt(36, 1, "AsyncEvent"), bytesAt(37, 1, "AsyncVCode"),
		bytesAt(38, 2, "Parameter1"), bytesAt(40, 2, "Parameter2"), bytesAt(42, 2, "Parameter3"),
	}},
	{"11.10", 0x04, func(h *BHS) any { return (*TextRequest)(h) }, []field{
		fI, fF, bitsAt(1, 0x40, "Continue"), fLUN, fITT, fTTT, fCmdSN, fExpStatSN,
	}},
	{"11.11", 0x24, func(h *BHS) any { return (*TextResponse)(h) }, []field{
		fF, bitsAt(1, 0x40, "Continue"), fLUN, fITT, fTTT, fStatSN, fExpCmdSN, fMaxCmdSN,
	}},
	{"11.12", 0x03, func(h *BHS) any { return (*LoginRequest)(h) }, []field{
		fI, bitsAt(1, 0x80, "Transit"), bitsAt(1, 0x40, "Continue"), bitsAt(1, 0x0c, "CSG"), bitsAt(1, 0x03, "NSG"),
		bytesAt(2, 1, "VersionMax"), bytesAt(3, 1, "VersionMin"), bytesAt(8, 6, "ISID"), bytesAt(14, 2, "TSIH"),
		fITT, bytesAt(20, 2, "CID"), fCmdSN, fExpStatSN,
	}},
	{"11.13", 0x23, func(h *BHS) any { return (*LoginResponse)(h) }, []field{
		bitsAt(1, 0x80, "Transit"), bitsAt(1, 0x40, "Continue"), bitsAt(1, 0x0c, "CSG"), bitsAt(1, 0x03, "NSG"),
		bytesAt(2, 1, "VersionMax"), bytesAt(3, 1, "VersionActive"), bytesAt(8, 6, "ISID"), bytesAt(14, 2, "TSIH"),
		fITT, fStatSN, fExpCmdSN, fMaxCmdSN,
		bytesAt(36, 2, "Status"), bytesAt(36, 1, "StatusClass"), bytesAt(37, 1, "StatusDetail"),
	}},
	{"11.14", 0x06, func(h *BHS) any { return (*LogoutRequest)(h) }, []field{
		fI, bitsAt(1, 0x7f, "Reason"), fITT, bytesAt(20, 2, "CID"), fCmdSN, fExpStatSN,
	}},
	{"11.15", 0x26, func(h *BHS) any { return (*LogoutResponse)(h) }, []field{
		bytesAt(2, 1, "Response"), fITT, fStatSN, fExpCmdSN, fMaxCmdSN,
		bytesAt(40, 2, "Time2Wait"), bytesAt(42, 2, "Time2Retain"),
	}},
	{"11.16", 0x10, func(h *BHS) any { return (*SNACKRequest)(h) }, []field{
		bitsAt(1, 0x0f, "Type"), fLUN, fITT, fTTT, bytesAt(20, 4, "SNACKTag"), fExpStatSN,
		bytesAt(40, 4, "BegRun"), bytesAt(44, 4, "RunLength"),
	}},
	{"11.17", 0x3f, func(h *BHS) any { return (*Reject)(h) }, []field{
		bytesAt(2, 1, "Reason"), fITT, fStatSN, fExpCmdSN, fMaxCmdSN, bytesAt(36, 4, "DataSN"),
	}},
	{"11.18", 0x00, func(h *BHS) any { return (*NOPOut)(h) }, []field{
		fI, fLUN, fITT, fTTT, fCmdSN, fExpStatSN,
	}},
	{"11.19", 0x20, func(h *BHS) any { return (*NOPIn)(h) }, []field{
		fLUN, fITT, fTTT, fStatSN, fExpCmdSN, fMaxCmdSN,
	}},
	{"11.2.1", 0x00, func(h *BHS) any { return h }, []field{
		fI, bitsAt(0, 0x3f, "Opcode"), bytesAt(1, 1, "Flags"), fF, fLUN, fITT,
	}},
}

// wire returns the field's bytes as they stand in h; bits moved to the right.
func (f field) wire(h *BHS) []byte {
	if f.mask != 0 {
		return []byte{h[f.off] & f.mask / (f.mask & -f.mask)}
	}
	return append([]byte(nil), h[f.off:f.off+f.n]...)
}

// store is the counterpart of wire.
func (f field) store(h *BHS, b []byte) {
	if f.mask != 0 {
		h[f.off] = h[f.off]&^f.mask | b[0]*(f.mask&-f.mask)&f.mask
		return
	}
	copy(h[f.off:f.off+f.n], b)
}

// get calls the view's getter and returns its value as big-endian bytes.
func (f field) get(view any) []byte {
	v := reflect.ValueOf(view).MethodByName(f.name).Call(nil)[0]
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return []byte{1}
		}
		return []byte{0}
	case reflect.Array:
		b := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(b), v)
		return b
	}
	return binary.BigEndian.AppendUint64(nil, v.Uint())[8-f.n:]
}

// set calls the view's setter with the value that b spells. The CDB has no
// setter: its getter gives access to the header.
func (f field) set(view any, b []byte) {
	m := reflect.ValueOf(view).MethodByName("Set" + f.name)
	if !m.IsValid() {
		reflect.Copy(reflect.ValueOf(view).MethodByName(f.name).Call(nil)[0].Elem(), reflect.ValueOf(b))
		return
	}
	arg := reflect.New(m.Type().In(0)).Elem()
	switch arg.Kind() {
	case reflect.Bool:
		arg.SetBool(b[0]&1 != 0)
	case reflect.Array:
		reflect.Copy(arg, reflect.ValueOf(b))
	default:
		arg.SetUint(binary.BigEndian.Uint64(append(make([]byte, 8-f.n), b...)))
	}
	m.Call([]reflect.Value{arg})
}

// checkLayout proves for one header and one value that every getter reads and
// every setter writes the bits of its field, and no setter any other bit.
func checkLayout(t *testing.T, raw BHS, value [16]byte) {
	t.Helper()
	for _, l := range layouts {
		for _, f := range l.fields {
			h := raw
			view := l.view(&h)
			if got, want := f.get(view), f.wire(&raw); string(got) != string(want) {
				t.Fatalf("%s %T.%s() = %x, the figure says %x, in % x", l.section, view, f.name, got, want, raw)
			}
			want := raw
			f.store(&want, value[:f.n])
			f.set(view, value[:f.n])
			must.Be(t, h == want, "%s %T.Set%s(%x):\n got % x\nwant % x", l.section, view, f.name, value[:f.n], h, want)
		}
	}
}

// Each field of each PDU stands where the figures of chapter 11 place it.
func TestLayout(t *testing.T) {
	rng := rand.New(rand.NewSource(7143))
	var raw BHS
	var value [16]byte
	for range 200 {
		rng.Read(raw[:])
		rng.Read(value[:])
		checkLayout(t, raw, value)
	}
}

// The table above names every accessor of every view, and every view gives
// its header back.
func TestLayoutIsComplete(t *testing.T) {
	elsewhere := map[string]bool{ // methods of BHS that are no plain field, tested on their own
		"Reset": true, "Init": true, "AHSLen": true, "DataLen": true,
		"SetAHSLen": true, "SetDataLen": true, "SetExpMaxCmdSN": true, "SetStatSN": true,
	}
	for _, l := range layouts {
		h := new(BHS)
		view := reflect.ValueOf(l.view(h))
		named := map[string]bool{}
		for _, f := range l.fields {
			named[f.name], named["Set"+f.name] = true, true
		}
		for i := range view.NumMethod() {
			name := view.Type().Method(i).Name
			if _, isHeader := view.Interface().(*BHS); isHeader && elsewhere[name] {
				continue
			}
			if name == "BHS" {
				if view.Method(i).Call(nil)[0].Interface().(*BHS) != h {
					t.Errorf("%s %T.BHS() is another header", l.section, view.Interface())
				}
				continue
			}
			if !named[name] {
				t.Errorf("%s %T.%s is not in the layout table", l.section, view.Interface(), name)
			}
			if get, ok := strings.CutPrefix(name, "Set"); ok && !view.MethodByName(get).IsValid() {
				t.Errorf("%s %T.%s has no getter", l.section, view.Interface(), name)
			}
		}
	}
}

func FuzzBHS(f *testing.F) {
	f.Add(make([]byte, BHSLen), make([]byte, 16))
	f.Add([]byte(strings.Repeat("\xff", BHSLen)), make([]byte, 16))
	f.Add(make([]byte, BHSLen), []byte(strings.Repeat("\xff", 16)))
	f.Fuzz(func(t *testing.T, raw, value []byte) {
		if len(raw) < BHSLen || len(value) < 16 {
			return
		}
		h := BHS(raw)
		checkLayout(t, h, [16]byte(value))

		data, ahs := h.DataLen(), h.AHSLen()
		if data < 0 || data > MaxDataLen || ahs < 0 || ahs > MaxAHSLen || ahs%4 != 0 {
			t.Fatalf("DataLen() = %d, AHSLen() = %d", data, ahs)
		}
		g := h
		g.SetDataLen(data)
		g.SetAHSLen(ahs)
		must.Be(t, g == h, "storing the lengths that were read changed\n% x to\n% x", h, g)
		_ = h.Opcode().String()
	})
}
