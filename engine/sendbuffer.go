package engine

import (
	"time"

	"golang.org/x/sys/unix"
)

// boundSend keeps what the kernel holds of a connection's answers small where the initiator is near. The kernel would let it grow to
// several megabytes, all of which has left the processor's cache when the next answers are copied over it; nothing is gained,
// since a near initiator needs no more under way to be kept busy. A far one does, and keeps the kernel's own tuning.
func (c *conn) boundSend() {
	info, err := c.loop.engine.machine.sockets.GetsockoptTCPInfo(c.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return // a kernel that does not tell
	}
	if n := sendBuffer(time.Duration(info.Min_rtt) * time.Microsecond); n > 0 {
		_ = c.loop.engine.machine.sockets.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, n) // without it the connection works as well
	}
}

// sendBuffer is SO_SNDBUF for a round trip, of which the kernel makes twice as much; 0 leaves it to the kernel.
func sendBuffer(rtt time.Duration) int {
	if rtt <= 0 || rtt > nearRTT {
		return 0
	}
	return nearSendBuffer
}
