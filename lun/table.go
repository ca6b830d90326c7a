package lun

// command is one row of the command table: the properties of an operation code that the device server needs before it runs a
// command. Each table is next to the code that it refers to (mediaCommands, inquiryCommands ...); init joins them.
type command struct {
	op    byte
	sa    int16 // service action in CDB byte 1 bits 4..0, or noSA
	name  string
	usage [16]byte // CDB usage data of REPORT SUPPORTED OPERATION CODES (SPC-4 6.35.3); bits that are evaluated are 1
	class access   // whether another nexus's reservation allows it (SPC-4 5.13, table "commands allowed")
	flags commandFlags
	// plan returns how many bytes of data-out and data-in the CDB asks to transfer, from the CDB and the unit's block size alone.
	// It runs before the checks for unit attentions and reservations and must not depend on them. u is nil for a withoutUnit
	// command sent to a LUN that does not exist. If plan is nil the command transfers no data.
	plan planFunc
	// run carries out the command and ends in t.good, t.check ..., now or later on the same loop.
	run func(t *Task)
}

type planFunc func(u *Unit, cdb *[16]byte) (out, in int64)

const noSA = -1

type commandFlags uint16

const (
	needsMedium    commandFlags = 1 << iota // NOT READY 3A/02 when ejected
	writesMedium                            // DATA PROTECT 27/00 on a read-only unit
	gated                                   // counts as media access: held back while COMPARE AND WRITE or an ORDERED task runs
	exclusive                               // runs alone: a read-modify-write command (implies gated)
	ignoresUA                               // INQUIRY, REPORT LUNS, REQUEST SENSE (SAM-5 5.14)
	withoutUnit                             // answered even if the LUN does not exist
	duringSanitize                          // answered while a sanitize operation runs or has failed (SBC-3 4.11)
	mappedIn                                // data-in may be in a Mapped backend's memory: Plan asks for no buffer then
	alwaysOffered                           // reported by REPORT SUPPORTED OPERATION CODES for every kind of unit
	thinOnly                                // exists on thin provisioned units
	removableOnly                           // exists on removable units
	sanitizes                               // SANITIZE: carried out on a unit where one has failed
	atomicOnly                              // exists if the backend writes atomically
)

// access classes of SPC-4 table "SPC commands that are allowed in the presence of various reservations".
type access uint8

const (
	accessAllowed access = iota // never conflicts
	accessRead                  // conflicts with exclusive access types
	accessWrite                 // conflicts with write exclusive and exclusive access types
	accessReserve               // PERSISTENT RESERVE OUT, RESERVE, RELEASE: decided by the command itself
)

// opRow holds the rows of one operation code: one without service action, or one for each service action.
type opRow struct {
	plain  *command
	action *[32]*command
}

// opTable and commands are the command table, by operation code and in order. They are set once, before main.
var (
	opTable  [256]opRow
	commands []*command
)

func init() {
	for _, part := range [][]command{
		primaryCommands, inquiryCommands, modeCommands, capacityCommands, mediaCommands, verifyCommands, syncCommands,
		readModifyWriteCommands, provisioningCommands, atomicCommands, startStopCommands, sanitizeCommands,
		copyCommands, persistCommands, reserveCommands, opcodeCommands, logCommands, tpgCommands, defectCommands,
	} {
		for i := range part {
			c := &part[i]
			row := &opTable[c.op]
			slot := &row.plain
			if c.sa != noSA {
				if row.action == nil {
					row.action = new([32]*command)
				}
				slot = &row.action[c.sa]
			}
			if *slot != nil {
				panic("lun: two rows for command " + c.name)
			}
			*slot = c
			commands = append(commands, c)
		}
	}
}

// find returns the row of cdb, nil if the operation code is unknown. badAction is set if the operation code is known but its
// service action is not.
func find(cdb *[16]byte) (c *command, badAction bool) {
	row := &opTable[cdb[0]]
	if row.action == nil {
		return row.plain, false
	}
	c = row.action[cdb[1]&0x1F]
	return c, c == nil
}

// offered reports whether u has command c.
func (u *Unit) offered(c *command) bool {
	if c.flags&thinOnly != 0 && !u.thin() {
		return false
	}
	if c.flags&removableOnly != 0 && !u.cfg.Removable {
		return false
	}
	if c.flags&atomicOnly != 0 && u.atomicBlocks() == 0 {
		return false
	}
	return true
}
