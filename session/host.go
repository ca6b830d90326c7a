package session

// Host is the event loop as one connection's protocol sees it. Its methods are called on the loop's thread, answer at
// once and never call back into the Conn.
type Host interface {
	// NewNexus makes the I_T nexus of session s, which this connection leads. It is called before s can be found, and so before
	// any connection joins it and any of its commands is executed. The result becomes Session.Owner. A SessionDown event follows
	// for every nexus. NewNexus may be slow, since it is part of a login, but must not wait for another login, which may wait
	// for it. Discovery sessions have no nexus. An error is logged and refuses the login: the nexus belongs to another account.
	NewNexus(s *Session) (any, error)
	// NewTask takes a zeroed task from the loop's pool, nil when there is none (the window keeps that from happening
	// to a well-behaved initiator).
	NewTask(c *Conn) *Task
	// DataOut asks for the memory of a command's data-out, once t's ITT, LUN, CDB, Read, Write and EDTL are set; it is asked
	// for every SCSI command, whatever its direction. On OutReady t.Out is as long as the command will take: min(EDTL,
	// what the CDB asks for, the device server's maximum); maybe 0.
	// OutLater: no memory now; the host calls Conn.Buffer when it has some (only when may is true: nothing unsolicited comes).
	// OutRefused: no memory and no waiting; the command is answered TASK SET FULL and its data discarded.
	DataOut(t *Task, may bool) OutState
	// Memory allocates n bytes for a data segment that is not a command's data-out: an arriving ping or text, a piece of text to
	// send, unsolicited data of which the command takes only the front. The memory comes from the initiator's share, like the
	// data of commands. nil: there is none now, and the request is refused rather than delayed. Every such byte comes from here,
	// so no length on the wire makes the process grow.
	Memory(n int) []byte
	// Release frees a slice that Memory returned, from its first byte. If a data segment is still arriving in it, the host keeps
	// it until the framer has finished.
	Release(b []byte)
	// FreeTask gives a task and its buffers back. The session holds no reference to it afterwards, but where a data segment
	// is still arriving in t.Out the memory stays until the framer is through with it.
	FreeTask(t *Task)
	// Post calls Conn.Receive with m soon, on this connection's loop, and then looks at the connection's events. Any loop may
	// call it. Not for the data path.
	Post(m Message)
	// Wake has the connection's events looked at soon: requests were delivered to it. It is called on the thread of the loop
	// with that index, which may be another's than the connection's, and allocates nothing.
	Wake(from int)
	// Place says on which loop a connection that is about to enter full feature phase is to live: loops are those of the
	// other connections of its session, last is the one on which its CID was before, -1 if on none. Where that is another
	// than its own, a Move event follows.
	Place(loops []int, last int) int
}

// OutState is Host.DataOut's answer.
type OutState uint8

const (
	OutReady OutState = iota
	OutLater
	OutRefused
)
