package engine

import (
	"crypto/rand"
	"net"
	"net/netip"
	"time"

	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/session"
	"golang.org/x/sys/unix"
)

// machine is what loops need besides their rings: a clock, helper threads, random numbers and a few socket calls. A simulation
// (sim_world_test.go) supplies its own, and runs all loops on one thread from a seed. Only the clock is used on the data path.
type machine struct {
	kernel   uring.Kernel           // behind the rings; nil: Linux
	clock    func() int64           // monotonic ns, never 0
	random   func(b []byte)         // fills b
	helper   func(work func())      // runs work, which may block, on a thread of its own
	populate func(mem []byte) error // makes the kernel allocate the pages of mapped memory; blocks
	wakeCost func() time.Duration   // how long waking a sleeping thread takes
	sockets  sockets
	// zeroCopy is what the kernel can do, interfaces lists the machine's addresses with the interfaces that have them; it blocks.
	zeroCopy   uring.ZeroCopy
	interfaces func() map[netip.Addr]string
	host       func(c *conn) session.Host // returns the Host of a connection's protocol; nil means the connection itself
}

// sockets has the socket calls that a loop makes directly, with their names in package unix.
type sockets interface {
	Close(fd int) error
	Shutdown(fd, how int) error
	SetsockoptInt(fd, level, opt, value int) error
	GetsockoptTCPInfo(fd, level, opt int) (*unix.TCPInfo, error)
	Getsockname(fd int) (unix.Sockaddr, error)
	Getpeername(fd int) (unix.Sockaddr, error)
}

// linux returns the real machine.
func linux() machine {
	return machine{
		clock:    monotonic,
		random:   func(b []byte) { rand.Read(b) },
		helper:   func(work func()) { go work() },
		populate: uring.Populate,
		wakeCost: wakeCost,
		sockets:  linuxSockets{},

		interfaces: interfaces,
	}
}

// interfaces lists as much as the system tells: a sandbox may forbid it.
func interfaces() map[netip.Addr]string {
	found := map[netip.Addr]string{}
	all, _ := net.Interfaces()
	for _, i := range all {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				found[p.Addr().Unmap()] = i.Name
			}
		}
	}
	return found
}

// monotonic is the clock of all deadlines, in nanoseconds since the program started. It is never 0, which means no deadline.
func monotonic() int64 { return int64(time.Since(epoch)) + 1 }

var epoch = time.Now()

type linuxSockets struct{}

func (linuxSockets) Close(fd int) error         { return unix.Close(fd) }
func (linuxSockets) Shutdown(fd, how int) error { return unix.Shutdown(fd, how) }
func (linuxSockets) SetsockoptInt(fd, level, opt, value int) error {
	return unix.SetsockoptInt(fd, level, opt, value)
}
func (linuxSockets) Getsockname(fd int) (unix.Sockaddr, error) { return unix.Getsockname(fd) }
func (linuxSockets) Getpeername(fd int) (unix.Sockaddr, error) { return unix.Getpeername(fd) }
func (linuxSockets) GetsockoptTCPInfo(fd, level, opt int) (*unix.TCPInfo, error) {
	return unix.GetsockoptTCPInfo(fd, level, opt)
}
