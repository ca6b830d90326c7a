package astarget

import (
	"github.com/ringtgt/ringtgt/pdu"
)

// SCSI statuses (SAM-5, 5.3.1).
const (
	statusGood           = 0x00
	statusCheckCondition = 0x02
	statusBusy           = 0x08
	statusTaskSetFull    = 0x28
)

// takeCommand begins a SCSI command.
func (c *conn) takeCommand(k *task, r *received) {
	cmd := (*pdu.SCSICommand)(r.h)
	k.scsi, k.write, k.edtl = true, cmd.Write(), cmd.ExpectedDataTransferLength()
	c.judgeCommand(cmd, r)
	if !c.tag(k, pdu.OpSCSICommand) {
		return
	}
	k.op = c.t.disk.plan(cmd.CDB(), k.lun)
	if k.write {
		k.need = min(k.edtl, k.op.in)
		c.immediateData(k, cmd, r.data)
	}
	k.do = func() { c.execute(k) }
}

// judgeCommand judges the fields of a SCSI Command.
func (c *conn) judgeCommand(cmd *pdu.SCSICommand, r *received) {
	c.want(cmd.Attr() <= pdu.TaskAttrACA, "11.3.1/0", "task attribute %d", cmd.Attr())
	c.want(cmd.Write() || cmd.Final(), "11.3.1/1", "neither the W nor the F bit")
	edtl := cmd.ExpectedDataTransferLength()
	c.want(edtl == 0 || cmd.Read() || cmd.Write(), "11.3.1/2", "%d bytes and neither the R nor the W bit", edtl)
	if len(r.ahs) > 0 || cmd.Read() && cmd.Write() {
		a, err := pdu.ParseAHS(r.ahs)
		if cmd.Read() && cmd.Write() {
			c.want(err == nil && a.HasBidiReadLength, "11.3.4/1", "R and W, without the length of the read")
		}
		if a.ExtendedCDB != nil {
			c.want(cmd.CDB()[0] == 0x7f || cmd.CDB()[0] == 0x7e, "11.2.2.3/1", "an extended CDB of a command 0x%02x", cmd.CDB()[0])
		}
	}
}

// immediateData judges what comes with a write, and what is due behind it.
func (c *conn) immediateData(k *task, cmd *pdu.SCSICommand, data []byte) {
	p, n := &c.s.p, uint32(len(data))
	if n > 0 {
		switch {
		case !p.immediateData && p.initialR2T:
			c.broke("13.11/1", "%d bytes of immediate data", n)
		case !p.immediateData:
			c.broke("13.11/3", "%d bytes of immediate data", n)
		}
		c.want(n <= p.firstBurst, "4.2.5.2/1", "%d bytes of immediate data with FirstBurstLength %d", n, p.firstBurst)
		c.want(n <= k.edtl, "11.7.6/0", "%d bytes of immediate data of %d", n, k.edtl)
		if n == k.edtl {
			c.want(cmd.Final(), "11.3.4/2", "all data are immediate, and the F bit is 0")
		}
	} else if !p.immediateData {
		c.kept(map[bool]string{true: "13.11/1", false: "13.11/3"}[p.initialR2T])
	}
	k.store(0, data)
	k.got = min(n, k.need)
	if p.initialR2T {
		c.want(cmd.Final(), "11.8/1", "a write without the F bit")
	}
	if cmd.Final() || p.initialR2T || n >= k.edtl {
		return
	}
	k.unsol = &sequence{ttt: pdu.ReservedTag, from: n, length: min(p.firstBurst, k.edtl) - min(n, p.firstBurst)}
	c.burst = append(c.burst, k)
}

// store writes data to the disk, if the command is one that does.
func (k *task) store(offset uint32, data []byte) {
	if k.op.store {
		k.c.t.disk.write(k.op.at+int64(offset), data, k.op.at+int64(k.op.in))
	}
}

// execute runs a command in its turn.
func (c *conn) execute(k *task) {
	k.turn = true
	if c.s.attention && !k.op.always {
		// RFC 7143, 11.14.5, and SAM-5, 5.14: power on or reset.
		c.s.attention = false
		k.op = failure(0x6, 0x29, 0x00)
		k.need = 0
	}
	if c.t.plan.command(c, k) {
		return
	}
	k.proceed()
}

// proceed does what a command can do next.
func (k *task) proceed() {
	switch {
	case !k.turn || k.unsol != nil || len(k.r2ts) > 0 && k.asked >= k.need:
	case k.write && k.got < k.need && !k.op.failed():
		k.solicit()
	case len(k.r2ts) > 0:
	default:
		k.finish()
	}
}

// finish sends data and status.
func (k *task) finish() {
	c := k.c
	if k.failed {
		k.op = failure(0xb, 0x47, 0x05) // RFC 7143, 11.4.7.2: protocol service CRC error
	}
	if k.op.failed() || k.write {
		k.respond(k.op.status, k.op.sense)
		return
	}
	data := k.op.data
	if k.op.out > 0 {
		data = c.t.disk.read(k.op.at, int(k.op.out))
	}
	k.sendData(data, maxBurst, true)
}

// sendData sends Data-In, and status with the last of it or behind it.
func (k *task) sendData(data []byte, burst int, with bool) {
	c := k.c
	send := data[:min(len(data), int(k.edtl))]
	if len(send) == 0 {
		k.respondWith(statusGood, nil, len(data))
		return
	}
	step := min(c.sendMax, maxTransfer)
	sn := uint32(0)
	for at := 0; at < len(send); sn++ {
		inBurst := burst - at%burst
		n := min(step, len(send)-at, inBurst)
		last := at+n == len(send)
		h := k.dataIn(sn, at, last || n == inBurst)
		if last && with {
			h.SetStatusPresent(true)
			h.SetStatus(statusGood)
			u, o, count := residual(k.edtl, len(data))
			h.SetUnderflow(u)
			h.SetOverflow(o)
			h.SetResidualCount(count)
			k.close()
		}
		c.send(h.BHS(), send[at:at+n], last && with)
		at += n
	}
	if !with {
		k.r2tSN = sn // ExpDataSN
		k.respondWith(statusGood, nil, len(data))
	}
}

// dataIn is the header of a Data-In (RFC 7143, 11.7).
func (k *task) dataIn(sn uint32, at int, final bool) *pdu.DataIn {
	var h pdu.BHS
	h.Init(pdu.OpDataIn)
	d := (*pdu.DataIn)(&h)
	d.SetFinal(final)
	d.SetITT(k.itt)
	d.SetTTT(pdu.ReservedTag)
	d.SetDataSN(sn)
	d.SetBufferOffset(uint32(at))
	return d
}

func residual(edtl uint32, n int) (under, over bool, count uint32) {
	switch {
	case int64(n) < int64(edtl):
		return true, false, edtl - uint32(n)
	case int64(n) > int64(edtl):
		return false, true, uint32(int64(n) - int64(edtl))
	}
	return false, false, 0
}

// respond ends the command with a status.
func (k *task) respond(status byte, sense []byte) {
	n := 0
	if k.write {
		n = int(k.op.in)
	}
	if status != statusGood {
		n = min(n, int(k.got))
	}
	k.respondWith(status, sense, n)
}

// respondWith sends the SCSI Response for a command of n bytes.
func (k *task) respondWith(status byte, sense []byte, n int) {
	var h pdu.BHS
	h.Init(pdu.OpSCSIResponse)
	r := (*pdu.SCSIResponse)(&h)
	r.SetITT(k.itt)
	r.SetStatus(status)
	u, o, count := residual(k.edtl, n)
	r.SetUnderflow(u)
	r.SetOverflow(o)
	r.SetResidualCount(count)
	r.SetExpDataSN(k.r2tSN)
	k.close()
	k.c.send(&h, sense, true)
}

// close frees the tag and the place in the window, before the response is stamped.
func (k *task) close() {
	k.drop()
	k.c.s.advance()
}
