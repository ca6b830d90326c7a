// Package proto is the protocol of an iSCSI initiator (RFC 7143) with no I/O.
// Bytes received go in (Conn.Feed), bytes to send come out (Conn.Fill), and
// what happened is told to a Handler. Time and randomness are arguments.
//
// Numbers is what the connections of one session share: CmdSN, and the command
// window as the target last stated it. It is lock-free and any connection may
// use it at any time. A Conn is one connection; it serves one goroutine or one
// event loop at a time. Login is the login phase of one connection.
//
// In full feature phase nothing allocates per command: a Command is the
// caller's and carries its own protocol state, and requests are encoded into
// a Sink that the driver reuses.
//
// The initiator is also a judge. What a target does against the standard is
// reported as a Violation and, where it can be, survived.
package proto
