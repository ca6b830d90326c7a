package decode

import (
	"encoding/hex"
	"fmt"

	"github.com/ringtgt/ringtgt/pdu"
)

// spec is a field of a header: size bytes at a place, or some bits of one byte.
type spec struct {
	name     string
	at, size int
	mask     byte // of one byte; 0: all
	show     func(v uint64) string
}

// get returns the field as a number, 0 if it has more than eight bytes.
func (s spec) get(h *pdu.BHS) (v uint64) {
	if s.size > 8 {
		return 0
	}
	if s.mask != 0 {
		v, m := h[s.at]&s.mask, s.mask
		for ; m&1 == 0; m >>= 1 {
			v >>= 1
		}
		return uint64(v)
	}
	for _, b := range h[s.at : s.at+s.size] {
		v = v<<8 | uint64(b)
	}
	return v
}

// value returns the field as it is shown.
func (s spec) value(h *pdu.BHS) string {
	switch {
	case s.size > 8:
		return hex.EncodeToString(h[s.at : s.at+s.size])
	case s.show != nil:
		return s.show(s.get(h))
	}
	return decimal(s.get(h))
}

// clear takes the field out of a header.
func (s spec) clear(h *pdu.BHS) {
	if s.mask != 0 {
		h[s.at] &^= s.mask
		return
	}
	clear(h[s.at : s.at+s.size])
}

func bits(name string, at int, mask byte, show ...func(uint64) string) spec {
	s := spec{name: name, at: at, size: 1, mask: mask}
	if len(show) > 0 {
		s.show = show[0]
	}
	return s
}

func number(name string, at, size int, show ...func(uint64) string) spec {
	s := spec{name: name, at: at, size: size}
	if len(show) > 0 {
		s.show = show[0]
	}
	return s
}

func hex8(v uint64) string  { return fmt.Sprintf("0x%02x", v) }
func hex16(v uint64) string { return fmt.Sprintf("0x%04x", v) }
func hex32(v uint64) string { return fmt.Sprintf("0x%08x", v) }
func hex64(v uint64) string { return fmt.Sprintf("0x%016x", v) }

// named shows a number with its name.
func named(names map[uint64]string, plain func(uint64) string) func(uint64) string {
	return func(v uint64) string {
		if n := names[v]; n != "" {
			return plain(v) + " (" + n + ")"
		}
		return plain(v)
	}
}

// common are the fields of all headers (RFC 7143, 11.2.1).
func common(op pdu.Opcode) []spec {
	all := []spec{bits("Opcode", 0, 0x3f, hex8)}
	if !op.FromTarget() && op != pdu.OpDataOut && op != pdu.OpSNACKRequest {
		all = append(all, bits("I", 0, 0x40))
	}
	return append(all, number("TotalAHSLength", 4, 1), number("DataSegmentLength", 5, 3))
}

// Fields that several headers have at the same place.
var (
	final     = bits("F", 1, 0x80)
	one       = bits("F", 1, 0x80) // a constant
	lun       = number("LUN", 8, 8, hex64)
	itt       = number("Initiator Task Tag", 16, 4, hex32)
	ttt       = number("Target Transfer Tag", 20, 4, hex32)
	cmdSN     = number("CmdSN", 24, 4)
	expStatSN = number("ExpStatSN", 28, 4)
	statSN    = number("StatSN", 24, 4)
	expCmdSN  = number("ExpCmdSN", 28, 4)
	maxCmdSN  = number("MaxCmdSN", 32, 4)
	dataSN    = number("DataSN", 36, 4)
	offset    = number("Buffer Offset", 40, 4)
)

// layouts have the fields of each PDU after the common ones, in the order of the header (RFC 7143, 11.3 to 11.19).
var layouts = map[pdu.Opcode][]spec{
	pdu.OpNOPOut: {one, lun, itt, ttt, cmdSN, expStatSN},
	pdu.OpSCSICommand: {
		final, bits("R", 1, 0x40), bits("W", 1, 0x20), bits("ATTR", 1, 0x07, named(attributes, decimal)), bits("PRI", 2, 0x0f), lun, itt,
		number("Expected Data Transfer Length", 20, 4), cmdSN, expStatSN, number("CDB", 32, 16),
	},
	pdu.OpTaskManagementRequest: {
		one, bits("Function", 1, 0x7f, named(functions, decimal)), lun, itt, number("Referenced Task Tag", 20, 4, hex32), cmdSN, expStatSN,
		number("RefCmdSN", 32, 4), number("ExpDataSN", 36, 4),
	},
	pdu.OpLoginRequest: {
		bits("T", 1, 0x80), bits("C", 1, 0x40), bits("CSG", 1, 0x0c, named(stages, decimal)), bits("NSG", 1, 0x03, named(stages, decimal)),
		number("Version-max", 2, 1), number("Version-min", 3, 1), number("ISID", 8, 6, isid), number("TSIH", 14, 2), itt,
		number("CID", 20, 2), cmdSN, expStatSN,
	},
	pdu.OpTextRequest: {final, bits("C", 1, 0x40), lun, itt, ttt, cmdSN, expStatSN},
	pdu.OpDataOut:     {final, lun, itt, ttt, expStatSN, dataSN, offset},
	pdu.OpLogoutRequest: {
		one, bits("Reason Code", 1, 0x7f, named(logoutReasons, decimal)), itt, number("CID", 20, 2), cmdSN, expStatSN,
	},
	pdu.OpSNACKRequest: {
		one, bits("Type", 1, 0x0f, named(snacks, decimal)), lun, itt, number("Target Transfer Tag or SNACK Tag", 20, 4, hex32), expStatSN,
		number("BegRun", 40, 4), number("RunLength", 44, 4),
	},
	pdu.OpNOPIn: {one, lun, itt, ttt, statSN, expCmdSN, maxCmdSN},
	pdu.OpSCSIResponse: {
		one, bits("o", 1, 0x10), bits("u", 1, 0x08), bits("O", 1, 0x04), bits("U", 1, 0x02), number("Response", 2, 1, named(services, hex8)),
		number("Status", 3, 1, named(statuses, hex8)), number("Status Qualifier", 8, 2, hex16), itt, number("SNACK Tag", 20, 4, hex32), statSN, expCmdSN, maxCmdSN,
		number("ExpDataSN", 36, 4), number("Bidirectional Read Residual Count", 40, 4), number("Residual Count", 44, 4),
	},
	pdu.OpTaskManagementResponse: {
		one, number("Response", 2, 1, named(taskResponses, decimal)), number("Additional Response Information", 8, 3), itt, statSN, expCmdSN, maxCmdSN,
	},
	pdu.OpLoginResponse: {
		bits("T", 1, 0x80), bits("C", 1, 0x40), bits("CSG", 1, 0x0c, named(stages, decimal)), bits("NSG", 1, 0x03, named(stages, decimal)),
		number("Version-max", 2, 1), number("Version-active", 3, 1), number("ISID", 8, 6, isid), number("TSIH", 14, 2), itt,
		statSN, expCmdSN, maxCmdSN, number("Status", 36, 2, named(loginStatuses, hex16)),
	},
	pdu.OpTextResponse: {final, bits("C", 1, 0x40), lun, itt, ttt, statSN, expCmdSN, maxCmdSN},
	pdu.OpDataIn: {
		final, bits("A", 1, 0x40), bits("O", 1, 0x04), bits("U", 1, 0x02), bits("S", 1, 0x01), number("Status", 3, 1, named(statuses, hex8)), lun, itt, ttt,
		statSN, expCmdSN, maxCmdSN, dataSN, offset, number("Residual Count", 44, 4),
	},
	pdu.OpLogoutResponse: {
		one, number("Response", 2, 1, named(logoutResponses, decimal)), itt, statSN, expCmdSN, maxCmdSN, number("Time2Wait", 40, 2), number("Time2Retain", 42, 2),
	},
	pdu.OpR2T: {one, lun, itt, ttt, statSN, expCmdSN, maxCmdSN, number("R2TSN", 36, 4), offset, number("Desired Data Transfer Length", 44, 4)},
	pdu.OpAsyncMessage: {
		one, lun, itt, statSN, expCmdSN, maxCmdSN, number("AsyncEvent", 36, 1, named(events, decimal)), number("AsyncVCode", 37, 1),
		number("Parameter1", 38, 2), number("Parameter2", 40, 2), number("Parameter3", 42, 2),
	},
	pdu.OpReject: {one, number("Reason", 2, 1, named(rejects, hex8)), itt, statSN, expCmdSN, maxCmdSN, number("DataSN/R2TSN", 36, 4)},
}
