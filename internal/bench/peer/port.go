package peer

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"

	"golang.org/x/sys/unix"
)

// reservePort holds a port of 127.0.0.1 for a target that listens with SO_REUSEPORT, as ours does: the socket is bound and never
// listens, so the kernel gives the port to nobody else for "port 0", and the target of the same user can bind it.
func reservePort() (portal string, release func(), err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", nil, fmt.Errorf("peer: %w", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
			err = fmt.Errorf("peer: reserve a port: %w", err)
		}
	}()
	// SO_REUSEADDR too: our target asks without SO_REUSEPORT first whether the portal is free.
	for _, option := range []int{unix.SO_REUSEPORT, unix.SO_REUSEADDR} {
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
			return "", nil, err
		}
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", nil, err
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return "", nil, err
	}
	portal = "127.0.0.1:" + strconv.Itoa(sa.(*unix.SockaddrInet4).Port)
	return portal, func() { _ = unix.Close(fd) }, nil
}

// freePort finds a port that nobody listens at, for a target that cannot be handed one that is held.
func freePort() (portal string, err error) {
	for range portTries {
		l, lerr := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(portFirst+rand.IntN(portCount)))
		if lerr == nil {
			defer l.Close()
			return l.Addr().String(), nil
		}
		err = lerr
	}
	return "", fmt.Errorf("peer: no free port: %w", err)
}
