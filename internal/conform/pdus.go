package conform

import (
	"fmt"

	"github.com/ringtgt/ringtgt/pdu"
)

// PDU is one that came from the target.
type PDU struct {
	pdu.BHS
	Data []byte
	Pad  []byte // what pads it to whole words
}

// Views of the header. Each is right for its opcode only.
func (p *PDU) Login() *pdu.LoginResponse        { return (*pdu.LoginResponse)(&p.BHS) }
func (p *PDU) NOPIn() *pdu.NOPIn                { return (*pdu.NOPIn)(&p.BHS) }
func (p *PDU) Response() *pdu.SCSIResponse      { return (*pdu.SCSIResponse)(&p.BHS) }
func (p *PDU) DataIn() *pdu.DataIn              { return (*pdu.DataIn)(&p.BHS) }
func (p *PDU) R2T() *pdu.R2T                    { return (*pdu.R2T)(&p.BHS) }
func (p *PDU) Text() *pdu.TextResponse          { return (*pdu.TextResponse)(&p.BHS) }
func (p *PDU) TMF() *pdu.TaskManagementResponse { return (*pdu.TaskManagementResponse)(&p.BHS) }
func (p *PDU) Logout() *pdu.LogoutResponse      { return (*pdu.LogoutResponse)(&p.BHS) }
func (p *PDU) Async() *pdu.AsyncMessage         { return (*pdu.AsyncMessage)(&p.BHS) }
func (p *PDU) Reject() *pdu.Reject              { return (*pdu.Reject)(&p.BHS) }

// StatSN, ExpCmdSN and MaxCmdSN are at the same place in all PDUs of a target.
func (p *PDU) StatSN() uint32   { return p.Login().StatSN() }
func (p *PDU) ExpCmdSN() uint32 { return p.Login().ExpCmdSN() }
func (p *PDU) MaxCmdSN() uint32 { return p.Login().MaxCmdSN() }

// Keys returns the text of the data segment as pairs.
func (p *PDU) Keys() ([]pdu.KeyValue, error) { return pdu.ParseText(p.Data, maxKeys) }

// String says what the PDU is, for messages.
func (p *PDU) String() string {
	switch op := p.Opcode(); op {
	case pdu.OpLoginResponse:
		return fmt.Sprintf("a Login Response with status 0x%04x", uint16(p.Login().Status()))
	case pdu.OpReject:
		return fmt.Sprintf("a Reject with reason 0x%02x", byte(p.Reject().Reason()))
	case pdu.OpSCSIResponse:
		r := p.Response()
		return fmt.Sprintf("a SCSI Response with response 0x%02x, status 0x%02x, ITT 0x%08x", byte(r.Response()), r.Status(), p.ITT())
	case pdu.OpTaskManagementResponse:
		return fmt.Sprintf("a Task Management Function Response with response %d", p.TMF().Response())
	case pdu.OpLogoutResponse:
		return fmt.Sprintf("a Logout Response with response %d", p.Logout().Response())
	case pdu.OpAsyncMessage:
		return fmt.Sprintf("an Asynchronous Message with event %d", p.Async().AsyncEvent())
	default:
		return fmt.Sprintf("a %v with ITT 0x%08x", op, p.ITT())
	}
}
