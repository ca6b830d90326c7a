package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// FuzzLogin sends any login requests: their flags and text are the input. It never panics, every request is answered or
// ends the connection, and only a login that authenticated reaches full feature phase.
func FuzzLogin(f *testing.F) {
	add := func(parts ...any) {
		var b []byte
		for i := 0; i < len(parts); i += 2 {
			text := []byte(parts[i+1].(string))
			b = append(b, byte(parts[i].(int)), byte(len(text)>>8), byte(len(text)))
			b = append(b, text...)
		}
		f.Add(b)
	}
	id := "InitiatorName=iqn.a:b\x00TargetName=" + testTarget + "\x00"
	add(0x81, id+"AuthMethod=CHAP\x00", 0x00, "CHAP_A=5,7\x00", 0x83, "CHAP_N=joe\x00CHAP_R=0x00\x00CHAP_I=1\x00CHAP_C=0b00==\x00")
	add(0x87, id+"HeaderDigest=CRC32C\x00MaxBurstLength=0x1000\x00")
	add(0x44, id, 0x87, "X-y=z\x00")
	add(0x81, "InitiatorName=iqn.a:b\x00SessionType=Discovery\x00AuthMethod=None\x00", 0x87, "MaxRecvDataSegmentLength=512\x00")
	f.Fuzz(func(t *testing.T, in []byte) {
		r := newLogin(t, newNodeWith(NodeConfig{}, chapTarget(true)))
		for len(in) >= 3 && !r.host.closed && len(r.events) == 0 && r.conn.Session() == nil {
			flags, n := in[0], int(in[1])<<8|int(in[2])
			n = min(n, len(in)-3, DefaultDataSegmentLength)
			text := in[3 : 3+n]
			in = in[3+n:]
			before := len(r.got)
			r.askText(loginFlags{change: func(h *pdu.LoginRequest) { h.BHS()[1] = flags }}, text)
			if len(r.got) != before+1 && len(r.events) == 0 {
				t.Fatalf("%d answers to a request", len(r.got)-before)
			}
			if l := r.conn.login; l != nil && (len(l.gather) > maxText || l.taken > maxLoginText || len(l.seen.others) > maxLoginText/3) {
				t.Fatalf("holds %d bytes and %d keys", len(l.gather), len(l.seen.others))
			}
		}
		if s := r.conn.Session(); s != nil && !s.Discovery {
			t.Fatal("a session of a target that wants CHAP, without the secret")
		}
	})
}
