package pdu

import (
	"bytes"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// A bidirectional variable-length command carries both kinds of additional
// header segments, in any order (RFC 7143, 11.2.2).
func TestAHS(t *testing.T) {
	for _, c := range []struct {
		name string
		wire []byte
		cdb  []byte
		bidi bool
		len  uint32
	}{
		{"none", nil, nil, false, 0},
		{"a CDB of 17 bytes: AHSLength is CDBLength - 15",
			[]byte{0, 2, 1, 0, 0xaa, 0, 0, 0}, []byte{0xaa}, false, 0},
		{"a CDB of 32 bytes, without padding",
			append([]byte{0, 17, 1, 0}, bytes.Repeat([]byte{7}, 16)...), bytes.Repeat([]byte{7}, 16), false, 0},
		{"an expected read length: AHSLength is 5",
			[]byte{0, 5, 2, 0, 0x01, 0x02, 0x03, 0x04}, nil, true, 0x01020304},
		{"both, the read length first",
			[]byte{0, 5, 2, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0xaa, 0xbb, 0, 0}, []byte{0xaa, 0xbb}, true, 0},
		{"both, the CDB first, reserved bits and padding set",
			[]byte{0, 3, 0xc1, 0xff, 0xaa, 0xbb, 0xee, 0xee, 0, 5, 0x82, 0xff, 0, 0, 2, 0}, []byte{0xaa, 0xbb}, true, 512},
	} {
		a, err := ParseAHS(c.wire)
		if err != nil || !bytes.Equal(a.ExtendedCDB, c.cdb) || a.HasBidiReadLength != c.bidi || a.BidiReadLength != c.len {
			t.Errorf("%s: %+v, %v", c.name, a, err)
		}
	}
}

func TestAHSErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		wire []byte
		want error
	}{
		{"too short for a length and a type", []byte{0, 5}, ErrAHSLength},
		{"length 0", []byte{0, 0, 1, 0}, ErrAHSLength},
		{"length beyond the end", []byte{0, 6, 1, 0, 1, 2, 3, 4}, ErrAHSLength},
		{"longest length", []byte{0xff, 0xff, 1, 0, 1, 2, 3, 4}, ErrAHSLength},
		{"padding missing", []byte{0, 3, 1, 0, 1, 2}, ErrAHSLength},
		{"extended CDB without a byte", []byte{0, 1, 1, 0}, ErrAHSLength},
		{"extended CDB above 260 bytes", append([]byte{0, 246, 1, 0}, make([]byte, 248)...), ErrAHSLength},
		{"read length of 3 bytes", []byte{0, 4, 2, 0, 1, 2, 3, 0}, ErrAHSLength},
		{"read length of 5 bytes", []byte{0, 6, 2, 0, 1, 2, 3, 4, 5, 0, 0, 0}, ErrAHSLength},
		{"type 0", []byte{0, 1, 0, 0}, ErrAHSType},
		{"type 3", []byte{0, 1, 3, 0}, ErrAHSType},
		{"type 63", []byte{0, 5, 63, 0, 0, 0, 0, 0}, ErrAHSType},
		{"two CDBs", []byte{0, 2, 1, 0, 1, 0, 0, 0, 0, 2, 1, 0, 1, 0, 0, 0}, ErrAHSDuplicate},
		{"two read lengths", []byte{0, 5, 2, 0, 0, 0, 0, 1, 0, 5, 2, 0, 0, 0, 0, 1}, ErrAHSDuplicate},
		{"rubbish after a sound one", []byte{0, 5, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0}, ErrAHSLength},
	} {
		if a, err := ParseAHS(c.wire); err != c.want || a.ExtendedCDB != nil || a.HasBidiReadLength {
			t.Errorf("%s: %+v, %v; want %v", c.name, a, err, c.want)
		}
	}
}

// The builders write the figures of RFC 7143, 11.2.2.3 and 11.2.2.4.
func TestAHSBytes(t *testing.T) {
	got := AppendBidiReadLength(AppendExtendedCDB([]byte{9}, []byte{0xaa, 0xbb}), 0x01020304)
	want := []byte{9, 0, 3, 1, 0, 0xaa, 0xbb, 0, 0, 0, 5, 2, 0, 1, 2, 3, 4}
	check.That(t, bytes.Equal(got, want), "% x, want % x", got, want)
}

// Every prefix of sound segments that is no whole number of them fails, and
// what is built is what is read, for every length of CDB.
func TestAHSBuilders(t *testing.T) {
	cdb := make([]byte, MaxCDBLen-16)
	for i := range cdb {
		cdb[i] = byte(i + 1)
	}
	for n := 1; n <= len(cdb); n++ {
		wire := AppendExtendedCDB([]byte{}, cdb[:n])
		first := len(wire)
		wire = AppendBidiReadLength(wire, uint32(n))
		must.Be(t, len(wire)%4 == 0 && len(wire) <= MaxAHSLen, "CDB tail of %d: %d bytes", n, len(wire))
		a, err := ParseAHS(wire)
		must.Be(t, err == nil && bytes.Equal(a.ExtendedCDB, cdb[:n]) && a.BidiReadLength == uint32(n), "CDB tail of %d: %+v, %v", n, a, err)
		for cut := 1; cut < len(wire); cut++ {
			if _, err := ParseAHS(wire[:cut]); (err == nil) != (cut == first) {
				t.Fatalf("CDB tail of %d, %d of %d bytes: %v", n, cut, len(wire), err)
			}
		}
	}
	mustPanic(t, "an empty tail", func() { AppendExtendedCDB(nil, nil) })
	mustPanic(t, "a tail too long", func() { AppendExtendedCDB(nil, make([]byte, MaxCDBLen-15)) })
}

// FuzzAHS: any bytes are read without a panic, what is accepted lies inside
// them, and it survives being built again.
func FuzzAHS(f *testing.F) {
	f.Add([]byte{0, 5, 2, 0, 1, 2, 3, 4, 0, 3, 1, 0, 0xaa, 0xbb, 0, 0})
	f.Add(AppendExtendedCDB(nil, make([]byte, 244)))
	f.Fuzz(func(t *testing.T, wire []byte) {
		a, err := ParseAHS(wire)
		if err != nil {
			return
		}
		var again []byte
		if a.ExtendedCDB != nil {
			must.Be(t, bytes.Contains(wire, a.ExtendedCDB), "the CDB is not in the bytes")
			again = AppendExtendedCDB(again, a.ExtendedCDB)
		}
		if a.HasBidiReadLength {
			again = AppendBidiReadLength(again, a.BidiReadLength)
		}
		b, err := ParseAHS(again)
		if err != nil || len(again) != len(wire) || !bytes.Equal(a.ExtendedCDB, b.ExtendedCDB) ||
			a.HasBidiReadLength != b.HasBidiReadLength || a.BidiReadLength != b.BidiReadLength {
			t.Fatalf("%+v becomes %+v, %v", a, b, err)
		}
	})
}
