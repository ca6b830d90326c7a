package session

import "github.com/ringtgt/ringtgt/pdu"

// Task is one request of an initiator, from its header to the last byte of its answer: a SCSI command, a task management
// function, or a NOP-Out, Text or Logout request, which the host sees only in NewTask and FreeTask. The host embeds it
// in its own task, which ID numbers, and pools it. It belongs to its connection's loop.
type Task struct {
	ID   uint32 // the host's number of its own task
	Conn *Conn  // connection allegiance (RFC 7143, 4.2.5.1)

	// The request, as it arrived.
	ITT       uint32
	CmdSN     uint32
	LUN       uint64
	CDB       [16]byte
	LongCDB   bool // an AHS carried more CDB bytes
	Attr      uint8
	Read      bool
	Write     bool
	Immediate bool
	EDTL      uint32

	// Out is the data-out buffer (memory of the host). Received counts what has arrived in order: never more than len(Out),
	// and exactly that at Execute.
	Out      []byte
	Received uint32

	// Terminated is set before FreeTask if the command ends with its connection, so that its nexus gets a unit attention (RFC 7143,
	// 11.14.5).
	Terminated bool

	// Manage is the function that a Manage event asks for, on LUN if the function has one. For TMFQueryAsyncEvent the host sets
	// ManageInfo to the Additional Response Information of RFC 7144.
	Manage     pdu.TaskFunction
	ManageInfo [3]byte

	// The answer, set before Conn.Complete.
	Result Result

	Times Times // of a SCSI command

	next *Task // link of the list st.on
	st   taskState
}

// Result is what the device server answers.
type Result struct {
	Status byte
	Sense  []byte // valid until the task is freed
	In     []byte // data-in, memory of the host or of a Mapped backend, valid until FreeTask
	// RequiredOut and RequiredIn are the transfer lengths that the CDB asked for, to compute residuals (RFC 7143, 11.4.5).
	RequiredOut, RequiredIn int64
}

// Reset prepares a task for its next use, and keeps ID.
func (t *Task) Reset() { *t = Task{ID: t.ID} }

// Command reports whether t is a SCSI command. For commands, Conn.Sent may be called early: only the lifetime of the last PDU's
// data depends on it. For other requests, sending the answer has effects.
func (t *Task) Command() bool { return t.st.kind == kindCommand }

// taskState is the session's private part of a task.
type taskState struct {
	prev  *Task     // with Task.next the links of list on
	on    *taskList // the list the task is on
	chain *Task     // in its bucket of the tag table
	// handed links delivered tasks in the inbox of their connection. Until the connection has taken the task, the link belongs to the
	// holder of the window's token.
	handed *Task

	kind  taskKind
	phase taskPhase
	place place

	// The fields of the request's PDU.
	final  bool // it had the F bit
	raises bool // its turn raises a barrier on other connections

	out dataOut
	in  dataIn
	tmf tmfState
	ctl *ctlRequest // nil in a SCSI command
}

// place is the limit on unanswered requests that a request counts toward.
type place uint8

const (
	placeNone      place = iota
	placeWindow          // the command window
	placeImmediate       // MaxImmediate
)

type taskKind uint8

const (
	kindCommand taskKind = iota
	kindManagement
	kindNOP
	kindText
	kindLogout
	kindMarker // not a request: a barrier in an inbox
)
