package pdu

// Opcode names a PDU type: the low six bits of the first header byte
// (RFC 7143, 11.2.1.2).
type Opcode byte

// Opcodes of PDUs that an initiator sends.
const (
	OpNOPOut                Opcode = 0x00
	OpSCSICommand           Opcode = 0x01
	OpTaskManagementRequest Opcode = 0x02
	OpLoginRequest          Opcode = 0x03
	OpTextRequest           Opcode = 0x04
	OpDataOut               Opcode = 0x05
	OpLogoutRequest         Opcode = 0x06
	OpSNACKRequest          Opcode = 0x10
)

// Opcodes of PDUs that a target sends.
const (
	OpNOPIn                  Opcode = 0x20
	OpSCSIResponse           Opcode = 0x21
	OpTaskManagementResponse Opcode = 0x22
	OpLoginResponse          Opcode = 0x23
	OpTextResponse           Opcode = 0x24
	OpDataIn                 Opcode = 0x25
	OpLogoutResponse         Opcode = 0x26
	OpR2T                    Opcode = 0x31
	OpAsyncMessage           Opcode = 0x32
	OpReject                 Opcode = 0x3f
)

// FromTarget reports whether the opcode is in the target's half of the opcode
// space, 0x20 to 0x3f (RFC 7143, 11.2.1.2).
func (op Opcode) FromTarget() bool { return op&0x20 != 0 }

// String returns the RFC's name of the PDU.
func (op Opcode) String() string {
	switch op {
	case OpNOPOut:
		return "NOP-Out"
	case OpSCSICommand:
		return "SCSI Command"
	case OpTaskManagementRequest:
		return "Task Management Function Request"
	case OpLoginRequest:
		return "Login Request"
	case OpTextRequest:
		return "Text Request"
	case OpDataOut:
		return "SCSI Data-Out"
	case OpLogoutRequest:
		return "Logout Request"
	case OpSNACKRequest:
		return "SNACK Request"
	case OpNOPIn:
		return "NOP-In"
	case OpSCSIResponse:
		return "SCSI Response"
	case OpTaskManagementResponse:
		return "Task Management Function Response"
	case OpLoginResponse:
		return "Login Response"
	case OpTextResponse:
		return "Text Response"
	case OpDataIn:
		return "SCSI Data-In"
	case OpLogoutResponse:
		return "Logout Response"
	case OpR2T:
		return "R2T"
	case OpAsyncMessage:
		return "Asynchronous Message"
	case OpReject:
		return "Reject"
	}
	return hexName("opcode", byte(op))
}

// hexName formats a value that is in no table: "opcode 0x1c".
func hexName(what string, v byte) string {
	const digits = "0123456789abcdef"
	return what + " 0x" + string([]byte{digits[v>>4], digits[v&15]})
}
