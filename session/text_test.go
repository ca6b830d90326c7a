package session

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// text makes a Text Request.
func (r *rig) text(itt, ttt uint32, final, more bool) *pdu.TextRequest {
	h := (*pdu.TextRequest)(r.request(pdu.OpTextRequest, itt))
	h.SetFinal(final)
	h.SetContinue(more)
	h.SetTTT(ttt)
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

// textAnswer sends a whole text and takes its answer, which fits in one PDU.
func (r *rig) textAnswer(text string) string {
	r.Helper()
	h := r.sendText(text)
	_, data := r.wantText(h.ITT(), true, false, "both are short")
	return string(data)
}

// SendTargets (RFC 7143, appendix C): All in a discovery session only; a name; nothing for the session's own target. Names are
// compared regardless of case (4.2.7.2), those in the node's configuration as well. An address has no zone: ours is local to
// our node, and the initiator has its own for the link (RFC 4007, 11.2).
func TestSendTargets(t *testing.T) {
	const other, naa = "iqn.2026-11.io.ringtgt:disk1", "naa.62004567BA64678D"
	record := func(name, addr string) string { return "TargetName=" + name + "\x00TargetAddress=" + addr + ",1\x00" }
	const here = "127.0.0.1:3260"
	all := record(testTarget, here) + record(other, here) + record(naa, here)
	for _, c := range []struct {
		discovery          bool
		local, value, want string
	}{
		{true, here, "All", all},
		{true, here, other, record(other, here)},
		{true, here, strings.ToUpper(other), record(other, here)},
		{true, here, strings.ToLower(naa), record(naa, here)},
		{true, "[fe80::1%eth7]:3260", testTarget, record(testTarget, "[fe80::1]:3260")},
		{false, here, "", record(testTarget, here)},
		{false, here, testTarget, record(testTarget, here)},
		{false, here, strings.ToUpper(testTarget), record(testTarget, here)},
	} {
		r := newRig(t, func(o *rigOptions) { o.discovery = c.discovery })
		r.conn.cfg.Local = netip.MustParseAddrPort(c.local)
		var targets []*Target
		for _, name := range []string{testTarget, other, naa} {
			targets = append(targets, &Target{Name: name, Portals: []Portal{{Addr: "[::]:3260", TPGT: 1}}})
		}
		r.node.SetTargets(targets)
		check.Equal(t, r.textAnswer("SendTargets="+c.value+"\x00"), c.want, "in discovery %v, SendTargets=%s", c.discovery, c.value)
		r.wantNoTasks()
	}
}

// longTargets are n targets whose records take some hundred bytes each.
func longTargets(n int) (targets []*Target) {
	for i := range n {
		targets = append(targets, &Target{Name: fmt.Sprintf("iqn.2026-11.io.ringtgt:%s%d", strings.Repeat("x", 100), i)})
	}
	return targets
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
		check.Equal(t, len(data), 0, "bytes of answer")
		ttt = resp.TTT()
	}
	r.send(r.text(itt, ttt, true, false).BHS(), whole[20:])
	if _, data := r.wantText(itt, true, false, "the text is complete"); !bytes.HasPrefix(data, []byte("TargetName="+testTarget)) {
		t.Fatalf("answered %q", data)
	}
	r.wantNoTasks()
}

// 8192 bytes of text are accepted in any number of pairs and pieces (6.1, 6.2); more are not.
func TestTextOf8192Bytes(t *testing.T) {
	whole := shortKeys(maxText)
	want := must.Get(pdu.ReadText(whole))(t)
	for _, piece := range []int{8192, 1000, 1} {
		for _, most := range []int{0, piece} {
			r := newRig(t, with("MaxRecvDataSegmentLength", "4096"))
			r.host.most = most
			itt, ttt := r.nextITT(), uint32(pdu.ReservedTag)
			for at := 0; at+piece < len(whole); at += piece {
				r.send(r.text(itt, ttt, false, true).BHS(), whole[at:at+piece])
				resp, data := r.wantText(itt, false, false, "the text goes on")
				if ttt = resp.TTT(); len(data) != 0 {
					t.Fatalf("answered %q", data)
				}
			}
			r.send(r.text(itt, ttt, true, false).BHS(), whole[(len(whole)-1)/piece*piece:])
			answers := must.Get(pdu.ReadText(r.wholeText(itt, 4096)))(t)
			n := 0
			for kv := range want.Pairs() {
				if v, _ := answers.Get(kv.Key); v != "NotUnderstood" {
					t.Fatalf("%s=%q", kv.Key, v)
				}
				n++
			}
			check.That(t, n >= 1500, "%d keys", n)
			r.wantNoTasks()
		}
	}
	r := newRig(t)
	h := r.text(r.nextITT(), pdu.ReservedTag, true, false)
	r.send(h.BHS(), append(whole, "X=1\x00"...))
	r.wantReject(pdu.RejectLongOperation, h.BHS(), "more than 8192 bytes")
	r.wantNoTasks()
}

// A Reject of a Text Request ends its exchange (6.4): what was gathered is gone, and its Target Transfer Tag is not valid any more.
func TestRejectEndsATextExchange(t *testing.T) {
	r := newRig(t, discovery)
	itt := r.nextITT()
	r.send(r.text(itt, pdu.ReservedTag, false, true).BHS(), []byte("SendTargets=Al"))
	resp, _ := r.wantText(itt, false, false, "the text goes on")
	bad := r.text(itt, resp.TTT(), true, false)
	r.send(bad.BHS(), []byte("l\x00no equal sign\x00"))
	r.wantReject(pdu.RejectProtocolError, bad.BHS(), "the text is malformed")
	r.cmdSN-- // a rejected request does not use up its CmdSN
	again := r.text(itt, resp.TTT(), true, false)
	r.send(again.BHS(), []byte("l\x00"))
	r.wantReject(pdu.RejectInvalidPDUField, again.BHS(), "the exchange is over")
	r.wantNoTasks()
}

// A connection has one Text Request at a time (11.10), until its response is sent: an initiator that does not read its
// responses has no text kept for it.
func TestTextRequestsAreOneAtATime(t *testing.T) {
	r := newRig(t, discovery)
	r.room = false // the initiator reads nothing
	ask := func() *pdu.TextRequest {
		h := r.text(r.nextITT(), pdu.ReservedTag, true, false)
		r.cmdSN--
		h.BHS().SetImmediate(true)
		r.send(h.BHS(), []byte("SendTargets=All\x00"))
		return h
	}
	first, second := ask(), ask()
	check.That(t, r.conn.tags.find(first.ITT()).st.ctl.text == nil, "the text of a request is kept when its response is made")
	r.makeRoom()
	r.wantReject(pdu.RejectProtocolError, second.BHS(), "the first had no response yet")
	r.wantText(first.ITT(), true, false, "it was the first")
	r.wantNoTasks()
}

// wholeText reads a text answer in pieces of at most n bytes, requesting each.
func (r *rig) wholeText(itt uint32, n int) []byte {
	r.Helper()
	var all []byte
	for {
		final := (*pdu.TextResponse)(&r.got[0].h).Final()
		resp, data := r.wantText(itt, final, !final, "")
		if all = append(all, data...); len(data) > n {
			r.Fatalf("%d bytes in one PDU; %d are taken (13.12)", len(data), n)
		}
		if final {
			return all
		}
		must.Be(r, len(data) != 0, "an empty piece")
		r.send(r.text(itt, resp.TTT(), true, false).BHS(), nil)
	}
}

// SendTargets lists all targets (appendix C), in pieces as long as the initiator accepts, each requested with an empty request
// (C bit, 6.2, 11.11.2): libiscsi, which takes a single PDU of
// up to 256 KiB, gets the list in one. Longer lists continue, and pieces are shorter while memory is short.
func TestManyTargets(t *testing.T) {
	const n = 1500
	var targets []*Target
	want := ""
	for i := range n {
		name := fmt.Sprintf("iqn.2026-11.io.ringtgt:%d.%s", i, strings.Repeat("x", i%180))
		tg := &Target{Name: name, Portals: []Portal{{Addr: "10.0.0.1:3260", TPGT: 1}, {Addr: "[::]:3261", TPGT: 2}}}
		if i%7 == 3 {
			tg.ACL.Initiators = []string{"iqn.2026-11.io.example:another"}
		} else {
			want += "TargetName=" + name + "\x00TargetAddress=10.0.0.1:3260,1\x00TargetAddress=127.0.0.1:3261,2\x00"
		}
		targets = append(targets, tg)
	}
	for _, c := range []struct {
		declared string
		bound    int
		most     int // the most that there is memory for
		pdus     int
	}{
		{"16777215", maxTextPiece, 0, 1}, {"262144", 262144, 0, 1}, {"8192", 8192, 0, 0}, {"512", 512, 0, 0},
		{"262144", 512, 16, 0},
	} {
		r := newRig(t, discovery, with("MaxRecvDataSegmentLength", c.declared))
		r.node.SetTargets(targets)
		r.host.most = c.most
		h := r.text(r.nextITT(), pdu.ReservedTag, true, false)
		before := r.cmdSN
		r.send(h.BHS(), []byte("SendTargets=All\x00"))
		if got := r.wholeText(h.ITT(), c.bound); string(got) != want {
			t.Fatalf("pieces of %s: %d bytes; want %d", c.declared, len(got), len(want))
		}
		if pdus := int(r.cmdSN-before) + 1; c.pdus != 0 && pdus != c.pdus || pdus < len(want)/c.bound || pdus > len(want)/c.bound+2 {
			t.Errorf("pieces of %s: %d PDUs for %d bytes", c.declared, pdus, len(want))
		}
		r.wantNoTasks()
	}
}

// An answer in pieces is a snapshot: targets that come and go meanwhile do not change it.
func TestTargetsChangeMeanwhile(t *testing.T) {
	r := newRig(t, discovery, with("MaxRecvDataSegmentLength", "512"))
	targets := longTargets(20)
	for i := range 20 { // the first record is longer than a piece
		targets[0].Portals = append(targets[0].Portals, Portal{Addr: fmt.Sprintf("10.0.0.%d:3260", i), TPGT: 1})
	}
	r.node.SetTargets(targets)
	h := r.sendText("SendTargets=All\x00")
	resp, all := r.wantText(h.ITT(), false, true, "it is long")
	r.node.SetTargets([]*Target{{Name: "iqn.2026-11.io.ringtgt:short"}})
	r.send(r.text(h.ITT(), resp.TTT(), true, false).BHS(), nil)
	all = append(all, r.wholeText(h.ITT(), 512)...)
	kvs, err := pdu.ParseText(all, 1000)
	must.Be(t, err == nil && len(kvs) == 40+19 && !strings.Contains(string(all), "short"), "%d pairs, %v", len(kvs), err)
}

// A rejected Text Request does not consume its CmdSN (7.3): the initiator sends another request with it.
func TestRejectedTextKeepsItsCmdSN(t *testing.T) {
	for name, c := range map[string]struct {
		text   []byte
		reason pdu.RejectReason
	}{
		"no text":     {[]byte("no equal sign\x00"), pdu.RejectProtocolError},
		"a key twice": {[]byte("X-a=1\x00X-a=1\x00"), pdu.RejectProtocolError}, // 6.4
		"too long":    {bytes.Repeat([]byte("x"), maxText+1), pdu.RejectLongOperation},
	} {
		r := newRig(t)
		r.windowKnown = true
		h := r.text(r.nextITT(), pdu.ReservedTag, true, false)
		r.send(h.BHS(), c.text)
		want := h.CmdSN()
		check.Equal(t, (*pdu.Reject)(&r.got[0].h).ExpCmdSN(), want, "%s: ExpCmdSN, which was not received", name)
		r.wantReject(c.reason, h.BHS(), name)
		// A later command waits for it.
		r.sendRead(0)
		r.wantIdle("a CmdSN is missing")
		h = r.text(r.nextITT(), pdu.ReservedTag, true, false)
		h.SetCmdSN(want)
		r.cmdSN--
		r.send(h.BHS(), []byte("SendTargets=\x00"))
		r.complete(r.wantExecute("the gap is filled"), Result{})
	}
}

// Only one Text Request may be outstanding on a connection (6.2, 11.10). A second one is refused, and does not affect the first.
func TestSecondTextRequest(t *testing.T) {
	r := newRig(t, discovery)
	first := r.text(r.nextITT(), pdu.ReservedTag, true, false)
	first.SetCmdSN(r.cmdSN)
	r.send(first.BHS(), []byte("SendTargets=All\x00"))
	r.wantIdle("an earlier request is missing")
	h := r.text(r.nextITT(), pdu.ReservedTag, true, false)
	h.SetCmdSN(first.CmdSN() - 1)
	r.cmdSN = first.CmdSN()
	r.send(h.BHS(), []byte("SendTargets=All\x00"))
	r.wantReject(pdu.RejectProtocolError, h.BHS(), "one is outstanding")
	r.wantIdle("the gap is still there")
}

// The next piece of an answer is requested with an empty data segment (6.2).
func TestKeysAmidAnAnswer(t *testing.T) {
	r := newRig(t, discovery, with("MaxRecvDataSegmentLength", "512"))
	r.node.SetTargets([]*Target{{Name: "iqn.2026-11.io.ringtgt:" + strings.Repeat("x", 190)}, {Name: "iqn.2026-11.io.ringtgt:" + strings.Repeat("y", 190)}})
	h := r.sendText("SendTargets=All\x00X-a=1\x00X-b=1\x00X-c=1\x00X-d=1\x00X-e=1\x00X-f=1\x00")
	resp, _ := r.wantText(h.ITT(), false, true, "it is long")
	bad := r.text(h.ITT(), resp.TTT(), true, false)
	r.cmdSN--
	r.send(bad.BHS(), []byte("SendTargets=All\x00"))
	r.wantReject(pdu.RejectProtocolError, bad.BHS(), "the answer is not complete")
}

// A MaxRecvDataSegmentLength declared in a text exchange takes effect when the exchange is over (6.4). No piece of the answer is
// longer than the old or the new one.
func TestSegmentLengthInAnExchange(t *testing.T) {
	r := newRig(t, discovery, with("MaxRecvDataSegmentLength", "2048"))
	r.node.SetTargets(longTargets(30))
	h := r.sendText("SendTargets=All\x00MaxRecvDataSegmentLength=0x200\x00")
	resp, data := r.wantText(h.ITT(), false, true, "it is long")
	if len(data) > 512 || r.conn.cp.MaxXmitDataSegmentLength != 2048 {
		t.Fatalf("%d bytes; %d holds", len(data), r.conn.cp.MaxXmitDataSegmentLength)
	}
	r.send(r.text(h.ITT(), resp.TTT(), true, false).BHS(), nil)
	r.wholeText(h.ITT(), 512)
	check.Equal(t, r.conn.cp.MaxXmitDataSegmentLength, 512, "MaxXmitDataSegmentLength afterwards")
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
	must.Be(t, r.conn.txt.ttt == 0 && r.conn.txt.gather == nil, "the exchange goes on")
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
	must.Be(t, len(data) != 0, "not answered")
	r.send(r.text(itt, resp.TTT(), true, false).BHS(), nil)
	r.wantText(itt, true, false, "now it has not")
	r.wantNoTasks()
}

// Keys in full feature phase: MaxRecvDataSegmentLength is declared anew, those of the login are refused, unknown ones not
// understood, garbage is a protocol error.
func TestTextKeys(t *testing.T) {
	r := newRig(t)
	if got := r.textAnswer("MaxRecvDataSegmentLength=1024\x00"); got != "" || r.conn.cp.MaxXmitDataSegmentLength != 1024 {
		t.Errorf("%q, %d", got, r.conn.cp.MaxXmitDataSegmentLength)
	}
	r.sendRead(4096)
	r.complete(r.wantExecute(""), Result{In: pattern(0, 4096)})
	for range 4 {
		check.Equal(t, len(r.want(pdu.OpDataIn, "").data), 1024, "bytes of Data-In")
	}
	for text, want := range map[string]string{
		"MaxRecvDataSegmentLength=1\x00":                 "MaxRecvDataSegmentLength=Reject\x00",
		"MaxRecvDataSegmentLength=16777216\x00":          "MaxRecvDataSegmentLength=Reject\x00",
		"MaxRecvDataSegmentLength=0b10000000000\x00":     "MaxRecvDataSegmentLength=Reject\x00",
		"MaxRecvDataSegmentLength=02000\x00":             "MaxRecvDataSegmentLength=Reject\x00",
		"MaxRecvDataSegmentLength=1_024\x00":             "MaxRecvDataSegmentLength=Reject\x00",
		"HeaderDigest=None\x00MaxBurstLength=512\x00":    "HeaderDigest=Reject\x00MaxBurstLength=Reject\x00",
		"X-com.example.thing=1\x00InitiatorAlias=me\x00": "X-com.example.thing=NotUnderstood\x00",
		"": "",
	} {
		check.Equal(t, r.textAnswer(text), want, "%q: the answer", text)
	}
	bad := r.sendText("no equal sign\x00")
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
	m := r.sendManage(pdu.TMFAbortTask, true)
	r.wantReject(pdu.RejectCommandNotSupported, m.BHS(), "nor task management")
	n := r.nopOut(r.nextITT(), pdu.ReservedTag, true)
	r.send(n, nil)
	r.wantReject(pdu.RejectCommandNotSupported, n, "nor pings")
	r.send(r.dataOut(1, pdu.ReservedTag, 0, 0, true).BHS(), pattern(0, 512))
	r.wantIdle("data for no task is discarded")
	l := r.sendLogout(pdu.LogoutCloseSession, 0)
	r.wantLogout(l.ITT(), pdu.LogoutResponseSuccess)
	r.wantEvent(Flush)
	r.closeNow()
	r.wantIdle("a discovery session is no I_T nexus")
	r.wantNoTasks()
	check.Equal(t, len(r.node.Sessions()), 0, "sessions left")
}
