package admin

import (
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// effect is what a change of a key takes.
type effect uint8

const (
	live    effect = iota // the object changes while it is in use
	replace               // the object is removed and added again
	restart               // the daemon has to start again
)

// key is a key of the configuration: how two objects differ in it, and what such a change takes.
type key[T any] struct {
	name string
	same func(a, b *T) bool
	what effect
}

// by returns the same of a key whose value has no positions.
func by[T any, V comparable](value func(*T) V) func(a, b *T) bool {
	return func(a, b *T) bool { return value(a) == value(b) }
}

// changed returns the names of the keys in which old and new differ.
func changed[T any](keys []key[T], old, new *T) (names []string) {
	for _, k := range keys {
		if !k.same(old, new) && !slices.Contains(names, k.name) {
			names = append(names, k.name)
		}
	}
	return names
}

// The keys by what their change takes.
var (
	replacingKeys = only(lunKeys, replace)
	liveKeys      = only(serverKeys, live)
	restartKeys   = only(serverKeys, restart)
)

// only returns the keys whose change takes what.
func only[T any](keys []key[T], what effect) (out []key[T]) {
	for _, k := range keys {
		if k.what == what {
			out = append(out, k)
		}
	}
	return out
}

// lunKeys are the keys of a unit, without its number. A file grows while it is in use, and is served at its own size if that is
// larger than the configured one. A medium that was opened read-only has to be opened again for writing.
var lunKeys = []key[config.LUN]{
	{"medium", func(a, b *config.LUN) bool {
		return a.Kind == b.Kind && a.Path == b.Path && a.Fallback == b.Fallback
	}, replace},
	{"size", func(a, b *config.LUN) bool { return a.Kind != backend.KindFile || b.Size <= a.Size }, live},
	{"size", func(a, b *config.LUN) bool { return a.Kind == backend.KindFile || a.Size == b.Size }, replace},
	{"block_size", by(func(l *config.LUN) int64 { return l.BlockSize }), replace},
	{"physical_block_size", by(func(l *config.LUN) int64 { return l.PhysicalBlock }), replace},
	{"read_only", by(func(l *config.LUN) bool { return l.ReadOnly }), live},
	{"read_only", func(a, b *config.LUN) bool { return !a.Persistent() || !a.ReadOnly || b.ReadOnly }, replace},
	{"thin", by(func(l *config.LUN) bool { return l.Thin }), replace},
	{"removable", by(func(l *config.LUN) bool { return l.Removable }), replace},
	{"direct", by(func(l *config.LUN) backend.Direct { return l.Direct }), replace},
	{"serial", by(func(l *config.LUN) string { return l.Serial }), replace},
	{"id", by(func(l *config.LUN) string { return l.ID }), replace},
	{"sanitize_rate", by(func(l *config.LUN) int64 { return l.SanitizeRate }), replace},
	{"export", func(a, b *config.LUN) bool { return slices.EqualFunc(a.Exports, b.Exports, sameExport) }, live},
	{"qos", func(a, b *config.LUN) bool { return sameQoS(a.QoS, b.QoS) }, live},
}

func sameExport(a, b config.Export) bool {
	return a.Number == b.Number && slices.Equal(a.Initiators, b.Initiators) && slices.Equal(a.Accounts, b.Accounts)
}

func sameQoS(a, b config.QoS) bool {
	a.At, b.At = config.Where{}, config.Where{}
	return a == b
}

// targetKeys are the keys of a target, without its name and its units.
var targetKeys = []key[config.Target]{
	{"alias", by(func(t *config.Target) string { return t.Alias }), live},
	{"portal_groups", func(a, b *config.Target) bool { return a.AllGroups == b.AllGroups && slices.Equal(a.Groups, b.Groups) }, live},
	{"chap", func(a, b *config.Target) bool { return sameCHAP(&a.Access, &b.Access) }, live},
	{"mutual_chap", func(a, b *config.Target) bool { return sameMutual(&a.Access, &b.Access) }, live},
	{"acl", func(a, b *config.Target) bool {
		return slices.Equal(a.Access.Initiators, b.Access.Initiators) && slices.Equal(a.Access.Networks, b.Access.Networks)
	}, live},
	{"redirect", func(a, b *config.Target) bool { return sameRedirect(a.Redirect, b.Redirect) }, live},
	{"limits", func(a, b *config.Target) bool {
		x, y := a.Limits, b.Limits
		x.FirstBurstAt, y.FirstBurstAt = config.Where{}, config.Where{}
		return x == y
	}, live},
	{"initiator_qos", func(a, b *config.Target) bool {
		return slices.EqualFunc(a.QoS, b.QoS, func(x, y config.InitiatorQoS) bool {
			return slices.Equal(x.Initiators, y.Initiators) && sameQoS(x.QoS, y.QoS)
		})
	}, live},
}

// accessKeys are the keys of discovery.
var accessKeys = []key[config.Access]{{"chap", sameCHAP, live}, {"mutual_chap", sameMutual, live}}

func sameCHAP(a, b *config.Access) bool {
	return slices.EqualFunc(a.Accounts, b.Accounts, sameAccount) && slices.Equal(a.Algorithms, b.Algorithms)
}

func sameMutual(a, b *config.Access) bool {
	return (a.Mutual == nil) == (b.Mutual == nil) && (a.Mutual == nil || sameAccount(*a.Mutual, *b.Mutual))
}

// sameAccount compares the secrets themselves: one that moved to another file did not change.
func sameAccount(a, b config.Account) bool {
	return a.User == b.User && string(a.Secret) == string(b.Secret) && slices.Equal(a.Initiators, b.Initiators)
}

func sameRedirect(a, b *config.Redirect) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Address == b.Address && a.Permanent == b.Permanent
}

// serverKeys are the keys of the daemon itself.
var serverKeys = []key[config.Config]{
	{"log_level", server(func(s *config.Server) any { return s.LogLevel }), live},
	{"login_timeout", server(func(s *config.Server) any { return s.LoginTimeout }), live},
	{"nop_interval", server(func(s *config.Server) any { return s.NOPInterval }), live},
	{"nop_timeout", server(func(s *config.Server) any { return s.NOPTimeout }), live},
	{"strict_login", server(func(s *config.Server) any { return s.StrictLogin }), live},
	{"space_warning", server(func(s *config.Server) any { return s.SpaceWarning }), live},
	{"state", server(func(s *config.Server) any { return s.State }), restart},
	{"control", server(func(s *config.Server) any { return s.Control }), restart},
	{"cores", server(func(s *config.Server) any { return s.Cores }), restart},
	{"buffers", server(func(s *config.Server) any { return s.Buffers }), restart},
	{"poll", server(func(s *config.Server) any { return s.Poll }), restart},
	{"zerocopy", server(func(s *config.Server) any { return s.ZeroCopy }), restart},
	{"steering", server(func(s *config.Server) any { return s.Steering }), restart},
	{"xdp", server(func(s *config.Server) any { return interfaces(s) }), restart},
	{"log_format", server(func(s *config.Server) any { return s.LogFormat }), restart},
	{"group", server(func(s *config.Server) any { return s.Group }), restart},
	{"readers", server(func(s *config.Server) any { return s.Readers }), restart},
	{"metrics", func(a, b *config.Config) bool {
		x, y := a.Metrics, b.Metrics
		return x.Listen == y.Listen && x.Stages == y.Stages && slices.Equal(x.Hosts, y.Hosts)
	}, restart},
	{"api", by(func(c *config.Config) config.API { a := c.API; a.At = config.Where{}; return a }), restart},
}

func server(value func(*config.Server) any) func(a, b *config.Config) bool {
	return by(func(c *config.Config) any { return value(&c.Server) })
}

func interfaces(s *config.Server) string {
	names := make([]string, len(s.XDP))
	for i, x := range s.XDP {
		names[i] = x.Name
	}
	return strings.Join(names, " ")
}

// portalKeys and poolKeys are the keys of a portal without its address, and of a pool without its name.
var (
	portalKeys = []key[config.Portal]{{"group", by(func(p *config.Portal) uint16 { return p.Group }), live}}
	poolKeys   = []key[config.Pool]{{"path", by(func(p *config.Pool) string { return p.Path }), live}}
)
