package process

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"

	"golang.org/x/sys/unix"
)

// Port reserves a TCP port of 127.0.0.1 for a target that binds with SO_REUSEPORT, as ringtgt does, by a bound socket that never
// listens. The kernel never assigns the port to a bind to port 0, but lets a target of the same user bind it explicitly. So two
// targets that start at the same moment never get the same port.
type Port struct {
	Addr string // 127.0.0.1:PORT
	fd   int
}

// ReservePort reserves a free port.
func ReservePort() (_ *Port, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("reserve a port: %w", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
			err = fmt.Errorf("reserve a port: %w", err)
		}
	}()
	// ringtgt first checks the port by a bind without SO_REUSEPORT, which needs SO_REUSEADDR here to succeed.
	for _, option := range []int{unix.SO_REUSEPORT, unix.SO_REUSEADDR} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
			return nil, err
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, err
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil, err
	}
	return &Port{Addr: fmt.Sprintf("127.0.0.1:%d", sa.(*unix.SockaddrInet4).Port), fd: fd}, nil
}

// Release frees the port. It may be called more than once, and on nil.
func (p *Port) Release() {
	if p != nil && p.fd >= 0 {
		_ = unix.Close(p.fd)
		p.fd = -1
	}
}

// FreePort finds an unused port of 127.0.0.1, for a target that cannot bind a reserved one.
func FreePort() (addr string, err error) {
	for range portTries {
		l, lerr := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(portFirst+rand.IntN(portCount)))
		if lerr == nil {
			defer l.Close()
			return l.Addr().String(), nil
		}
		err = lerr
	}
	return "", fmt.Errorf("no free port: %w", err)
}
