package pdu

import "errors"

// State is what Framer.Feed has reached.
type State byte

// States of a Framer.
const (
	// NeedMore: every byte given was consumed and more are needed.
	NeedMore State = iota

	// HeaderReady: Header and AHS are complete and their digest is right.
	// If Header().DataLen() is 0 the PDU ends here: no PDUReady follows and
	// the next Feed begins the next PDU. Otherwise Payload or Skip must be
	// called before the next Feed.
	HeaderReady

	// PDUReady: the data segment, its padding and its digest have arrived, and
	// DataDigestOK reports whether the digest was right. Reported only for
	// PDUs with a data segment.
	PDUReady
)

// Errors of a Framer. After an error the Framer is of no more use: it does not know
// where the next PDU begins, or the bytes up to there are too many to read. Header
// still returns the header at fault, so that the session can answer it before it
// closes the connection.
var (
	// ErrHeaderDigest: nothing in the header can be trusted, not even its
	// lengths (RFC 7143, 7.8).
	ErrHeaderDigest = errors.New("pdu: header digest error")

	// ErrAHSTooLong: TotalAHSLength is above the limit. Nothing after the
	// basic header segment was consumed, so no header digest was checked.
	ErrAHSTooLong = errors.New("pdu: additional header segments above the limit")

	// ErrDataTooLong: DataSegmentLength is above the
	// MaxRecvDataSegmentLength that we declared (RFC 7143, 13.12). The
	// header was verified; no byte of the data segment was consumed.
	ErrDataTooLong = errors.New("pdu: data segment above the limit")
)

// Framer cuts a byte stream into PDUs (RFC 7143, 11.1, 11.2). Feed passes it
// bytes, and it reports where the header is and where the payload belongs;
// it reads no socket, keeps no byte of payload, and never allocates.
//
//	for len(b) > 0 {
//		n, st, err := f.Feed(b)
//		b = b[n:]
//		...
//		switch st {
//		case pdu.HeaderReady:
//			if f.Header().DataLen() > 0 {
//				f.Payload(dst) // or f.Skip()
//			} else {
//				// the PDU is complete
//			}
//		case pdu.PDUReady:
//			// the PDU is complete; ask f.DataDigestOK()
//		}
//	}
//
// A large payload need not pass through Feed: an engine may receive into
// Pending and report by Received.
//
// The zero value has digests off and limits of 0, so it accepts only PDUs that
// consist of a basic header segment; call SetLimits first. A Framer serves one
// goroutine at a time.
type Framer struct {
	phase phase
	// hd and dd are the digests of the current PDU, next* those of the PDU whose
	// first byte has not arrived.
	hd, dd         bool
	nextHD, nextDD bool
	badData        bool // the data digest of the last PDU was wrong

	got     int // bytes of hdr (phaseHeader) or tail (phaseTail) that are in
	left    int // bytes of the data segment that are missing
	maxAHS  int
	maxData int

	dst  []byte // the rest of the payload's destination, left bytes; nil discards
	crc  uint32 // of the data segment so far
	err  error  // phaseFailed
	tail [3 + DigestLen]byte

	// hdr holds the basic header segment, the additional ones and the
	// header digest, one after the other as they arrive.
	hdr [BHSLen + MaxAHSLen + DigestLen]byte
}

type phase byte

const (
	phaseStart   phase = iota // between PDUs
	phaseHeader               // got bytes of hdr are in
	phasePayload              // header reported, Payload or Skip must come
	phaseData                 // left bytes of the data segment are missing
	phaseTail                 // got bytes of padding and data digest are in
	phaseFailed
)

// SetLimits sets the longest additional header segments and the longest data
// segment that are accepted, in bytes. maxData is our own
// MaxRecvDataSegmentLength. Both hold from the next header that is completed.
func (f *Framer) SetLimits(maxAHS, maxData int) {
	f.maxAHS, f.maxData = min(maxAHS, MaxAHSLen), min(maxData, MaxDataLen)
}

// SetDigests turns the header and data digest on or off from the next PDU on:
// the first of which no byte was consumed yet. Digests begin with the full
// feature phase (RFC 7143, 13.1).
func (f *Framer) SetDigests(header, data bool) { f.nextHD, f.nextDD = header, data }

// Header returns the basic header segment. It is valid from HeaderReady, or
// from an error, until the next Feed that starts a PDU.
func (f *Framer) Header() *BHS { return (*BHS)(f.hdr[:BHSLen]) }

// AHS returns the additional header segments, empty where there are none. It
// is valid as long as Header.
func (f *Framer) AHS() []byte {
	if f.err == ErrAHSTooLong {
		return nil // they were not taken
	}
	end := BHSLen + f.Header().AHSLen()
	return f.hdr[BHSLen:end:end]
}

// DataDigestOK reports whether the data digest of the PDU that PDUReady
// announced was right. It is true where data digests are off.
func (f *Framer) DataDigestOK() bool { return !f.badData }

// Feed consumes the first n bytes of b: up to the end of a header, up to the
// end of a PDU, or all of them. With an error, n bytes were consumed too, st
// is NeedMore, and every later Feed returns the same error.
func (f *Framer) Feed(b []byte) (n int, st State, err error) {
	if f.phase == phaseStart && len(b) >= BHSLen {
		// The hot path: a header that is complete in b is one copy.
		*f.Header() = BHS(b)
		f.hd, f.dd, f.badData = f.nextHD, f.nextDD, false
		if !f.hd && f.hdr[4] == 0 {
			return f.headerDone(BHSLen)
		}
		f.phase, f.got = phaseHeader, BHSLen
		n, st, err = f.feedHeader(b[BHSLen:])
		return BHSLen + n, st, err
	}
	return f.feedPart(b)
}

// feedPart is Feed for a header that comes in pieces and for everything that
// follows a header.
func (f *Framer) feedPart(b []byte) (n int, st State, err error) {
	switch f.phase {
	case phaseStart:
		if len(b) == 0 {
			return 0, NeedMore, nil
		}
		f.hd, f.dd, f.badData = f.nextHD, f.nextDD, false
		f.phase, f.got = phaseHeader, 0
		fallthrough
	case phaseHeader:
		return f.feedHeader(b)
	case phaseData:
		n = min(len(b), f.left)
		switch {
		case f.dst == nil && f.dd:
			f.crc = Digest(f.crc, b[:n])
		case f.dst != nil && f.dd:
			f.crc = CopyDigest(f.crc, f.dst[:n], b[:n], nil)
		case f.dst != nil:
			copy(f.dst, b[:n])
		}
		if !f.dataIn(n) {
			return n, NeedMore, nil
		}
		if f.dataDone() {
			return n, PDUReady, nil
		}
		b = b[n:]
		fallthrough
	case phaseTail:
		m, st := f.feedTail(b)
		return n + m, st, nil
	case phasePayload:
		panic("pdu: Feed before Payload or Skip")
	}
	return 0, NeedMore, f.err
}

// feedHeader consumes the missing part of the header, whose length is known once
// its first 48 bytes have arrived.
func (f *Framer) feedHeader(b []byte) (n int, st State, err error) {
	if f.got < BHSLen {
		n = copy(f.hdr[f.got:BHSLen], b)
		f.got += n
		if f.got < BHSLen {
			return n, NeedMore, nil
		}
	}
	ahs := f.Header().AHSLen()
	if ahs > f.maxAHS {
		return n, NeedMore, f.fail(ErrAHSTooLong)
	}
	segments := BHSLen + ahs
	end := segments
	if f.hd {
		end += DigestLen
	}
	m := copy(f.hdr[f.got:end], b[n:])
	n += m
	f.got += m
	if f.got < end {
		return n, NeedMore, nil
	}
	if f.hd && Digest(0, f.hdr[:segments]) != GetDigest(f.hdr[segments:end]) {
		return n, NeedMore, f.fail(ErrHeaderDigest)
	}
	return f.headerDone(n)
}

// headerDone decides what follows a verified header, of which n bytes came
// with this Feed.
func (f *Framer) headerDone(n int) (int, State, error) {
	size := f.Header().DataLen()
	if size == 0 {
		f.phase = phaseStart
		return n, HeaderReady, nil
	}
	if size > f.maxData {
		return n, NeedMore, f.fail(ErrDataTooLong)
	}
	f.phase, f.left = phasePayload, size
	return n, HeaderReady, nil
}

func (f *Framer) fail(err error) error {
	f.phase, f.err = phaseFailed, err
	return err
}

// Payload sets the destination of the current PDU's data segment: the first DataLen
// bytes of dst, which the Framer borrows until PDUReady or Skip. A nil dst discards
// it; its digest is checked all the same. Payload must follow each HeaderReady
// whose DataLen is not 0, and nothing else.
func (f *Framer) Payload(dst []byte) {
	if f.phase != phasePayload {
		panic("pdu: Payload without a header that announces data")
	}
	if dst != nil {
		if len(dst) < f.left {
			panic("pdu: the payload's destination is too short")
		}
		dst = dst[:f.left]
	}
	f.dst, f.crc, f.phase = dst, 0, phaseData
}

// Skip discards the data segment of the current PDU, or the rest of it if Payload
// was called: the Framer then releases its destination. A
// receive into Pending must have ended before.
func (f *Framer) Skip() {
	if f.phase == phasePayload {
		f.Payload(nil)
	}
	f.dst = nil
}

// Pending returns the unfilled part of the payload's destination, so that an engine
// can receive directly into it. It is empty if the next bytes of the stream belong
// elsewhere, and valid until the next Feed, Received or Skip.
func (f *Framer) Pending() []byte { return f.dst }

// Received reports that the engine put n bytes of the stream at the front of
// Pending. The State is PDUReady if these were the PDU's last bytes, else
// NeedMore. The error is that of an earlier Feed.
func (f *Framer) Received(n int) (State, error) {
	if f.err != nil {
		return NeedMore, f.err
	}
	if n < 0 || n > len(f.dst) {
		panic("pdu: Received more than Pending")
	}
	if n == 0 {
		return NeedMore, nil
	}
	if f.dd {
		f.crc = Digest(f.crc, f.dst[:n])
	}
	if f.dataIn(n) && f.dataDone() {
		return PDUReady, nil
	}
	return NeedMore, nil
}

// dataIn accounts for n bytes of the data segment that reached their
// destination, and reports whether they were the last.
func (f *Framer) dataIn(n int) bool {
	f.left -= n
	if f.left == 0 {
		f.dst = nil
		return true
	}
	if f.dst != nil {
		f.dst = f.dst[n:]
	}
	return false
}

// dataDone begins the tail of a PDU whose data segment is complete, and reports
// whether there is none.
func (f *Framer) dataDone() bool {
	if f.tailLen() == 0 {
		f.phase = phaseStart
		return true
	}
	f.phase, f.got = phaseTail, 0
	return false
}

// tailLen is the number of bytes that follow the data segment: padding and
// digest.
func (f *Framer) tailLen() int {
	n := Pad(f.Header().DataLen())
	if f.dd {
		n += DigestLen
	}
	return n
}

func (f *Framer) feedTail(b []byte) (n int, st State) {
	end := f.tailLen()
	n = copy(f.tail[f.got:end], b)
	f.got += n
	if f.got < end {
		return n, NeedMore
	}
	if f.dd {
		pad := end - DigestLen
		f.badData = Digest(f.crc, f.tail[:pad]) != GetDigest(f.tail[pad:end])
	}
	f.phase = phaseStart
	return n, PDUReady
}
