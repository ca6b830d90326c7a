// Package astarget is a scripted target that judges an initiator: whoever logs in gets a small disk in memory, and every PDU that
// comes is held against the rules of RFC 7143 that bind an initiator. Scenarios make the initiator meet what it rarely meets: a closed
// command window, data asked for in odd pieces, BUSY, a Reject, a request to log out, a connection that is cut in the middle of a write.
//
// It works on package pdu alone and shares nothing with the target in session and lun, so that neither confirms the other's mistakes.
//
// All state is under one lock of the Target, and nothing blocks while it is held: sends are queued, time comes from a clock that tests
// replace. So a test feeds PDUs to a connection and reads the verdicts, without a socket.
package astarget
