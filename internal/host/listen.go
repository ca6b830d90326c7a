package host

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Errors of Listening.
var (
	// ErrElsewhere: the address is not one of this machine's.
	ErrElsewhere = errors.New("the address is not this machine's")
	// ErrNobody: no socket listens there, in this network namespace.
	ErrNobody = errors.New("no process listens there")
	// ErrHidden: this user may not read the descriptors of the process that listens.
	ErrHidden = errors.New("the process that listens belongs to another user")
)

// SeveralError: more than one process has a socket that accepts connections to the address.
type SeveralError struct {
	Addr netip.AddrPort
	PIDs []int
}

func (e *SeveralError) Error() string {
	var names []string
	for _, pid := range e.PIDs {
		names = append(names, fmt.Sprintf("%d (%s)", pid, Name(pid)))
	}
	return fmt.Sprintf("several processes listen at %s: %s", e.Addr, strings.Join(names, ", "))
}

// Listening returns the process whose socket accepts TCP connections to addr. Like the kernel, it prefers a socket bound to the
// address to a wildcard, and an IPv4 socket to one for both families. Several sockets of one process (SO_REUSEPORT) count as
// one; several processes are a *SeveralError. The other errors wrap ErrElsewhere, ErrNobody or ErrHidden.
func Listening(addr netip.AddrPort) (pid int, err error) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap().WithZone(""), addr.Port())
	if !local(addr.Addr()) {
		return 0, fmt.Errorf("host: %s: %w", addr, ErrElsewhere)
	}
	var inodes []string
	for look := 0; len(inodes) == 0 && look < maxLooks; look++ {
		if look > 0 {
			time.Sleep(lookAgain) // /proc/net/tcp may have missed it
		}
		if inodes, err = listeners(addr); err != nil {
			return 0, fmt.Errorf("host: %w", err)
		}
	}
	if len(inodes) == 0 {
		return 0, fmt.Errorf("host: %s: %w", addr, ErrNobody)
	}
	switch pids := owners(inodes); len(pids) {
	case 0:
		return 0, fmt.Errorf("host: %s: %w", addr, ErrHidden)
	case 1:
		return pids[0], nil
	default:
		return 0, &SeveralError{addr, pids}
	}
}

// local reports whether an address is this machine's.
func local(ip netip.Addr) bool {
	if ip.IsLoopback() || ip.IsUnspecified() { // a connection to 0.0.0.0 reaches this machine
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap().WithZone("") == ip
	})
}

// listeners returns the inodes of the sockets that accept connections to addr.
func listeners(addr netip.AddrPort) ([]string, error) {
	c := choice{addr: addr}
	err := eachListener(c.add)
	return c.inodes, err
}

// choice collects the sockets that best match an address.
type choice struct {
	addr   netip.AddrPort
	best   rank
	inodes []string
}

func (c *choice) add(bound netip.AddrPort, inode string) {
	k := fits(bound, c.addr)
	if k > c.best {
		c.best, c.inodes = k, nil
	}
	if k == c.best && k > 0 {
		c.inodes = append(c.inodes, inode)
	}
}

// Conflict finds a listening socket that receives connections meant for addr, or whose connections a socket at addr would receive.
func Conflict(addr netip.AddrPort) (bound netip.AddrPort, found bool) {
	_ = eachListener(func(b netip.AddrPort, _ string) { // without /proc there is nothing to name
		if !found && overlap(b, addr) {
			bound, found = b, true
		}
	})
	return bound, found
}

// overlap reports whether a listener at one address would receive connections meant for the other. The IPv6 wildcard includes IPv4.
func overlap(x, y netip.AddrPort) bool {
	a, b := x.Addr().Unmap(), y.Addr().Unmap()
	covers := func(any, one netip.Addr) bool { return any.IsUnspecified() && (any.Is6() || one.Is4()) }
	return x.Port() == y.Port() && (a == b || covers(a, b) || covers(b, a))
}

// rank is how well a listening socket matches an address, 0 if it does not.
type rank int

// fits ranks a socket bound to bound for connections to addr. /proc does not show whether an IPv6 wildcard accepts IPv4
// (IPV6_V6ONLY), so it counts only if nothing else matches.
func fits(bound, addr netip.AddrPort) rank {
	a, b := addr.Addr(), bound.Addr()
	switch {
	case bound.Port() != addr.Port():
		return 0
	case a == b && !a.IsUnspecified():
		return 4
	case a == b.Unmap() && !a.IsUnspecified():
		return 3
	case b.IsUnspecified() && a.Is4() == b.Is4(), a.IsUnspecified() && a.Is4() == b.Unmap().Is4():
		return 2
	case b.IsUnspecified() && b.Is6() && a.Is4():
		return 1
	}
	return 0
}

// stateListen is TCP_LISTEN in the column st of /proc/net/tcp (proc_pid_net(5)).
const stateListen = "0A"

// eachListener calls f for each listening TCP socket of this network namespace.
func eachListener(f func(bound netip.AddrPort, inode string)) error {
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		table, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) { // a kernel without IPv6
			continue
		}
		if err != nil {
			return err
		}
		scanListeners(table, f)
		table.Close()
	}
	return nil
}

// scanListeners parses a socket table and calls each for its listeners.
func scanListeners(r io.Reader, each func(bound netip.AddrPort, inode string)) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 10 || f[3] != stateListen {
			continue
		}
		if bound, ok := procAddr(f[1]); ok {
			each(bound, f[9])
		}
	}
}

// procAddr parses an address such as 0100007F:0CBC: 32-bit words in the machine's byte order, then the port.
func procAddr(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	ip, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(ip, uint16(n)), ok
}

// owners returns the processes that have one of these sockets open, as far as this user may read their descriptors.
func owners(inodes []string) (pids []int) {
	want := map[string]bool{}
	for _, inode := range inodes {
		want["socket:["+inode+"]"] = true
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && has(pid, want) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// has reports whether a process has one of the sockets open.
func has(pid int, want map[string]bool) bool {
	fds := "/proc/" + strconv.Itoa(pid) + "/fd"
	dir, err := os.Open(fds)
	if err != nil {
		return false // it has ended, or belongs to another user
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, fd := range names {
		if to, err := os.Readlink(fds + "/" + fd); err == nil && want[to] {
			return true
		}
	}
	return false
}
