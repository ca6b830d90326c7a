package steer

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// IncomingCPUOf returns the CPU that last did receive processing for a connection, -1 if there was none yet.
func IncomingCPUOf(fd int) (int, error) {
	cpu, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_INCOMING_CPU)
	if err != nil {
		return -1, fmt.Errorf("SO_INCOMING_CPU: %w", err)
	}
	return cpu, nil
}

// incomingNeeds: earlier kernels accept SO_INCOMING_CPU but ignore it within a SO_REUSEPORT group, unless their distribution
// has backported the fix.
var incomingNeeds = need{major: 6, minor: 2}

// preferIncoming lets each listener take the connections whose SYN its loop's CPU received. It needs no privilege.
func preferIncoming(fds, cores []int) error {
	for i, fd := range fds {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_INCOMING_CPU, cores[i]); err != nil {
			return fmt.Errorf("SO_INCOMING_CPU of listener %d: %w", i, err)
		}
	}
	return nil
}
