package pdu

import (
	"fmt"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
)

// FuzzFramer feeds any bytes, under any limits and digests, in any pieces, to
// any destination: the Framer must find what the oracle finds in the whole
// stream, keep within its limits and never panic.
func FuzzFramer(f *testing.F) {
	for i := range byte(16) {
		hd, dd := i&1 != 0, i&2 != 0
		f.Add(stream(someTraffic(), hd, dd), i, byte(255), uint16(512), int64(i))
		f.Add(stream(someTraffic()[:6], hd, dd), i, byte(2), uint16(8), int64(i))
	}
	f.Add([]byte{}, byte(0), byte(0), uint16(0), int64(0))
	f.Fuzz(func(t *testing.T, s []byte, flags, ahsWords byte, maxData uint16, seed int64) {
		r := rules{maxAHS: 4 * int(ahsWords), maxData: int(maxData), hd: flags&1 != 0, dd: flags&2 != 0}
		if flags&4 != 0 {
			s = repairHeaderDigests(s, r)
		}
		for _, w := range []way{
			{name: "all at once", chunk: allAtOnce},
			{name: "byte by byte", chunk: byteByByte},
			{name: "randomly", chunk: randomly(seed)},
			{name: "randomly, directly", chunk: randomly(seed + 1), direct: true},
			{name: "randomly, discarded", chunk: randomly(seed + 2), skip: true},
		} {
			agree(t, s, r, w)
		}
	})
}

// repairHeaderDigests returns a copy of s with right header digests as far as
// it can be read, so that fuzzing gets beyond the first header.
func repairHeaderDigests(s []byte, r rules) []byte {
	s = append([]byte(nil), s...)
	if !r.hd {
		return s
	}
	for {
		recs, _, err := oracle(s, r)
		if err != ErrHeaderDigest {
			return s
		}
		h := faulty(s, recs, r)
		segments := 48 + 4*int(h[4])
		h = h[:segments+4]
		d := sum(h[:segments])
		copy(h[segments:], d[:])
	}
}

// benchTraffic is what a target receives on its hot path.
var benchTraffic = []struct {
	name   string
	hd, dd bool
	pdu    wirePDU
}{
	{"read command", false, false, wirePDU{bhs: BHS{0: 0x01, 1: 0xc1}}},
	{"read command, header digest", true, false, wirePDU{bhs: BHS{0: 0x01, 1: 0xc1}}},
	{"4 KiB write", false, false, wirePDU{bhs: BHS{0: 0x01, 1: 0xa1}, data: make([]byte, 4096)}},
	{"4 KiB write, both digests", true, true, wirePDU{bhs: BHS{0: 0x01, 1: 0xa1}, data: make([]byte, 4096)}},
	{"extended CDB and padding, both digests", true, true, wirePDU{ahs: AppendExtendedCDB(nil, make([]byte, 16)), data: make([]byte, 61)}},
}

// consume takes a whole number of PDUs from s into dst and returns how many.
func consume(f *Framer, s, dst []byte) (pdus int) {
	for len(s) > 0 {
		n, st, err := f.Feed(s)
		if err != nil {
			panic(err)
		}
		s = s[n:]
		switch {
		case st == PDUReady && f.DataDigestOK():
			pdus++
		case st == HeaderReady && f.Header().DataLen() == 0:
			pdus++
		case st == HeaderReady:
			f.Payload(dst)
		}
	}
	return pdus
}

// The data path allocates nothing: headers in one piece or in several, with
// data, digests and additional header segments.
func TestFramerAllocatesNothing(t *testing.T) {
	dst := make([]byte, 4096)
	for _, b := range benchTraffic {
		var s []byte
		for range 8 {
			s = b.pdu.encode(s, b.hd, b.dd)
		}
		f := new(Framer)
		f.SetLimits(MaxAHSLen, 4096)
		f.SetDigests(b.hd, b.dd)
		if n := testing.AllocsPerRun(100, func() {
			if consume(f, s[:37], dst)+consume(f, s[37:], dst) != 8 {
				panic("PDUs lost")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a run, want 0", b.name, n)
		}
		if n := testing.AllocsPerRun(100, func() {
			n, _, _ := f.Feed(s)
			if len(b.pdu.data) > 0 {
				f.Payload(dst)
				if st, err := f.Received(copy(f.Pending(), s[n:])); err != nil || st == HeaderReady {
					panic(fmt.Sprint(st, err))
				}
				n += len(b.pdu.data)
			}
			if got := consume(f, s[n:], dst); got < 7 {
				panic("PDUs lost")
			}
		}); n != 0 {
			t.Errorf("%s, received directly: %v allocations a run, want 0", b.name, n)
		}
	}
}

// The rest of what runs for every PDU allocates nothing either.
func TestHeadersAllocateNothing(t *testing.T) {
	ahs := AppendBidiReadLength(AppendExtendedCDB(nil, make([]byte, 16)), 512)
	out := make([]byte, 0, 512)
	var h BHS
	var sink uint32
	if n := testing.AllocsPerRun(100, func() {
		h.Init(OpSCSIResponse)
		h.SetStatSN(1)
		h.SetExpMaxCmdSN(2, 3)
		h.SetDataLen(20)
		(*SCSIResponse)(&h).SetResidualCount(512)
		sink += (*SCSICommand)(&h).CmdSN() + uint32((*SCSICommand)(&h).CDB()[0])
		a, err := ParseAHS(ahs)
		if err != nil || len(a.ExtendedCDB) != 16 {
			panic("AHS lost")
		}
		b := AppendExtendedCDB(out, a.ExtendedCDB)
		b = AppendBidiReadLength(b, a.BidiReadLength)
		b = AppendDigest(b, Digest(Digest(0, h[:]), b))
		b = AppendText(b, "InitialR2T", "Yes")
		sink += uint32(len(b))
	}); n != 0 {
		t.Errorf("%v allocations a run, want 0", n)
	}
}

func BenchmarkFramer(b *testing.B) {
	dst := make([]byte, 4096)
	for _, c := range benchTraffic {
		b.Run(c.name, func(b *testing.B) {
			const pdus = 16
			var s []byte
			for range pdus {
				s = c.pdu.encode(s, c.hd, c.dd)
			}
			f := new(Framer)
			f.SetLimits(MaxAHSLen, 4096)
			f.SetDigests(c.hd, c.dd)
			b.SetBytes(int64(len(s) / pdus))
			b.ReportAllocs()
			for i := 0; i < b.N; i += pdus {
				must.Be(b, consume(f, s, dst) == pdus, "PDUs lost")
			}
		})
	}
}
