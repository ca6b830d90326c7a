package astarget

import (
	"bytes"
	"testing"

	verify "github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// What this target takes it declares, in the operational stage: without that the default of 8192 bytes holds (RFC 7143, 13.12).
func TestDeclaresItsDataSegment(t *testing.T) {
	l := newLab(t, Config{}).only("")
	q := request1()
	l.put(q.Header(), rawclient.Text(who...))
	r := l.next(pdu.OpLoginResponse)
	verify.That(t, bytes.Contains(r.data, []byte("MaxRecvDataSegmentLength=16384\x00")), "the answer is %q", r.data)
	verify.That(t, bytes.Contains(r.data, []byte("TargetPortalGroupTag=1\x00")), "the answer is %q", r.data)
}

// A write whose data come in pieces is what a read returns, and the initiator that sent it broke nothing.
func TestRightInitiator(t *testing.T) {
	l := newLab(t, Config{}).only("R2Ts of odd lengths")
	l.begun("InitialR2T", "No", "FirstBurstLength", "1024", "MaxOutstandingR2T", "3")
	data := bytes.Repeat([]byte("0123456789abcdef"), 512)
	h := l.Command(0, rawclient.RW10(true, 0, 16), len(data), true)
	h.SetFinal(false)
	l.put(h, data[:512])
	l.put(l.DataOut(0, h.ITT(), pdu.ReservedTag, 0, 512, true), data[512:1024])
	for len(l.sent) > 0 && l.sent[0].h.Opcode() == pdu.OpR2T {
		r := l.r2t()
		from := int(r.BufferOffset())
		l.put(l.DataOut(0, h.ITT(), r.TTT(), 0, from, true), data[from:from+int(r.DesiredDataTransferLength())])
	}
	answer := (*pdu.SCSIResponse)(l.next(pdu.OpSCSIResponse).h)
	verify.Equal(t, answer.Status(), byte(statusGood), "status of the write")
	l.read(16)
	var got []byte
	for len(l.sent) > 0 {
		got = append(got, l.next(pdu.OpDataIn).data...)
	}
	verify.That(t, bytes.Equal(got, data), "%d bytes are read, of other content", len(got))
	l.logout(pdu.LogoutCloseSession)
	l.next(pdu.OpLogoutResponse)
	l.c.gone()
	for _, r := range l.target.Results() {
		verify.That(t, r.Verdict == conform.Pass || r.Verdict == conform.Skip, "%s: %s: %s", r.Case.ID, r.Verdict, r.Came)
	}
	played, _ := l.target.Scenarios()
	verify.Equal(t, len(played), len(l.target.plan.all), "scenarios played")
}
