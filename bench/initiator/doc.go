// Package initiator is an iSCSI initiator with several connections per session
// (MC/S, RFC 7143): a library for tests of a target and for the load generator.
//
// Dial makes a session: a leading login, followed by joins until it has the requested connections or the target grants no more.
// All connections of a session share one CmdSN and one command window; a command stays on the connection to which it was
// submitted.
//
// The session checks the target. Violations of the standard (numbers out of order, answers without a request, residuals that do
// not add up) are recorded in Session.Violations, which tests expect to be empty.
//
// Package proto has the protocol itself, without I/O. This package adds two drivers: goroutines over net.Conn, for tests, and
// Loops over io_uring, for load.
package initiator
