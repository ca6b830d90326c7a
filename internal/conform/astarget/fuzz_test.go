package astarget

import (
	"bytes"
	"testing"

	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// No stream of an initiator crashes the target, keeps it busy or makes it grow.
func FuzzStream(f *testing.F) {
	login := rawclient.Append(nil, request1().Header(), rawclient.Text(append([]string{"InitialR2T", "No"}, who...)...))
	n := rawclient.Numbers{CmdSN: 1, ExpStatSN: 2}
	stream := bytes.Clone(login)
	for range 30 {
		stream = rawclient.Append(stream, n.Command(0, rawclient.RW10(false, 0, 8), 4096, false), nil)
		h := n.Command(0, rawclient.RW10(true, 0, 8), 4096, true)
		h.SetFinal(false)
		stream = rawclient.Append(stream, h, make([]byte, 512))
		stream = rawclient.Append(stream, n.DataOut(0, h.ITT(), pdu.ReservedTag, 0, 512, true), make([]byte, 3584))
		stream = rawclient.Append(stream, n.Next(pdu.OpNOPOut, true), []byte("ping"))
		stream = rawclient.Append(stream, n.Manage(pdu.TMFLogicalUnitReset, 0, true).BHS(), nil)
	}
	stream = rawclient.Append(stream, n.Next(pdu.OpTextRequest, false), rawclient.Text("SendTargets", "All"))
	stream = rawclient.Append(stream, n.Next(pdu.OpLogoutRequest, false), nil)
	f.Add(stream, byte(0))
	f.Add(login[:60], byte(1))
	f.Fuzz(func(t *testing.T, stream []byte, seed byte) {
		l := newLab(t, Config{})
		in := &reader{r: bytes.NewReader(stream)}
		for l.c.phase != over {
			in.header, in.data = l.c.digests.Header, l.c.digests.Data
			r, err := in.next()
			if err != nil {
				break
			}
			l.c.take(r)
			l.sent = nil
			if seed%7 == 0 {
				l.pass(closedFor)
			}
			if s := l.c.s; s != nil && (len(s.tasks) > 2*window+maxImmediate || len(s.held) > window || len(l.c.burst) > len(s.tasks)) {
				t.Fatalf("%d tasks, %d held, %d bursts", len(s.tasks), len(s.held), len(l.c.burst))
			}
			if len(l.c.events) > keptEvents || len(l.c.expected) > maxExpected || len(l.c.pings) > maxExpected {
				t.Fatalf("%d events, %d expected, %d pings", len(l.c.events), len(l.c.expected), len(l.c.pings))
			}
		}
		l.c.gone()
		if len(l.target.conns) != 0 || len(l.target.sessions) != 0 {
			t.Fatalf("%d connections and %d sessions are left", len(l.target.conns), len(l.target.sessions))
		}
	})
}
