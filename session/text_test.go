package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// text makes a Text Request.
func (r *rig) text(itt, ttt uint32, final, more bool) *pdu.TextRequest {
	var b pdu.BHS
	b.Init(pdu.OpTextRequest)
	h := (*pdu.TextRequest)(&b)
	h.SetFinal(final)
	h.SetContinue(more)
	h.SetITT(itt)
	h.SetTTT(ttt)
	h.SetCmdSN(r.cmdSN)
	h.SetExpStatSN(r.expStatSN)
	r.cmdSN++
	return h
}

func (r *rig) wantText(itt uint32, final, more bool, because string) (*pdu.TextResponse, []byte) {
	r.Helper()
	w := r.want(pdu.OpTextResponse, because)
	h := (*pdu.TextResponse)(&w.h)
	if h.ITT() != itt || h.Final() != final || h.Continue() != more || (h.TTT() == pdu.ReservedTag) != final {
		r.Fatalf("Text Response ITT %#x F %v C %v TTT %#x; want %#x %v %v, because %s", h.ITT(), h.Final(), h.Continue(), h.TTT(), itt, final, more, because)
	}
	return h, w.data
}

// SendTargets (RFC 7143, appendix C): All in a discovery session only; a name; nothing for the session's own target.
func TestSendTargets(t *testing.T) {
	const other = "iqn.2026-11.io.ringtgt:disk1"
	record := func(name string) string {
		return "TargetName=" + name + "\x00TargetAddress=127.0.0.1:3260,1\x00"
	}
	tests := []struct {
		discovery bool
		value     string
		want      string
	}{
		{true, "All", record(testTarget) + record(other)},
		{true, other, record(other)},
		{false, "", record(testTarget)},
		{false, testTarget, record(testTarget)},
	}
	for _, tt := range tests {
		r := newRig(t, func(o *rigOptions) { o.discovery = tt.discovery })
		own := r.node.Targets()[0]
		r.node.SetTargets([]*Target{own, {Name: other, Portals: own.Portals}})
		h := r.text(r.nextITT(), pdu.ReservedTag, true, false)
		r.send(h.BHS(), []byte("SendTargets="+tt.value+"\x00"))
		if _, got := r.wantText(h.ITT(), true, false, "it is short"); string(got) != tt.want {
			t.Errorf("discovery %v, SendTargets=%s: %q; want %q", tt.discovery, tt.value, got, tt.want)
		}
		r.wantNoTasks()
	}
}

// A long answer comes in pieces no longer than the initiator's MaxRecvDataSegmentLength, each asked for by an empty request
// (C bit, 6.2, 11.11.2).
func TestLongTextResponse(t *testing.T) {
	r := newRig(t, discovery, with("MaxRecvDataSegmentLength", "512"))
	var targets []*Target
	for i := range 100 {
		targets = append(targets, &Target{Name: fmt.Sprintf("iqn.2026-11.io.ringtgt:%s%d", strings.Repeat("x", 100), i), Portals: []Portal{{Addr: "10.0.0.1:3260", TPGT: 1}}})
	}
	r.node.SetTargets(targets)
	h := r.text(r.nextITT(), pdu.ReservedTag, true, false)
	r.send(h.BHS(), []byte("SendTargets=All\x00"))
	var all []byte
	for {
		final := (*pdu.TextResponse)(&r.got[0].h).Final()
		resp, data := r.wantText(h.ITT(), final, !final, "")
		if len(data) > 512 {
			t.Fatalf("%d bytes in one PDU", len(data))
		}
		all = append(all, data...)
		if final {
			break
		}
		r.send(r.text(h.ITT(), resp.TTT(), true, false).BHS(), nil)
	}
	kvs, err := pdu.ParseText(all, 1000)
	if err != nil || len(kvs) != 200 {
		t.Fatalf("%d pairs, %v", len(kvs), err)
	}
	r.wantNoTasks()
}

// A long request comes in pieces, each answered by an empty response; a pair may be cut anywhere (6.2).
func TestLongTextRequest(t *testing.T) {
	r := newRig(t, discovery)
	itt := r.nextITT()
	whole := []byte("SendTargets=" + testTarget + "\x00")
	ttt := uint32(pdu.ReservedTag)
	for _, piece := range [][]byte{whole[:3], whole[3:20]} {
		r.send(r.text(itt, ttt, false, true).BHS(), piece)
		resp, data := r.wantText(itt, false, false, "the text goes on")
		if len(data) != 0 {
			t.Fatalf("answered %q", data)
		}
		ttt = resp.TTT()
	}
	r.send(r.text(itt, ttt, true, false).BHS(), whole[20:])
	if _, data := r.wantText(itt, true, false, "the text is complete"); !bytes.HasPrefix(data, []byte("TargetName="+testTarget)) {
		t.Fatalf("answered %q", data)
	}
	r.wantNoTasks()
}

// The text that is gathered is bounded.
func TestTextTooLong(t *testing.T) {
	r := newRig(t, discovery)
	itt, ttt := r.nextITT(), uint32(pdu.ReservedTag)
	for range 2 {
		r.send(r.text(itt, ttt, false, true).BHS(), bytes.Repeat([]byte("X"), 4096))
		resp, _ := r.wantText(itt, false, false, "")
		ttt = resp.TTT()
	}
	h := r.text(itt, ttt, true, false)
	r.send(h.BHS(), []byte("X"))
	r.wantReject(pdu.RejectLongOperation, h.BHS(), "8192 bytes are gathered already")
	if r.conn.txt.ttt != 0 || r.conn.txt.gather != nil {
		t.Fatal("the exchange goes on")
	}
	r.wantNoTasks()
}

// Tags of an exchange (11.10.4): a new exchange resets the last; a tag that is not the last response's is refused, and so
// are F and C together (11.10.2).
func TestTextTags(t *testing.T) {
	r := newRig(t, discovery)
	itt := r.nextITT()
	r.send(r.text(itt, pdu.ReservedTag, false, true).BHS(), []byte("SendTar"))
	resp, _ := r.wantText(itt, false, false, "")
	for _, tags := range [][2]uint32{{itt, resp.TTT() + 1}, {itt + 1, resp.TTT()}, {itt, 0}} {
		h := r.text(tags[0], tags[1], true, false)
		r.cmdSN--
		r.send(h.BHS(), []byte("gets=All\x00"))
		r.wantReject(pdu.RejectInvalidPDUField, h.BHS(), "these are not the exchange's tags")
	}
	h := r.text(itt, resp.TTT(), true, true)
	r.cmdSN--
	r.send(h.BHS(), nil)
	r.wantReject(pdu.RejectProtocolError, h.BHS(), "F and C exclude each other")
	fresh := r.nextITT()
	r.send(r.text(fresh, pdu.ReservedTag, true, false).BHS(), []byte("SendTargets=All\x00"))
	r.wantText(fresh, true, false, "a new exchange begins")
	h = r.text(itt, resp.TTT(), true, false)
	r.cmdSN--
	r.send(h.BHS(), []byte("gets=All\x00"))
	r.wantReject(pdu.RejectInvalidPDUField, h.BHS(), "the old exchange was reset")
	r.wantNoTasks()
}

// Without the F bit the exchange stays open (11.10.1).
func TestTextOpenEnded(t *testing.T) {
	r := newRig(t, discovery)
	itt := r.nextITT()
	r.send(r.text(itt, pdu.ReservedTag, false, false).BHS(), []byte("SendTargets=All\x00"))
	resp, data := r.wantText(itt, false, false, "the initiator may have more to say")
	if len(data) == 0 {
		t.Fatal("not answered")
	}
	r.send(r.text(itt, resp.TTT(), true, false).BHS(), nil)
	r.wantText(itt, true, false, "now it has not")
	r.wantNoTasks()
}

// Keys in full feature phase: MaxRecvDataSegmentLength is declared anew, those of the login are refused, unknown ones not
// understood, garbage is a protocol error.
func TestTextKeys(t *testing.T) {
	r := newRig(t)
	ask := func(text string) string {
		h := r.text(r.nextITT(), pdu.ReservedTag, true, false)
		r.send(h.BHS(), []byte(text))
		_, data := r.wantText(h.ITT(), true, false, "")
		return string(data)
	}
	if got := ask("MaxRecvDataSegmentLength=1024\x00"); got != "" || r.conn.cp.MaxXmitDataSegmentLength != 1024 {
		t.Errorf("%q, %d", got, r.conn.cp.MaxXmitDataSegmentLength)
	}
	h := r.read(4096)
	r.send(h.BHS(), nil)
	r.complete(r.wantExecute(""), Result{In: pattern(0, 4096)})
	for range 4 {
		if w := r.want(pdu.OpDataIn, ""); len(w.data) != 1024 {
			t.Fatalf("%v", w)
		}
	}
	for text, want := range map[string]string{
		"MaxRecvDataSegmentLength=1\x00":                 "MaxRecvDataSegmentLength=Reject\x00",
		"MaxRecvDataSegmentLength=16777216\x00":          "MaxRecvDataSegmentLength=Reject\x00",
		"HeaderDigest=None\x00MaxBurstLength=512\x00":    "HeaderDigest=Reject\x00MaxBurstLength=Reject\x00",
		"X-com.example.thing=1\x00InitiatorAlias=me\x00": "X-com.example.thing=NotUnderstood\x00",
		"": "",
	} {
		if got := ask(text); got != want {
			t.Errorf("%q: %q; want %q", text, got, want)
		}
	}
	bad := r.text(r.nextITT(), pdu.ReservedTag, true, false)
	r.send(bad.BHS(), []byte("no equal sign\x00"))
	r.wantReject(pdu.RejectProtocolError, bad.BHS(), "that is no text")
	r.wantNoTasks()
}

// A discovery session is for SendTargets and logout only (4.3).
func TestDiscoveryOnly(t *testing.T) {
	r := newRig(t, discovery)
	h := r.read(0)
	r.cmdSN--
	r.send(h.BHS(), nil)
	r.wantReject(pdu.RejectCommandNotSupported, h.BHS(), "a discovery session has no SCSI commands")
	m := r.manage(pdu.TMFAbortTask, true)
	r.send(m.BHS(), nil)
	r.wantReject(pdu.RejectCommandNotSupported, m.BHS(), "nor task management")
	n := r.nopOut(r.nextITT(), pdu.ReservedTag, true)
	r.send(n, nil)
	r.wantReject(pdu.RejectCommandNotSupported, n, "nor pings")
	r.send(r.dataOut(1, pdu.ReservedTag, 0, 0, true).BHS(), pattern(0, 512))
	r.wantIdle("data for no task is discarded")
	l := r.logout(pdu.LogoutCloseSession, 0)
	r.send(l.BHS(), nil)
	r.wantLogout(l.ITT(), pdu.LogoutResponseSuccess)
	r.wantEvent(Flush)
	r.closeNow()
	r.wantIdle("a discovery session is no I_T nexus")
	r.wantNoTasks()
	if n := len(r.node.Sessions()); n != 0 {
		t.Fatalf("%d sessions are left", n)
	}
}
