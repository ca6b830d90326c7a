package session

import "net/netip"

// Target is one iSCSI target as sessions see it: a value that nobody changes once a Node has it.
type Target struct {
	Name, Alias string
	Portals     []Portal
	Auth        Auth
	ACL         ACL
	Limits      Limits
	Owner       any // the host's own target
}

// Portal is an address at which a target is reached (RFC 7143, 4.4.1), and its portal group.
type Portal struct {
	Addr string // host:port
	TPGT uint16
}

// Auth is how initiators prove themselves.
type Auth struct{}

// ACL says who may log in; empty lists let everybody.
type ACL struct {
	Initiators []string
	Networks   []netip.Prefix
}

// Limits are a target's own bounds and preferences for negotiation; 0 means the default of limits.go.
type Limits struct {
	Window int // of a session, in commands: 1 to MaxWindow
}

// window is the size of a session's command window.
func (t *Target) window() int {
	if t == nil || t.Limits.Window == 0 {
		return DefaultWindow
	}
	return min(max(t.Limits.Window, 1), MaxWindow)
}
