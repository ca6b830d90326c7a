package session

import "github.com/ringtgt/ringtgt/pdu"

// EventKind is the kind of an Event.
type EventKind uint8

const (
	// Send: put Header (and Data) on the wire, in the order of the events.
	Send EventKind = iota + 1
	// Execute: start Task. Its data-out is complete, and its turn in CmdSN order has come. The host answers with Conn.Complete.
	Execute
	// Abort: stop Task, whose Execute was taken, as soon as possible; no response to it is sent any more. The host answers with
	// exactly one Conn.Aborted (or Conn.Complete, if the backend completes it) once the backend no longer uses the task's buffers
	// or the host has detached the task from the backend.
	Abort
	// Manage: carry out the task management function Task.Manage, whose scope exceeds this session (LOGICAL UNIT RESET, CLEAR
	// TASK SET, TARGET WARM RESET ...). The session's own tasks that it affects have been aborted. The host answers with
	// Conn.Managed.
	Manage
	// SessionUp: Session entered full feature phase with this, its leading connection. Host.NewNexus has made its I_T nexus.
	// It precedes every other event of full feature phase, however early commands were received. A discovery session has no
	// nexus, so there is no SessionUp and no SessionDown for it, but DiscoveryUp.
	SessionUp
	// SessionJoined: the connection entered full feature phase in an existing Session. Like SessionUp it precedes other events.
	SessionJoined
	// DiscoveryUp: the connection entered full feature phase in a discovery session.
	DiscoveryUp
	// Move: move the connection to the loop with index Loop, together with any input not fed to the framer yet, as soon as
	// everything sent so far has left. The host then calls Conn.Moved on that loop; it receives nothing in between. The connection
	// has no tasks.
	Move
	// SessionDown: Session has ended and all its tasks are freed; drop its nexus. The event comes on the session's last member,
	// which may never have been in full feature phase: a joining login is a member while it waits for the connection that it
	// replaces.
	SessionDown
	// Flush: close the connection once everything sent so far has reached the wire.
	Flush
	// Close: close the connection now. It comes at most once, perhaps after a Flush that takes too long, and only Abort and
	// SessionDown follow it. After Close or Flush the host calls Conn.Closed.
	Close
)

// Event is one thing that a Conn asks of its host. The host passes the same variable to every Next, so nothing is allocated. While
// room is false (a send is in flight, or the batch is full) Next returns no Send and no Flush, but all other kinds: an initiator
// that never reads must not delay an Abort, or its own disconnection.
type Event struct {
	Kind    EventKind
	Task    *Task    // in Send, of a Data-In only
	Session *Session // in SessionUp, SessionJoined and SessionDown
	Header  pdu.BHS
	// Data is the data segment, without padding. If Copy is set, the host must copy it (at most MaxCopy bytes) before it calls the
	// Conn again. If Keep is set, it is immutable Go memory, valid as long as the host refers to it. Otherwise it is the task's
	// memory, valid until Sent.
	Data       []byte
	Copy, Keep bool
	// Digests to compute for this PDU.
	HeaderDigest, DataDigest bool
	// Release is set on a task's last PDU. The host calls Conn.Sent(Release) once the kernel has taken the PDU. It may do so earlier
	// for a SCSI command (Task.Command) if it holds the memory of Data by itself.
	Release *Task
	// Reason is the reason for Close or Flush, for the log. In SessionDown it is set if the session ended while it had no connection.
	Reason error
	// Last is set if the session ends with this Flush. All its tasks are freed, and an initiator that reads the Logout Response may rely on
	// the nexus having released everything.
	Last bool
	Loop int // in Move
}
