package rawclient

import (
	"bytes"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// The target's framer takes apart what Append puts together, with each choice of digests, with and without additional headers.
func TestAppendedPDUsAreFramed(t *testing.T) {
	for _, d := range []Digests{{}, {Header: true}, {Data: true}, {Header: true, Data: true}} {
		var n Numbers
		var f pdu.Framer
		f.SetLimits(pdu.MaxAHSLen, 1<<16)
		f.SetDigests(d.Header, d.Data)
		for size := range 9 {
			data := bytes.Repeat([]byte{0xa5}, size)
			ahs := []byte{1, 2, 3, 4}[:size%2*4]
			h := n.Next(pdu.OpNOPOut, true)
			rest := d.Append(nil, h, data, ahs...)
			k, st, err := f.Feed(rest)
			if err != nil || st != pdu.HeaderReady || *f.Header() != *h || !bytes.Equal(f.AHS(), ahs) {
				t.Fatalf("%+v, %d bytes: header %x, AHS %x, %v %v", d, size, f.Header(), f.AHS(), st, err)
			}
			rest, got := rest[k:], make([]byte, size)
			if size > 0 {
				f.Payload(got)
				k, st, err = f.Feed(rest)
				rest = rest[k:]
			}
			if err != nil || size > 0 && st != pdu.PDUReady || !f.DataDigestOK() || !bytes.Equal(got, data) || len(rest) > 0 {
				t.Fatalf("%+v, %d bytes: data %x, %v %v, %d bytes are left", d, size, got, st, err, len(rest))
			}
		}
	}
}
