// Package admin defines what can be changed while the daemon runs: operations on its configuration, the plan that a change leads
// to, and the errors that refuse one. The control socket, the commands and tgtadm all use these types; the daemon carries plans
// out. Nothing here does I/O.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// Op is one change of what commands own. It is pure: the daemon applies it to a copy, validates the result as a whole, saves it and
// then carries it out.
type Op interface {
	// Edit changes owned, the part of the configuration that commands made. file is the other part, of the file or the flags, as
	// config.Read returns it. Edit returns whether anything changed (an Op is idempotent: adding what is there already, with the same
	// values, changes nothing, nor does removing what is not there), and wraps one of this package's errors if the change is
	// impossible. What only the whole configuration shows, config.Reread and config.Merge find afterwards.
	Edit(owned, file *config.Config) (changed bool, err error)
	// Forced reports whether commands in progress and sessions are ended at once instead of drained.
	Forced() bool
}

// The errors of Op.Edit and Node; wrapped with the names concerned.
var (
	ErrNotFound  = errors.New("does not exist")
	ErrExists    = errors.New("exists already, with other values")
	ErrFileOwned = errors.New("is in the configuration file: edit that and run apply")
	ErrInUse     = errors.New("is in use")
	ErrBusy      = errors.New("another change is in progress")
	ErrInvalid   = errors.New("is invalid") // a config.Problems is in the chain
)

// Node is a running daemon, as the API serves it.
type Node interface {
	// Do carries out ops as one change: all or none.
	Do(ctx context.Context, ops ...Op) (*Plan, error)
	// Apply reads the configuration file again and carries out what differs from the configuration in force. With dryRun it only
	// returns the plan.
	Apply(ctx context.Context, dryRun, force bool) (*Plan, error)
	// Config returns the configuration in force: the file's part and the owned part together. It is a copy.
	Config() *config.Config
	// Sessions lists the sessions that match.
	Sessions(ctx context.Context, f SessionFilter) ([]Session, error)
	// Kick asks the initiators of the sessions that match to log out, and closes after a grace period the sessions that are left;
	// with force at once. It returns the sessions.
	Kick(ctx context.Context, f SessionFilter, force bool) ([]Session, error)
	// Forget deletes the identity, reservations and recorded losses of a disk that is not served: which is its ID, or the path from
	// which it was last served.
	Forget(ctx context.Context, which string) error
}

// SessionFilter selects sessions; zero fields match all.
type SessionFilter struct {
	Target    string
	Initiator string
	Account   string
	TSIH      uint16
	CID       *uint16 // with TSIH: one connection
}

// Session is a session of an initiator.
type Session struct {
	Target      string       `json:"target"` // "": a discovery session
	Initiator   string       `json:"initiator"`
	ISID        string       `json:"isid"` // 12 hexadecimal digits
	TSIH        uint16       `json:"tsih"`
	Account     string       `json:"account,omitempty"`
	Since       time.Time    `json:"since"`
	Connections []Connection `json:"connections"`
}

// Connection is a connection of a session.
type Connection struct {
	CID    uint16 `json:"cid"`
	Remote string `json:"remote"` // HOST:PORT
	Local  string `json:"local"`
	Loop   int    `json:"loop"`
}

// Plan is what a change leads to, in the order in which it is carried out.
type Plan struct {
	Steps []Step `json:"steps"` // none: nothing changes
	// Restart names the settings that differ but take effect only when the daemon starts again.
	Restart  []string `json:"restart,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	DryRun   bool     `json:"dry_run,omitempty"`
}

// Step is one change of one object.
type Step struct {
	Verb   Verb   `json:"verb"`
	Kind   Kind   `json:"kind"`
	Target string `json:"target,omitempty"` // of a LUN, account or ACL
	Name   string `json:"name"`             // of the object: target name, LUN number, portal address, account, pool, setting
	// Fields names the keys that change, as in the configuration file; of Change and Replace only.
	Fields []string `json:"fields,omitempty"`
	// Old and New are the object before and after; nil where it does not exist. Package api has their JSON.
	Old     any             `json:"-"`
	New     any             `json:"-"`
	OldJSON json.RawMessage `json:"old,omitempty"`
	NewJSON json.RawMessage `json:"new,omitempty"`
}

// Verb is what happens to an object.
type Verb string

// The verbs. A Replace is a removal and an addition, because a setting cannot change while the object is in use.
const (
	Add     Verb = "add"
	Change  Verb = "change"
	Replace Verb = "replace"
	Remove  Verb = "remove"
)

// Kind is the kind of an object.
type Kind string

// The kinds, with the type of Step.Old and Step.New.
const (
	KindServer Kind = "server" // *config.Server
	KindPortal Kind = "portal" // *config.Portal
	KindTarget Kind = "target" // *config.Target; LUNs have steps of their own
	KindLUN    Kind = "lun"    // *config.LUN
	KindPool   Kind = "pool"   // *config.Pool
	// KindDiscovery is who may list the targets: *config.Access.
	KindDiscovery Kind = "discovery"
)
