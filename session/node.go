package session

import (
	"slices"
	"strings"
	"sync/atomic"
)

// NodeConfig applies to all targets of a Node. Zero values mean the defaults of limits.go. If NOPInterval is negative, silent
// initiators are sent no NOP-In.
type NodeConfig struct {
	LoginTimeout, NOPInterval, NOPTimeout, DataTimeout int64 // ns
	DiscoveryAuth                                      Auth  // for discovery sessions
	// StrictLogin refuses every login that declares a key twice (RFC 7143, 6.3): see loginExchange.repeats.
	StrictLogin bool
}

// Node is one iSCSI node (RFC 7143, 4.4.1): its targets and sessions. All loops share it. It takes locks at login, logout and
// administration only.
type Node struct {
	cfg     NodeConfig
	targets atomic.Pointer[nodeTargets]
	reg     registry
	guesses guesses
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
	if cfg.DataTimeout == 0 {
		cfg.DataTimeout = dataTimeout
	}
	n := &Node{cfg: cfg, reg: newRegistry()}
	n.targets.Store(new(nodeTargets))
	return n
}

// nodeTargets is an immutable snapshot of a node's targets.
type nodeTargets struct {
	all      []*Target
	listings []*listing          // of all targets, in the same order
	byName   map[string]*listing // by lower-case name: stringprep folds case before names are compared (4.2.7.2)
}

// SetTargets replaces the targets. Sessions that are up keep theirs.
func (n *Node) SetTargets(targets []*Target) {
	ts := &nodeTargets{all: slices.Clone(targets), byName: make(map[string]*listing, len(targets))}
	for _, t := range ts.all {
		l := newListing(t)
		ts.listings = append(ts.listings, l)
		ts.byName[strings.ToLower(t.Name)] = l
	}
	n.targets.Store(ts)
}

// Targets returns the targets.
func (n *Node) Targets() []*Target { return n.targets.Load().all }

// target returns the target of that name, or nil.
func (n *Node) target(name string) *Target {
	if l := n.targets.Load().byName[strings.ToLower(name)]; l != nil {
		return l.target
	}
	return nil
}

// Sessions returns a snapshot of the sessions, for status.
func (n *Node) Sessions() []*Session { return n.reg.all() }
