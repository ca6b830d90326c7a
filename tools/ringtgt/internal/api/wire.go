package api

import (
	"fmt"
	"time"

	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// The types below are the JSON of the configuration. Their names are those of the configuration file, so that an answer of
// GET /v1/config and a file say the same in the same words. No answer contains a secret.

// Config is the configuration in force.
type Config struct {
	File      string   `json:"file,omitempty"` // the configuration file
	Server    Daemon   `json:"server"`
	Metrics   *Metrics `json:"metrics,omitempty"`
	API       *Listen  `json:"api,omitempty"`
	Discovery Access   `json:"discovery"`
	Portals   []Portal `json:"portal"`
	Pools     []Pool   `json:"pool"`
	Targets   []Target `json:"target"`
	Hidden    []string `json:"hidden,omitempty"` // what commands made and does not count, because the file has it too
}

// Daemon is [server].
type Daemon struct {
	State        string   `json:"state,omitempty"`
	Control      string   `json:"control,omitempty"`
	Cores        string   `json:"cores,omitempty"`
	Buffers      Size     `json:"buffers,omitempty"`
	Poll         string   `json:"poll,omitempty"`
	ZeroCopy     string   `json:"zerocopy,omitempty"`
	Steering     string   `json:"steering,omitempty"`
	XDP          []string `json:"xdp,omitempty"`
	LogLevel     string   `json:"log_level,omitempty"`
	LogFormat    string   `json:"log_format,omitempty"`
	LoginTimeout string   `json:"login_timeout,omitempty"`
	NOPInterval  string   `json:"nop_interval,omitempty"`
	NOPTimeout   string   `json:"nop_timeout,omitempty"`
	StrictLogin  bool     `json:"strict_login,omitempty"`
	Group        string   `json:"group,omitempty"`
	Readers      string   `json:"readers,omitempty"`
	SpaceWarning int      `json:"space_warning,omitempty"`
}

// Metrics is [metrics].
type Metrics struct {
	Listen string   `json:"listen"`
	Stages bool     `json:"stages,omitempty"`
	Hosts  []string `json:"hosts,omitempty"`
}

// Listen is [api].
type Listen struct {
	Listen   string `json:"listen"`
	Cert     string `json:"cert"`
	Key      string `json:"key"`
	ClientCA string `json:"client_ca"`
}

// Portal is [[portal]].
type Portal struct {
	Listen string `json:"listen"`
	Group  uint16 `json:"group"`
	Owner  string `json:"owner,omitempty"`
}

// Pool is [[pool]].
type Pool struct {
	Name  string `json:"name"`
	Path  string `json:"path"`
	Owner string `json:"owner,omitempty"`
	// Total and Available are the space of its file system in bytes; of GET /v1/pools only.
	Total     int64 `json:"total,omitempty"`
	Available int64 `json:"available,omitempty"`
}

// Target is [[target]].
type Target struct {
	Name     string    `json:"name"`
	Alias    string    `json:"alias,omitempty"`
	Groups   []uint16  `json:"portal_groups,omitempty"`
	Access             // chap, account, mutual_chap
	ACL      *ACL      `json:"acl,omitempty"`
	Redirect *Redirect `json:"redirect,omitempty"`
	Limits   *Limits   `json:"limits,omitempty"`
	QoS      []HostQoS `json:"initiator_qos,omitempty"`
	LUNs     []LUN     `json:"lun"`
	Owner    string    `json:"owner,omitempty"`
}

// Access is CHAP of a target or of discovery.
type Access struct {
	Accounts   []Account `json:"account,omitempty"`
	Mutual     *Account  `json:"mutual_chap,omitempty"`
	Algorithms []string  `json:"algorithms,omitempty"`
}

// Account is a CHAP account. A request has a secret or a secret_file; an answer at most secret_file.
type Account struct {
	User       string   `json:"user"`
	Secret     string   `json:"secret,omitempty"`
	SecretFile string   `json:"secret_file,omitempty"`
	SecretEnv  string   `json:"secret_env,omitempty"` // of answers only
	Initiators []string `json:"initiators,omitempty"`
	Owner      string   `json:"owner,omitempty"`
}

// ACL is [target.acl].
type ACL struct {
	Initiators []string  `json:"initiators,omitempty"`
	Networks   []Network `json:"networks,omitempty"`
}

// Redirect is [target.redirect].
type Redirect struct {
	Address   string `json:"address"`
	Permanent bool   `json:"permanent,omitempty"`
}

// Limits is [target.limits].
type Limits struct {
	Window                   int   `json:"window,omitempty"`
	MaxConnections           int   `json:"max_connections,omitempty"`
	MaxRecvDataSegmentLength Size  `json:"max_recv_data_segment_length,omitempty"`
	MaxBurstLength           Size  `json:"max_burst_length,omitempty"`
	FirstBurstLength         Size  `json:"first_burst_length,omitempty"`
	InitialR2T               bool  `json:"initial_r2t,omitempty"`
	ImmediateData            *bool `json:"immediate_data,omitempty"`
}

// QoS is [target.lun.qos].
type QoS struct {
	ReadIOPS   int64  `json:"read_iops,omitempty"`
	WriteIOPS  int64  `json:"write_iops,omitempty"`
	ReadBytes  Size   `json:"read_bytes,omitempty"`
	WriteBytes Size   `json:"write_bytes,omitempty"`
	Burst      string `json:"burst,omitempty"` // a time: "500ms"
}

// HostQoS is [[target.initiator_qos]].
type HostQoS struct {
	Initiators []string `json:"initiators"`
	QoS
}

// Export is [[target.lun.export]].
type Export struct {
	Initiators []string `json:"initiators,omitempty"`
	Accounts   []string `json:"accounts,omitempty"`
	LUN        int      `json:"lun"`
}

// LUN is [[target.lun]]. In a request without "lun" the number is the lowest free one.
type LUN struct {
	LUN           *int     `json:"lun,omitempty"`
	File          string   `json:"file,omitempty"`
	Block         string   `json:"block,omitempty"`
	Memory        Size     `json:"memory,omitempty"`
	Null          Size     `json:"null,omitempty"`
	Size          Size     `json:"size,omitempty"`
	Bytes         int64    `json:"bytes,omitempty"` // of answers only: the size that it has
	BlockSize     Size     `json:"block_size,omitempty"`
	PhysicalBlock Size     `json:"physical_block_size,omitempty"`
	ReadOnly      bool     `json:"read_only,omitempty"`
	Thin          bool     `json:"thin,omitempty"`
	Removable     bool     `json:"removable,omitempty"`
	Direct        string   `json:"direct,omitempty"`
	Serial        string   `json:"serial,omitempty"`
	ID            string   `json:"id,omitempty"`
	SanitizeRate  Size     `json:"sanitize_rate,omitempty"`
	Exports       []Export `json:"export,omitempty"`
	QoS           *QoS     `json:"qos,omitempty"`
	Owner         string   `json:"owner,omitempty"` // of answers only, as of all objects: "file", "flag" or "command"
}

// lunOf is the JSON of l.
func lunOf(l *config.LUN) LUN {
	n := l.Number
	out := LUN{
		LUN: &n, BlockSize: Size(l.BlockSize), PhysicalBlock: Size(l.PhysicalBlock), ReadOnly: l.ReadOnly, Thin: l.Thin,
		Removable: l.Removable, Direct: string(l.Direct), Serial: l.Serial, ID: l.ID, SanitizeRate: Size(l.SanitizeRate), QoS: QoSOf(l.QoS),
		Exports: exportsOf(l.Exports), Owner: l.At.Origin().String(),
	}
	switch l.Kind {
	case backend.KindFile:
		out.File, out.Size = l.Path, Size(l.Size)
	case backend.KindBlock:
		out.Block = l.Path
	case backend.KindMemory:
		out.Memory = Size(l.Size)
	case backend.KindNull:
		out.Null = Size(l.Size)
	}
	return out
}

// sizeAlone reports whether a request leaves the medium to the daemon: a new file of a size.
func (l *LUN) sizeAlone() bool {
	return l.Size > 0 && l.File == "" && l.Block == "" && l.Memory == 0 && l.Null == 0
}

// config converts a request's unit. Values that no unit can have are left to the configuration's own checks.
func (l *LUN) config() (config.LUN, error) {
	out := config.LUN{
		Number: -1, Size: int64(l.Size), BlockSize: int64(l.BlockSize), PhysicalBlock: int64(l.PhysicalBlock), ReadOnly: l.ReadOnly, Thin: l.Thin,
		Removable: l.Removable, Direct: backend.Direct(l.Direct), Serial: l.Serial, ID: l.ID, SanitizeRate: int64(l.SanitizeRate),
		Exports: exports(l.Exports),
	}
	if l.LUN != nil {
		if out.Number = *l.LUN; out.Number < 0 {
			return out, fmt.Errorf("lun %d is negative", out.Number)
		}
	}
	kinds := 0
	for _, k := range []struct {
		kind  backend.Kind
		path  string
		size  Size
		given bool
	}{
		{backend.KindFile, l.File, l.Size, l.File != ""}, {backend.KindBlock, l.Block, l.Size, l.Block != ""},
		{backend.KindMemory, "", l.Memory, l.Memory != 0}, {backend.KindNull, "", l.Null, l.Null != 0},
	} {
		if k.given {
			kinds++
			out.Kind, out.Path, out.Size = k.kind, k.path, int64(k.size)
		}
	}
	if kinds != 1 {
		return out, fmt.Errorf("a lun needs exactly one of file, block, memory and null, or a size alone for a new file")
	}
	if l.Size != 0 && out.Kind != backend.KindFile {
		return out, fmt.Errorf("size is for files; the size of memory and null is their own value")
	}
	var err error
	if l.QoS != nil {
		out.QoS, err = l.QoS.config()
	}
	return out, err
}

func exportsOf(list []config.Export) (out []Export) {
	for _, e := range list {
		out = append(out, Export{Initiators: e.Initiators, Accounts: e.Accounts, LUN: e.Number})
	}
	return out
}

func exports(list []Export) (out []config.Export) {
	for _, e := range list {
		out = append(out, config.Export{Initiators: e.Initiators, Accounts: e.Accounts, Number: e.LUN})
	}
	return out
}

// QoSOf is the JSON of q; nil: no bounds.
func QoSOf(q config.QoS) *QoS {
	out := QoS{ReadIOPS: q.ReadIOPS, WriteIOPS: q.WriteIOPS, ReadBytes: Size(q.ReadBytes), WriteBytes: Size(q.WriteBytes), Burst: durationText(q.Burst)}
	if out == (QoS{}) {
		return nil
	}
	return &out
}

func (q *QoS) config() (config.QoS, error) {
	out := config.QoS{ReadIOPS: q.ReadIOPS, WriteIOPS: q.WriteIOPS, ReadBytes: int64(q.ReadBytes), WriteBytes: int64(q.WriteBytes)}
	if q.Burst != "" {
		var err error
		if out.Burst, err = time.ParseDuration(q.Burst); err != nil || out.Burst < 0 {
			return out, fmt.Errorf("burst %q is not a time such as 500ms", q.Burst)
		}
	}
	if q.ReadIOPS < 0 || q.WriteIOPS < 0 {
		return out, fmt.Errorf("a rate is negative")
	}
	return out, nil
}

func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
