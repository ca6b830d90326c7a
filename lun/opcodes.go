package lun

import "encoding/binary"

var opcodeCommands = []command{
	{op: 0xA3, sa: 0x0C, name: "REPORT SUPPORTED OPERATION CODES", class: accessRead, flags: duringSanitize, plan: planIn32(6),
		run:   reportSupportedOpcodes,
		usage: [16]byte{0: 0xA3, 1: 0x0C, 2: 0x87, 3: 0xFF, 4: 0xFF, 5: 0xFF, 6: 0xFF, 7: 0xFF, 8: 0xFF, 9: 0xFF, 11: 0x04}},
	{op: 0xA3, sa: 0x0D, name: "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", class: accessRead, flags: duringSanitize, plan: planIn32(6),
		run:   reportSupportedFunctions,
		usage: [16]byte{0: 0xA3, 1: 0x0D, 2: 0x80, 6: 0xFF, 7: 0xFF, 8: 0xFF, 9: 0xFF, 11: 0x04}},
}

// cdbLength is the number of bytes of a CDB, by the operation code's group (SPC-4 4.2.5.1).
func cdbLength(op byte) int {
	switch op >> 5 {
	case 0:
		return 6
	case 1, 2:
		return 10
	case 5:
		return 12
	}
	return 16
}

// usageData returns the CDB USAGE DATA of c (SPC-4 6.35.3): its operation code, the service action in its field, and ones
// where the CDB is evaluated.
func (c *command) usageData() []byte {
	u := c.usage
	u[0] = c.op
	if c.sa != noSA {
		u[1] = u[1]&^0x1F | byte(c.sa)
	}
	return u[:cdbLength(c.op)]
}

// Recommended command timeouts in seconds (SPC-4 6.35.4). The duration of a command depends on the medium, and a command
// can always be aborted, so these are the timeouts that initiators use anyway.
const (
	timeoutUsual = 30
	timeoutMedia = 60
)

func appendTimeouts(dst []byte, c *command) []byte {
	seconds := uint32(timeoutUsual)
	if c.flags&(gated|exclusive|writesMedium) != 0 {
		seconds = timeoutMedia
	}
	dst = append(dst, 0, 10, 0, 0)                     // DESCRIPTOR LENGTH, reserved, COMMAND SPECIFIC
	dst = append(dst, 0, 0, 0, 0)                      // NOMINAL COMMAND PROCESSING TIMEOUT: none indicated
	return binary.BigEndian.AppendUint32(dst, seconds) // RECOMMENDED COMMAND TIMEOUT
}

// reportSupportedOpcodes: SPC-4 6.35, with reporting option 011b of SPC-5.
func reportSupportedOpcodes(t *Task) {
	var (
		timeouts = t.CDB[2]&0x80 != 0 // RCTD
		op       = t.CDB[3]
		sa       = cdb16(&t.CDB, 4)
		row      = &opTable[op]
		data     []byte
	)
	switch t.CDB[2] & 0x07 { // REPORTING OPTIONS
	case 0:
		data = t.unit.allCommands(timeouts)
	case 1: // an operation code without service actions
		if row.action != nil {
			t.checkField(2, 2)
			return
		}
		data = t.unit.oneCommand(row.plain, timeouts)
	case 2: // an operation code with service actions
		if row.plain != nil && t.unit.offered(row.plain) {
			t.checkField(2, 2)
			return
		}
		data = t.unit.oneCommand(row.serviceAction(sa), timeouts)
	case 3: // either; without service actions the service action must be zero
		c := row.serviceAction(sa)
		if row.action == nil && sa == 0 {
			c = row.plain
		}
		data = t.unit.oneCommand(c, timeouts)
	default:
		t.checkField(2, 2)
		return
	}
	t.reply(data, int(min(cdb32(&t.CDB, 6), MaxParam)))
}

// serviceAction is the command of a service action, nil when there is none.
func (r *opRow) serviceAction(sa uint16) *command {
	if r.action == nil || int(sa) >= len(r.action) {
		return nil
	}
	return r.action[sa]
}

// allCommands is the all_commands parameter data (SPC-4 6.35.2).
func (u *Unit) allCommands(timeouts bool) []byte {
	data := make([]byte, 4)
	for _, c := range commands {
		if !u.offered(c) {
			continue
		}
		var flags byte
		var sa uint16
		if c.sa != noSA {
			flags |= 0x01 // SERVACTV
			sa = uint16(c.sa)
		}
		if timeouts {
			flags |= 0x02 // CTDP
		}
		data = append(data, c.op, 0, byte(sa>>8), byte(sa), 0, flags)
		data = binary.BigEndian.AppendUint16(data, uint16(cdbLength(c.op)))
		if timeouts {
			data = appendTimeouts(data, c)
		}
	}
	binary.BigEndian.PutUint32(data, uint32(len(data)-4))
	return data
}

// oneCommand is the one_command parameter data (SPC-4 6.35.3); c is nil for a command that does not exist.
func (u *Unit) oneCommand(c *command, timeouts bool) []byte {
	if c == nil || !u.offered(c) {
		return []byte{0, 0x01, 0, 0} // SUPPORT 001b
	}
	usage := c.usageData()
	data := []byte{0, 0x03, 0, byte(len(usage))} // SUPPORT 011b: in conformance with a standard
	data = append(data, usage...)
	if timeouts {
		data[1] |= 0x80 // CTDP
		data = appendTimeouts(data, c)
	}
	return data
}

// reportSupportedFunctions: SPC-4 6.36. CLEAR ACA is not among them: there is no ACA (NORMACA is zero). QUERY TASK, QUERY
// TASK SET, QUERY ASYNCHRONOUS EVENT and I_T NEXUS RESET are RFC 7144's.
func reportSupportedFunctions(t *Task) {
	alloc := cdb32(&t.CDB, 6)
	if alloc < 4 {
		t.checkField(6, -1)
		return
	}
	data := []byte{
		0x80 | 0x40 | 0x10 | 0x08 | 0x04, // ATS, ATSS, CTSS, LURS, QTS
		0x04 | 0x02 | 0x01,               // QAES, QTSS, ITNRS
		0, 0,
	}
	if t.CDB[2]&0x80 != 0 { // REPD: the extended form, with TMFTMOV zero: no timeouts are recommended
		data[3] = 12
		data = append(data, make([]byte, 12)...)
	}
	t.reply(data, int(min(alloc, MaxParam)))
}
