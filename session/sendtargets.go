package session

import (
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
		out = pdu.AppendText(out, "TargetName", t.Name)
		portals := t.Portals
		if len(portals) == 0 {
			portals = []Portal{{Addr: c.cfg.Local.String(), TPGT: 1}}
		}
		for _, p := range portals {
			out = pdu.AppendText(out, "TargetAddress", p.Addr+","+strconv.Itoa(int(p.TPGT)))
		}
	}
	return out
}
