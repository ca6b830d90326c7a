package output

import (
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/ringtgt/ringtgt/internal/conform"
)

// Capture writes what cases exchanged as packets that wireshark reads. What is below TCP's payload is made up: the kernel's own
// segments were not seen. The target's port is shown as 3260, so that the payload is taken for iSCSI.
type Capture struct {
	w     *pcapgo.NgWriter
	conns map[int]*flow // of the case at hand, by Event.Conn
}

const (
	iscsiPort = 3260
	// maxSegment is how much payload a packet has at most.
	maxSegment = 16 << 10
)

// Addresses that no card has: locally administered.
var (
	initiatorMAC = net.HardwareAddr{0x02, 0, 0, 0, 0, 1}
	targetMAC    = net.HardwareAddr{0x02, 0, 0, 0, 0, 2}
)

// flow is a connection.
type flow struct {
	ours, theirs side
}

// side is one end of a connection.
type side struct {
	addr netip.AddrPort
	mac  net.HardwareAddr
	seq  uint32 // of the next byte it sends
	fin  bool
}

// NewCapture begins a file. Version is this program's.
func NewCapture(w io.Writer, version string) (*Capture, error) {
	options := pcapgo.DefaultNgWriterOptions
	options.SectionInfo.Application = "ringtgt conform " + version
	intf := pcapgo.DefaultNgInterface
	intf.Name, intf.LinkType = "conform", layers.LinkTypeEthernet
	ng, err := pcapgo.NewNgWriterInterface(w, intf, options)
	return &Capture{w: ng}, err
}

// Close writes what is still buffered.
func (c *Capture) Close() error { return c.w.Flush() }

// Add appends the exchange of a case. The first packet of each connection has the case as its comment.
func (c *Capture) Add(r conform.Result) error {
	c.conns = map[int]*flow{}
	comment := r.Case.ID + " " + r.Case.Title + ": " + string(r.Verdict)
	for _, e := range r.Trace {
		if err := c.event(e, comment); err != nil {
			return err
		}
	}
	return nil
}

func (c *Capture) event(e conform.Event, comment string) error {
	f := c.conns[e.Conn]
	if e.Kind == conform.Connected {
		local, err1 := netip.ParseAddrPort(e.Local)
		remote, err2 := netip.ParseAddrPort(e.Remote)
		if err1 != nil || err2 != nil {
			return nil // no TCP connection
		}
		f = &flow{side{addr: plain(local), mac: initiatorMAC, seq: 1000}, side{addr: netip.AddrPortFrom(plain(remote).Addr(), iscsiPort), mac: targetMAC, seq: 2000}}
		c.conns[e.Conn] = f
		return c.open(f, e.At, comment)
	}
	if f == nil {
		return nil
	}
	switch e.Kind {
	case conform.Sent, conform.SentRaw:
		return c.data(&f.ours, &f.theirs, e)
	case conform.Received, conform.ReceivedPart:
		return c.data(&f.theirs, &f.ours, e)
	case conform.ClosedByUs:
		return c.shut(&f.ours, &f.theirs, e.At)
	case conform.ClosedByTarget:
		return c.shut(&f.theirs, &f.ours, e.At)
	}
	return nil
}

// plain takes an IPv4 address out of an IPv6 one, and a zone off.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

func (c *Capture) open(f *flow, at time.Time, comment string) error {
	if err := c.packet(&f.ours, &f.theirs, at, layers.TCP{SYN: true}, nil, 0, comment); err != nil {
		return err
	}
	f.ours.seq++
	if err := c.packet(&f.theirs, &f.ours, at, layers.TCP{SYN: true, ACK: true}, nil, 0, ""); err != nil {
		return err
	}
	f.theirs.seq++
	return c.packet(&f.ours, &f.theirs, at, layers.TCP{ACK: true}, nil, 0, "")
}

// data is what one side sends. Of bytes that were not kept only the count is known.
func (c *Capture) data(from, to *side, e conform.Event) error {
	for wire, left := e.Wire, e.Length; left > 0; {
		n := min(left, maxSegment)
		have := wire[:min(n, len(wire))]
		if err := c.packet(from, to, e.At, layers.TCP{PSH: true, ACK: true}, have, n-len(have), ""); err != nil {
			return err
		}
		from.seq += uint32(n)
		wire, left = wire[len(have):], left-n
	}
	return nil
}

func (c *Capture) shut(from, to *side, at time.Time) error {
	if from.fin {
		return nil
	}
	if err := c.packet(from, to, at, layers.TCP{FIN: true, ACK: true}, nil, 0, ""); err != nil {
		return err
	}
	from.fin = true
	from.seq++
	return c.packet(to, from, at, layers.TCP{ACK: true}, nil, 0, "")
}

// packet writes one packet with the flags of tcp. missing is how many bytes of its payload are not known.
func (c *Capture) packet(from, to *side, at time.Time, tcp layers.TCP, payload []byte, missing int, comment string) error {
	tcp.SrcPort, tcp.DstPort = layers.TCPPort(from.addr.Port()), layers.TCPPort(to.addr.Port())
	tcp.Seq, tcp.Window = from.seq, 65535
	if tcp.ACK {
		tcp.Ack = to.seq
	}
	eth := layers.Ethernet{SrcMAC: from.mac, DstMAC: to.mac, EthernetType: layers.EthernetTypeIPv4}
	var ip gopacket.SerializableLayer
	var network gopacket.NetworkLayer
	if from.addr.Addr().Is4() {
		v4 := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: from.addr.Addr().AsSlice(), DstIP: to.addr.Addr().AsSlice(), Flags: layers.IPv4DontFragment}
		ip, network = v4, v4
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		v6 := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: from.addr.Addr().AsSlice(), DstIP: to.addr.Addr().AsSlice()}
		ip, network = v6, v6
	}
	if err := tcp.SetNetworkLayerForChecksum(network); err != nil {
		return err
	}
	// The bytes that are not known count as zeros for lengths and checksum, and are cut off.
	whole := append(payload[:len(payload):len(payload)], make([]byte, missing)...)
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, &eth, ip, &tcp, gopacket.Payload(whole)); err != nil {
		return err
	}
	b := buf.Bytes()
	info := gopacket.CaptureInfo{Timestamp: at, Length: len(b), CaptureLength: len(b) - missing}
	var options pcapgo.NgPacketOptions
	if comment != "" {
		options.Comments = []string{comment}
	}
	return c.w.WritePacketWithOptions(info, b[:len(b)-missing], options)
}
