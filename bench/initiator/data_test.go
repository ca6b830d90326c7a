package initiator

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// pattern is n bytes that differ at every offset a test could confuse.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i) ^ byte(i>>8)*7
	}
	return b
}

func r2t(p *peer, itt, ttt, sn uint32, at, n int) { p.r2t(0, itt, ttt, sn, at, n) }

func (p *peer) r2t(lun uint64, itt, ttt, sn uint32, at, n int) {
	p.t.Helper()
	var h pdu.BHS
	h.Init(pdu.OpR2T)
	r := (*pdu.R2T)(&h)
	r.SetLUN(lun)
	r.SetITT(itt)
	r.SetTTT(ttt)
	r.SetR2TSN(sn)
	r.SetBufferOffset(uint32(at))
	r.SetDesiredDataTransferLength(uint32(n))
	h.SetStatSN(p.statSN) // not used up (11.8.3)
	p.raw(&h, nil)
}

// wantData takes the Data-Out PDUs of one sequence and puts their data into got.
func (p *peer) wantData(got []byte, itt, ttt uint32, at, n int) {
	p.t.Helper()
	for sn := uint32(0); n > 0; sn++ {
		m := p.want(pdu.OpDataOut, "the target asked for data, or may have it unsolicited")
		o := (*pdu.DataOut)(&m.h)
		if o.ITT() != itt || o.TTT() != ttt || o.DataSN() != sn || o.BufferOffset() != uint32(at) {
			p.t.Fatalf("ITT %#x, TTT %#x, DataSN %d, offset %d; want %#x, %#x, %d, %d (11.7)", o.ITT(), o.TTT(), o.DataSN(), o.BufferOffset(), itt, ttt, sn, at)
		}
		copy(got[at:], m.data)
		at, n = at+len(m.data), n-len(m.data)
		if o.Final() != (n == 0) || n < 0 || len(m.data) > 65536 {
			p.t.Fatalf("F %v with %d bytes to come, %d in this PDU (11.7.1, 13.12)", o.Final(), n, len(m.data))
		}
	}
}

// RFC 7143, 4.2.5.2, 13.10, 13.11, 13.14: immediate data, then unsolicited
// Data-Out up to FirstBurstLength, then what R2Ts ask for, in their order.
func TestWriteData(t *testing.T) {
	for _, tt := range []struct {
		name                   string
		keys                   []string
		immediate, unsolicited int
	}{
		{"InitialR2T", []string{"InitialR2T=Yes", "ImmediateData=No"}, 0, 0},
		{"immediate", []string{"InitialR2T=Yes", "ImmediateData=Yes", "FirstBurstLength=65536"}, 65536, 0},
		{"immediate, short first burst", []string{"InitialR2T=Yes", "ImmediateData=Yes", "FirstBurstLength=5000"}, 5000, 0},
		{"unsolicited", []string{"InitialR2T=No", "ImmediateData=No", "FirstBurstLength=100000"}, 0, 100000},
		{"both", []string{"InitialR2T=No", "ImmediateData=Yes", "FirstBurstLength=100000"}, 65536, 34464},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target, cfg := newScript(t, 1, 16)
			s, p := connected(t, target, cfg, 1, append(tt.keys, "MaxOutstandingR2T=2", "MaxBurstLength=262144")...)
			data := pattern(400000)
			got := make([]byte, len(data))
			done := start(t, s, &Command{CDB: rw16(0x8a, 0, 1), Out: data})
			m := p[0].want(pdu.OpSCSICommand, "it begins")
			c := (*pdu.SCSICommand)(&m.h)
			if len(m.data) != tt.immediate || c.Final() != (tt.unsolicited == 0) || !c.Write() || c.ExpectedDataTransferLength() != 400000 {
				t.Fatalf("%d bytes of immediate data, F %v; want %d, %v (11.3.1)", len(m.data), c.Final(), tt.immediate, tt.unsolicited == 0)
			}
			at := copy(got, m.data)
			p[0].wantData(got, c.ITT(), pdu.ReservedTag, at, tt.unsolicited)
			at += tt.unsolicited
			r2t(p[0], c.ITT(), 0x10, 0, at, 150000)
			r2t(p[0], c.ITT(), 0x11, 1, at+150000, 100000)
			p[0].wantData(got, c.ITT(), 0x10, at, 150000)
			p[0].wantData(got, c.ITT(), 0x11, at+150000, 100000)
			at += 250000
			r2t(p[0], c.ITT(), 0x12, 2, at, len(data)-at)
			p[0].wantData(got, c.ITT(), 0x12, at, len(data)-at)
			p[0].good(c.ITT(), 3)
			if r := wantOver(t, done, nil).Result; r.Transferred != 400000 || r.R2Ts != 3 || r.Good() != nil {
				t.Errorf("%d bytes, %d R2Ts, %v", r.Transferred, r.R2Ts, r.Good())
			}
			if !bytes.Equal(got, data) {
				t.Error("the target has other bytes")
			}
			sound(t, s)
		})
	}
}

func (p *peer) dataIn(itt, sn uint32, at int, data []byte, final, status bool) {
	p.t.Helper()
	var h pdu.BHS
	h.Init(pdu.OpDataIn)
	d := (*pdu.DataIn)(&h)
	d.SetITT(itt)
	d.SetTTT(pdu.ReservedTag)
	d.SetDataSN(sn)
	d.SetBufferOffset(uint32(at))
	d.SetFinal(final)
	d.SetStatusPresent(status)
	if status {
		p.send(&h, data)
	} else {
		p.raw(&h, data)
	}
}

// 11.7.3: the status comes in the last Data-In or in a SCSI Response.
func TestReadData(t *testing.T) {
	for _, separate := range []bool{false, true} {
		target, cfg := newScript(t, 1, 16)
		s, p := connected(t, target, cfg, 1)
		data, buf := pattern(10001), make([]byte, 10001)
		done := start(t, s, &Command{CDB: rw16(0x88, 0, 1), In: buf})
		c := p[0].wantCommand(1, "it begins")
		if !c.Read() || c.Write() || !c.Final() {
			t.Errorf("R %v, W %v, F %v (11.3.1)", c.Read(), c.Write(), c.Final())
		}
		p[0].dataIn(c.ITT(), 0, 0, data[:4999], false, false)
		p[0].dataIn(c.ITT(), 1, 4999, data[4999:], true, !separate)
		if separate {
			p[0].good(c.ITT(), 2)
		}
		r := wantOver(t, done, nil).Result
		if r.StatusInData == separate || r.DataInPDUs != 2 || r.Good() != nil || !bytes.Equal(buf, data) {
			t.Errorf("separate %v: %+v, equal %v", separate, r, bytes.Equal(buf, data))
		}
		sound(t, s)
	}
}

// 11.4.5, 11.4.7: residual and sense reach the caller; data beyond a short buffer is dropped.
func TestUnderflowSenseAndShortBuffer(t *testing.T) {
	target, cfg := newScript(t, 1, 16)
	s, p := connected(t, target, cfg, 1)
	buf := make([]byte, 100)
	done := start(t, s, &Command{CDB: []byte{0x12, 0, 0, 1, 0, 0}, In: buf, Expect: 256})
	c := p[0].wantCommand(1, "it begins")
	if c.ExpectedDataTransferLength() != 256 {
		t.Errorf("EDTL %d", c.ExpectedDataTransferLength())
	}
	p[0].dataIn(c.ITT(), 0, 0, pattern(120), true, false)
	var h pdu.BHS
	h.Init(pdu.OpSCSIResponse)
	r := (*pdu.SCSIResponse)(&h)
	r.SetITT(c.ITT())
	r.SetStatus(2)
	r.SetUnderflow(true)
	r.SetResidualCount(136)
	r.SetExpDataSN(1)
	p[0].send(&h, append([]byte{0, 18, 0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0}, 0, 0, 0, 0))
	res := wantOver(t, done, nil).Result
	if res.Status != 2 || res.Residual != 136 || res.Transferred != 120 || !bytes.Equal(buf, pattern(100)) {
		t.Errorf("%+v", res)
	}
	if err := res.Good(); err == nil || !strings.Contains(err.Error(), "6/29/00") {
		t.Errorf("Good() = %v", err)
	}
	sound(t, s)
}

// What a target must not do is seen.
func TestViolations(t *testing.T) {
	read := func() *Command { return &Command{CDB: rw16(0x88, 0, 1), In: make([]byte, 4096)} }
	write := func() *Command { return &Command{CDB: rw16(0x8a, 0, 1), Out: make([]byte, 1<<20)} }
	for _, tt := range []struct {
		name, want string
		cmd        func() *Command
		play       func(p *peer, itt uint32)
	}{
		{"DataSN", "DataSN 1, want 0", read, func(p *peer, itt uint32) { p.dataIn(itt, 1, 0, pattern(4096), true, true) }},
		{"offset", "Buffer Offset 512", read, func(p *peer, itt uint32) { p.dataIn(itt, 0, 512, pattern(512), true, false) }},
		{"too much", "of 4096", read, func(p *peer, itt uint32) { p.dataIn(itt, 0, 0, pattern(4097), true, false) }},
		{"short and GOOD", "GOOD after 100 bytes", read, func(p *peer, itt uint32) { p.dataIn(itt, 0, 0, pattern(100), true, true) }},
		{"unknown tag", "unknown Initiator Task Tag", read, func(p *peer, itt uint32) { p.good(itt+1, 0) }},
		{"second answer", "which is over", read, func(p *peer, itt uint32) {
			p.dataIn(itt, 0, 0, pattern(4096), true, true)
			p.good(itt, 1)
		}},
		{"StatSN gap", "StatSN 1003, want 1001", read, func(p *peer, itt uint32) {
			p.statSN += 2
			p.dataIn(itt, 0, 0, pattern(4096), true, true)
		}},
		{"StatSN twice", "StatSN 1000, want 1001", read, func(p *peer, itt uint32) {
			p.statSN--
			p.dataIn(itt, 0, 0, pattern(4096), true, true)
		}},
		{"ExpDataSN", "ExpDataSN 4, want 1", read, func(p *peer, itt uint32) {
			p.dataIn(itt, 0, 0, pattern(4096), true, false)
			p.good(itt, 4)
		}},
		{"ExpCmdSN ahead", "ExpCmdSN 99 is beyond", read, func(p *peer, itt uint32) {
			p.exp, p.max = 99, 120
			p.dataIn(itt, 0, 0, pattern(4096), true, true)
		}},
		{"R2T for a read", "writes nothing", read, func(p *peer, itt uint32) { r2t(p, itt, 1, 0, 0, 512) }},
		{"R2T beyond the end", "asks for bytes", write, func(p *peer, itt uint32) { r2t(p, itt, 1, 0, 1<<20-512, 1024) }},
		{"R2T too long", "MaxBurstLength is 262144", write, func(p *peer, itt uint32) { r2t(p, itt, 1, 0, 65536, 262145) }},
		{"R2T out of order", "next byte in order is 65536", write, func(p *peer, itt uint32) { r2t(p, itt, 1, 0, 131072, 512) }},
		{"R2TSN", "R2TSN 7, want 0", write, func(p *peer, itt uint32) { r2t(p, itt, 1, 7, 65536, 512) }},
		{"GOOD before the data", "GOOD after asking for 65536 bytes", write, func(p *peer, itt uint32) { p.good(itt, 0) }},
		{"CHECK CONDITION without sense", "without sense", read, func(p *peer, itt uint32) {
			var h pdu.BHS
			h.Init(pdu.OpSCSIResponse)
			(*pdu.SCSIResponse)(&h).SetITT(itt)
			(*pdu.SCSIResponse)(&h).SetStatus(2)
			p.send(&h, nil)
		}},
		{"wrong kind of answer", "whose answer is", read, func(p *peer, itt uint32) { p.tmfComplete(itt, 0) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target, cfg := newScript(t, 1, 16)
			s, p := connected(t, target, cfg, 1, "ImmediateData=Yes", "InitialR2T=Yes", "FirstBurstLength=65536", "MaxBurstLength=262144")
			start(t, s, tt.cmd())
			c := p[0].wantCommand(1, "it begins")
			tt.play(p[0], c.ITT())
			for { // a ping proves that the initiator has seen it: the violation may stop the connection's data, not its answers
				var h pdu.BHS
				h.Init(pdu.OpNOPIn)
				(*pdu.NOPIn)(&h).SetITT(pdu.ReservedTag)
				(*pdu.NOPIn)(&h).SetTTT(1)
				h.SetStatSN(p[0].statSN)
				p[0].raw(&h, nil)
				m := <-p[0].pdus
				if m.h.Opcode() == pdu.OpNOPOut {
					break
				}
			}
			v := s.Violations()
			if len(v) == 0 || !strings.Contains(v[0].Text, tt.want) {
				t.Errorf("violations %q, want %q", v, tt.want)
			}
		})
	}
}

// Digests in both directions, with padding (13.1): what the script reads and writes here it computes itself.
func TestWrongDigestEndsTheConnection(t *testing.T) {
	target, cfg := newScript(t, 1, 16)
	cfg.Keys.HeaderDigest = true
	s, p := connected(t, target, cfg, 1, "HeaderDigest=CRC32C")
	done := start(t, s, testUnitReady(0))
	p[0].want(pdu.OpSCSICommand, "it begins")
	var h pdu.BHS
	h.Init(pdu.OpSCSIResponse)
	p[0].send(&h, nil)
	go func() { _, _ = p[0].nc.Write([]byte{1, 2, 3, 4}) }() // where the digest belongs
	wantOver(t, done, ErrConnLost)
	if v := s.Violations(); len(v) != 1 || !strings.Contains(v[0].Text, "header digest") {
		t.Errorf("violations %v", v)
	}
}
