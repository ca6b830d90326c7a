// Package clients tests ringtgt with real initiators on loopback: libiscsi's tools, qemu-img and qemu-io, and a raw TCP client
// for what no well-behaved initiator does.
package clients
