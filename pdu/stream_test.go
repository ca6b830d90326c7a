package pdu

import (
	"fmt"
	"hash/crc32"
	"math/rand"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
)

// wirePDU is a PDU to be put into a stream. encode sets its lengths.
type wirePDU struct {
	bhs  BHS
	ahs  []byte
	data []byte
}

// encode appends the PDU as it stands on the wire (RFC 7143, 11.2).
func (p wirePDU) encode(dst []byte, hd, dd bool) []byte {
	p.bhs.SetAHSLen(len(p.ahs))
	p.bhs.SetDataLen(len(p.data))
	header := append(append([]byte(nil), p.bhs[:]...), p.ahs...)
	dst = append(dst, header...)
	if hd {
		dst = AppendDigest(dst, Digest(0, header))
	}
	if len(p.data) == 0 {
		return dst
	}
	data := append([]byte(nil), p.data...)
	for len(data)%4 != 0 {
		data = append(data, 0)
	}
	dst = append(dst, data...)
	if dd {
		dst = AppendDigest(dst, Digest(0, data))
	}
	return dst
}

// record is what a receiver learns of one PDU whose header was accepted.
type record struct {
	bhs      BHS
	ahs      string
	data     string // as far as it arrived; "" where it was discarded
	complete bool
	digestOK bool // of the data; true until it is known to be wrong
}

// rules are what a Framer was told.
type rules struct {
	maxAHS, maxData int
	hd, dd          bool
}

// oracle reads a stream the plain way, with the whole of it at hand and
// nothing shared with Framer: what a Framer must find, however the stream is
// cut. With an error, used is how many bytes may have been consumed.
func oracle(s []byte, r rules) (recs []record, used int, err error) {
	pos := 0
	for {
		p := s[pos:]
		if len(p) < 48 {
			return recs, len(s), nil
		}
		ahs, size := 4*int(p[4]), int(p[5])<<16+int(p[6])<<8+int(p[7])
		if ahs > r.maxAHS {
			return recs, pos + 48, ErrAHSTooLong
		}
		end := 48 + ahs
		if r.hd {
			end += 4
		}
		if len(p) < end {
			return recs, len(s), nil
		}
		if r.hd && sum(p[:48+ahs]) != [4]byte(p[end-4:end]) {
			return recs, pos + end, ErrHeaderDigest
		}
		if size > r.maxData {
			return recs, pos + end, ErrDataTooLong
		}
		rec := record{bhs: BHS(p[:48]), ahs: string(p[48 : 48+ahs]), digestOK: true}
		padded := (size + 3) / 4 * 4
		tail := padded
		if r.dd && size > 0 {
			tail += 4
		}
		rec.data = string(p[end:min(end+size, len(p))])
		if len(p) >= end+tail {
			rec.complete = true
			if r.dd && size > 0 {
				rec.digestOK = sum(p[end:end+padded]) == [4]byte(p[end+padded:end+tail])
			}
		}
		recs = append(recs, rec)
		if !rec.complete {
			return recs, len(s), nil
		}
		pos += end + tail
	}
}

// sum is the digest by the definition of hash/crc32, low byte first.
func sum(b []byte) [4]byte {
	c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return [4]byte{byte(c), byte(c >> 8), byte(c >> 16), byte(c >> 24)}
}

// A way is how a stream reaches a Framer.
type way struct {
	name  string
	chunk func(left int) int // how many bytes the next Feed is given, 1 to left
	// skip discards every payload; direct receives into Pending.
	skip, direct bool
}

func allAtOnce(left int) int     { return left }
func byteByByte(int) int         { return 1 }
func atMost(n int) func(int) int { return func(left int) int { return min(n, left) } }
func randomly(seed int64) func(int) int {
	rng := rand.New(rand.NewSource(seed))
	return func(left int) int {
		if rng.Intn(4) == 0 {
			return 1 + rng.Intn(left)
		}
		return 1 + rng.Intn(min(left, 64))
	}
}

// receive runs the stream through f and returns what the Framer said, how many
// bytes it consumed, and its error. It fails the test where the Framer breaks
// its contract: consumption, limits, bytes written outside the destination.
func receive(t testing.TB, f *Framer, s []byte, r rules, w way) (recs []record, used int, err error) {
	t.Helper()
	const guard = 0xa5
	var buf []byte // destination of the payload at hand, with guard bytes around
	size := 0
	finish := func() {
		last := &recs[len(recs)-1]
		last.complete, last.digestOK = true, f.DataDigestOK()
	}
	keep := func(got int) {
		if buf == nil {
			return
		}
		for i, c := range buf {
			if (i < 8 || i >= 8+got) && c != guard {
				t.Fatalf("byte %d outside the %d bytes received was written", i-8, got)
			}
		}
		recs[len(recs)-1].data = string(buf[8 : 8+got])
	}
	for used < len(s) {
		if p := f.Pending(); w.direct && len(p) > 0 {
			must.Be(t, len(p) <= r.maxData, "Pending() asks for %d bytes, limit %d", len(p), r.maxData)
			n := copy(p[:min(len(p), w.chunk(len(s)-used))], s[used:])
			used += n
			st, err := f.Received(n)
			must.OK(t, err, "Received(%d)", n)
			if st == PDUReady {
				keep(size)
				finish()
				buf = nil
			} else if st != NeedMore {
				t.Fatalf("Received(%d) returns state %d", n, st)
			}
			continue
		}
		give := s[used:][:w.chunk(len(s)-used)]
		n, st, err := f.Feed(give)
		must.Be(t, n >= 0 && n <= len(give), "Feed of %d bytes consumed %d", len(give), n)
		used += n
		if err != nil {
			must.Be(t, st == NeedMore, "Feed returns state %d with %v", st, err)
			if n2, st2, err2 := f.Feed(s[used:]); n2 != 0 || st2 != NeedMore || err2 != err {
				t.Fatalf("Feed after %v returns %d, %d, %v", err, n2, st2, err2)
			}
			return recs, used, err
		}
		switch st {
		case NeedMore:
			must.Be(t, n == len(give), "Feed wants more and left %d bytes", len(give)-n)
		case HeaderReady:
			if len(f.AHS()) > r.maxAHS || f.Header().DataLen() > r.maxData {
				t.Fatalf("header accepted beyond the limits: % x", *f.Header())
			}
			recs = append(recs, record{bhs: *f.Header(), ahs: string(f.AHS()), digestOK: true})
			size = f.Header().DataLen()
			switch {
			case size == 0:
				finish()
			case w.skip:
				f.Skip()
			default:
				buf = make([]byte, 8+size+8)
				for i := range buf {
					buf[i] = guard
				}
				f.Payload(buf[8 : 8+size])
			}
		case PDUReady:
			keep(size)
			finish()
			buf = nil
		default:
			t.Fatalf("Feed returns state %d", st)
		}
	}
	if buf != nil { // the stream ended in a PDU
		keep(size - len(f.Pending()))
	}
	return recs, used, nil
}

// agree demands that a fresh Framer finds in s, cut in way w, what the oracle
// finds.
func agree(t testing.TB, s []byte, r rules, w way) {
	t.Helper()
	want, wantUsed, wantErr := oracle(s, r)
	f := new(Framer)
	f.SetLimits(r.maxAHS, r.maxData)
	f.SetDigests(r.hd, r.dd)
	got, used, err := receive(t, f, s, r, w)
	must.Be(t, err == wantErr && used == wantUsed, "%s: %d bytes consumed, %v; want %d, %v", w.name, used, err, wantUsed, wantErr)
	if err != nil && *f.Header() != BHS(faulty(s, want, r)) {
		t.Fatalf("%s: Header() after %v is % x", w.name, err, *f.Header())
	}
	must.Be(t, len(got) == len(want), "%s: %d PDUs, want %d", w.name, len(got), len(want))
	for i := range want {
		if w.skip {
			want[i].data = ""
		}
		must.Be(t, got[i] == want[i], "%s: PDU %d is\n%s, want\n%s", w.name, i, got[i], want[i])
	}
}

// faulty returns the bytes of the header that follows the accepted PDUs.
func faulty(s []byte, recs []record, r rules) []byte {
	pos := 0
	for _, rec := range recs {
		pos += 48 + len(rec.ahs)
		if r.hd {
			pos += 4
		}
		if n := len(rec.data); n > 0 {
			pos += (n + 3) / 4 * 4
			if r.dd {
				pos += 4
			}
		}
	}
	return s[pos : pos+48]
}

func (r record) String() string {
	return fmt.Sprintf("[% x] ahs %x data %x complete %v digest ok %v", r.bhs, r.ahs, r.data, r.complete, r.digestOK)
}
