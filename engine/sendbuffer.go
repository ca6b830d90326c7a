package engine

import (
	"time"

	"golang.org/x/sys/unix"
)

// boundSend limits the socket's send buffer if the initiator is near. The kernel would let it grow to several megabytes, which would
// have left the processor's cache when the next answers are copied over it. Nothing is lost: a near initiator needs no more data in
// flight to be kept busy. A far one does, and keeps the kernel's own tuning.
func (c *conn) boundSend() {
	info, err := c.loop.engine.machine.sockets.GetsockoptTCPInfo(c.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return // the kernel has no TCP_INFO
	}
	if n := sendBuffer(time.Duration(info.Min_rtt) * time.Microsecond); n > 0 {
		_ = c.loop.engine.machine.sockets.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, n) // a failure costs only speed
	}
}

// sendBuffer returns SO_SNDBUF, which the kernel doubles, for a round-trip time; 0 leaves it to the kernel.
func sendBuffer(rtt time.Duration) int {
	if rtt <= 0 || rtt > nearRTT {
		return 0
	}
	return nearSendBuffer
}
