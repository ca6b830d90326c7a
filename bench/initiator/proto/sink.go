package proto

import "github.com/ringtgt/ringtgt/pdu"

// Sink collects what a connection sends, in order: pieces of the driver's memory and of the commands' own data. A driver that
// fills one while the kernel reads the other has two.
type Sink struct {
	buf    []byte
	pieces [][]byte
	run    int // where the current run of buf begins
	// copyMax is the longest data that is copied into buf; longer data is a
	// piece of its own, which must stay as it is until it was sent.
	copyMax int
	pdus    int
}

// NewSink returns a Sink that encodes into mem and holds at most pieces pieces. Data of at most copyMax bytes is copied; with
// copyMax < 0 all data is, and PDUs are cut to fit.
func NewSink(mem []byte, pieces, copyMax int) *Sink {
	if len(mem) < 2*minSink || pieces < 4 {
		panic("proto: a Sink too small for one PDU")
	}
	return &Sink{buf: mem[:0:len(mem)], pieces: make([][]byte, 0, pieces), copyMax: copyMax}
}

// Reset empties the sink, whose bytes were sent.
func (s *Sink) Reset() {
	s.buf, s.pieces, s.run, s.pdus = s.buf[:0], s.pieces[:0], 0, 0
}

// Pieces ends the filling and returns what to send, in order. It is valid until Reset.
func (s *Sink) Pieces() [][]byte {
	if s.run < len(s.buf) {
		s.pieces = append(s.pieces, s.buf[s.run:])
		s.run = len(s.buf)
	}
	return s.pieces
}

// PDUs returns how many PDUs are in the sink.
func (s *Sink) PDUs() int { return s.pdus }

// room returns how many bytes of data a PDU may carry now, at most want; -1 if not even its header fits.
func (s *Sink) room(want int) int {
	free := cap(s.buf) - len(s.buf) - minSink
	if free < 0 || len(s.pieces)+3 > cap(s.pieces) {
		return -1
	}
	if s.copyMax >= 0 && want > s.copyMax {
		return want // a piece of its own
	}
	return min(want, free)
}

// fits reports whether a PDU with n bytes of data fits whole.
func (s *Sink) fits(n int) bool { return s.room(n) == n }

// put encodes one PDU. Its header, segments and data fit: see room.
func (s *Sink) put(h *pdu.BHS, ahs, data []byte, hd, dd bool) {
	s.pdus++
	h.SetAHSLen(len(ahs))
	h.SetDataLen(len(data))
	at := len(s.buf)
	s.buf = append(s.buf, h[:]...)
	s.buf = append(s.buf, ahs...)
	if hd { // over the copy: what is given to hash/crc32 counts as escaping to the heap
		s.buf = pdu.AppendDigest(s.buf, pdu.Digest(0, s.buf[at:]))
	}
	if len(data) == 0 {
		return
	}
	if s.copyMax < 0 || len(data) <= s.copyMax {
		s.buf = append(s.buf, data...)
	} else {
		s.pieces = append(s.pieces, s.buf[s.run:], data)
		s.run = len(s.buf)
	}
	pad := pdu.Pad(len(data))
	s.buf = append(s.buf, "\x00\x00\x00"[:pad]...)
	if dd {
		s.buf = pdu.AppendDigest(s.buf, pdu.Digest(pdu.Digest(0, data), s.buf[len(s.buf)-pad:]))
	}
}
