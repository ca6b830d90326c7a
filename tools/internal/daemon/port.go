package daemon

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// reservation holds a TCP port of 127.0.0.1 for a daemon that binds with SO_REUSEPORT: a bound socket that never listens.
// The kernel gives no other process this port for "port 0" while it is held, yet lets the daemon of the same user bind it,
// so two tests that start daemons at the same moment cannot meet on one port (and, with SO_REUSEPORT, share it unnoticed).
type reservation struct {
	fd   int
	addr string
}

func reservePort() (*reservation, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	// SO_REUSEADDR lets the daemon's own question whether the portal is free be answered with yes.
	for _, option := range []int{unix.SO_REUSEPORT, unix.SO_REUSEADDR} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
			_ = unix.Close(fd)
			return nil, err
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &reservation{fd: fd, addr: fmt.Sprintf("127.0.0.1:%d", sa.(*unix.SockaddrInet4).Port)}, nil
}

func (r *reservation) close() { _ = unix.Close(r.fd) }
