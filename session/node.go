package session

import (
	"sync"
	"sync/atomic"
)

// NodeConfig is what holds for all targets of a Node. Zero values mean the defaults of limits.go; a negative NOPInterval
// asks no initiator whether it lives.
type NodeConfig struct {
	LoginTimeout, NOPInterval, NOPTimeout int64 // ns
}

// Node is one iSCSI node (RFC 7143, 4.4.1): its targets and sessions. All loops share it; it locks at login, logout and
// administration only.
type Node struct {
	cfg     NodeConfig
	targets atomic.Pointer[[]*Target]
	lent    atomic.Int32 // buffers that Conn.borrow took

	mu       sync.Mutex
	sessions map[uint16]*Session // by TSIH
	tsih     uint16
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
	n := &Node{cfg: cfg, sessions: make(map[uint16]*Session)}
	n.targets.Store(new([]*Target))
	return n
}

// SetTargets replaces the targets.
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

// sessionUp gives a new session its TSIH, false when there is none left.
func (n *Node) sessionUp(s *Session) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for range 1 << 16 {
		n.tsih++
		if n.tsih != 0 && n.sessions[n.tsih] == nil {
			s.TSIH = n.tsih
			n.sessions[s.TSIH] = s
			return true
		}
	}
	return false
}

// sessionDown forgets a session that is over.
func (n *Node) sessionDown(s *Session) {
	n.mu.Lock()
	delete(n.sessions, s.TSIH)
	n.mu.Unlock()
}

// Sessions is a snapshot for status.
func (n *Node) Sessions() []*Session {
	n.mu.Lock()
	defer n.mu.Unlock()
	ss := make([]*Session, 0, len(n.sessions))
	for _, s := range n.sessions {
		ss = append(ss, s)
	}
	return ss
}
