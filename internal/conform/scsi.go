package conform

import (
	"encoding/binary"
	"fmt"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// New returns the header of the next request on the connection, with the F bit and the numbers that are due. An immediate one uses
// up no CmdSN (RFC 7143, 4.2.2.1).
func (c *Conn) New(op pdu.Opcode, immediate bool) *pdu.BHS {
	s := c.Session
	n := rawclient.Numbers{ITT: s.ITT, CmdSN: s.CmdSN, ExpStatSN: c.ExpStatSN}
	h := n.Next(op, immediate)
	s.ITT, s.CmdSN = n.ITT, n.CmdSN
	return h
}

// Direction is that of a command's data.
type Direction uint8

// Directions.
const (
	NoData Direction = iota
	Read
	Write
)

// Command returns the header of the next SCSI command, SIMPLE and to the unit of the run.
func (c *Conn) Command(cdb []byte, d Direction, edtl int) *pdu.SCSICommand {
	h := (*pdu.SCSICommand)(c.New(pdu.OpSCSICommand, false))
	h.SetLUN(c.t.Target.LUN)
	h.SetAttr(pdu.TaskAttrSimple)
	h.SetRead(d == Read)
	h.SetWrite(d == Write)
	h.SetExpectedDataTransferLength(uint32(edtl))
	copy(h.CDB()[:], cdb)
	return h
}

// CDBs of commands that cases use. Lengths are in bytes, addresses and counts in blocks.
func TestUnitReady() []byte { return make([]byte, 6) }

// Inquiry returns an INQUIRY CDB for the standard data.
func Inquiry(length int) []byte { return []byte{0x12, 0, 0, byte(length >> 8), byte(length), 0} }

// ReadCapacity returns a READ CAPACITY(10) CDB, whose data has 8 bytes.
func ReadCapacity() []byte { return append([]byte{0x25}, make([]byte, 9)...) }

// ReportLUNs returns a REPORT LUNS CDB.
func ReportLUNs(length int) []byte {
	return binary.BigEndian.AppendUint32([]byte{0xa0, 0, 0, 0, 0, 0}, uint32(length))[:12:12]
}

// Read10 returns a READ(10) CDB.
func Read10(lba, blocks int) []byte { return rawclient.RW10(false, uint32(lba), uint16(blocks)) }

// Reply is how a command ended.
type Reply struct {
	Response *pdu.SCSIResponse // nil: the status came in the last Data-In
	Status   byte
	Sense    []byte
	Data     []byte // Data-In, in the order of its arrival
	DataIn   []*PDU
	R2Ts     []*PDU
}

// String says how it ended, for messages.
func (r *Reply) String() string {
	if k, asc, ascq, ok := proto.SenseCode(r.Sense); ok {
		return fmt.Sprintf("status 0x%02x, sense %X/%02X/%02X", r.Status, k, asc, ascq)
	}
	if r.Response != nil && r.Response.Response() != pdu.ServiceResponseCompleted {
		return fmt.Sprintf("response 0x%02x", byte(r.Response.Response()))
	}
	return fmt.Sprintf("status 0x%02x", r.Status)
}

// Good reports whether the command ended with GOOD status.
func (r *Reply) Good() bool {
	return r.Status == 0 && (r.Response == nil || r.Response.Response() == pdu.ServiceResponseCompleted)
}

// Do sends a command that moves no data or reads, and returns how it ended.
func (c *Conn) Do(cdb []byte, edtl int) *Reply {
	d := Read
	if edtl == 0 {
		d = NoData
	}
	h := c.Command(cdb, d, edtl)
	c.Send(h.BHS(), nil)
	return c.Finish(h.ITT(), nil)
}

// DoWrite sends a command with data: as much of it at once as was negotiated, in its own PDU, and the rest as R2Ts ask for it.
func (c *Conn) DoWrite(cdb, data []byte) *Reply {
	p := c.Session.Params
	h := c.Command(cdb, Write, len(data))
	now := 0
	if p.Yes("ImmediateData") {
		now = min(len(data), p.Number("FirstBurstLength"), p.Number("MaxRecvDataSegmentLength"))
	}
	c.Send(h.BHS(), data[:now])
	return c.Finish(h.ITT(), data)
}

// Finish takes what comes up to the end of a command, and answers R2Ts with data. A PDU of another task fails the case.
func (c *Conn) Finish(itt uint32, data []byte) *Reply {
	r := new(Reply)
	const due = "the end of the command"
	for {
		p := c.Recv(due)
		if p.ITT() != itt {
			c.t.Fail(fmt.Sprintf("%s with ITT 0x%08x", due, itt), "%v", p)
		}
		switch p.Opcode() {
		case pdu.OpDataIn:
			r.Data, r.DataIn = append(r.Data, p.Data...), append(r.DataIn, p)
			if p.DataIn().StatusPresent() {
				r.Status = p.DataIn().Status()
				return r
			}
		case pdu.OpR2T:
			r.R2Ts = append(r.R2Ts, p)
			c.Solicited(p, data)
		case pdu.OpSCSIResponse:
			r.Response, r.Status = p.Response(), p.Response().Status()
			if n := len(p.Data); n >= 2 {
				r.Sense = p.Data[2:min(n, 2+int(binary.BigEndian.Uint16(p.Data)))]
			}
			return r
		default:
			c.t.Fail(due, "%v", p)
		}
	}
}

// Solicited answers an R2T from the whole data of its command, in PDUs as long as the target takes.
func (c *Conn) Solicited(r2t *PDU, data []byte) {
	r := r2t.R2T()
	from, length := int64(r.BufferOffset()), int64(r.DesiredDataTransferLength())
	c.t.Want(length > 0 && from+length <= int64(len(data)), fmt.Sprintf("an R2T within the %d bytes of the command (RFC 7143, 11.8.4)", len(data)),
		"one for %d bytes at %d", length, from)
	most := max(512, c.Session.Params.Number("MaxRecvDataSegmentLength"))
	for at, sn := 0, uint32(0); at < int(length); sn++ {
		n := min(most, int(length)-at)
		h := c.DataOut(r2t.ITT(), r.TTT(), sn, int(from)+at, at+n == int(length))
		c.Send(h.BHS(), data[int(from)+at:int(from)+at+n])
		at += n
	}
}

// DataOut returns the header of a Data-Out PDU.
func (c *Conn) DataOut(itt, ttt, dataSN uint32, offset int, final bool) *pdu.DataOut {
	n := rawclient.Numbers{ExpStatSN: c.ExpStatSN}
	h := (*pdu.DataOut)(n.DataOut(0, itt, ttt, dataSN, offset, final))
	h.SetLUN(c.t.Target.LUN)
	return h
}

// Ready is LogIn, and takes the unit attentions of the new session (SAM-5, 5.14).
func (t *T) Ready(keys ...string) *Conn {
	c := t.LogIn(keys...)
	for range attentions {
		if r := c.Do(TestUnitReady(), 0); r.Good() {
			return c
		} else if k, _, _, _ := proto.SenseCode(r.Sense); k != 6 && k != 2 { // UNIT ATTENTION, NOT READY
			t.broken("TEST UNIT READY: %v", r)
		}
	}
	t.broken("TEST UNIT READY does not succeed in %d attempts", attentions)
	return nil
}

// Ping sends an immediate NOP-Out and expects its echo, next and unchanged: all that was sent before has been answered by then, or
// is not answered. due says what else would be wrong.
func (c *Conn) Ping(due string) {
	const echo = "ringtgt conform"
	h := c.New(pdu.OpNOPOut, true)
	c.Send(h, []byte(echo))
	p := c.Recv(due)
	c.t.Want(p.Opcode() == pdu.OpNOPIn && p.ITT() == h.ITT(), due, "%v instead of the answer to a ping", p)
	c.t.Want(string(p.Data) == echo, "the ping's data as it was sent (RFC 7143, 11.19)", "%q", p.Data)
}
