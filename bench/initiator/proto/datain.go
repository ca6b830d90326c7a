package proto

import (
	"github.com/ringtgt/ringtgt/pdu"
)

// dataIn takes the header of a Data-In (RFC 7143, 11.7) and says where its data goes: into the command's buffer, or nowhere.
func (c *Conn) dataIn(h *pdu.BHS) error {
	d := (*pdu.DataIn)(h)
	c.window(d.ExpCmdSN(), d.MaxCmdSN())
	if d.StatusPresent() {
		c.statSN(pdu.OpDataIn, d.StatSN())
	}
	n := h.DataLen()
	cmd := c.expect(h)
	if cmd == nil || !c.kindOK(cmd, pdu.OpDataIn) || !c.judgeDataIn(d, cmd, uint32(n)) {
		if n > 0 {
			c.framer.Payload(nil)
		}
		return nil
	}
	t := &cmd.task
	if n == 0 {
		return c.dataInEnd(h, cmd)
	}
	at := uint64(d.BufferOffset())
	var dst []byte
	if end := at + uint64(n); end <= uint64(len(cmd.In)) {
		dst = cmd.In[at:end:end]
	} else if at < uint64(len(cmd.In)) {
		// The buffer is shorter than what was expected: its part is copied at the end.
		dst = c.room(n)
	}
	t.in += uint32(n)
	t.seqIn += uint32(n)
	c.rx.cmd = cmd
	c.framer.Payload(dst)
	return nil
}

// judgeDataIn checks a Data-In against its command; false: it cannot be used.
func (c *Conn) judgeDataIn(d *pdu.DataIn, cmd *Command, n uint32) bool {
	t := &cmd.task
	if !t.read {
		c.violation("Data-In for a command that reads nothing (11.7)")
		return false
	}
	if d.DataSN() != t.dataSN {
		c.violation("Data-In has DataSN %d, want %d (11.7.5)", d.DataSN(), t.dataSN)
	}
	t.dataSN = d.DataSN() + 1
	cmd.Result.DataInPDUs++
	if d.BufferOffset() != t.in {
		c.violation("Data-In has Buffer Offset %d, the next byte in order is %d (13.18)", d.BufferOffset(), t.in)
	}
	if uint64(d.BufferOffset())+uint64(n) > uint64(t.edtl) {
		c.violation("Data-In brings bytes %d to %d of %d (11.7.6)", d.BufferOffset(), uint64(d.BufferOffset())+uint64(n), t.edtl)
		return false
	}
	if t.seqIn+n > c.p.MaxBurstLength {
		c.violation("a Data-In sequence has %d bytes, MaxBurstLength is %d (13.13)", t.seqIn+n, c.p.MaxBurstLength)
	}
	if d.StatusPresent() && !d.Final() {
		c.violation("Data-In has S and not F (11.7.3)")
	}
	if d.Acknowledge() {
		c.violation("Data-In has A at ErrorRecoveryLevel 0 (11.7.2)")
	}
	return true
}

// dataInEnd goes on when the data of a Data-In is there.
func (c *Conn) dataInEnd(h *pdu.BHS, cmd *Command) error {
	d := (*pdu.DataIn)(h)
	t := &cmd.task
	at, n := uint64(d.BufferOffset()), uint64(h.DataLen())
	if at < uint64(len(cmd.In)) && at+n > uint64(len(cmd.In)) {
		copy(cmd.In[at:], c.rx.text[:n])
	}
	if d.Final() {
		t.seqIn = 0
	}
	if !d.StatusPresent() {
		return nil
	}
	// "If the command is completed with an error, then the response and sense
	// data MUST be sent in a SCSI Response PDU" (11.7.3).
	if s := d.Status(); s == statusCheckCondition {
		c.violation("Data-In carries CHECK CONDITION (11.7.3)")
	}
	r := &cmd.Result
	r.Op, r.Status, r.Response, r.StatSN, r.StatusInData = pdu.OpDataIn, d.Status(), 0, d.StatSN(), true
	c.residual(cmd, d.Overflow(), d.Underflow(), d.ResidualCount())
	c.finish(cmd, nil, endedAnswered)
	return nil
}

const statusCheckCondition = 0x02 // SAM-5, 5.3

// scsiResponse takes a SCSI Response (11.4).
func (c *Conn) scsiResponse(h *pdu.BHS, data []byte) {
	v := (*pdu.SCSIResponse)(h)
	cmd := c.expect(h)
	if cmd == nil || !c.kindOK(cmd, pdu.OpSCSIResponse) {
		return
	}
	if c.rx.cmd == cmd {
		c.rx.cmd = nil
	}
	t, r := &cmd.task, &cmd.Result
	r.Op, r.Status, r.Response, r.StatSN = pdu.OpSCSIResponse, v.Status(), v.Response(), v.StatSN()
	if len(data) >= 2 { // SenseLength, then sense data (11.4.7)
		n := int(data[0])<<8 | int(data[1])
		if n > len(data)-2 {
			c.violation("SCSI Response has SenseLength %d in %d bytes (11.4.7.1)", n, len(data))
			n = len(data) - 2
		}
		r.Sense = append(r.Sense[:0], data[2:2+n]...)
	}
	if r.Response == pdu.ServiceResponseCompleted {
		// 11.4.8: the number of Data-In PDUs that were sent. Some targets
		// count R2Ts as well, as the sequence numbers of both are one.
		if sn := v.ExpDataSN(); sn != t.dataSN && sn != t.dataSN+t.r2tSN {
			c.violation("SCSI Response has ExpDataSN %d, want %d (11.4.8)", sn, t.dataSN)
		}
		if r.Status == statusCheckCondition && len(r.Sense) == 0 {
			c.violation("CHECK CONDITION without sense data (11.4.7)")
		}
	}
	c.residual(cmd, v.Overflow(), v.Underflow(), v.ResidualCount())
	c.finish(cmd, nil, endedAnswered)
}

// residual stores the residual and holds it against what moved (11.4.5).
func (c *Conn) residual(cmd *Command, over, under bool, count uint32) {
	t, r := &cmd.task, &cmd.Result
	switch {
	case over && under:
		c.violation("O and U are both set (11.4.1)")
	case over:
		r.Residual = -int64(count)
	case under:
		r.Residual = int64(count)
		if count > t.edtl {
			c.violation("an underflow of %d bytes, %d were expected (11.4.5)", count, t.edtl)
			return
		}
	}
	if r.Response != pdu.ServiceResponseCompleted || r.Status != 0 {
		return // what moved before a fault is not what the residual counts
	}
	left := uint32(max(0, r.Residual))
	switch {
	case t.read && t.in != t.edtl-left:
		c.violation("GOOD after %d bytes of %d with a residual of %d (11.4.5)", t.in, t.edtl, r.Residual)
	case t.write && t.granted < t.edtl-left:
		c.violation("GOOD after asking for %d bytes of %d with a residual of %d (11.4.5)", t.granted, t.edtl, r.Residual)
	case t.write && t.out < t.granted && left == 0:
		c.violation("GOOD before all the data was sent: %d of %d bytes (11.4.5)", t.out, t.granted)
	}
}
