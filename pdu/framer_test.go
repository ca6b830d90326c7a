package pdu

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// someTraffic is a run of PDUs with every shape that a stream can have: no
// data, each padding, additional header segments from none to the most.
func someTraffic() []wirePDU {
	rng := rand.New(rand.NewSource(11))
	bytes := func(n int) []byte {
		b := make([]byte, n)
		rng.Read(b)
		return b
	}
	header := func(op Opcode) (h BHS) {
		rng.Read(h[:])
		h.SetOpcode(op)
		return h
	}
	pdus := []wirePDU{
		{bhs: header(OpLoginRequest), data: bytes(1)},
		{bhs: header(OpNOPOut)},
		{bhs: header(OpNOPOut), data: bytes(2)},
		{bhs: header(OpSCSICommand), ahs: AppendBidiReadLength(nil, 512)},
		{bhs: header(OpSCSICommand), ahs: AppendExtendedCDB(nil, bytes(16)), data: bytes(3)},
		{bhs: header(OpDataOut), data: bytes(4)},
		{bhs: header(OpDataOut), data: bytes(5)},
		{bhs: header(OpSCSICommand), ahs: bytes(MaxAHSLen), data: bytes(47)},
		{bhs: header(OpDataOut), data: bytes(512)},
		{bhs: header(OpLogoutRequest)},
	}
	return pdus
}

func stream(pdus []wirePDU, hd, dd bool) (s []byte) {
	for _, p := range pdus {
		s = p.encode(s, hd, dd)
	}
	return s
}

// eachDigests runs a test under the four combinations of HeaderDigest and
// DataDigest (RFC 7143, 13.1).
func eachDigests(t *testing.T, f func(t *testing.T, hd, dd bool)) {
	for i := range 4 {
		hd, dd := i&1 != 0, i&2 != 0
		t.Run(fmt.Sprintf("header=%v,data=%v", hd, dd), func(t *testing.T) { f(t, hd, dd) })
	}
}

// The oracle itself is checked against what was put into the stream.
func TestStreamOracle(t *testing.T) {
	eachDigests(t, func(t *testing.T, hd, dd bool) {
		pdus := someTraffic()
		s := stream(pdus, hd, dd)
		recs, used, err := oracle(s, rules{MaxAHSLen, 512, hd, dd})
		if err != nil || used != len(s) || len(recs) != len(pdus) {
			t.Fatalf("%d PDUs in %d bytes, %v; want %d in %d", len(recs), used, err, len(pdus), len(s))
		}
		for i, p := range pdus {
			p.bhs.SetAHSLen(len(p.ahs))
			p.bhs.SetDataLen(len(p.data))
			if want := (record{p.bhs, string(p.ahs), string(p.data), true, true}); recs[i] != want {
				t.Errorf("PDU %d is\n%s, want\n%s", i, recs[i], want)
			}
		}
	})
}

// However the stream is cut, and wherever the payload goes, the same PDUs
// come out.
func TestFramerSplits(t *testing.T) {
	eachDigests(t, func(t *testing.T, hd, dd bool) {
		r := rules{MaxAHSLen, 512, hd, dd}
		s := stream(someTraffic(), hd, dd)
		ways := []way{
			{name: "all at once", chunk: allAtOnce},
			{name: "byte by byte", chunk: byteByByte},
			{name: "47 bytes", chunk: atMost(47)},
			{name: "48 bytes", chunk: atMost(48)},
			{name: "49 bytes", chunk: atMost(49)},
		}
		for seed := range int64(100) {
			ways = append(ways, way{name: fmt.Sprint("seed ", seed), chunk: randomly(seed)})
		}
		for _, w := range ways {
			agree(t, s, r, w)
			w.name, w.skip = w.name+", discarded", true
			agree(t, s, r, w)
			w.name, w.skip, w.direct = w.name+", received directly", false, true
			agree(t, s, r, w)
		}
	})
}

// A stream that ends early is no error and gives no PDU too many, wherever it
// ends.
func TestFramerTruncations(t *testing.T) {
	eachDigests(t, func(t *testing.T, hd, dd bool) {
		r := rules{MaxAHSLen, 512, hd, dd}
		s := stream(someTraffic(), hd, dd)
		for n := range s {
			agree(t, s[:n], r, way{name: fmt.Sprint("first ", n), chunk: allAtOnce})
			agree(t, s[:n], r, way{name: fmt.Sprint("directly ", n), chunk: allAtOnce, direct: true})
		}
	})
}

// "Header digest error": one wrong bit anywhere in the basic or additional
// header segments or in the digest itself ends the stream at that header
// (RFC 7143, 7.8). One wrong bit in data, padding or data digest is reported
// for that PDU, and the next one is sound.
func TestFramerDetectsEveryWrongBit(t *testing.T) {
	first := wirePDU{bhs: BHS{0: 0x41, 1: 0xa1, 40: 0x2a}, ahs: AppendExtendedCDB(nil, []byte{1, 2, 3}), data: []byte("wrong?")}
	second := wirePDU{data: []byte("sound")}
	// Enough follows for a TotalAHSLength that is too large by one bit.
	filler := make([]byte, 2*MaxAHSLen)

	whole := first.encode(nil, true, true)
	headerLen := BHSLen + len(first.ahs) + DigestLen
	s := append(second.encode(whole, true, true), filler...)
	r := rules{MaxAHSLen, 512, true, true}

	for bit := range 8 * len(whole) {
		s[bit/8] ^= 1 << (bit % 8)
		for _, w := range []way{{name: "all at once", chunk: allAtOnce}, {name: "in pieces", chunk: atMost(7), direct: true}} {
			f := new(Framer)
			f.SetLimits(r.maxAHS, r.maxData)
			f.SetDigests(true, true)
			recs, _, err := receive(t, f, s, r, w)
			if bit/8 < headerLen {
				if err != ErrHeaderDigest || len(recs) != 0 {
					t.Fatalf("%s: bit %d of header byte %d wrong: %d PDUs, %v", w.name, bit%8, bit/8, len(recs), err)
				}
				continue
			}
			if len(recs) < 2 || !recs[0].complete || recs[0].digestOK {
				t.Fatalf("%s: bit %d of byte %d wrong and not seen: %v", w.name, bit%8, bit/8, recs)
			}
			if !recs[1].complete || !recs[1].digestOK || recs[1].data != "sound" {
				t.Fatalf("%s: the PDU after a data digest error is %v", w.name, recs[1])
			}
		}
		s[bit/8] ^= 1 << (bit % 8)
	}
}

// Lengths above the limits are errors before a byte beyond the header is
// taken; the header can still be answered; the limit itself is allowed.
func TestFramerLimits(t *testing.T) {
	eachDigests(t, func(t *testing.T, hd, dd bool) {
		for _, c := range []struct {
			name string
			ahs  int
			data int
			used int // beyond the basic header segment
			want error
		}{
			{"at the limits", 8, 100, 0, nil},
			{"additional header segments one word too long", 12, 100, 0, ErrAHSTooLong},
			{"longest additional header segments", MaxAHSLen, 0, 0, ErrAHSTooLong},
			{"data one byte too long", 8, 101, 8, ErrDataTooLong},
			{"data one byte too long, no AHS", 0, 101, 0, ErrDataTooLong},
			{"longest data", 0, MaxDataLen, 0, ErrDataTooLong},
		} {
			var h BHS
			h.Init(OpTextRequest)
			h.SetITT(0x1234)
			p := wirePDU{bhs: h, ahs: make([]byte, c.ahs), data: make([]byte, c.data)}
			s := p.encode(nil, hd, dd)
			if c.want == ErrDataTooLong && hd {
				c.used += DigestLen
			}
			for _, w := range []way{{name: "all at once", chunk: allAtOnce}, {name: "in pieces", chunk: atMost(13)}} {
				f := new(Framer)
				f.SetLimits(8, 100)
				f.SetDigests(hd, dd)
				_, used, err := receive(t, f, s, rules{8, 100, hd, dd}, w)
				check.That(t, err == c.want, "%s, %s: error %v, want %v", c.name, w.name, err, c.want)
				if err != nil && (used != BHSLen+c.used || f.Header().ITT() != 0x1234 || f.Header().DataLen() != c.data) {
					t.Errorf("%s, %s: %d bytes consumed, want %d; header % x", c.name, w.name, used, BHSLen+c.used, *f.Header())
				}
				if n := len(f.AHS()); err == ErrAHSTooLong && n != 0 {
					t.Errorf("%s, %s: AHS() has %d bytes that were never taken", c.name, w.name, n)
				}
			}
		}
	})
}

// A header digest error hides what the header says: a length that became too
// long by a wrong bit is not reported as the peer's.
func TestFramerDigestBeforeLimits(t *testing.T) {
	p := wirePDU{data: make([]byte, 100)}
	s := p.encode(nil, true, false)
	s[5] ^= 0x80
	f := new(Framer)
	f.SetLimits(0, 100)
	f.SetDigests(true, false)
	if _, _, err := f.Feed(s); err != ErrHeaderDigest {
		t.Errorf("error %v, want %v", err, ErrHeaderDigest)
	}
}

// The zero value takes a bare header and nothing more.
func TestFramerZeroValue(t *testing.T) {
	f := new(Framer)
	if n, st, err := f.Feed(make([]byte, 60)); n != 48 || st != HeaderReady || err != nil {
		t.Errorf("a bare header: %d, %d, %v", n, st, err)
	}
	if _, _, err := f.Feed((&BHS{7: 1})[:]); err != ErrDataTooLong {
		t.Errorf("a header with data: %v", err)
	}
	f = new(Framer)
	if _, _, err := f.Feed((&BHS{4: 1})[:]); err != ErrAHSTooLong {
		t.Errorf("a header with an additional one: %v", err)
	}
}

// Digests begin with the full feature phase (RFC 7143, 13.1): SetDigests
// holds from the next PDU on, whichever byte of the present one is being
// received.
func TestFramerDigestsTakeEffectAtNextPDU(t *testing.T) {
	login := wirePDU{ahs: AppendBidiReadLength(nil, 1), data: []byte("abcde")}
	plain := login.encode(nil, false, false)
	after := login.encode(nil, true, true)
	for cut := 1; cut < len(plain); cut++ {
		f := new(Framer)
		f.SetLimits(MaxAHSLen, 512)
		r := rules{MaxAHSLen, 512, false, false}

		_, _, err := receive(t, f, plain[:cut], r, way{chunk: allAtOnce, skip: true})
		must.OK(t, err)
		f.SetDigests(true, true)
		complete, _, err := receiveRest(t, f, append(plain[cut:len(plain):len(plain)], after...))
		must.OK(t, err, "digests on after %d of %d bytes", cut, len(plain))
		must.Be(t, complete == 2, "digests on after %d of %d bytes: %d PDUs complete, want 2", cut, len(plain), complete)
		must.Be(t, f.DataDigestOK(), "digests on after %d bytes: data digest error", cut)
	}

	// Between HeaderReady and Payload.
	f := new(Framer)
	f.SetLimits(MaxAHSLen, 512)
	n, st, err := f.Feed(plain)
	if st != HeaderReady || err != nil {
		t.Fatal(st, err)
	}
	f.SetDigests(true, true)
	f.Skip()
	complete, _, err := receiveRest(t, f, append(plain[n:len(plain):len(plain)], after...))
	check.That(t, complete == 2 && err == nil && f.DataDigestOK(), "digests on before Payload: %d PDUs complete, want 2; %v", complete, err)
}

// receiveRest feeds s to a Framer that may be in the middle of a PDU, and
// counts the PDUs that become complete.
func receiveRest(t *testing.T, f *Framer, s []byte) (complete, used int, err error) {
	t.Helper()
	for used < len(s) {
		n, st, err := f.Feed(s[used:])
		used += n
		switch {
		case err != nil:
			return complete, used, err
		case st == HeaderReady:
			f.Skip()
		case st == PDUReady:
			complete++
		}
	}
	return complete, used, nil
}

// Digests may be switched off again, and while the header is being gathered
// nothing changes either.
func TestFramerDigestsOff(t *testing.T) {
	p := wirePDU{data: []byte("abcde")}
	with, without := p.encode(nil, true, true), p.encode(nil, false, false)
	f := new(Framer)
	f.SetLimits(0, 512)
	f.SetDigests(true, true)
	if n, st, err := f.Feed(with[:20]); n != 20 || st != NeedMore || err != nil {
		t.Fatal(n, st, err)
	}
	f.SetDigests(false, false)
	complete, _, err := receiveRest(t, f, append(with[20:len(with):len(with)], without...))
	check.That(t, complete == 2 && err == nil, "%d PDUs complete, want 2; %v", complete, err)
}

// A wrong data digest is forgotten with the next PDU, whether it has data or
// not.
func TestFramerDataDigestOKIsOfThisPDU(t *testing.T) {
	p := wirePDU{data: []byte("abcd")}
	bad := p.encode(nil, false, true)
	bad[len(bad)-1] ^= 1
	f := new(Framer)
	f.SetLimits(0, 512)
	f.SetDigests(false, true)
	if complete, _, _ := receiveRest(t, f, bad); complete != 1 || f.DataDigestOK() {
		t.Fatalf("data digest error not seen")
	}
	if _, st, _ := f.Feed(make([]byte, 48)); st != HeaderReady || !f.DataDigestOK() {
		t.Errorf("the next PDU, without data, has the last one's digest error")
	}
}

// A payload may lose its destination half-way, when its task is aborted: the
// rest goes nowhere and the stream stays in step, digest included.
func TestFramerSkipHalfWay(t *testing.T) {
	p := wirePDU{data: []byte("0123456789")}
	s := p.encode(nil, true, true)
	s = p.encode(s, true, true)
	for half := range len(p.data) + 1 {
		f := new(Framer)
		f.SetLimits(0, 512)
		f.SetDigests(true, true)
		n, st, err := f.Feed(s)
		if st != HeaderReady || err != nil {
			t.Fatal(st, err)
		}
		dst := make([]byte, 10)
		f.Payload(dst)
		if _, _, err := f.Feed(s[n : n+half]); err != nil {
			t.Fatal(err)
		}
		f.Skip()
		if len(f.Pending()) != 0 {
			t.Fatalf("Pending() after Skip has %d bytes", len(f.Pending()))
		}
		complete, _, err := receiveRest(t, f, s[n+half:])
		must.Be(t, complete == 2 && err == nil && f.DataDigestOK(), "skip after %d bytes: %d PDUs complete, %v", half, complete, err)
		if want := "0123456789"[:half] + string(make([]byte, 10-half)); string(dst) != want {
			t.Fatalf("skip after %d bytes: destination is %q", half, dst)
		}
	}
}

// The destination may be longer than the data; nothing beyond is written and
// Pending never reaches there.
func TestFramerPayloadLongerDestination(t *testing.T) {
	s := wirePDU{data: []byte("abc")}.encode(nil, false, false)
	f := new(Framer)
	f.SetLimits(0, 512)
	n, _, _ := f.Feed(s)
	dst := []byte("xxxxxxxx")
	f.Payload(dst)
	if len(f.Pending()) != 3 {
		t.Errorf("Pending() has %d bytes, want 3", len(f.Pending()))
	}
	if _, st, err := f.Feed(s[n:]); st != PDUReady || err != nil {
		t.Errorf("state %d, %v", st, err)
	}
	check.That(t, string(dst) == "abcxxxxx", "destination is %q", dst)
}

// What no caller may do panics: it would put the stream out of step.
func TestFramerMisuse(t *testing.T) {
	withData := wirePDU{data: []byte("abcd")}.encode(nil, false, false)
	ready := func() *Framer {
		f := new(Framer)
		f.SetLimits(0, 512)
		if _, st, err := f.Feed(withData); st != HeaderReady || err != nil {
			t.Fatal(st, err)
		}
		return f
	}
	mustPanic(t, "Feed before Payload", func() { ready().Feed(withData[48:]) })
	mustPanic(t, "Payload too short", func() { ready().Payload(make([]byte, 3, 8)) })
	mustPanic(t, "Payload empty", func() { ready().Payload([]byte{}) })
	mustPanic(t, "Payload without a header", func() { new(Framer).Payload(nil) })
	mustPanic(t, "Payload twice", func() {
		f := ready()
		f.Payload(nil)
		f.Payload(nil)
	})
	mustPanic(t, "Received too much", func() {
		f := ready()
		f.Payload(make([]byte, 4))
		f.Received(5)
	})
	mustPanic(t, "Received while discarding", func() {
		f := ready()
		f.Skip()
		f.Received(1)
	})
	mustPanic(t, "Received a negative number", func() {
		f := ready()
		f.Payload(make([]byte, 4))
		f.Received(-1)
	})
}

// An engine may ask and report at any time: with nothing pending there is
// nothing to receive, and an error stays.
func TestFramerReceivedNothing(t *testing.T) {
	f := new(Framer)
	if st, err := f.Received(0); st != NeedMore || err != nil || len(f.Pending()) != 0 {
		t.Errorf("between PDUs: %d, %v, %d pending", st, err, len(f.Pending()))
	}
	if n, st, err := f.Feed(nil); n != 0 || st != NeedMore || err != nil {
		t.Errorf("Feed of nothing: %d, %d, %v", n, st, err)
	}
	f.Feed((&BHS{7: 1})[:])
	if _, err := f.Received(0); err != ErrDataTooLong {
		t.Errorf("after an error: %v", err)
	}
}
