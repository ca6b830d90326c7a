package rawclient

import (
	"encoding/binary"

	"github.com/ringtgt/ringtgt/pdu"
)

// Digests are those of a connection.
type Digests struct{ Header, Data bool }

// Append appends a PDU to b: the header with the lengths of its segments, ahs, data, padding and digests (RFC 7143, 11.2).
func (d Digests) Append(b []byte, h *pdu.BHS, data []byte, ahs ...byte) []byte {
	h.SetDataLen(len(data))
	h.SetAHSLen(len(ahs))
	at := len(b)
	b = append(append(b, h[:]...), ahs...)
	if d.Header {
		b = pdu.AppendDigest(b, pdu.Digest(0, b[at:]))
	}
	if len(data) == 0 {
		return b
	}
	at = len(b)
	b = append(append(b, data...), make([]byte, pdu.Pad(len(data)))...)
	if d.Data {
		b = pdu.AppendDigest(b, pdu.Digest(0, b[at:]))
	}
	return b
}

// Append appends a PDU without digests to b.
func Append(b []byte, h *pdu.BHS, data []byte) []byte { return Digests{}.Append(b, h, data) }

// Text encodes keys and values, which alternate.
func Text(pairs ...string) (text []byte) {
	for i := 0; i < len(pairs); i += 2 {
		text = pdu.AppendText(text, pairs[i], pairs[i+1])
	}
	return text
}

// Login describes a Login Request (RFC 7143, 11.12).
type Login struct {
	CSG, NSG          pdu.Stage
	Transit, Continue bool
	ISID              [6]byte
	TSIH, CID         uint16
	ITT               uint32
	CmdSN, ExpStatSN  uint32
}

// OneRequest asks for full feature phase in the first request of a login, from the operational stage.
func OneRequest(isid [6]byte) Login {
	return Login{CSG: pdu.StageLoginOperationalNegotiation, NSG: pdu.StageFullFeaturePhase, Transit: true, ISID: isid, CmdSN: 1}
}

// Header returns the request's header.
func (l Login) Header() *pdu.BHS {
	h := Request(pdu.OpLoginRequest, l.ITT, l.CmdSN, l.ExpStatSN)
	q := (*pdu.LoginRequest)(h)
	q.SetImmediate(true)
	q.SetTransit(l.Transit)
	q.SetContinue(l.Continue)
	q.SetCSG(l.CSG)
	q.SetNSG(l.NSG)
	q.SetISID(l.ISID)
	q.SetTSIH(l.TSIH)
	q.SetCID(l.CID)
	return h
}

// Request returns the header of a request with the fields that are at the same place in all of them.
func Request(op pdu.Opcode, itt, cmdSN, expStatSN uint32) *pdu.BHS {
	h := new(pdu.BHS)
	fill(h, op, itt, cmdSN, expStatSN)
	return h
}

// fill is apart from Request, like the fill methods below, so that the compiler inlines what allocates: a benchmark's headers stay
// on its stack.
func fill(h *pdu.BHS, op pdu.Opcode, itt, cmdSN, expStatSN uint32) {
	h.Init(op)
	h.SetITT(itt)
	q := (*pdu.SCSICommand)(h)
	q.SetCmdSN(cmdSN)
	q.SetExpStatSN(expStatSN)
}

// Numbers are what a connection's requests carry.
type Numbers struct {
	ITT       uint32 // of the last request
	CmdSN     uint32 // of the next request that is not immediate
	ExpStatSN uint32
}

// Next returns the header of the next request, with the F bit. An immediate request uses up no CmdSN (RFC 7143, 4.2.2.1). The
// tag of a transfer or of a referenced task is reserved until the test sets it.
func (n *Numbers) Next(op pdu.Opcode, immediate bool) *pdu.BHS {
	h := new(pdu.BHS)
	n.fillNext(h, op, immediate)
	return h
}

func (n *Numbers) fillNext(h *pdu.BHS, op pdu.Opcode, immediate bool) {
	n.ITT++
	fill(h, op, n.ITT, n.CmdSN, n.ExpStatSN)
	h.SetFinal(true)
	if h.SetImmediate(immediate); !immediate {
		n.CmdSN++
	}
	switch op {
	case pdu.OpNOPOut, pdu.OpTextRequest, pdu.OpTaskManagementRequest: // at the same place in all three
		(*pdu.NOPOut)(h).SetTTT(pdu.ReservedTag)
	}
}

// Command returns the header of a SIMPLE command that reads or writes edtl bytes.
func (n *Numbers) Command(lun byte, cdb []byte, edtl int, write bool) *pdu.BHS {
	h := new(pdu.BHS)
	n.fillCommand(h, lun, cdb, edtl, write)
	return h
}

func (n *Numbers) fillCommand(h *pdu.BHS, lun byte, cdb []byte, edtl int, write bool) {
	n.fillNext(h, pdu.OpSCSICommand, false)
	h.SetLUN(uint64(lun) << 48)
	c := (*pdu.SCSICommand)(h)
	c.SetAttr(pdu.TaskAttrSimple)
	c.SetRead(!write && edtl > 0)
	c.SetWrite(write)
	c.SetExpectedDataTransferLength(uint32(edtl))
	copy(c.CDB()[:], cdb)
}

// Manage returns the header of a Task Management Request that references no task.
func (n *Numbers) Manage(f pdu.TaskFunction, lun byte, immediate bool) *pdu.TaskManagementRequest {
	q := (*pdu.TaskManagementRequest)(n.Next(pdu.OpTaskManagementRequest, immediate))
	q.SetFunction(f)
	q.SetLUN(uint64(lun) << 48)
	return q
}

// DataOut returns the header of a Data-Out PDU (RFC 7143, 11.7).
func (n *Numbers) DataOut(lun byte, itt, ttt, dataSN uint32, offset int, final bool) *pdu.BHS {
	h := new(pdu.BHS)
	h.Init(pdu.OpDataOut)
	h.SetLUN(uint64(lun) << 48)
	h.SetITT(itt)
	d := (*pdu.DataOut)(h)
	d.SetFinal(final)
	d.SetTTT(ttt)
	d.SetDataSN(dataSN)
	d.SetBufferOffset(uint32(offset))
	d.SetExpStatSN(n.ExpStatSN)
	return h
}

// RW10 returns the CDB of a READ(10) or WRITE(10).
func RW10(write bool, lba uint32, blocks uint16) []byte {
	cdb := make([]byte, 10)
	cdb[0] = 0x28
	if write {
		cdb[0] = 0x2a
	}
	binary.BigEndian.PutUint32(cdb[2:], lba)
	binary.BigEndian.PutUint16(cdb[7:], blocks)
	return cdb
}
