// Package rawclient is a scripted initiator for tests that send what a real initiator never would. It encodes requests from
// package pdu's layouts, and keeps no rule of the standard by itself: a test chooses each field, or takes the next number of its
// session. Client is a TCP connection; tests without sockets use the encoding alone.
//
// It shares no code with bench/initiator, which keeps the rules, nor with the target.
package rawclient
