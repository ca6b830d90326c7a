package control

import (
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
)

// Version is the version of Status. It is incremented when a field changes its meaning or is removed, not for new fields.
const Version = 1

// Status is what `ringtgt status --json` prints.
type Status struct {
	Version int           `json:"version"`
	Daemon  Daemon        `json:"daemon"`
	Health  Health        `json:"health"`
	CPU     CPU           `json:"cpu"`
	Engine  engine.Status `json:"engine"`
	Targets []Target      `json:"targets"`
	// Sessions are those of initiators, in the order of their TSIHs.
	Sessions []admin.Session `json:"sessions"`
	// Warnings name what will become a fault: file systems behind thin files that are nearly full or over-committed.
	Warnings []string `json:"warnings"`
	Notes    []string `json:"notes"` // settings that could not be honoured, and why
	// Since is the start of the time that the activity of units covers; nil: the daemon's start.
	Since *time.Time `json:"activity_since,omitempty"`
}

// Daemon is the process.
type Daemon struct {
	PID        int       `json:"pid"`
	Version    string    `json:"version"`
	GoVersion  string    `json:"go_version"`
	Kernel     string    `json:"kernel"`
	Started    time.Time `json:"started"`
	Draining   bool      `json:"draining"`
	Config     string    `json:"config,omitempty"`
	State      string    `json:"state,omitempty"`
	Control    string    `json:"control,omitempty"`
	Metrics    string    `json:"metrics,omitempty"` // address of the metrics listener
	GOMAXPROCS int       `json:"gomaxprocs"`
	HeapBytes  uint64    `json:"heap_bytes"`
	Resident   uint64    `json:"resident_bytes"`
	// Upper bounds of Resident: for the highest number of connections so far, rounded up, and for the maximum number.
	ResidentBound uint64 `json:"resident_bound_bytes"`
	ResidentEver  uint64 `json:"resident_bound_ever_bytes"`
	OpenFiles     Limit  `json:"open_files_limit"`
	Memlock       Limit  `json:"memlock_limit"`
}

// Health is the overall health of the daemon.
type Health struct {
	State    string     `json:"state"`           // the worst state: "good", "degraded" or "lost" (data or a medium)
	Since    *time.Time `json:"since,omitempty"` // nil: good
	Good     int        `json:"good"`            // units
	Degraded int        `json:"degraded"`
	Lost     int        `json:"lost"`
	Why      []string   `json:"why,omitempty"` // faults outside the units, of the state directory
}

// LUNHealth is the health of a unit's medium. Faults stay until the daemon restarts, except that of a file or device at another
// place, which may be corrected.
type LUNHealth struct {
	State  string     `json:"state"` // like Health.State
	Since  *time.Time `json:"since,omitempty"`
	Why    []string   `json:"why,omitempty"` // explanations
	Faults []Fault    `json:"faults,omitempty"`
}

// Fault counts one kind of fault of a medium.
type Fault struct {
	Kind  string    `json:"kind"`
	Count uint64    `json:"count"`
	LBA   *uint64   `json:"lba,omitempty"`   // of the last fault
	Errno string    `json:"errno,omitempty"` // of the last fault, such as "EIO"
	Last  time.Time `json:"last"`            // time of the last fault, accurate to a second
}

// Limit is a resource limit (setrlimit(2)); -1 is none.
type Limit struct {
	Soft int64 `json:"soft"`
	Hard int64 `json:"hard"`
}

// CPU is the processor and which of its cores have a loop.
type CPU struct {
	Brand          string `json:"brand"`
	ThreadsPerCore int    `json:"threads_per_core"`
	CacheLine      int    `json:"cache_line"`
	CRC32C         bool   `json:"crc32c"` // the CPU has a CRC32C instruction
	Cores          []Core `json:"cores"`
}

// Core is one CPU that the process may run on.
type Core struct {
	CPU     int  `json:"cpu"`
	Sibling bool `json:"sibling"` // a further hardware thread of a core that has one above
	Loop    int  `json:"loop"`    // -1: none
}

// Target is a target with its logical units.
type Target struct {
	Name    string   `json:"name"`
	Alias   string   `json:"alias,omitempty"`
	Portals []string `json:"portals"` // ADDRESS,GROUP
	CHAP    string   `json:"chap"`    // "none", "one-way" or "mutual"
	// Accounts are the CHAP accounts of initiators, Mutual is the target's own.
	Accounts []string `json:"accounts"`
	Mutual   string   `json:"mutual_account,omitempty"`
	ACL      *ACL     `json:"acl,omitempty"` // nil: every initiator may log in
	Owner    string   `json:"owner"`         // who has the say: "file", "flag" or "command"
	LUNs     []LUN    `json:"luns"`
}

// ACL is who may log in. An initiator must match both lists; an empty one matches all.
type ACL struct {
	Initiators []string `json:"initiators,omitempty"`
	Networks   []string `json:"networks,omitempty"`
}

// Export is a rule of LUN masking. An initiator must match both lists; an empty one matches all.
type Export struct {
	Initiators []string `json:"initiators,omitempty"`
	Accounts   []string `json:"accounts,omitempty"`
	LUN        int      `json:"lun"` // the number that it sees
}

// LUN is a logical unit.
type LUN struct {
	LUN       int    `json:"lun"`
	Kind      string `json:"kind"`
	Path      string `json:"path,omitempty"`
	Bytes     uint64 `json:"bytes"`
	BlockSize uint32 `json:"block_size"`
	ReadOnly  bool   `json:"read_only"`
	Removable bool   `json:"removable"`
	Thin      bool   `json:"thin"`
	Volatile  bool   `json:"write_cache"`
	ID        string `json:"id"`
	Serial    string `json:"serial,omitempty"` // as configured
	// SerialNumber is the unit serial number that initiators see.
	SerialNumber string   `json:"serial_number"`
	NAA          string   `json:"naa"`              // NAA designator in hexadecimal
	ByID         []string `json:"by_id"`            // names below /dev/disk/by-id that udev gives the disk on an initiator
	Medium       string   `json:"medium,omitempty"` // fingerprint of the file or device
	Notes        []string `json:"notes,omitempty"`
	Owner        string   `json:"owner"`            // like Target.Owner
	Exports      []Export `json:"export,omitempty"` // nil: every initiator of the target sees it

	Health      LUNHealth    `json:"health"`
	QoS         *QoS         `json:"qos,omitempty"`         // nil: no limit
	Space       *Space       `json:"space,omitempty"`       // nil: not a file, or not read yet
	Reservation *Reservation `json:"reservation,omitempty"` // nil: none
	Activity    *Activity    `json:"activity,omitempty"`    // nil: no command yet
}

// QoS is what a unit's own limit has done.
type QoS struct {
	ReadIOPS   int64 `json:"read_iops,omitempty"` // the limits; absent: none
	WriteIOPS  int64 `json:"write_iops,omitempty"`
	ReadBytes  int64 `json:"read_bytes_per_second,omitempty"`
	WriteBytes int64 `json:"write_bytes_per_second,omitempty"`
	HeldNow    int64 `json:"held_now"` // commands that wait
	Held       int64 `json:"held"`     // commands that have waited, since the limit was set
	HeldNanos  int64 `json:"held_ns"`  // the sum of their waits
}

// Space is the space behind a file.
type Space struct {
	Allocated int64 `json:"allocated_bytes"` // blocks that the file has
	Available int64 `json:"available_bytes"` // free space of its file system, for all files there
}

// Reservation is a unit's reservation.
type Reservation struct {
	Type        string `json:"type"`                // as SPC-4 names it, or "RESERVE"
	Initiator   string `json:"initiator,omitempty"` // that holds it; "": every registrant does
	ISID        string `json:"isid,omitempty"`
	Registrants int    `json:"registrants"` // registered I_T nexuses
}

// Activity is a unit's reads and writes during a time, over all loops.
type Activity struct {
	Seconds    float64 `json:"seconds"` // since the start, or the interval of --watch and --for
	ReadIOPS   float64 `json:"read_iops"`
	WriteIOPS  float64 `json:"write_iops"`
	ReadBytes  float64 `json:"read_bytes_per_second"`
	WriteBytes float64 `json:"write_bytes_per_second"`
	P50Nanos   int64   `json:"p50_ns"`
	P99Nanos   int64   `json:"p99_ns"`
	Failed     uint64  `json:"failed"` // commands of every kind that the target or its medium failed
}

// Latency is what `ringtgt status --latency --json` prints.
type Latency struct {
	Version int       `json:"version"`
	PID     int       `json:"pid"`
	Daemon  string    `json:"daemon"` // its version
	Started time.Time `json:"started"`
	// Since is the start of the measured time: the daemon's start, or the first of two readings.
	Since time.Time `json:"since"`
	engine.Latency
}

// SameDaemon reports whether o is a reading of the same daemon, not of one that was started later.
func (l *Latency) SameDaemon(o *Latency) bool { return l.PID == o.PID && l.Started.Equal(o.Started) }

// Clone returns a copy that Sub may change, without connections.
func (l *Latency) Clone() *Latency {
	c := *l
	c.Units, c.Loops, c.Connections = slices.Clone(l.Units), slices.Clone(l.Loops), nil
	return &c
}
