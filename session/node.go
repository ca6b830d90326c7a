package session

import "sync/atomic"

// NodeConfig is what holds for all targets of a Node. Zero values mean the defaults of limits.go; a negative NOPInterval
// asks no initiator whether it lives.
type NodeConfig struct {
	LoginTimeout, NOPInterval, NOPTimeout int64 // ns
	DiscoveryAuth                         Auth  // of discovery sessions
}

// Node is one iSCSI node (RFC 7143, 4.4.1): its targets and sessions. All loops share it; it locks at login, logout and
// administration only.
type Node struct {
	cfg     NodeConfig
	targets atomic.Pointer[[]*Target]
	reg     registry
}

// NewNode makes a node without targets.
func NewNode(cfg NodeConfig) *Node {
	if cfg.LoginTimeout == 0 {
		cfg.LoginTimeout = loginTimeout
	}
	if cfg.NOPInterval == 0 {
		cfg.NOPInterval = nopInterval
	}
	cfg.NOPInterval = max(cfg.NOPInterval, 0)
	if cfg.NOPTimeout == 0 {
		cfg.NOPTimeout = nopTimeout
	}
	n := &Node{cfg: cfg, reg: registry{sessions: make(map[uint16]*Session)}}
	n.targets.Store(new([]*Target))
	return n
}

// SetTargets replaces the targets. Sessions that are up keep theirs.
func (n *Node) SetTargets(targets []*Target) {
	ts := append([]*Target(nil), targets...)
	n.targets.Store(&ts)
}

// Targets returns the targets.
func (n *Node) Targets() []*Target { return *n.targets.Load() }

func (n *Node) target(name string) *Target {
	for _, t := range n.Targets() {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Sessions is a snapshot for status.
func (n *Node) Sessions() []*Session { return n.reg.all() }
