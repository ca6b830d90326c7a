package engine

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// The longest pings and texts take the loop's memory and give it back. A ping as long as declared comes back whole, and the
// answer to SendTargets comes in PDUs as long as the initiator declared (RFC 7143, 13.12).
func TestLongPingsAndText(t *testing.T) {
	r := newRig(t, 1, memory(t, 1<<20))
	own := r.e.node.Targets()[0]
	targets := []*session.Target{own}
	for n := range 2000 {
		targets = append(targets, &session.Target{Name: fmt.Sprintf("iqn.2026-11.test:%s%d", strings.Repeat("x", 100), n), Portals: own.Portals})
	}
	r.e.node.SetTargets(targets)

	i := r.login(1, "MaxRecvDataSegmentLength", "262144")
	data := bytes.Repeat([]byte("a ping of some length "), session.MaxRecvDataSegmentLength/22+1)[:session.MaxRecvDataSegmentLength]
	for _, n := range []int{1, 64, 4097, 65536, len(data)} {
		i.send(i.Next(pdu.OpNOPOut, true), data[:n])
		if i.read(); i.Header.Opcode() != pdu.OpNOPIn || !bytes.Equal(i.Data, data[:n]) {
			t.Fatalf("%v with %d bytes for a ping of %d", i.Header.Opcode(), len(i.Data), n)
		}
	}

	d := r.enter(2, "MaxRecvDataSegmentLength", "262144", "SessionType", "Discovery")
	var all []byte
	pdus := 0
	h := d.Next(pdu.OpTextRequest, true)
	text := []byte("SendTargets=All\x00")
	for {
		d.send(h, text)
		d.read()
		p := (*pdu.TextResponse)(&d.Header)
		must.Be(t, d.Header.Opcode() == pdu.OpTextResponse, "%v", d.Header.Opcode())
		pdus++
		all = append(all, d.Data...)
		if d.ExpStatSN = p.StatSN() + 1; p.Final() {
			break
		}
		d.ITT--
		h, text = d.Next(pdu.OpTextRequest, true), nil
		(*pdu.TextRequest)(h).SetTTT(p.TTT())
	}
	if n := bytes.Count(all, []byte("TargetName=")); n != len(targets) || pdus != (len(all)+262143)/262144 {
		t.Errorf("%d targets of %d in %d bytes, %d PDUs", n, len(targets), len(all), pdus)
	}

	i.Conn.Close()
	d.Conn.Close()
	r.e.Shutdown()
	if n := r.e.loops[0].arena.inUse; n != 0 {
		t.Errorf("%d bytes of the arena are still in use", n)
	}
}
