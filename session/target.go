package session

import (
	"net/netip"

	"github.com/ringtgt/ringtgt/internal/iscsiname"
)

// Target is one iSCSI target. It must not change once a Node has it.
type Target struct {
	Name, Alias string
	Portals     []Portal // empty: every portal, in group 1
	Auth        Auth
	ACL         ACL
	Redirect    *Redirect // every login is redirected there; nil for none
	Limits      Limits
}

// Portal is an address at which a target can be reached (RFC 7143, 4.4.1), and its portal group.
type Portal struct {
	Addr string // host:port
	TPGT uint16
}

// Redirect sends initiators to another address of the target (11.13.5, class 1).
type Redirect struct {
	Addr      string // host:port; a trailing ",TPGT" is dropped (13.8)
	Permanent bool
}

// Limits are a target's bounds and preferences for negotiation; 0 means the default of limits.go.
type Limits struct {
	Window                   int
	MaxConnections           int
	MaxRecvDataSegmentLength uint32
	MaxBurstLength           uint32
	FirstBurstLength         uint32
	InitialR2T               bool // insist on R2T before the first burst
	NoImmediateData          bool // refuse immediate data
}

// window returns the size of a session's command window.
func (t *Target) window() int {
	if t == nil || t.Limits.Window == 0 {
		return DefaultWindow
	}
	return min(max(t.Limits.Window, 1), MaxWindow)
}

// limits returns the target's limits, with the defaults filled in.
func (t *Target) limits() Limits {
	var l Limits
	if t != nil {
		l = t.Limits
	}
	fill := func(v *uint32, def uint32) {
		if *v == 0 || *v > def {
			*v = def
		}
		*v = max(*v, minSegment)
	}
	fill(&l.MaxRecvDataSegmentLength, MaxRecvDataSegmentLength)
	fill(&l.MaxBurstLength, MaxBurstLength)
	fill(&l.FirstBurstLength, min(FirstBurstLength, l.MaxBurstLength))
	if l.MaxConnections <= 0 || l.MaxConnections > MaxConnections {
		l.MaxConnections = MaxConnections
	}
	if t == nil {
		l.MaxConnections = 1 // a discovery session has one connection (13.21): registry.find
	}
	return l
}

// group returns the portal group of the address local, or false if the target is not at that address.
func (t *Target) group(local netip.AddrPort) (uint16, bool) {
	if len(t.Portals) == 0 {
		return 1, true
	}
	for _, p := range t.Portals {
		if a, err := netip.ParseAddrPort(p.Addr); err == nil {
			a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
			if a == local || a.Addr().IsUnspecified() && a.Port() == local.Port() {
				return p.TPGT, true
			}
		}
	}
	return 0, false
}

// ACL lists the initiators that may log in. An empty list admits all.
type ACL struct {
	Initiators []string // names; a trailing * matches any suffix
	Networks   []netip.Prefix
}

// Admits reports whether the initiator with that name may log in from addr: both lists have to admit it.
func (a *ACL) Admits(name string, addr netip.Addr) bool {
	return iscsiname.Listed(a.Initiators, name) && a.admitsAddr(addr.Unmap())
}

func (a *ACL) admitsAddr(addr netip.Addr) bool {
	for _, p := range a.Networks {
		if p.Contains(addr) {
			return true
		}
	}
	return len(a.Networks) == 0
}
