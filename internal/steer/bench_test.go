package steer

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/must"
)

// What a connection costs with and without the program: connect, accept and close on loopback, two listeners.
func BenchmarkConnect(b *testing.B) {
	for _, level := range []Level{Hash, Program} {
		b.Run(level.String(), func(b *testing.B) {
			s := Open(Config{Cores: unpinned(2), Disable: level != Program})
			defer s.Close()
			if level == Program {
				needs(b, capBPF)
			}
			p := &portal{t: b, addr: netip.MustParseAddrPort("127.0.0.1:0")}
			for i := range 2 {
				fd := must.Get(listenOn(&p.addr))(b)
				p.fds = append(p.fds, fd)
				defer p.close(i)
			}
			must.Get(s.Listen(p.fds))(b)
			if got := s.Status().Level; got != level {
				b.Fatalf("level %v: %s", got, s.Status().Why)
			}
			for b.Loop() {
				client := must.Get(dialFrom(p.addr.Addr(), p.addr))(b)
				server := -1
				for server < 0 {
					for _, fd := range p.fds {
						if c, _, err := unix.Accept(fd); err == nil {
							server = c
						}
					}
				}
				// The side that resets leaves no TIME_WAIT behind, which would fill the ports.
				unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
				unix.Close(client)
				unix.Close(server)
			}
		})
	}
}

// What a loop pays to say where a connection lives, and that it is gone.
func BenchmarkFlow(b *testing.B) {
	local, remote := netip.MustParseAddrPort("10.99.0.1:3260"), netip.MustParseAddrPort("10.99.1.1:51000")
	run := func(s *Steer) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Flow(local, remote, 0)
				s.Forget(local, remote)
			}
		}
	}
	b.Run("off", run(&Steer{cores: []int{0}}))
	if missing := flowNeeds.missing(); missing != nil {
		b.Skip("missing " + join(missing))
	}
	f := must.Get(loadFlowTable([]int{0}))(b)
	defer f.close()
	b.Run("xdp", run(&Steer{cores: []int{0}, flows: f}))
}

// steerings are the ways in which receive processing can follow the reader, for the two benchmarks below: a connection
// over veth whose client is on one CPU, where its packets arrive, and whose server is on another.
var steerings = []string{"none", "rfs", "xdp"}

// steered makes such a connection.
func steered(b *testing.B, how string) (client int, server accepted, cpus []int) {
	cpus = needCPUs(b, 2)
	n := newNetwork(b)
	cfg := Config{Cores: cpus}
	if how == "xdp" {
		needs(b, flowNeeds.caps...)
		cfg.XDP = []string{"san0"}
	}
	s := n.open(cfg)
	if how == "rfs" {
		n.followReaders()
	}
	p := n.serve(s, target4, 2)
	n.initiator.in(func() error { return pin(cpus[0]) })
	client = n.connect(from4(0), p.addr)
	server = p.accept(1)[0]
	s.Flow(server.local, server.remote, 1)
	for _, fd := range []int{client, server.fd} {
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	return client, server, cpus
}

// reader runs f on a thread pinned to cpu, and returns how to wait for it.
func reader(cpu int, f func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := pin(cpu); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return func() error { return <-done }
}

// A request of 48 bytes and an answer of 4 KiB, one at a time.
func BenchmarkRoundTrip(b *testing.B) {
	for _, how := range steerings {
		b.Run(how, func(b *testing.B) {
			client, server, cpus := steered(b, how)
			wait := reader(cpus[1], func() error {
				in, out := make([]byte, 48), make([]byte, 4096)
				for {
					if k, err := read(server.fd, in); k <= 0 || err != nil {
						return err
					}
					if _, err := write(server.fd, out); err != nil {
						return err
					}
				}
			})
			err := reader(cpus[0], func() error {
				in, out := make([]byte, 4096), make([]byte, 48)
				for b.Loop() {
					if _, err := write(client, out); err != nil {
						return err
					}
					for got := 0; got < len(in); {
						k, err := read(client, in)
						if k <= 0 || err != nil {
							return fmt.Errorf("read %d, %w", k, err)
						}
						got += k
					}
				}
				return unix.Shutdown(client, unix.SHUT_WR)
			})()
			if err2 := wait(); err != nil || err2 != nil {
				b.Fatal(err, err2)
			}
			cpu, _ := IncomingCPUOf(server.fd)
			b.ReportMetric(float64(cpu), "cpu")
		})
	}
}

// Writes of 64 KiB, one after the other.
func BenchmarkBulk(b *testing.B) {
	for _, how := range steerings {
		b.Run(how, func(b *testing.B) {
			client, server, cpus := steered(b, how)
			wait := reader(cpus[1], func() error {
				in := make([]byte, 256<<10)
				for {
					if k, err := read(server.fd, in); k <= 0 || err != nil {
						return err
					}
				}
			})
			err := reader(cpus[0], func() error {
				out := make([]byte, 64<<10)
				b.SetBytes(int64(len(out)))
				for b.Loop() {
					if _, err := write(client, out); err != nil {
						return err
					}
				}
				return unix.Shutdown(client, unix.SHUT_WR)
			})()
			if err2 := wait(); err != nil || err2 != nil {
				b.Fatal(err, err2)
			}
			cpu, _ := IncomingCPUOf(server.fd)
			b.ReportMetric(float64(cpu), "cpu")
		})
	}
}
