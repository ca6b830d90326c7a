// Package proto is the protocol of an iSCSI initiator (RFC 7143) without I/O. Received bytes go in (Conn.Feed), bytes to send
// come out (Conn.Fill), and a Handler gets the events. It reads no clock, and randomness is an argument.
//
// Numbers holds what the connections of one session share: CmdSN, and the command window as the target last stated it. It is
// lock-free, and any connection may use it at any time. A Conn is one connection, used by one goroutine or one event loop at a
// time. Login is the login phase of one connection.
//
// In full feature phase no command allocates: a Command belongs to the caller and carries its own protocol state, and requests
// are encoded into a Sink that the driver reuses.
//
// The initiator checks the target. It reports every violation of the standard as a Violation, and continues if it can.
package proto
