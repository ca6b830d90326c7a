package fullfeature

import (
	"encoding/binary"
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// CDBs.
var (
	testUnitReady  = conform.TestUnitReady()
	readCapacity10 = conform.ReadCapacity()
	unassigned     = []byte{0x1f, 0, 0, 0, 0, 0} // an operation code of no command
)

func inquiry(n int) []byte { return conform.Inquiry(n) }

func reportLUNs(n int) []byte { return conform.ReportLUNs(n) }

func rw10(write bool, lba, blocks int) []byte {
	return rawclient.RW10(write, uint32(lba), uint16(blocks))
}

func read16(lba uint64, blocks int) []byte {
	cdb := make([]byte, 16)
	cdb[0] = 0x88
	binary.BigEndian.PutUint64(cdb[2:], lba)
	binary.BigEndian.PutUint32(cdb[10:], uint32(blocks))
	return cdb
}

// absentLUN is a LUN that hardly any target has.
const absentLUN = 0x40fe << 48 // number 254 by flat space addressing (SAM-5, 4.7.4)

// result is how a command ended.
type result struct {
	Status byte
	Data   []byte
	In     []*conform.PDU // Data-In
	R2T    []*conform.PDU
	End    *conform.PDU // with the status: a SCSI Response, or Data-In
	Sense  []byte
}

// scsi is a command that reads in bytes or writes out bytes.
func (l *link) scsi(cdb []byte, in, out int) *pdu.SCSICommand {
	d := conform.NoData
	switch {
	case in > 0:
		d = conform.Read
	case out > 0:
		d = conform.Write
	}
	return l.Command(cdb, d, max(in, out))
}

// run carries out a command without data-out.
func (l *link) run(cdb []byte, in int) *result {
	h := l.scsi(cdb, in, 0)
	l.Send(h.BHS(), nil)
	return l.finish(h, nil)
}

func (l *link) readCommand(lba, blocks int) *pdu.SCSICommand {
	return l.scsi(rw10(false, lba, blocks), blocks*l.unit().Block, 0)
}

// read reads blocks.
func (l *link) read(lba, blocks int) *result {
	return l.run(rw10(false, lba, blocks), blocks*l.unit().Block)
}

// finish collects the answer to a command, and sends the data that R2Ts ask for.
func (l *link) finish(h *pdu.SCSICommand, data []byte) *result {
	r := new(result)
	for r.End == nil {
		p := l.Recv("the end of the command")
		l.t.Want(p.ITT() == h.ITT(), fmt.Sprintf("the end of the command with ITT 0x%08x", h.ITT()), "%v", p)
		l.take(r, p, data)
	}
	return r
}

// finishAll collects the answers to commands without data-out, whose PDUs may come in any order.
func (l *link) finishAll(sent ...*pdu.SCSICommand) []*result {
	open, all := map[uint32]*result{}, make([]*result, len(sent))
	for i, h := range sent {
		all[i] = new(result)
		open[h.ITT()] = all[i]
	}
	for len(open) > 0 {
		p := l.Recv("the end of all commands")
		r := open[p.ITT()]
		l.t.Want(r != nil, "a PDU of a command that has not ended", "%v", p)
		if l.take(r, p, nil); r.End != nil {
			delete(open, p.ITT())
		}
	}
	return all
}

// take adds a PDU to a result.
func (l *link) take(r *result, p *conform.PDU, data []byte) {
	switch p.Opcode() {
	case pdu.OpDataIn:
		r.In, r.Data = append(r.In, p), append(r.Data, p.Data...)
		if p.DataIn().StatusPresent() {
			r.End, r.Status = p, p.DataIn().Status()
		}
	case pdu.OpR2T:
		r.R2T = append(r.R2T, p)
		l.Solicited(p, data)
	case pdu.OpSCSIResponse:
		r.End, r.Status = p, p.Response().Status()
		l.t.Want(p.Response().Response() == pdu.ServiceResponseCompleted, "response Command Completed at Target", "%v", p)
		if len(p.Data) >= 2 {
			n := int(binary.BigEndian.Uint16(p.Data))
			l.t.Want(n <= len(p.Data)-2, "a SenseLength within the data segment (RFC 7143, 11.4.7.1)", "SenseLength %d of %d bytes", n, len(p.Data))
			r.Sense = p.Data[2 : 2+n]
		}
	default:
		l.t.Fail("the end of the command", "%v", p)
	}
}

// response expects that the status came in a SCSI Response.
func (r *result) response(l *link) *conform.PDU {
	l.t.Want(r.End.Opcode() == pdu.OpSCSIResponse, "a SCSI Response", "%v", r.End)
	return r.End
}

// good expects GOOD status.
func (l *link) good(r *result) {
	l.t.Want(r.Status == 0, "GOOD status", "%v", r)
}

// code returns sense key, and additional sense code with qualifier.
func (r *result) code() (key byte, asc uint16) {
	s := r.Sense
	switch {
	case len(s) >= 14 && s[0]&0x7f <= 0x71:
		return s[2] & 0x0f, binary.BigEndian.Uint16(s[12:])
	case len(s) >= 4 && s[0]&0x7f >= 0x72:
		return s[1] & 0x0f, binary.BigEndian.Uint16(s[2:])
	}
	return 0, 0
}

// sense expects CHECK CONDITION with a sense key and an additional sense code.
func (l *link) sense(r *result, name string, key byte, asc uint16) {
	k, a := r.code()
	l.t.Want(r.Status == 2 && k == key && a == asc, fmt.Sprintf("CHECK CONDITION with sense %X/%02X/%02X, %s", key, asc>>8, asc&0xff, name), "%v", r)
}

func (r *result) String() string {
	if k, a := r.code(); r.Status == 2 {
		return fmt.Sprintf("CHECK CONDITION with sense %X/%02X/%02X", k, a>>8, a&0xff)
	}
	return fmt.Sprintf("status 0x%02x", r.Status)
}

// residual returns the O and U bits and the Residual Count.
func (r *result) residual() (over, under bool, count uint32) {
	if r.End.Opcode() == pdu.OpDataIn {
		d := r.End.DataIn()
		return d.Overflow(), d.Underflow(), d.ResidualCount()
	}
	p := r.End.Response()
	return p.Overflow(), p.Underflow(), p.ResidualCount()
}

// residual expects the residual of a command that presents some bytes where others are expected.
func (l *link) residual(r *result, presented, expected int) {
	over, under, count := r.residual()
	got := fmt.Sprintf("O %v, U %v, Residual Count %d", over, under, count)
	want := fmt.Sprintf("O %v, U %v, Residual Count %d", presented > expected, presented < expected, max(presented-expected, expected-presented))
	if presented == expected {
		want = fmt.Sprintf("O false, U false, Residual Count %d", count) // the count means nothing then
	}
	l.t.Want(got == want, want, "%s", got)
}

// sound expects n bytes of Data-In in order, without gaps or overlaps (RFC 7143, 11.7.6).
func (l *link) sound(r *result, n int) {
	at := 0
	for i, p := range r.In {
		d := p.DataIn()
		l.t.Want(d.DataSN() == uint32(i) && d.BufferOffset() == uint32(at), fmt.Sprintf("DataSN %d at buffer offset %d", i, at),
			"DataSN %d at %d", d.DataSN(), d.BufferOffset())
		at += p.DataLen()
	}
	l.equal("bytes of Data-In", uint32(at), uint32(n))
	l.t.Want(len(r.In) == 0 || r.In[len(r.In)-1].Final(), "the F bit in the last Data-In", "it is not set")
}

// unit is what is tried on.
type unit struct {
	Block  int    // bytes in a block
	Blocks uint64 // in the unit
}

func (l *link) unit() unit {
	return unit{l.t.Target.Grants.BlockSize, uint64(l.t.Target.Grants.Blocks)}
}

// blocks is how many blocks n bytes are, at least one.
func (l *link) blocks(n int) int {
	b := max(1, n/l.unit().Block)
	l.needs(uint64(b)+8 <= l.unit().Blocks, fmt.Sprintf("the unit has %d blocks", l.unit().Blocks))
	return b
}

func headers[H interface{ BHS() *pdu.BHS }](views []H) (h []*pdu.BHS) {
	for _, v := range views {
		h = append(h, v.BHS())
	}
	return h
}
