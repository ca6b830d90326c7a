// Package steer puts each TCP connection of an initiator on a loop, and lets the kernel's receive processing follow it.
//
// A loop has its own listening socket in the SO_REUSEPORT group of every portal. Which socket a SYN goes to is decided
// by one of three levels: a program that gives each initiator's connections to the loops in turn, the CPU on which the
// SYN was received, or the kernel's hash. Where a privilege or a kernel feature is missing the next level serves, and
// Status says why. Apart from that, and off unless asked for, an XDP program in generic mode moves the packets of a
// connection to the CPU of its loop. See docs/steering.md.
package steer

//go:generate bpf/generate.sh
