package session

import (
	"net/netip"
	"strconv"

	"github.com/ringtgt/ringtgt/internal/iscsiname"
	"github.com/ringtgt/ringtgt/pdu"
)

// listing is a target's record for SendTargets (RFC 7143, appendix C). It is built once, when the node learns of the target, and
// shared by all answers, which may list thousands of targets.
type listing struct {
	target  *Target
	portals []listedPortal
}

// listedPortal is a portal address that the initiator can use. An empty addr is a wildcard: it stands for the address on which the
// connection arrived.
type listedPortal struct {
	addr string
	port uint16
	tpgt string // including the comma
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

// asker has the properties of the connection that the answer to SendTargets depends on.
type asker struct {
	node   *Node
	sess   *Session
	local  netip.AddrPort
	remote netip.Addr
}

// list returns the targets that SendTargets=value asks for. It does not check whether the initiator may see them.
func (a asker) list(value string) []*listing {
	t := a.node.targets.Load()
	s := a.sess
	if s.Discovery {
		if value == "All" {
			return t.listings
		}
		if l := t.byName[iscsiname.Fold(value)]; l != nil { // 4.2.7.2
			return []*listing{l}
		}
		return nil
	}
	if value == "" || iscsiname.Fold(value) == iscsiname.Fold(s.Target.Name) {
		if l := t.byName[iscsiname.Fold(s.Target.Name)]; l != nil {
			return []*listing{l}
		}
	}
	return nil
}

// record appends the target's record, or nothing for an initiator that may not log in to it.
func (l *listing) record(dst []byte, who asker) []byte {
	t := l.target
	if !t.ACL.Admits(who.sess.InitiatorName, who.remote) {
		return dst
	}
	dst = pdu.AppendText(dst, "TargetName", t.Name)
	if len(l.portals) == 0 {
		return appendAddress(dst, who.local, ",1")
	}
	for _, p := range l.portals {
		if p.addr == "" {
			dst = appendAddress(dst, netip.AddrPortFrom(who.local.Addr(), p.port), p.tpgt)
			continue
		}
		dst = append(dst, "TargetAddress="...)
		dst = append(dst, p.addr...)
		dst = append(dst, p.tpgt...)
		dst = append(dst, 0)
	}
	return dst
}

// appendAddress appends a TargetAddress, without a zone: zones are local to a node.
func appendAddress(dst []byte, a netip.AddrPort, tpgt string) []byte {
	dst = append(dst, "TargetAddress="...)
	dst = netip.AddrPortFrom(a.Addr().WithZone(""), a.Port()).AppendTo(dst)
	dst = append(dst, tpgt...)
	return append(dst, 0)
}
