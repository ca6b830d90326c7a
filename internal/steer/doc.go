// Package steer assigns the TCP connections of an initiator to loops, and lets the kernel's receive processing follow them.
//
// Each loop has its own listening socket in the SO_REUSEPORT group of every portal. One of three levels decides which socket
// gets a SYN: a program that assigns each initiator's connections to the loops in turn, the CPU that received the SYN, or the
// kernel's hash. If a privilege or a kernel feature is missing, the next level is used, and Status says why. In addition, and
// off by default, an XDP program in generic mode moves the packets of a connection to the CPU of its loop. See
// docs/engine.md.
package steer

//go:generate bpf/generate.sh
