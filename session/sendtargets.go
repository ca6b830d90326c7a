package session

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/pdu"
)

// listing is a target as SendTargets shows it (RFC 7143, appendix C). It is made once, when the node learns of the target,
// and shared: an answer of thousands of targets is written from these.
type listing struct {
	target  *Target
	portals []listedPortal
}

// listedPortal is a portal's address as the initiator can use it. A wildcard, where addr is empty, is where its connection
// arrived.
type listedPortal struct {
	addr string
	port uint16
	tpgt string // with the comma
}

func newListing(t *Target) *listing {
	l := &listing{target: t}
	for _, p := range t.Portals {
		lp := listedPortal{addr: p.Addr, tpgt: "," + strconv.Itoa(int(p.TPGT))}
		if a, err := netip.ParseAddrPort(p.Addr); err == nil && a.Addr().IsUnspecified() {
			lp.addr, lp.port = "", a.Port()
		}
		l.portals = append(l.portals, lp)
	}
	return l
}

// list returns what SendTargets=value asks for. Whether the initiator may see a target is not looked at here.
func (n *Node) list(c *Conn, value string) []*listing {
	t := n.targets.Load()
	s := c.sess
	if s.Discovery {
		if value == "All" {
			return t.listings
		}
		if l := t.byName[strings.ToLower(value)]; l != nil { // 4.2.7.2
			return []*listing{l}
		}
		return nil
	}
	if value == "" || strings.EqualFold(value, s.Target.Name) {
		if l := t.byName[strings.ToLower(s.Target.Name)]; l != nil {
			return []*listing{l}
		}
	}
	return nil
}

// record appends the target's record, nothing for an initiator that may not log in to it: it need not know of it.
func (l *listing) record(dst []byte, c *Conn) []byte {
	t := l.target
	if !t.ACL.Admits(c.sess.InitiatorName, c.cfg.Remote.Addr()) {
		return dst
	}
	dst = pdu.AppendText(dst, "TargetName", t.Name)
	local := c.cfg.Local
	if len(l.portals) == 0 {
		return appendAddress(dst, local, ",1")
	}
	for _, p := range l.portals {
		if p.addr == "" {
			dst = appendAddress(dst, netip.AddrPortFrom(local.Addr(), p.port), p.tpgt)
			continue
		}
		dst = append(dst, "TargetAddress="...)
		dst = append(dst, p.addr...)
		dst = append(dst, p.tpgt...)
		dst = append(dst, 0)
	}
	return dst
}

// appendAddress appends a TargetAddress. A zone means something on our own node only.
func appendAddress(dst []byte, a netip.AddrPort, tpgt string) []byte {
	dst = append(dst, "TargetAddress="...)
	dst = netip.AddrPortFrom(a.Addr().WithZone(""), a.Port()).AppendTo(dst)
	dst = append(dst, tpgt...)
	return append(dst, 0)
}
