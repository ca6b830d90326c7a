package session

import "github.com/ringtgt/ringtgt/pdu"

// EventKind says what a Conn asks of its host.
type EventKind uint8

const (
	// Send: put Header (and Data) on the wire, in the order of the events.
	Send EventKind = iota + 1
	// Execute: Task's data-out is complete and it is its turn in CmdSN order; start it. Answered by Conn.Complete.
	Execute
	// Abort: stop Task, whose Execute was taken, as soon as possible; no answer of it goes out any more. Answered by exactly
	// one Conn.Aborted (or Conn.Complete, if that is what the backend said) when the backend is done with the task's
	// buffers or the host has detached it from the backend.
	Abort
	// Manage: carry out a task-management function that reaches beyond this connection (LUN RESET, CLEAR TASK SET, TARGET
	// RESET ...): Task.Manage says which. The session's own tasks that it affects were aborted before. Answered by
	// Conn.Managed.
	Manage
	// SessionUp: Session entered full feature phase with this, its leading connection. Host.NewNexus has made its I_T nexus.
	// It precedes every other event of full feature phase, however early commands were received. A discovery session has no
	// nexus, and so neither SessionUp nor SessionDown.
	SessionUp
	// SessionJoined: the connection entered full feature phase in an existing Session. Like SessionUp it comes first.
	SessionJoined
	// Move: the connection is to live on the loop with index Loop from now on. The host takes it there, with whatever input
	// it has not yet fed, and calls Conn.Moved on that loop, as soon as what was sent before is out; nothing is received in
	// between. No task exists.
	Move
	// SessionDown: Session ended, all its tasks are freed, and the host drops its nexus. It comes on the session's last
	// member, which need never have been in full feature phase: a joining login is a member while it waits for the connection
	// that it replaces.
	SessionDown
	// Flush: everything sent so far should reach the wire, then close the connection (graceful).
	Flush
	// Close: close the connection now. Comes at most once and after it only Abort and SessionDown; it may follow a Flush
	// that takes too long. After Close or Flush the host calls Conn.Closed.
	Close
)

// Event is one thing a Conn asks of its host. The host passes one variable to Next(now, room, ev) again and again; nothing
// allocates. With room false (a send is in flight, or the batch is full) Send and Flush are held back while the other
// kinds still come: a client that never reads must not hold up an Abort, nor its own end.
type Event struct {
	Kind    EventKind
	Task    *Task
	Session *Session // in SessionUp, SessionJoined and SessionDown
	Header  pdu.BHS
	// Data is the data segment, without padding. Copy says that it must be copied before the next call of the Conn (at most
	// MaxCopy bytes). Keep: it is immutable Go memory and lives as long as the host refers to it.
	// Otherwise it lies in the task's memory and stays until Sent.
	Data       []byte
	Copy, Keep bool
	// Digests to compute for this PDU.
	HeaderDigest, DataDigest bool
	// Release is set on a task's last PDU. The host calls Conn.Sent(Release) once the kernel has taken the PDU, or, if Data is all
	// that it needs of the task and it has a hold on that by itself, as soon as it likes (Task.Command).
	Release *Task
	// Reason of Close and Flush, for the log.
	Reason error
	// Last says of a Flush that the session ends with it: every task of it is gone, and who reads the Logout Response may rely
	// on it that what the nexus held is free.
	Last bool
	Loop int // of a Move
}
