package session

import (
	"slices"
	"sync/atomic"

	"github.com/ringtgt/ringtgt/internal/iscsiname"
)

// Node is one iSCSI node (RFC 7143, 4.4.1): its targets and sessions. All loops share it. It takes locks at login, logout and
// administration only.
type Node struct {
	cfg     atomic.Pointer[NodeConfig] // immutable; see Configure
	targets atomic.Pointer[nodeTargets]
	reg     registry
	guesses guesses
}

// NewNode makes a node without targets.
func NewNode(cfg NodeConfig) *Node {
	n := &Node{reg: newRegistry()}
	n.cfg.Store(cfg.filled())
	n.targets.Store(new(nodeTargets))
	return n
}

// nodeTargets is an immutable snapshot of a node's targets.
type nodeTargets struct {
	all      []*Target
	listings []*listing          // of all targets, in the same order
	byName   map[string]*listing // by iscsiname.Fold of their names
}

// SetTargets replaces the targets. Sessions that are up keep theirs, with the limits that they negotiated; every later login and
// SendTargets uses the new ones, and so does a login in progress (see login.admitted). When SetTargets returns, Sessions has every
// session that the old targets admitted.
func (n *Node) SetTargets(targets []*Target) {
	ts := &nodeTargets{all: slices.Clone(targets), byName: make(map[string]*listing, len(targets))}
	for _, t := range ts.all {
		l := newListing(t)
		ts.listings = append(ts.listings, l)
		ts.byName[iscsiname.Fold(t.Name)] = l
	}
	n.reg.mu.Lock()
	defer n.reg.mu.Unlock()
	n.targets.Store(ts)
}

// Targets returns the targets.
func (n *Node) Targets() []*Target { return n.targets.Load().all }

// Target returns the target of that name, or nil.
func (n *Node) Target(name string) *Target {
	if l := n.targets.Load().byName[iscsiname.Fold(name)]; l != nil {
		return l.target
	}
	return nil
}

// Sessions returns a snapshot of the sessions in the order of their TSIHs.
func (n *Node) Sessions() []*Session { return n.reg.all() }
