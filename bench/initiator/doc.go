// Package initiator is an iSCSI initiator with several connections a session
// (MC/S, RFC 7143): a library for tests of a target and for the load generator.
//
// Dial makes a session: a leading login, and joins until it has the
// connections that were asked for or the target grants no more. All
// connections of a session share one CmdSN and one command window; a command
// stays with the connection that it was submitted to.
//
// The session is also a witness. What the target does against the standard
// (numbers out of order, answers to nothing, residuals that do not add up) is
// kept in Session.Violations, which a test wants to be empty.
//
// The protocol itself is in package proto, without I/O. This package adds two
// drivers: goroutines over net.Conn, for tests, and Loops over io_uring, for
// load.
package initiator
