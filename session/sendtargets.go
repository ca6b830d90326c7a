package session

import (
	"net/netip"
	"strconv"

	"github.com/ringtgt/ringtgt/pdu"
)

// sendTargets appends the answer to SendTargets=value (RFC 7143, appendix C).
func (n *Node) sendTargets(out []byte, c *Conn, value string) []byte {
	for _, t := range n.Targets() {
		switch {
		case value == "All" && c.sess.Discovery:
		case value == "" && t == c.sess.Target:
		case value == t.Name && (c.sess.Discovery || t == c.sess.Target):
		default:
			continue
		}
		if len(out) > maxTextReply {
			break
		}
		// What an initiator may not log in to it need not know of.
		if !t.ACL.Admits(c.sess.InitiatorName, c.cfg.Remote.Addr()) {
			continue
		}
		out = pdu.AppendText(out, "TargetName", t.Name)
		portals := t.Portals
		if len(portals) == 0 {
			portals = []Portal{{Addr: c.cfg.Local.String(), TPGT: 1}}
		}
		for _, p := range portals {
			out = pdu.AppendText(out, "TargetAddress", c.reachable(p.Addr)+","+strconv.Itoa(int(p.TPGT)))
		}
	}
	return out
}

// reachable is a portal's address as the initiator can use it: a wildcard is where this connection arrived.
func (c *Conn) reachable(addr string) string {
	if a, err := netip.ParseAddrPort(addr); err == nil && a.Addr().IsUnspecified() {
		return netip.AddrPortFrom(c.cfg.Local.Addr(), a.Port()).String()
	}
	return addr
}
