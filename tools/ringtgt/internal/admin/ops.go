package admin

import (
	"net/netip"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

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

// SetTarget changes a target. Empty lists that are not nil remove all elements.
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

// AddLUN adds a logical unit. LUN.Number -1 takes the lowest free number; if a unit of the target has the file or device already, it
// is that one.
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

// ResizeLUN grows a file.
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

// AddAccount adds a CHAP account of initiators, or with Mutual the target's own. An account that exists gets the new secret, and the
// new list of initiators unless that is nil.
type AddAccount struct {
	plain
	Target     string   `json:"target"` // "": for discovery
	User       string   `json:"user"`
	SecretFile string   `json:"secret_file,omitempty"`
	Secret     string   `json:"secret,omitempty"` // instead of SecretFile; the API saves it and sets SecretFile before Edit
	Initiators []string `json:"initiators,omitempty"`
	Mutual     bool     `json:"mutual,omitempty"`
}

// RemoveAccount removes a CHAP account. Removing the last one would let every initiator log in without CHAP: it needs Open.
type RemoveAccount struct {
	Force
	Target string `json:"target"`
	User   string `json:"user"`
	Mutual bool   `json:"mutual,omitempty"`
	Open   bool   `json:"open,omitempty"`
}

// AddACL admits initiators. The first entry of a target shuts out all others.
type AddACL struct {
	plain
	Target     string         `json:"target"`
	Initiators []string       `json:"initiators,omitempty"`
	Networks   []netip.Prefix `json:"networks,omitempty"`
}

// RemoveACL removes entries. Sessions that are not admitted any more are logged out. Removing the last entry of a list would admit
// every initiator or network: it needs Open.
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
