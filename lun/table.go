package lun

// command is one row of the command table: everything the device server knows of an operation code before it runs it.
// The tables stand beside the code they name (mediaCommands, inquiryCommands ...) and commandTable joins them.
type command struct {
	op    byte
	sa    int16 // service action in CDB byte 1 bits 4..0, or noSA
	name  string
	usage [16]byte // CDB usage data of REPORT SUPPORTED OPERATION CODES (SPC-4 6.29.3); bits that are evaluated are 1
	class access   // what a reservation of somebody else does to it (SPC-4 5.13, table "commands allowed")
	flags commandFlags
	// plan says how many bytes of data-out and data-in the CDB asks to move, from the CDB and the unit's block size alone.
	// It runs before unit attentions and reservations are looked at and must not depend on them. nil: none.
	plan func(u *Unit, cdb *[16]byte) (out, in int64)
	// run carries the command out and ends in t.good, t.check ..., now or later on the same loop.
	run func(t *Task)
}

const noSA = -1

type commandFlags uint16

const (
	needsMedium commandFlags = 1 << iota // NOT READY 3A/02 when ejected
	writesMedium                         // DATA PROTECT 27/00 on a read-only unit
	gated                                // counts as media access: held back while COMPARE AND WRITE or an ORDERED task runs
	ignoresUA                            // INQUIRY, REPORT LUNS, REQUEST SENSE (SPC-4 5.14, SAM-5 5.14)
	withoutUnit                          // answered for a LUN that is not there
)

// access classes of SPC-4 table "SPC commands that are allowed in the presence of various reservations".
type access uint8

const (
	accessAllowed access = iota // never conflicts
	accessRead                  // conflicts with exclusive access types
	accessWrite                 // conflicts with write exclusive and exclusive access types
	accessReserve               // PERSISTENT RESERVE OUT, RESERVE, RELEASE: decided by the command itself
)
