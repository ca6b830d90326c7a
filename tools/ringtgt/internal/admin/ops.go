package admin

import (
	"errors"
	"net/netip"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// errUnimplemented is what an Op returns until its Edit is written.
var errUnimplemented = errors.New("is not implemented yet")

// Force is embedded in an Op that removes something.
type Force struct {
	Force bool `json:"force,omitempty"`
}

// Forced implements Op.
func (f Force) Forced() bool { return f.Force }

// plain is embedded in an Op that removes nothing.
type plain struct{}

// Forced implements Op.
func (plain) Forced() bool { return false }

// Pointers and nil slices in a Set mean: leave as it is.

// AddTarget makes a target without LUNs.
type AddTarget struct {
	plain
	Name   string   `json:"name"`
	Alias  string   `json:"alias,omitempty"`
	Groups []uint16 `json:"portal_groups,omitempty"` // none: all
}

// SetTarget changes a target.
type SetTarget struct {
	plain
	Name       string                `json:"name"`
	Alias      *string               `json:"alias,omitempty"`
	Limits     *config.Limits        `json:"limits,omitempty"`
	Algorithms []string              `json:"algorithms,omitempty"`
	QoS        []config.InitiatorQoS `json:"initiator_qos,omitempty"`
}

// RemoveTarget removes a target with all its LUNs. Its sessions are logged out first.
type RemoveTarget struct {
	Force
	Name string `json:"name"`
}

// AddLUN adds a logical unit. LUN.Number -1 takes the lowest free number.
type AddLUN struct {
	plain
	Target string     `json:"target"`
	LUN    config.LUN `json:"lun"`
}

// SetLUN changes what can change while a logical unit is in use.
type SetLUN struct {
	plain
	Target   string          `json:"target"`
	Number   int             `json:"number"`
	ReadOnly *bool           `json:"read_only,omitempty"`
	Exports  []config.Export `json:"exports,omitempty"` // empty but not nil: every initiator sees it
	QoS      *config.QoS     `json:"qos,omitempty"`
}

// ResizeLUN grows a file or memory LUN.
type ResizeLUN struct {
	plain
	Target string `json:"target"`
	Number int    `json:"number"`
	Size   int64  `json:"size"` // bytes
}

// RemoveLUN removes a logical unit; its file stays.
type RemoveLUN struct {
	Force
	Target string `json:"target"`
	Number int    `json:"number"`
}

// AddAccount adds a CHAP account of initiators, or with Mutual the target's own. An account that exists gets the new secret.
type AddAccount struct {
	plain
	Target     string   `json:"target"` // "": for discovery
	User       string   `json:"user"`
	SecretFile string   `json:"secret_file"` // the daemon stores a secret that it was given, and puts the file's path here
	Initiators []string `json:"initiators,omitempty"`
	Mutual     bool     `json:"mutual,omitempty"`
}

// RemoveAccount removes a CHAP account.
type RemoveAccount struct {
	Force
	Target string `json:"target"`
	User   string `json:"user"`
	Mutual bool   `json:"mutual,omitempty"`
}

// AddACL admits initiators. The first entry of a target shuts out all others.
type AddACL struct {
	plain
	Target     string         `json:"target"`
	Initiators []string       `json:"initiators,omitempty"`
	Networks   []netip.Prefix `json:"networks,omitempty"`
}

// RemoveACL removes entries. Sessions that are not admitted any more are logged out. Removing the last entry would admit every
// initiator: it needs Open.
type RemoveACL struct {
	Force
	Target     string         `json:"target"`
	Initiators []string       `json:"initiators,omitempty"`
	Networks   []netip.Prefix `json:"networks,omitempty"`
	Open       bool           `json:"open,omitempty"`
}

// AddPortal adds an address to listen on.
type AddPortal struct {
	plain
	Addr  netip.AddrPort `json:"addr"`
	Group uint16         `json:"group"`
}

// RemovePortal removes an address. Its connections are logged out first.
type RemovePortal struct {
	Force
	Addr netip.AddrPort `json:"addr"`
}

// AddPool names a directory that holds volumes.
type AddPool struct {
	plain
	Name string `json:"name"`
	Path string `json:"path"`
}

// RemovePool forgets a pool; its files stay.
type RemovePool struct {
	Force
	Name string `json:"name"`
}

// The Edits.

// Edit implements Op.
func (o AddTarget) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o SetTarget) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o RemoveTarget) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o AddLUN) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o SetLUN) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o ResizeLUN) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o RemoveLUN) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o AddAccount) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o RemoveAccount) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o AddACL) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o RemoveACL) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o AddPortal) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o RemovePortal) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o AddPool) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }

// Edit implements Op.
func (o RemovePool) Edit(owned, all *config.Config) (bool, error) { return false, errUnimplemented }
