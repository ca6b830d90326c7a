// Package config reads the configuration of ringtgt from flags and a TOML file into one Config, and reports all its errors
// together. docs/configuration.md describes every key.
package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/ringtgt/ringtgt/lun/backend"
)

// Config is the complete configuration of serve.
type Config struct {
	File      string // the configuration file; "": flags alone
	Server    Server
	Metrics   Metrics
	Portals   []Portal
	Targets   []Target
	Discovery Access // access to the list of targets; only its CHAP settings apply
	Pools     []Pool
	API       API
	// Hidden is what commands made and Merge left out, because the file has an object of that name or no longer has the target. It is
	// still in the owned part.
	Hidden []Hidden
}

// Hidden is an object of the owned part that does not count.
type Hidden struct {
	Name       string // "lun 0 of iqn.2026-11.com.example:vm"
	SecretFile string // of an account
	Orphan     bool   // the file no longer has its target, and may get it back
}

// Pool is a directory that holds volumes: files that commands create, expand, snapshot and delete.
type Pool struct {
	Name, Path string
	At         Where
}

// API is the listener for the HTTP API beside the control socket: TLS with client certificates only.
type API struct {
	Listen              netip.AddrPort // not valid: there is none
	Cert, Key, ClientCA string         // paths of PEM files
	At                  Where
}

// Server configures the daemon itself.
type Server struct {
	State     string        // directory of persistent state; "": none
	Control   string        // path of the control socket; "": in State, or else in the runtime directory
	Cores     string        // in the syntax of engine.Topology.ParseCores; "": one per physical core
	Buffers   int64         // bound on a loop's I/O buffers in bytes; 0: the engine's default
	Poll      time.Duration // how long a loop may poll for completions before it sleeps; 0: the engine measures and chooses, negative: not at all
	ZeroCopy  string        // whether large reads are sent without a copy: ZeroCopyAuto, ZeroCopyOn or ZeroCopyOff; "": off
	Steering  string        // how connections are assigned to loops: SteeringAuto or SteeringOff
	XDP       []Interface
	LogLevel  slog.Level
	LogFormat string // "text" or "json"

	// Times of the protocol; 0: session's default. A negative NOPInterval disables pings.
	LoginTimeout, NOPInterval, NOPTimeout time.Duration

	// Group is the group whose members may use the control socket, Readers one whose members may only read; "": the user alone.
	Group, Readers string

	// SpaceWarning is the percentage of free space of a file system below which thin files on it are in danger; 0: the default.
	SpaceWarning int

	StrictLogin bool // refuse every repeated key in a login, even libiscsi's

	// The positions; StateAt is zero if State is a default.
	StateAt, CoresAt, BuffersAt, PollAt, ZeroCopyAt, SteeringAt Where
}

// setPoll sets Poll to a configured value: "auto" lets the engine choose, "0s" turns polling off.
func (s *Server) setPoll(v string, at Where) error {
	s.PollAt = at
	if v == "auto" {
		s.Poll = 0
		return nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not auto or a time such as 50us", v)
	}
	if s.Poll = d; d == 0 {
		s.Poll = -1
	}
	return nil
}

// Metrics is the listener for Prometheus.
type Metrics struct {
	Stages bool           // histograms of every stage of a command, for each LUN
	Hosts  []string       // names of this machine under which clients may ask, beside its host name
	Listen netip.AddrPort // not valid: there is none
	At     Where
}

// Interface is a network interface whose packets are moved to the cores of their connections.
type Interface struct {
	Name string
	At   Where
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
	Groups      []uint16 // its portal groups, at least one
	AllGroups   bool     // none was configured: Groups are those of all portals
	Access      Access
	Redirect    *Redirect
	Limits      Limits
	LUNs        []LUN
	QoS         []InitiatorQoS // the first rule that matches an initiator counts
	At          Where
	// Extends marks a target of the owned part that only adds to one of the file: without the file's it is not served, because it
	// would be open to initiators that the file's accounts and ACL keep out.
	Extends bool
}

// Export is a rule of LUN masking: the initiators that see a unit, and under which number. Both lists have to match. The first rule
// of a unit that matches counts.
type Export struct {
	Initiators []string // names; a * at the end stands for the rest; none: all
	Accounts   []string // CHAP accounts that logged in; none: all
	Number     int      // the LUN that these initiators see
	At         Where
}

// QoS bounds traffic, in commands and bytes a second; 0: no bound.
type QoS struct {
	ReadIOPS, WriteIOPS   int64
	ReadBytes, WriteBytes int64
	Burst                 time.Duration // how much unused rate is saved up; 0: the default
	At                    Where
}

// InitiatorQoS bounds the traffic of each initiator that matches, over all LUNs of the target.
type InitiatorQoS struct {
	Initiators []string
	QoS
}

// Access configures authentication and access control.
type Access struct {
	Accounts   []Account      // CHAP accounts of initiators; none: no authentication
	Mutual     *Account       // the target's own account; nil: no mutual CHAP
	Algorithms []string       // accepted CHAP algorithms; none: all. The initiator's order decides
	Initiators []string       // names that may log in, a * at the end stands for the rest; none: all
	Networks   []netip.Prefix // addresses that may log in; none: all
	ACLAt      Where          // of the acl table
}

// Account is a CHAP name and its secret.
type Account struct {
	User       string
	Secret     []byte
	SecretFile string   // the file that Secret was read from; "": from elsewhere
	SecretEnv  string   // the environment variable that Secret was read from
	Initiators []string // initiator names that may use the account, as in Access.Initiators; none: any
	At         Where
}

// Redirect sends initiators elsewhere (RFC 7143 11.13.5, status class 1).
type Redirect struct {
	Address   string // HOST[:PORT][,GROUP] as TargetAddress has it (13.8)
	Permanent bool
	At        Where
}

// Limits are a target's bounds in negotiation; zero values mean the defaults of session/limits.go.
type Limits struct {
	Window                   int // commands of a session that may be unanswered
	MaxConnections           int // connections of a session (RFC 7143 13.2)
	MaxRecvDataSegmentLength int64
	MaxBurstLength           int64
	FirstBurstLength         int64
	InitialR2T               bool // nothing unsolicited but immediate data (RFC 7143 13.10)
	NoImmediateData          bool // 13.11
	FirstBurstAt             Where
}

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
	SanitizeRate  int64    // bytes a second; 0: no bound
	Exports       []Export // none: every initiator sees the unit, as Number
	QoS           QoS
	At            Where
	// Fallback marks the default disk, which was not configured: its directory is created, and if thin provisioning is
	// impossible it is served without.
	Fallback bool
}

// Spec is the backend part.
func (l LUN) Spec() backend.Spec {
	return backend.Spec{
		Kind: l.Kind, Path: l.Path, Size: l.Size, BlockSize: uint32(l.BlockSize),
		ReadOnly: l.ReadOnly, Thin: l.Thin, Direct: l.Direct,
	}
}

// Persistent reports whether data written to the unit outlives the daemon.
func (l LUN) Persistent() bool { return l.Kind == backend.KindFile || l.Kind == backend.KindBlock }

// The values of Server.Steering.
const (
	SteeringAuto = "auto" // the best that the kernel and our privileges allow; the default
	SteeringOff  = "off"  // no eBPF program
)

// The values of Server.ZeroCopy.
const (
	ZeroCopyAuto = "auto" // where the network interface reads from our memory
	ZeroCopyOn   = "on"
	ZeroCopyOff  = "off" // the default
)

// Defaults of serve.
const (
	DefaultPort        = 3260 // RFC 7143 13.8
	DefaultMetricsPort = 9260
	DefaultAPIPort     = 9261
	DefaultListen      = "127.0.0.1:3260"
	DefaultTarget      = "iqn.2026-11.io.ringtgt:disk0"
	DefaultData        = "ringtgt-data"
	DefaultImage       = DefaultData + "/disk0.img"
	DefaultSize        = 1 << 30
	DefaultState       = DefaultData + "/state"
	// BesideState is the default state directory, next to the first served file.
	BesideState = "ringtgt-state"
)
