package steer

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// families are the ways an initiator comes in: the address listened on, the one connected to, and the initiators'.
var families = []struct {
	name       string
	listen, to netip.Addr
	from       func(int) netip.Addr
}{
	{"IPv4", target4, target4, from4},
	{"IPv6", target6, target6, from6},
	{"IPv4 at a socket for both", netip.IPv6Unspecified(), target4, from4},
	{"IPv6 at a socket for both", netip.IPv6Unspecified(), target6, from6},
}

func unpinned(loops int) []int { return slices.Repeat([]int{-1}, loops) }

// program opens a Steer that must have got its program.
func program(n *network, loops int) *Steer {
	n.t.Helper()
	needs(n.t, capBPF)
	s := n.open(Config{Cores: unpinned(loops)})
	if st := s.Status(); st.Level != Program {
		n.t.Fatalf("level %v: %s", st.Level, st.Why)
	}
	return s
}

func (n *network) serve(s *Steer, addr netip.Addr, loops int) *portal {
	n.t.Helper()
	p := n.listen(addr, loops)
	must.Get(s.Listen(p.fds))(n.t)
	return p
}

// 16 connections of one initiator over 4 loops are 4 on each, for every initiator, whatever its family.
func TestEveryInitiatorIsSpreadExactly(t *testing.T) {
	const loops = 4
	n := newNetwork(t)
	s := program(n, loops)
	for _, f := range families {
		p := n.serve(s, f.listen, loops)
		for i := range 3 {
			for range 16 {
				n.connect(f.from(i), p.at(f.to))
			}
			if got, want := p.spread(16), []int{4, 4, 4, 4}; !slices.Equal(got, want) {
				t.Errorf("%s: initiator %d: %v on the loops, want %v", f.name, i, got, want)
			}
		}
	}
	if st := s.Status(); st.Level != Program || st.Why != "" {
		t.Errorf("status %+v after all this", st)
	}
}

// Any number of loops, also one that divides nothing.
func TestNumbersOfLoops(t *testing.T) {
	n := newNetwork(t)
	for _, loops := range []int{2, 3, 5, 8} {
		p := n.serve(program(n, loops), target4, loops)
		for range 2 * loops {
			n.connect(from4(0), p.addr)
		}
		if got, want := p.spread(2*loops), slices.Repeat([]int{2}, loops); !slices.Equal(got, want) {
			t.Errorf("%d loops: %v, want %v", loops, got, want)
		}
	}
}

// The two connections of a small session are never on one loop, wherever the initiator's turn is.
func TestTwoConnectionsAreOnTwoLoops(t *testing.T) {
	n := newNetwork(t)
	p := n.serve(program(n, 4), target4, 4)
	for session := range 6 {
		if session%2 == 1 {
			n.connect(from4(1), p.addr) // a discovery session in between
			p.accept(1)
		}
		n.connect(from4(1), p.addr)
		n.connect(from4(1), p.addr)
		if c := p.accept(2); c[0].loop == c[1].loop {
			t.Errorf("session %d: both connections on loop %d", session, c[0].loop)
		}
	}
}

// Initiators with a single connection each are spread as exactly: each starts one loop further.
func TestSingleConnectionsOfManyInitiators(t *testing.T) {
	n := newNetwork(t)
	p := n.serve(program(n, 4), netip.IPv6Unspecified(), 4)
	for i := range initiators {
		n.connect(from4(i), p.at(target4))
		n.connect(from6(i), p.at(target6))
	}
	if got, want := p.spread(2*initiators), []int{4, 4, 4, 4}; !slices.Equal(got, want) {
		t.Errorf("%v on the loops, want %v", got, want)
	}
}

// Portals work side by side, and a session over two of them takes its turns through both, IPv4 being one initiator
// whether the socket is for IPv4 or for both families.
func TestPortalsShareAnInitiatorsTurns(t *testing.T) {
	n := newNetwork(t)
	s := program(n, 4)
	a, b := n.serve(s, target4, 4), n.serve(s, netip.IPv6Unspecified(), 4)
	for range 4 {
		n.connect(from4(2), a.addr)
		n.connect(from4(2), b.at(target4))
	}
	at, bt := a.spread(4), b.spread(4)
	for loop := range 4 {
		must.Be(t, at[loop]+bt[loop] == 2, "portals got %v and %v: the sum must be 2 on each loop", at, bt)
	}
}

// A portal that is removed, with connections that nobody has accepted, takes nothing from another one: its backlog is accepted, and
// turns go on. The next portal on the address has a program of its own.
func TestRemovedPortalLeavesOthersAlone(t *testing.T) {
	n := newNetwork(t)
	s := program(n, 4)
	stays := n.serve(s, target4, 4)
	for range 3 {
		goes := n.listen(target6, 4)
		g := must.Get(s.Listen(goes.fds))(t)
		for range 4 {
			n.connect(from4(1), stays.addr)
			n.connect(from6(1), goes.addr)
		}
		for i, fd := range goes.fds {
			unix.Shutdown(fd, unix.SHUT_RDWR)
			goes.close(i)
		}
		s.Unlisten(g)
		for range 4 {
			n.connect(from4(1), stays.addr)
		}
		if got, want := stays.spread(8), []int{2, 2, 2, 2}; !slices.Equal(got, want) {
			t.Errorf("%v on the loops, want %v", got, want)
		}
	}
	if st := s.Status(); st.Level != Program || st.Why != "" {
		t.Errorf("status %+v", st)
	}
}

// A listener that closes takes nothing with it: what it had not accepted goes to the others, and its turns go to
// whom the hash says.
func TestClosedListenerLosesNothing(t *testing.T) {
	for _, how := range []string{"close", "shutdown"} {
		t.Run(how, func(t *testing.T) {
			n := newNetwork(t)
			p := n.serve(program(n, 4), target4, 4)
			var clients []int
			for range 8 {
				clients = append(clients, n.connect(from4(0), p.addr))
			}
			if how == "shutdown" {
				unix.Shutdown(p.fds[0], unix.SHUT_RDWR)
			}
			p.close(0)
			for range 8 {
				clients = append(clients, n.connect(from4(0), p.addr))
			}
			servers := map[netip.AddrPort]int{}
			for _, c := range p.accept(16) {
				servers[c.remote] = c.fd
			}
			for i, c := range clients {
				own := must.Get(unix.Getsockname(c))(t)
				b := []byte{byte(i)}
				if _, err := write(c, b); err != nil {
					t.Fatalf("connection %d: %v", i, err)
				}
				b[0] = 0xff
				if k, err := read(servers[fromSockaddr(own)], b); k != 1 || err != nil || b[0] != byte(i) {
					t.Fatalf("connection %d: read %d bytes, %v, %x", i, k, err, b)
				}
			}
		})
	}
}

// The last ACK of a handshake by SYN cookie is looked up like a SYN. It must not take a turn: with an even number of
// loops every second one would stay empty.
func TestOnlySYNsTakeTurns(t *testing.T) {
	n := newNetwork(t)
	n.target.in(func() error { return os.WriteFile("/proc/sys/net/ipv4/tcp_syncookies", []byte("2"), 0) })
	s := program(n, 4)
	p := n.serve(s, target4, 4)
	const conns = 8
	for range conns {
		n.connect(from4(3), p.addr)
	}
	p.accept(conns)
	addr := from4(3).As16()
	var turn uint64
	must.OK(t, s.selection.turns.Lookup(&addr, &turn))
	check.That(t, turn == conns, "%d connections took %d turns", conns, turn)
}

// Sockets that are no group are refused the program: they get the next level, and Status says so.
func TestNoGroupNoProgram(t *testing.T) {
	n := newNetwork(t)
	s := program(n, 2)
	var fds []int
	n.target.in(func() error {
		for range 2 {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			t.Cleanup(func() { unix.Close(fd) })
			fds = append(fds, fd)
		}
		return nil
	})
	must.Get(s.Listen(fds))(t)
	if st := s.Status(); st.Level != Hash || st.Why == "" {
		t.Errorf("status %+v, want hash with a reason", st)
	}
	p := n.serve(s, target4, 2) // the next portal is not worse for it
	for range 8 {
		n.connect(from4(0), p.addr)
	}
	if got, want := p.spread(8), []int{4, 4}; !slices.Equal(got, want) {
		t.Errorf("the next portal: %v, want %v", got, want)
	}
}

// A group keeps its program by itself: whatever is listened on, and after Close, no descriptor is left.
func TestNoDescriptorStaysOpen(t *testing.T) {
	n := newNetwork(t)
	open := func() int {
		fds := must.Get(os.ReadDir("/proc/self/fd"))(t)
		return len(fds)
	}
	program(n, 2).Close() // what the library keeps for good, it has now
	p, q := n.listen(target4, 2), n.listen(target6, 2)
	before := open()
	s := program(n, 2)
	ready := open()
	for _, fds := range [][]int{p.fds, q.fds} {
		must.Get(s.Listen(fds))(t)
	}
	check.Equal(t, open(), ready, "descriptors after two portals:")
	must.OK(t, s.Close())
	check.Equal(t, open(), before, "descriptors after Close:")
	for range 6 {
		n.connect(from4(0), p.addr)
	}
	if got, want := p.spread(6), []int{3, 3}; !slices.Equal(got, want) {
		t.Errorf("after Close: %v, want %v, as the listeners are still open", got, want)
	}
}

// Without a program, connections go to the loop on whose CPU their SYN was received.
func TestIncomingCPU(t *testing.T) {
	if incomingNeeds.kernelTooOld() {
		t.Skip("before Linux 6.2 the kernel may ignore SO_INCOMING_CPU within a group")
	}
	cpus := needCPUs(t, 2)
	n := newNetwork(t)
	s := n.open(Config{Cores: cpus, Disable: true})
	if st := s.Status(); st.Level != IncomingCPU {
		t.Fatalf("status %+v, want incoming-cpu", st)
	}
	p := n.serve(s, target4, 2)
	for loop, cpu := range cpus {
		n.initiator.in(func() error { return pin(cpu) }) // a veth's packets are received where they were sent
		for range 10 {
			n.connect(from4(0), p.addr)
		}
		want := []int{0, 0}
		want[loop] = 10
		if got := p.spread(10); !slices.Equal(got, want) {
			t.Errorf("SYNs on CPU %d: %v on the loops, want %v", cpu, got, want)
		}
	}
}

func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin to CPU %d: %w", cpu, err)
	}
	return nil
}
