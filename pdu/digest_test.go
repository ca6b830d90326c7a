package pdu

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// The examples of RFC 3720, B.4 (kept by RFC 7143, Appendix A.4): data, and
// the four digest bytes as they are sent.
func TestDigestExamples(t *testing.T) {
	ascending, descending := make([]byte, 32), make([]byte, 32)
	for i := range ascending {
		ascending[i], descending[i] = byte(i), byte(31-i)
	}
	read10 := []byte{
		0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
		0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"32 bytes of zeroes", make([]byte, 32), "aa36918a"},
		{"32 bytes of ones", bytes.Repeat([]byte{0xff}, 32), "43aba862"},
		{"32 bytes of incrementing 00..1f", ascending, "4e79dd46"},
		{"32 bytes of decrementing 1f..00", descending, "5cdb3f11"},
		{"a SCSI READ (10) Command PDU", read10, "563a96d9"},
	} {
		crc := Digest(0, c.data)
		check.Equal(t, hex.EncodeToString(AppendDigest(nil, crc)), c.want, "%s: digest", c.name)
		var b [DigestLen]byte
		PutDigest(b[:], crc)
		if got := hex.EncodeToString(b[:]); got != c.want || GetDigest(b[:]) != crc {
			t.Errorf("%s: PutDigest gives %s, GetDigest %#x; want %s, %#x", c.name, got, GetDigest(b[:]), c.want, crc)
		}
		// A digest over pieces is the digest over the whole.
		for cut := range c.data {
			check.Equal(t, Digest(Digest(0, c.data[:cut]), c.data[cut:]), crc, "%s: the digest, cut at %d, is", c.name, cut)
		}
	}
}

// Padding is included in the data digest (RFC 7143, 13.1), and is what fills
// a segment to a multiple of four bytes (11.1).
func TestPad(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 3, 2: 2, 3: 1, 4: 0, 5: 3, 48: 0, MaxDataLen: 1} {
		check.Equal(t, Pad(n), want, "Pad(%d) =", n)
	}
	s := wirePDU{data: []byte{1}}.encode(nil, false, true)
	want := Digest(0, []byte{1, 0, 0, 0})
	if got := GetDigest(s[52:]); len(s) != 56 || got != want {
		t.Fatalf("stream of %d bytes with digest %#x, want 56 and %#x", len(s), got, want)
	}
	// Padding that is not 0 is a peer's right, as long as its digest covers it.
	s[50] = 0xee
	PutDigest(s[52:], Digest(0, s[48:52]))
	f := new(Framer)
	f.SetLimits(0, 8)
	f.SetDigests(false, true)
	if complete, _, err := receiveRest(t, f, s); complete != 1 || err != nil || !f.DataDigestOK() {
		t.Errorf("padding that is not 0: %d PDUs complete, %v, digest ok %v", complete, err, f.DataDigestOK())
	}
}
