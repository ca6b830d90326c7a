package session

// Host is what a connection needs from its event loop. Its methods are called on the loop's thread, return at once and never call
// the Conn.
type Host interface {
	// NewNexus makes the I_T nexus of session s, which this connection leads. It is called before s can be found, so before
	// any connection joins it and any of its commands is executed. A SessionDown event follows for every nexus. NewNexus may be
	// slow, since it is part of a login, but must not wait for another login, because that may be waiting for it. Discovery
	// sessions have no nexus. An error is logged and the login is refused: the nexus belongs to another account, or, with ErrNoDevice
	// in the error's chain, the target has no device.
	NewNexus(s *Session) error
	// NewTask returns a zeroed task from the loop's pool, or nil if there is none. The command window keeps that from happening to
	// a well-behaved initiator.
	NewTask(c *Conn) *Task
	// DataOut provides the memory of a command's data-out. It is called for every SCSI command, whatever its direction, when t's
	// ITT, LUN, CDB, Read, Write and EDTL are set. It returns one of these:
	//
	//   - OutReady: t.Out is set. It is as long as the smallest of EDTL, the length that the CDB requests, and the device server's
	//     maximum, which may be 0.
	//   - OutLater: there is no memory now, and the host calls Conn.Buffer when there is. This is allowed only if may is true,
	//     because then no unsolicited data arrives.
	//   - OutRefused: there is no memory. The command is answered TASK SET FULL and its data discarded.
	DataOut(t *Task, may bool) OutState
	// Memory allocates n bytes for a data segment that is not a command's data-out: an arriving ping or text, a piece of text to
	// send, or unsolicited data of which the command takes only the first part. The memory counts toward the initiator's share,
	// like the data of commands. If there is none now Memory returns nil, and the request is refused rather than delayed. All such
	// memory comes from here, so no length on the wire makes the process grow.
	Memory(n int) []byte
	// Release frees a slice that Memory returned, from its first byte. If a data segment is still arriving in it, the host keeps
	// it until the framer has finished.
	Release(b []byte)
	// FreeTask returns a task and its buffers. The session holds no reference to it afterwards. If a data segment is still arriving
	// in t.Out, the host keeps that memory until the framer has finished.
	FreeTask(t *Task)
	// Post has Conn.Receive called with m on this connection's loop, and then takes the connection's events. Any loop may call it.
	// It is not for the data path.
	Post(m Message)
	// Wake has the connection's loop take its events, because requests were delivered to it. It is called on the thread of loop
	// from, which may be another loop than the connection's, and allocates nothing.
	Wake(from int)
	// Place chooses the loop of a connection that joins a session and is about to enter full feature phase. loops are those of the
	// other connections of its session, last is the one on which its CID was before, or -1. If it is not the connection's own loop,
	// Move follows.
	Place(loops []int, last int) int
}

// OutState is the result of Host.DataOut.
type OutState uint8

const (
	OutReady OutState = iota
	OutLater
	OutRefused
)
