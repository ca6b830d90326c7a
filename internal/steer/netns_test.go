package steer

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	needed "github.com/ringtgt/ringtgt/internal/need" // the package has a need of its own
	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/must"
)

// space is a network namespace of the test's own, entered by one thread. It has no name, and goes when the thread ends
// and its sockets are closed: nothing is left behind, however the test ends.
type space struct {
	t    testing.TB
	tid  int
	jobs chan func()
}

// needs skips the test unless this process has the capabilities, naming those it has not. That is no failure with
// CI=true either: a container may not have them.
func needs(t testing.TB, caps ...capability) {
	t.Helper()
	if ids, err := os.ReadFile("/proc/self/uid_map"); err == nil {
		if f := strings.Fields(string(ids)); len(f) != 3 || f[2] != "4294967295" {
			t.Skip("in a user namespace, whose capabilities bpf(2) does not take: missing CAP_BPF outside of it")
		}
	}
	if missing := (need{caps: caps}).missing(); len(missing) > 0 {
		t.Skipf("missing %s", join(missing))
	}
}

var capSysAdmin = capability{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}

func needCPUs(t testing.TB, n int) []int {
	t.Helper()
	var set unix.CPUSet
	must.OK(t, unix.SchedGetaffinity(0, &set))
	var cpus []int
	for cpu := 0; cpu < 1024 && len(cpus) < n; cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	if len(cpus) < n {
		t.Skipf("%d CPU; this takes %d", len(cpus), n)
	}
	return cpus
}

func newSpace(t testing.TB) *space {
	t.Helper()
	needs(t, capSysAdmin, capNetAdmin) // unshare(2), and links within
	needed.Program(t, "ip", "iproute2")
	s := &space{t: t, jobs: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with this function
		s.tid = unix.Gettid()
		ready <- unix.Unshare(unix.CLONE_NEWNET)
		for job := range s.jobs {
			job()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatal("unshare:", err)
	}
	t.Cleanup(func() { close(s.jobs) })
	s.ip("link set lo up")
	return s
}

// in runs f on the namespace's thread.
func (s *space) in(f func() error) {
	s.t.Helper()
	done := make(chan error)
	s.jobs <- func() { done <- f() }
	must.OK(s.t, <-done)
}

// ip runs ip(8) within and returns what it prints.
func (s *space) ip(args string) (out string) {
	s.t.Helper()
	s.in(func() error {
		b, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %s: %w: %s", args, err, b)
		}
		out = string(b)
		return nil
	})
	return out
}

// network is a target and its initiators, joined by a veth pair.
type network struct {
	t                 testing.TB
	target, initiator *space
}

// The target's addresses.
var (
	target4 = netip.MustParseAddr("10.99.0.1")
	target6 = netip.MustParseAddr("fd99::1")
)

const initiators = 8

// from4 and from6 are the addresses of initiator i.
func from4(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 99, 1, byte(i)}) }
func from6(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("fd99::1:%x", i)) }

func newNetwork(t testing.TB) *network {
	t.Helper()
	n := &network{t, newSpace(t), newSpace(t)}
	n.target.ip(fmt.Sprintf("link add san0 type veth peer name san1 netns %d", n.initiator.tid))
	n.target.ip(fmt.Sprintf("addr add %v/16 dev san0", target4))
	n.target.ip(fmt.Sprintf("addr add %v/64 dev san0 nodad", target6))
	for i := range initiators {
		n.initiator.ip(fmt.Sprintf("addr add %v/16 dev san1", from4(i)))
		n.initiator.ip(fmt.Sprintf("addr add %v/64 dev san1 nodad", from6(i)))
	}
	n.target.ip("link set san0 up")
	n.initiator.ip("link set san1 up")
	return n
}

// open opens a Steer in the target's namespace.
func (n *network) open(cfg Config) *Steer {
	n.t.Helper()
	var s *Steer
	n.target.in(func() error { s = Open(cfg); return nil })
	n.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			n.t.Error("close:", err)
		}
	})
	return s
}

// portal is a group of listeners, one a loop.
type portal struct {
	t    testing.TB
	fds  []int // -1: closed
	addr netip.AddrPort
}

// listen opens a group of listeners on a free port of addr in the target's namespace.
func (n *network) listen(addr netip.Addr, loops int) *portal {
	n.t.Helper()
	p := &portal{t: n.t, addr: netip.AddrPortFrom(addr, 0)}
	n.t.Cleanup(func() {
		for i := range p.fds {
			p.close(i)
		}
	})
	n.target.in(func() error {
		for range loops {
			fd, err := listenOn(&p.addr)
			if err != nil {
				return err
			}
			p.fds = append(p.fds, fd)
		}
		return nil
	})
	return p
}

// listenOn opens a listener of the group on *addr; for port 0 it notes which the kernel chose.
func listenOn(addr *netip.AddrPort) (int, error) {
	fd, err := unix.Socket(family(addr.Addr()), unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, toSockaddr(*addr)); err != nil {
		return -1, err
	}
	if err := unix.Listen(fd, 64); err != nil {
		return -1, err
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return -1, err
	}
	*addr = netip.AddrPortFrom(addr.Addr(), fromSockaddr(sa).Port())
	return fd, nil
}

func (p *portal) close(i int) {
	if p.fds[i] >= 0 {
		unix.Close(p.fds[i])
		p.fds[i] = -1
	}
}

// at is the portal under another of the target's addresses.
func (p *portal) at(addr netip.Addr) netip.AddrPort { return netip.AddrPortFrom(addr, p.addr.Port()) }

// patience bounds what is waited for: it is never used up unless something is wrong.
const patience = 60 * time.Second

// connect makes a connection from an initiator's address and returns its descriptor, which the test's end closes.
func (n *network) connect(from netip.Addr, to netip.AddrPort) (fd int) {
	n.t.Helper()
	n.initiator.in(func() (err error) {
		fd, err = dialFrom(from, to)
		return err
	})
	n.t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func dialFrom(from netip.Addr, to netip.AddrPort) (int, error) {
	fd, err := unix.Socket(family(to.Addr()), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	limit := unix.NsecToTimeval(int64(patience))
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit)
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit)
	if err := unix.Bind(fd, toSockaddr(netip.AddrPortFrom(from, 0))); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("bind %v: %w", from, err)
	}
	err = unix.Connect(fd, toSockaddr(to))
	if err == unix.EINTR { // it goes on by itself
		if _, err = again(func() (int, error) { return unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1) }); err == nil {
			var errno int
			if errno, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); errno != 0 {
				err = unix.Errno(errno)
			}
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connect %v to %v: %w", from, to, err)
	}
	return fd, nil
}

// accepted is a connection at the target.
type accepted struct {
	fd, loop      int
	local, remote netip.AddrPort
}

// accept takes exactly n connections of the group, from whichever listeners they are at.
func (p *portal) accept(n int) (all []accepted) {
	p.t.Helper()
	for len(all) < n {
		var set []unix.PollFd
		var loops []int
		for i, fd := range p.fds {
			if fd >= 0 {
				set = append(set, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
				loops = append(loops, i)
			}
		}
		ready, err := again(func() (int, error) { return unix.Poll(set, int(patience.Milliseconds())) })
		must.Be(p.t, err == nil && ready != 0, "%d of %d connections arrived (%v)", len(all), n, err)
		for k := range set {
			if set[k].Revents == 0 {
				continue
			}
			fd, sa, err := unix.Accept4(int(set[k].Fd), unix.SOCK_CLOEXEC)
			if err != nil {
				p.t.Fatal("accept:", err)
			}
			p.t.Cleanup(func() { unix.Close(fd) })
			limit := unix.NsecToTimeval(int64(patience))
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit)
			own, err := unix.Getsockname(fd)
			if err != nil {
				p.t.Fatal("getsockname:", err)
			}
			all = append(all, accepted{fd, loops[k], fromSockaddr(own), fromSockaddr(sa)})
		}
	}
	return all
}

// spread accepts n connections and counts them by loop.
func (p *portal) spread(n int) []int {
	p.t.Helper()
	out := make([]int, len(p.fds))
	for _, c := range p.accept(n) {
		out[c.loop]++
	}
	return out
}

// again repeats a system call that a signal interrupted: the runtime sends some to its threads, and with a time limit
// on the socket the kernel does not repeat by itself.
func again(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != unix.EINTR {
			return n, err
		}
	}
}

func read(fd int, b []byte) (int, error) {
	return again(func() (int, error) { return unix.Read(fd, b) })
}

func write(fd int, b []byte) (int, error) {
	return again(func() (int, error) { return unix.Write(fd, b) })
}

func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func toSockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func fromSockaddr(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
