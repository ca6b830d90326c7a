package steer

import (
	"bufio"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// openXDP opens a Steer whose XDP program must be on the target's interface.
func openXDP(n *network, cpus []int) *Steer {
	n.t.Helper()
	needs(n.t, flowNeeds.caps...)
	s := n.open(Config{Cores: cpus, XDP: []string{"san0"}})
	if st := s.Status(); !st.XDP || st.XDPWhy != "" || len(st.Interfaces) != 1 {
		n.t.Fatalf("status %+v", st)
	}
	return s
}

// hasXDP reports whether the target's interface has an XDP program, according to the kernel.
func (n *network) hasXDP() bool {
	n.t.Helper()
	return strings.Contains(n.target.ip("link show san0"), "xdpgeneric")
}

// Packets of a connection are processed on its loop's CPU from Flow to Forget, and before and after where they arrive.
func TestReceiveProcessingFollowsTheLoop(t *testing.T) {
	cpus := needCPUs(t, 2)
	n := newNetwork(t)
	s := openXDP(n, cpus)
	for _, f := range families {
		p := n.serve(s, f.listen, 2)
		for i, arrive := range cpus {
			n.initiator.in(func() error { return pin(arrive) })
			client := n.connect(f.from(0), p.at(f.to))
			c := p.accept(1)[0]
			other := 1 - i
			n.onCPU(f.name+", before", client, c, arrive)
			s.Flow(c.local, c.remote, other)
			n.onCPU(f.name+", Flow to another loop", client, c, cpus[other])
			s.Flow(c.local, c.remote, i)
			n.onCPU(f.name+", handed over", client, c, arrive)
			s.Flow(c.local, c.remote, other)
			n.onCPU(f.name+", handed back", client, c, cpus[other])
			s.Forget(c.local, c.remote)
			s.Forget(c.local, c.remote) // nothing
			n.onCPU(f.name+", after Forget", client, c, arrive)
		}
	}
	if st := s.Status(); st.Unsteered != 0 {
		t.Errorf("status %+v", st)
	}
}

// onCPU sends messages one by one, and wants each to have been received on cpu.
func (n *network) onCPU(when string, client int, c accepted, cpu int) {
	n.t.Helper()
	b := make([]byte, 512)
	for range 10 {
		n.initiator.in(func() error { _, err := write(client, b); return err })
		if k, err := read(c.fd, b); k != len(b) || err != nil {
			n.t.Fatalf("%s: read %d bytes, %v", when, k, err)
		}
		got := must.Get(IncomingCPUOf(c.fd))(n.t)
		must.Be(n.t, got == cpu, "%s: received on CPU %d, want %d", when, got, cpu)
	}
}

// Bulk data arrives whole through the queues, also what the sender hands down in segments larger than a packet.
func TestMovedDataArrivesWhole(t *testing.T) {
	cpus := needCPUs(t, 2)
	n := newNetwork(t)
	s := openXDP(n, cpus)
	for _, f := range families[:2] {
		p := n.serve(s, f.listen, 2)
		n.initiator.in(func() error { return pin(cpus[0]) })
		client := n.connect(f.from(0), p.at(f.to))
		c := p.accept(1)[0]
		s.Flow(c.local, c.remote, 1)
		const total = 16 << 20
		sent := make(chan error, 1)
		go func() {
			b := make([]byte, 64<<10)
			for off := 0; off < total; {
				for i := range b {
					b[i] = byte((off + i) * 31 >> 8)
				}
				k, err := write(client, b)
				if err != nil {
					sent <- err
					return
				}
				off += k
			}
			sent <- nil
		}()
		b := make([]byte, 64<<10)
		for off := 0; off < total; {
			k, err := read(c.fd, b[:min(len(b), total-off)])
			must.Be(t, k > 0 && err == nil, "%s: %d of %d bytes, then %v", f.name, off, total, err)
			for i, got := range b[:k] {
				must.Be(t, got == byte((off+i)*31>>8), "%s: wrong byte at %d", f.name, off+i)
			}
			off += k
		}
		must.OK(t, <-sent)
	}
}

func TestCloseDetaches(t *testing.T) {
	n := newNetwork(t)
	s := openXDP(n, needCPUs(t, 1))
	must.Be(t, n.hasXDP(), "nothing is attached")
	must.OK(t, s.Close())
	check.That(t, !n.hasXDP(), "still attached")
	s.Flow(netip.MustParseAddrPort("10.99.0.1:3260"), netip.MustParseAddrPort("10.99.0.2:1024"), 0)
	if st := s.Status(); st.XDP || st.XDPWhy != "closed" || st.Unsteered != 0 {
		t.Errorf("status %+v", st)
	}
}

// A daemon that is killed leaves nothing attached.
func TestKilledDaemonLeavesNothing(t *testing.T) {
	n := newNetwork(t)
	needs(t, flowNeeds.caps...)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=hold", "STEER_XDP=san0")
	cmd.Stderr = os.Stderr
	out := must.Get(cmd.StdoutPipe())(t)
	if _, err := cmd.StdinPipe(); err != nil { // stays open: the child waits for its end
		t.Fatal(err)
	}
	n.target.in(cmd.Start) // a child of the namespace's thread
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); !strings.Contains(line, `"xdp":true`) {
		t.Fatalf("child: %s (%v)", line, err)
	}
	must.Be(t, n.hasXDP(), "nothing is attached")
	must.OK(t, cmd.Process.Kill())
	cmd.Wait()
	// The kernel lets go of a link soon after its last descriptor, not with it.
	for end := time.Now().Add(patience); n.hasXDP(); {
		must.Be(t, !time.Now().After(end), "still attached")
	}
}

// What is refused is named with its reason, and does not keep the rest from working.
func TestInterfacesThatRefuse(t *testing.T) {
	n := newNetwork(t)
	cpus := needCPUs(t, 1)
	first := openXDP(n, cpus)
	second := n.open(Config{Cores: cpus, XDP: []string{"san0", "san9", "lo", "lo"}})
	st := second.Status()
	check.That(t, st.XDP && len(st.Interfaces) == 1 && st.Interfaces[0] == "lo", "interfaces %v, want lo", st.Interfaces)
	for _, want := range []string{"san0: ", "busy", "san9: ", "no such network interface"} {
		check.That(t, strings.Contains(st.XDPWhy, want), "why %q does not say %q", st.XDPWhy, want)
	}
	if st := first.Status(); !st.XDP {
		t.Errorf("the first one lost its interface: %+v", st)
	}
	if st := n.open(Config{Cores: cpus, XDP: []string{"san9"}}).Status(); st.XDP || st.XDPWhy == "" {
		t.Errorf("without any interface: %+v", st)
	}
}

func TestInterfaceGone(t *testing.T) {
	n := newNetwork(t)
	s := openXDP(n, needCPUs(t, 1))
	n.target.ip("link del san0")
	if st := s.Status(); st.XDP || !strings.Contains(st.XDPWhy, "san0: the interface is gone") {
		t.Errorf("status %+v", st)
	}
	s.Flow(netip.MustParseAddrPort("10.99.0.1:3260"), netip.MustParseAddrPort("10.99.0.2:1024"), 0) // harmless
}
