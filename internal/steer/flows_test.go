package steer

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// What an XDP program returns (linux/bpf.h, enum xdp_action).
const (
	xdpPass     = 2
	xdpRedirect = 4
)

// frame is an Ethernet frame as the wire has it, made piece by piece.
type frame []byte

func ethernet(tags ...uint16) frame { return tagged(make(frame, 12), tags) }

func tagged(f frame, tags []uint16) frame {
	for i, proto := range tags {
		f = binary.BigEndian.AppendUint16(f, proto)
		f = binary.BigEndian.AppendUint16(f, uint16(100+i)) // VLAN identifier
	}
	return f
}

// ipv4 adds an IPv4 header (RFC 791 3.1) with words of options.
func (f frame) ipv4(from, to netip.Addr, proto byte, fragment uint16, options int) frame {
	f = binary.BigEndian.AppendUint16(f, 0x0800)
	h := make([]byte, 20+4*options)
	h[0] = 0x40 | byte(5+options)
	binary.BigEndian.PutUint16(h[6:], fragment)
	h[8], h[9] = 64, proto
	copy(h[12:], from.AsSlice())
	copy(h[16:], to.AsSlice())
	return append(f, h...)
}

// ipv6 adds an IPv6 header (RFC 8200 3).
func (f frame) ipv6(from, to netip.Addr, next byte) frame {
	f = binary.BigEndian.AppendUint16(f, 0x86dd)
	h := make([]byte, 40)
	h[0], h[6], h[7] = 0x60, next, 64
	copy(h[8:], from.AsSlice())
	copy(h[24:], to.AsSlice())
	return append(f, h...)
}

// tcp adds a TCP header (RFC 9293 3.1).
func (f frame) tcp(from, to uint16) frame {
	h := make([]byte, 20)
	binary.BigEndian.PutUint16(h[0:], from)
	binary.BigEndian.PutUint16(h[2:], to)
	h[12], h[13] = 0x50, 0x10
	return append(f, h...)
}

func (f frame) cut(n int) frame { return f[:len(f)-n] }

// Of all that arrives, only whole TCP headers of a known connection are moved.
func TestWhichPacketsAreMoved(t *testing.T) {
	needs(t, flowNeeds.caps...)
	f := must.Get(loadFlowTable([]int{0}))(t)
	t.Cleanup(func() { f.close() })
	const (
		port, client = 3260, 51000
		tcp, udp     = 6, 17
		hopByHop     = 0
		more, second = 0x2000, 185
		q, ad        = 0x8100, 0x88a8
	)
	a, b := from4(1), from6(1)
	for _, c := range []struct{ local, remote netip.AddrPort }{
		{netip.AddrPortFrom(target4, port), netip.AddrPortFrom(a, client)},
		{netip.AddrPortFrom(target6, port), netip.AddrPortFrom(b, client)},
		// Who takes the destination address for a TCP header reads these ports there.
		{netip.AddrPortFrom(target4, 0<<8|1), netip.AddrPortFrom(a, 10<<8|99)},
	} {
		must.OK(t, f.set(c.local, c.remote, 0))
	}
	v4 := ethernet().ipv4(a, target4, tcp, 0, 0).tcp(client, port)
	v6 := ethernet().ipv6(b, target6, tcp).tcp(client, port)
	tests := []struct {
		name  string
		frame frame
		want  uint32
	}{
		{"IPv4", v4, xdpRedirect},
		{"IPv4 with options", ethernet().ipv4(a, target4, tcp, 0, 10).tcp(client, port), xdpRedirect},
		{"IPv4, do not fragment", ethernet().ipv4(a, target4, tcp, 0x4000, 0).tcp(client, port), xdpRedirect},
		{"IPv4, 802.1Q", ethernet(q).ipv4(a, target4, tcp, 0, 0).tcp(client, port), xdpRedirect},
		{"IPv4, 802.1Q in 802.1ad", ethernet(ad, q).ipv4(a, target4, tcp, 0, 0).tcp(client, port), xdpRedirect},
		{"IPv6", v6, xdpRedirect},
		{"IPv6, 802.1Q in 802.1ad", ethernet(ad, q).ipv6(b, target6, tcp).tcp(client, port), xdpRedirect},

		{"three tags", ethernet(ad, q, q).ipv4(a, target4, tcp, 0, 0).tcp(client, port), xdpPass},
		{"another port of the client", ethernet().ipv4(a, target4, tcp, 0, 0).tcp(client+1, port), xdpPass},
		{"another port of ours", ethernet().ipv4(a, target4, tcp, 0, 0).tcp(client, port+1), xdpPass},
		{"another client", ethernet().ipv4(from4(2), target4, tcp, 0, 0).tcp(client, port), xdpPass},
		{"another address of ours", ethernet().ipv4(a, from4(3), tcp, 0, 0).tcp(client, port), xdpPass},
		{"the other direction", ethernet().ipv4(target4, a, tcp, 0, 0).tcp(port, client), xdpPass},
		{"another client, IPv6", ethernet().ipv6(from6(2), target6, tcp).tcp(client, port), xdpPass},
		{"UDP", ethernet().ipv4(a, target4, udp, 0, 0).tcp(client, port), xdpPass},
		{"UDP, IPv6", ethernet().ipv6(b, target6, udp).tcp(client, port), xdpPass},
		{"extension header", ethernet().ipv6(b, target6, hopByHop).tcp(client, port), xdpPass},
		{"first fragment", ethernet().ipv4(a, target4, tcp, more, 0).tcp(client, port), xdpPass},
		{"later fragment", ethernet().ipv4(a, target4, tcp, second, 0).tcp(client, port), xdpPass},
		{"not IP", append(ethernet(), 0x08, 0x06, 0, 1), xdpPass},
		{"IPv4 header length of 4 words", slices.Concat(v4[:14], frame{0x44}, v4[15:]), xdpPass},
	}
	// Whatever is cut off, the rest passes. A frame has at least its Ethernet header.
	for n := 1; n <= len(v4)-14; n++ {
		tests = append(tests, struct {
			name  string
			frame frame
			want  uint32
		}{"IPv4 cut short", v4.cut(n), xdpPass})
	}
	for n := 1; n <= len(v6)-14; n++ {
		tests = append(tests, struct {
			name  string
			frame frame
			want  uint32
		}{"IPv6 cut short", v6.cut(n), xdpPass})
	}
	for _, tt := range tests {
		got, err := f.objs.SteerFlow.Run(&ebpf.RunOptions{Data: tt.frame})
		must.OK(t, err, "%s (%d bytes)", tt.name, len(tt.frame))
		check.That(t, got == tt.want, "%s (%d bytes): action %d, want %d", tt.name, len(tt.frame), got, tt.want)
	}
}

// A connection's name is the same for a socket of either family, with or without a zone.
func TestFlowKey(t *testing.T) {
	parse := netip.MustParseAddrPort
	want := flowsFlow{
		Remote:     [16]byte{10: 0xff, 11: 0xff, 12: 192, 13: 0, 14: 2, 15: 7},
		Local:      [16]byte{10: 0xff, 11: 0xff, 12: 192, 13: 0, 14: 2, 15: 1},
		RemotePort: [2]byte{0xc7, 0x38}, LocalPort: [2]byte{0x0c, 0xbc},
	}
	for _, c := range [][2]string{
		{"192.0.2.1:3260", "192.0.2.7:51000"},
		{"[::ffff:192.0.2.1]:3260", "[::ffff:192.0.2.7]:51000"},
	} {
		if got := flowKey(parse(c[0]), parse(c[1])); *got != want {
			t.Errorf("%v: %+v, want %+v", c, *got, want)
		}
	}
	plain := flowKey(parse("[fe80::1]:3260"), parse("[fe80::2]:51000"))
	if zoned := flowKey(parse("[fe80::1%eth0]:3260"), parse("[fe80::2%eth0]:51000")); *zoned != *plain {
		t.Errorf("with zone %+v, without %+v", *zoned, *plain)
	}
}

// More connections than the map has room for are counted, not steered, and leave room when they end.
func TestFlowsAreBounded(t *testing.T) {
	needs(t, flowNeeds.caps...)
	f := must.Get(loadFlowTable([]int{0}))(t)
	t.Cleanup(func() { f.close() })
	s := &Steer{cores: []int{0}, flows: f}
	local := netip.MustParseAddrPort("[fd99::1]:3260")
	remote := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 98, byte(i >> 8), byte(i)}), uint16(1024+i>>16))
	}
	for i := range MaxFlows {
		s.Flow(local, remote(i), 0)
	}
	if n := s.Status().Unsteered; n != 0 {
		t.Fatalf("%d of %d connections not steered", n, MaxFlows)
	}
	s.Flow(local, remote(MaxFlows), 0)
	if n := s.Status().Unsteered; n != 1 {
		t.Fatalf("%d connections not steered, want 1", n)
	}
	s.Forget(local, remote(5))
	s.Flow(local, remote(MaxFlows), 0)
	check.Equal(t, s.Status().Unsteered, 1, "connections not steered after one made room:")
}

// Loops, readers of the status, and Close need no order among them.
func TestCallsFromManyThreads(t *testing.T) {
	needs(t, flowNeeds.caps...)
	f := must.Get(loadFlowTable([]int{0}))(t)
	s := &Steer{cores: []int{0, 0, 0, 0}, flows: f}
	var wg sync.WaitGroup
	local := netip.MustParseAddrPort("10.99.0.1:3260")
	for loop := range s.cores {
		wg.Go(func() {
			for i := range 500 {
				remote := netip.AddrPortFrom(from4(loop), uint16(i))
				s.Flow(local, remote, loop)
				s.Forget(local, remote)
				if i == 250 && loop == 0 {
					s.Status()
				}
				if i == 400 && loop == 1 {
					if err := s.Close(); err != nil {
						t.Error("close:", err)
					}
				}
			}
		})
	}
	wg.Wait()
	if st := s.Status(); st.XDP || st.Unsteered != 0 {
		t.Errorf("status %+v", st)
	}
}
