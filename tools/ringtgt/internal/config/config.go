// Package config reads what ringtgt is to serve, from flags and a TOML file, into one Config, and says everything that is
// wrong with it at once. docs/configuration.md describes every key.
package config

import (
	"net/netip"

	"github.com/ringtgt/ringtgt/lun/backend"
)

// Where says where a value was written: "ringtgt.toml:12:3" or "--lun". Problems begin with it.
type Where string

// Config is everything that serve is told.
type Config struct {
	Server    Server
	Portals   []Portal
	Targets   []Target
	Discovery Access // who may ask for the list of targets
}

// Server is what concerns the daemon and no target.
type Server struct {
	State   string // directory of what survives a restart; "": none is kept
	Control string // path of the control socket; "": State/control.sock, or one in the runtime directory
	Cores   string // as engine's ParseCores takes them; "": one a physical core
	Buffers int64  // bytes of I/O buffers that a loop may take; 0: the engine's default
	At      Where
}

// Portal is an address to listen on.
type Portal struct {
	Addr  netip.AddrPort
	Group uint16 // target portal group tag (RFC 7143 4.4.1)
	At    Where
}

// Target is an iSCSI target with its logical units.
type Target struct {
	Name, Alias string
	Groups      []uint16 // portal groups it is reached by; none: all
	Access      Access
	LUNs        []LUN
	At          Where
}

// Access says who is let in.
type Access struct{}

// LUN is one logical unit.
type LUN struct {
	Number        int
	Kind          backend.Kind
	Path          string
	Size          int64 // bytes; 0: not given
	BlockSize     int64 // bytes; 0: not given
	PhysicalBlock int64 // bytes; 0: the backend's
	ReadOnly      bool
	Thin          bool
	Removable     bool
	Direct        backend.Direct
	Serial        string
	ID            string
	SanitizeRate  int64 // bytes a second; 0: no bound
	At            Where
}

// Spec is the backend part.
func (l LUN) Spec() backend.Spec {
	return backend.Spec{
		Kind: l.Kind, Path: l.Path, Size: l.Size, BlockSize: uint32(l.BlockSize),
		ReadOnly: l.ReadOnly, Thin: l.Thin, Direct: l.Direct,
	}
}

// Persistent says that what is written to the unit outlives the daemon.
func (l LUN) Persistent() bool { return l.Kind == backend.KindFile || l.Kind == backend.KindBlock }
