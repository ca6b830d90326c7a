package lun

// Attr is a SCSI task attribute (SAM-5 8.9), in the iSCSI encoding (RFC 7143 11.3.1).
type Attr uint8

const (
	AttrUntagged Attr = 0
	AttrSimple   Attr = 1
	AttrOrdered  Attr = 2
	AttrHead     Attr = 3
	AttrACA      Attr = 4
)

// Task is one SCSI command from Start to Loop.TaskDone. The engine embeds it in its own task and reuses it: Reset
// before each use. All of it belongs to the loop that started it.
type Task struct {
	// Set by the engine before Start.
	Target *Target
	Nexus  *Nexus
	LUN    uint64 // the 8 bytes of RFC 7143 11.3.4 / SAM-5 4.7, big endian
	CDB    [16]byte
	LongCDB bool  // the CDB continued in an AHS: no command here has more than 16 bytes
	Attr   Attr
	Out    []byte // data-out that arrived; len(Out) <= Plan's out
	Buf    []byte // room for data-in: Plan's in bytes
	Loop   Loop
	Owner  any // the engine's own

	// Set by the device server before TaskDone.
	Status   Status
	In       []byte // data-in; in Buf, or in a Mapped backend's memory. The engine cuts it to the EDTL and reports residuals
	// Required is the number of bytes the CDB asks to move in its direction, for residuals (RFC 7143 11.4.5); for
	// data-out the bytes the command would take.
	RequiredOut, RequiredIn int64
	SenseLen int
	Sense    [SenseSize]byte

	unit    *Unit
	cmd     *command
	req     Request
	step    func(t *Task, err error) // what comes after req
	aborted bool
	started bool
	done    bool
	gateNext *Task
	gated    gateState
	scratch  taskScratch
}
