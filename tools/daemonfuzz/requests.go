package main

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// login opens a connection and logs in, to a new session or to an existing one, with or without a request after the login in
// the same send; or it stops halfway.
func (a *actor) login() {
	rng := a.rng
	k, err := dial(a.w)
	if err != nil {
		return
	}
	k.cid = uint16(rng.IntN(5))
	l := rawclient.Login{
		Transit: rng.IntN(12) != 0, CSG: pdu.Stage(1 - rng.IntN(8)/7), NSG: pdu.StageFullFeaturePhase,
		ISID: [6]byte{0x80, 0, 0, 0, 0, a.isid}, CID: k.cid, ITT: rng.Uint32(), CmdSN: a.cmdSN,
	}
	if len(a.conns) > 0 {
		l.TSIH = a.tsih
	} else if rng.IntN(6) == 0 {
		l.TSIH = a.w.tsih(a.isid) + uint16(rng.IntN(3))
	}
	text := pdu.AppendText(nil, "InitiatorName", a.name)
	if rng.IntN(20) == 0 {
		text = pdu.AppendText(text, "SessionType", "Discovery")
	} else {
		text = pdu.AppendText(text, "TargetName", hostileTarget)
	}
	for _, kv := range a.keys() {
		text = pdu.AppendText(text, kv[0], kv[1])
	}
	b := rawclient.Append(nil, l.Header(), text)
	if rng.IntN(15) == 0 {
		b = mangle(rng, b)
	}
	if rng.IntN(5) == 0 { // requests sent before the login's answer
		for range 1 + rng.IntN(3) {
			b = append(b, a.command(k)...)
		}
	}
	a.conns = append(a.conns, k)
	if !k.write(rng, b) || rng.IntN(10) == 0 {
		return
	}
	select {
	case r := <-k.logins:
		if r.Status() == pdu.LoginSuccess && r.Transit() {
			k.up = true
			if len(a.conns) == 1 {
				a.tsih = r.TSIH()
				a.w.note(a.isid, a.tsih)
				a.w.sessions.Add(1)
				a.cmdSN = r.ExpCmdSN()
			}
		}
	case <-k.gone:
	case <-time.After(answerTime):
	}
}

// keys returns login keys with legal and illegal values.
func (a *actor) keys() (keys [][2]string) {
	rng := a.rng
	offers := [][2]string{
		{"MaxConnections", "6"}, {"InitialR2T", "No"}, {"InitialR2T", "Yes"}, {"ImmediateData", "No"}, {"ImmediateData", "Yes"},
		{"MaxBurstLength", "65536"}, {"FirstBurstLength", "4096"}, {"FirstBurstLength", "262144"}, {"MaxBurstLength", "0x800"},
		{"MaxRecvDataSegmentLength", "512"}, {"MaxRecvDataSegmentLength", "65536"}, {"DefaultTime2Retain", "0"}, {"DefaultTime2Wait", "0"},
		{"MaxOutstandingR2T", "4"}, {"ErrorRecoveryLevel", "2"}, {"TaskReporting", "ResponseFence"}, {"TaskReporting", "FastAbort"},
		{"iSCSIProtocolLevel", "2"}, {"X-test", "1"}, {"HeaderDigest", "None"}, {"MaxBurstLength", "none"},
	}
	seen := map[string]bool{"MaxConnections": true}
	if rng.IntN(4) != 0 {
		keys = append(keys, offers[0])
	}
	for range rng.IntN(6) {
		o := offers[1+rng.IntN(len(offers)-1)]
		if !seen[o[0]] || rng.IntN(20) == 0 {
			seen[o[0]] = true
			keys = append(keys, o)
		}
	}
	return keys
}

// opcodes are the operation codes of random commands; frequent ones are repeated.
var opcodes = []byte{
	0x28, 0x28, 0x28, 0x88, 0x2A, 0x2A, 0x2A, 0x8A, 0x00, 0x12, 0x03, 0x35, 0x91, 0x41, 0x93, 0x42, 0x89, 0x8B, 0x2E, 0x2F,
	0x5E, 0x5F, 0x16, 0x17, 0x1A, 0x15, 0x55, 0x5A, 0x9E, 0xA0, 0xA3, 0x83, 0x84, 0x1B, 0x1E, 0x25, 0x4D, 0x48, 0x9C,
}

// command returns a random SCSI command with its immediate data.
func (a *actor) command(k *conn) []byte {
	rng := a.rng
	h := a.header(k, pdu.OpSCSICommand)
	c := (*pdu.SCSICommand)(h)
	cdb := c.CDB()
	cdb[0] = opcodes[rng.IntN(len(opcodes))]
	blocks := uint32(1 + rng.IntN(16))
	if rng.IntN(10) == 0 {
		blocks = uint32(rng.IntN(2048))
	}
	lba := uint32(rng.IntN(4096))
	if rng.IntN(30) == 0 {
		lba = rng.Uint32()
	}
	switch cdb[0] >> 5 {
	case 1, 2:
		binary.BigEndian.PutUint32(cdb[2:], lba)
		binary.BigEndian.PutUint16(cdb[7:], uint16(blocks))
	case 4, 5:
		binary.BigEndian.PutUint64(cdb[2:], uint64(lba))
		binary.BigEndian.PutUint32(cdb[10:], blocks)
	default:
		cdb[4] = byte(blocks)
	}
	if rng.IntN(8) == 0 {
		cdb[1] = byte(rng.Uint32())
	}
	if rng.IntN(30) == 0 {
		cdb[rng.IntN(16)] ^= byte(rng.Uint32())
	}
	edtl := blocks * 512
	if rng.IntN(12) == 0 {
		edtl = uint32(rng.IntN(1 << 20))
	}
	c.SetLUN(uint64(rng.IntN(3)) << 48)
	c.SetAttr(pdu.TaskAttr([]byte{1, 1, 1, 1, 1, 1, 2, 3, 0, 4}[rng.IntN(10)]))
	c.SetExpectedDataTransferLength(edtl)
	c.SetFinal(rng.IntN(16) != 0)
	var data []byte
	switch {
	case cdb[0] == 0x28 || cdb[0] == 0x88 || cdb[0] == 0x12 || rng.IntN(3) == 0:
		c.SetRead(true)
	default:
		c.SetWrite(true)
		if rng.IntN(3) != 0 {
			data = payload(rng, min(int(edtl), 1+rng.IntN(8192)))
		}
	}
	return rawclient.Append(nil, h, data)
}

// data answers an R2T, correctly or not.
func (a *actor) data(k *conn) []byte {
	rng := a.rng
	r, ok := k.asked(rng)
	if !ok || rng.IntN(12) == 0 {
		r = r2t{itt: a.tag(), ttt: rng.Uint32(), offset: uint32(rng.IntN(1 << 16)), length: uint32(rng.IntN(1 << 16))}
		if rng.IntN(2) == 0 {
			r.ttt = pdu.ReservedTag
		}
	}
	exp, _, _ := k.numbers()
	numbers := rawclient.Numbers{ExpStatSN: exp}
	var b []byte
	for at, sn := uint32(0), uint32(0); ; sn++ {
		n := min(r.length-at, uint32(1+rng.IntN(32<<10)))
		offset, final := r.offset+at, at+n == r.length || rng.IntN(40) == 0
		if rng.IntN(60) == 0 {
			offset = rng.Uint32()
		}
		b = rawclient.Append(b, numbers.DataOut(0, r.itt, r.ttt, sn, int(offset), final), payload(rng, int(n)))
		if at += n; at >= r.length || rng.IntN(50) == 0 {
			return b
		}
	}
}

// function returns a task management function that affects one task or many.
func (a *actor) function(k *conn) []byte {
	rng := a.rng
	h := a.header(k, pdu.OpTaskManagementRequest)
	h.SetImmediate(rng.IntN(4) != 0)
	m := (*pdu.TaskManagementRequest)(h)
	f := []byte{1, 1, 1, 1, 2, 2, 4, 5, 5, 6, 9, 10, 11, 12, 3, 8, 13}[rng.IntN(17)]
	if rng.IntN(40) == 0 {
		f = 7 // TARGET COLD RESET closes the connections of all initiators
	}
	m.SetFunction(pdu.TaskFunction(f))
	m.SetLUN(uint64(rng.IntN(3)) << 48)
	m.SetReferencedTaskTag(a.tag())
	m.SetRefCmdSN(a.cmdSN - uint32(rng.IntN(8)))
	return rawclient.Append(nil, h, nil)
}

// nop returns a ping or the answer to one.
func (a *actor) nop(k *conn) []byte {
	rng := a.rng
	if ttt, ok := k.ping(); ok && rng.IntN(8) != 0 {
		exp, _, _ := k.numbers()
		h := rawclient.Request(pdu.OpNOPOut, pdu.ReservedTag, a.cmdSN, exp)
		h.SetImmediate(true)
		(*pdu.NOPOut)(h).SetTTT(ttt)
		return rawclient.Append(nil, h, nil)
	}
	h := a.header(k, pdu.OpNOPOut)
	(*pdu.NOPOut)(h).SetTTT(pdu.ReservedTag)
	return rawclient.Append(nil, h, payload(rng, rng.IntN(9000)))
}

func (a *actor) text(k *conn) []byte {
	rng := a.rng
	h := a.header(k, pdu.OpTextRequest)
	q := (*pdu.TextRequest)(h)
	q.SetFinal(rng.IntN(6) != 0)
	q.SetContinue(rng.IntN(10) == 0)
	q.SetTTT(pdu.ReservedTag)
	text := pdu.AppendText(nil, "SendTargets", []string{"", "All", hostileTarget, "x"}[rng.IntN(4)])
	if rng.IntN(4) == 0 {
		text = pdu.AppendText(text, "MaxRecvDataSegmentLength", []string{"512", "65536", "7", "0x1000"}[rng.IntN(4)])
	}
	return rawclient.Append(nil, h, text)
}

func (a *actor) logout(k *conn) []byte {
	rng := a.rng
	h := a.header(k, pdu.OpLogoutRequest)
	q := (*pdu.LogoutRequest)(h)
	q.SetReason(pdu.LogoutReason(rng.IntN(4)))
	q.SetCID(uint16(rng.IntN(5)))
	return rawclient.Append(nil, h, nil)
}

func payload(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := 0; i+8 <= n; i += 64 {
		binary.LittleEndian.PutUint64(b[i:], rng.Uint64())
	}
	return b
}
