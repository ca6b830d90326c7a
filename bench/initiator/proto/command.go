package proto

import (
	"errors"
	"fmt"

	"github.com/ringtgt/ringtgt/pdu"
)

// Kind says what request a Command is.
type Kind uint8

// Kinds of requests that are answered by their Initiator Task Tag.
const (
	KindSCSI   Kind = iota // SCSI Command (RFC 7143, 11.3)
	KindTMF                // Task Management Function Request (11.5)
	KindPing               // NOP-Out with a tag (11.18)
	KindText               // Text Request (11.10), one PDU
	KindLogout             // Logout Request (11.14)
)

// Command is a request. Its memory is the caller's; between Submit and Done it and its buffers belong to the connection. Fields
// that a request does not need stay zero. A Command may be submitted again once it is done.
type Command struct {
	// Conn is the CID of the connection that carries the command: its allegiance (RFC 7143, 4.2.5.1). Used by drivers.
	Conn uint16

	Kind Kind

	// LUN is the LUN field as encoded on the wire (SAM-5, 4.7); see LUN.
	LUN uint64
	// CDB has 1 to 260 bytes. Those after the 16th travel in an additional header segment (11.2.2.3).
	CDB []byte
	// In receives the data of a read, Out holds that of a write; at most one is set.
	In, Out []byte
	// Expect is the Expected Data Transfer Length in bytes (11.3.4), 0 for the length of In or Out. A read's data beyond In is
	// discarded; with a nil In, all of it.
	Expect uint32
	Attr   pdu.TaskAttr
	// Immediate asks for immediate delivery (11.2.1.1).
	Immediate bool
	// Numbered sends the command with the caller's CmdSN, which comes from Reserve, without checking the window.
	Numbered bool
	CmdSN    uint32

	Function pdu.TaskFunction // KindTMF
	RefITT   uint32           // KindTMF: pdu.ReservedTag unless the function names a task
	RefCmdSN uint32           // KindTMF: of ABORT TASK (11.5.5)
	Reason   pdu.LogoutReason // KindLogout
	CID      uint16           // KindLogout: of the connection to close (11.14.3)
	Text     []byte           // KindText, KindPing: the data segment
	TTT      uint32           // KindText: pdu.ReservedTag begins an exchange (11.10.4)

	// Done is called once when the command is over, with its Result set.
	Done func(*Command)
	// User is the caller's.
	User any

	Result Result

	next  *Command
	state state
	task  task
}

// state says where a command is.
type state uint8

const (
	stateIdle   state = iota // the caller's
	stateQueued              // waits for the window, a tag or room
	stateSent                // has a tag
)

// task is the progress of a command in stateSent.
type task struct {
	itt     uint32
	edtl    uint32
	in      uint32 // bytes of Data-In received
	seqIn   uint32 // bytes of the current Data-In sequence (13.13)
	dataSN  uint32 // next DataSN of Data-In
	r2tSN   uint32 // next R2TSN
	r2ts    uint32 // R2Ts not yet fulfilled
	out     uint32 // bytes of Data-Out given to the Sink
	granted uint32 // bytes unsolicited or asked for by R2Ts
	read    bool
	write   bool
}

// Result is how a command ended.
type Result struct {
	// Err is nil when the target answered, whatever the answer: see Good.
	Err error
	// Op is the PDU that ended it.
	Op pdu.Opcode

	Status       byte                   // SCSI status (11.4.2), when Response is completed
	Response     pdu.ServiceResponse    // 11.4.3
	TMF          pdu.TaskResponse       // 11.6.1
	Logout       pdu.LogoutResponseCode // 11.15.1
	Sense        []byte                 // sense data without its length, valid until the command is used again
	Text         []byte                 // data segment of a Text Response or a ping's echo, likewise valid
	TTT          uint32                 // of a Text Response
	LUN          uint64                 // of a Text Response, to be copied with the TTT (11.10.4)
	Final        bool                   // F bit of a Text Response
	Continue     bool                   // C bit of a Text Response
	Residual     int64                  // bytes: positive is an underflow, negative an overflow (11.4.5)
	Transferred  uint32                 // bytes of data that moved
	ITT, CmdSN   uint32                 // what the request had; CmdSN also of an immediate one
	Sent         bool                   // the request had got a CmdSN: it may have reached the target
	StatSN       uint32
	DataInPDUs   uint32
	R2Ts         uint32
	StatusInData bool // the status came in the last Data-In (11.7.3)
}

// Why a command ended without an answer.
var (
	// ErrConnLost: the connection went down (or was killed) before the
	// answer: whether the command was carried out is not known.
	ErrConnLost = errors.New("initiator: connection lost")
	// ErrLoggedOut: a logout ended the connection or the session.
	ErrLoggedOut = errors.New("initiator: logged out")
	// ErrAborted: a task management function of ours ended the task.
	ErrAborted = errors.New("initiator: task aborted")
	// ErrTerminated: the target said by Asynchronous Message that it terminates the tasks of the logical unit (11.9.1).
	ErrTerminated = errors.New("initiator: task terminated by the target")
	// ErrUsage: the command makes no sense (both In and Out, no CDB, ...).
	ErrUsage = errors.New("initiator: command is not well formed")
)

// RejectError ends a command whose request the target rejected (11.17). The
// target did not take it, so its CmdSN, unless immediate, is still expected.
type RejectError struct{ Reason pdu.RejectReason }

func (e *RejectError) Error() string {
	return fmt.Sprintf("initiator: request rejected, reason 0x%02x", byte(e.Reason))
}

// StatusError says that a SCSI command did not end in GOOD.
type StatusError struct {
	Status   byte
	Response pdu.ServiceResponse
	Sense    []byte
}

func (e *StatusError) Error() string {
	if e.Response != pdu.ServiceResponseCompleted {
		return fmt.Sprintf("initiator: service response 0x%02x", byte(e.Response))
	}
	if k, asc, ascq, ok := SenseCode(e.Sense); ok {
		return fmt.Sprintf("initiator: status 0x%02x, sense %x/%02x/%02x", e.Status, k, asc, ascq)
	}
	return fmt.Sprintf("initiator: status 0x%02x", e.Status)
}

// LogoutError says that the target did not carry out a logout (11.15.1).
type LogoutError struct{ Response pdu.LogoutResponseCode }

func (e *LogoutError) Error() string { return fmt.Sprintf("initiator: logout response %d", e.Response) }

// SenseCode returns sense key, additional sense code and qualifier of fixed or descriptor sense data (SPC-4, 4.5).
func SenseCode(sense []byte) (key, asc, ascq byte, ok bool) {
	if len(sense) < 4 {
		return 0, 0, 0, false
	}
	switch sense[0] & 0x7f {
	case 0x70, 0x71:
		if len(sense) >= 14 {
			return sense[2] & 0x0f, sense[12], sense[13], true
		}
	case 0x72, 0x73:
		return sense[1] & 0x0f, sense[2], sense[3], true
	}
	return 0, 0, 0, false
}

// Good returns nil if the request succeeded, else why not: Err, a *StatusError, a *LogoutError, or an error that names the
// response to a task management function.
func (r *Result) Good() error {
	switch {
	case r.Err != nil:
		return r.Err
	case r.Op == pdu.OpTaskManagementResponse && r.TMF != pdu.TMFResponseComplete && r.TMF != pdu.TMFResponseFunctionSucceeded:
		return fmt.Errorf("initiator: task management response %d", r.TMF)
	case r.Op == pdu.OpLogoutResponse && r.Logout != 0:
		return &LogoutError{r.Logout}
	case r.Response != pdu.ServiceResponseCompleted || r.Status != 0:
		return &StatusError{Status: r.Status, Response: r.Response, Sense: append([]byte(nil), r.Sense...)}
	}
	return nil
}

// check reports whether the command can be sent.
func (c *Command) check() error {
	switch {
	case c.state != stateIdle:
		return fmt.Errorf("%w: it is under way already", ErrUsage)
	case c.Kind > KindLogout:
		return fmt.Errorf("%w: no such kind", ErrUsage)
	case c.Immediate && c.Numbered:
		return fmt.Errorf("%w: an immediate request has no CmdSN of its own", ErrUsage)
	case c.Kind != KindSCSI:
		return nil
	case len(c.CDB) == 0 || len(c.CDB) > pdu.MaxCDBLen:
		return fmt.Errorf("%w: a CDB of %d bytes", ErrUsage, len(c.CDB))
	case c.In != nil && c.Out != nil:
		return fmt.Errorf("%w: bidirectional", ErrUsage)
	case c.Out != nil && int64(c.Expect) > int64(len(c.Out)):
		return fmt.Errorf("%w: less data than it promises", ErrUsage)
	}
	return nil
}

// queue is a FIFO of commands, linked through them.
type queue struct{ head, tail *Command }

func (q *queue) push(c *Command) {
	c.next = nil
	if q.tail == nil {
		q.head = c
	} else {
		q.tail.next = c
	}
	q.tail = c
}

func (q *queue) pop() *Command {
	c := q.head
	if c != nil {
		q.head = c.next
		if q.head == nil {
			q.tail = nil
		}
		c.next = nil
	}
	return c
}

// remove takes c out and reports whether it was there.
func (q *queue) remove(c *Command) bool {
	var prev *Command
	for at := &q.head; *at != nil; prev, at = *at, &(*at).next {
		if *at != c {
			continue
		}
		if *at = c.next; q.tail == c {
			q.tail = prev
		}
		c.next = nil
		return true
	}
	return false
}
