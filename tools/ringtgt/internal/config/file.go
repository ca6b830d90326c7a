package config

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/session"
)

// reader converts a document to a Config. Relative paths in the file are relative to its folder.
type reader struct {
	dir    string
	env    func(string) (string, bool)
	absent secretRule
	ps     *Problems
}

func (r *reader) config(d *document) *Config {
	c := &Config{}
	root := d.root(r.ps)
	if !d.owned {
		if t := root.table("server"); t != nil {
			r.server(t, &c.Server)
		}
		if t := root.table("metrics"); t != nil {
			r.metrics(t, &c.Metrics)
		}
		if t := root.table("api"); t != nil {
			r.api(t, &c.API)
		}
	}
	root.tables("portal", func(t *table) { c.Portals = append(c.Portals, r.portal(t)) })
	root.tables("pool", func(t *table) { c.Pools = append(c.Pools, r.pool(t)) })
	root.tables("target", func(t *table) { c.Targets = append(c.Targets, r.target(t)) })
	if t := root.table("discovery"); t != nil {
		r.chap(t, &c.Discovery)
		t.close()
	}
	root.close()
	return c
}

func (r *reader) server(t *table, s *Server) {
	if t.str("state", &s.State) && r.filled(t, "state", s.State) {
		s.State, s.StateAt = r.path(s.State), t.at("state")
	}
	if t.str("control", &s.Control) && r.filled(t, "control", s.Control) {
		s.Control = r.path(s.Control)
	}
	t.str("cores", &s.Cores)
	t.size("buffers", &s.Buffers)
	s.CoresAt, s.BuffersAt = t.at("cores"), t.at("buffers")
	var poll string
	if t.str("poll", &poll) {
		if err := s.setPoll(poll, t.at("poll")); err != nil {
			r.ps.add(t.at("poll"), "%v", err)
		}
	}
	if t.str("zerocopy", &s.ZeroCopy) {
		s.ZeroCopyAt = t.at("zerocopy")
	}
	if t.str("steering", &s.Steering) {
		s.SteeringAt = t.at("steering")
	}
	names, at := t.strings("xdp")
	for i, name := range names {
		s.XDP = append(s.XDP, Interface{Name: name, At: at[i]})
	}
	var level string
	if t.str("log_level", &level) {
		var err error
		if s.LogLevel, err = ParseLevel(level); err != nil {
			r.ps.add(t.at("log_level"), "%v", err)
		}
	}
	if t.str("log_format", &s.LogFormat) && s.LogFormat != "text" && s.LogFormat != "json" {
		r.ps.add(t.at("log_format"), "log_format %q is neither text nor json", s.LogFormat)
	}
	t.duration("login_timeout", time.Second, &s.LoginTimeout)
	if t.duration("nop_interval", 0, &s.NOPInterval) && s.NOPInterval == 0 {
		s.NOPInterval = -1
	}
	t.duration("nop_timeout", time.Second, &s.NOPTimeout)
	t.boolean("strict_login", &s.StrictLogin)
	r.group(t, "group", &s.Group)
	r.group(t, "readers", &s.Readers)
	var percent int64
	t.number("space_warning", 1, 99, &percent)
	s.SpaceWarning = int(percent)
	t.close()
}

// group reads the name or number of a group of users. Whether this machine has it is checked at start.
func (r *reader) group(t *table, key string, to *string) {
	if t.str(key, to) && r.filled(t, key, *to) && strings.ContainsFunc(*to, func(c rune) bool { return c <= ' ' || c == ':' || c == 0x7F }) {
		r.ps.add(t.at(key), "%s: %q is not the name of a group", key, *to)
	}
}

func (r *reader) metrics(t *table, m *Metrics) {
	var listen string
	if t.str("listen", &listen) {
		m.At = t.at("listen")
		var err error
		if m.Listen, err = ParseMetrics(listen); err != nil {
			r.ps.add(m.At, "%v", err)
		}
	}
	t.boolean("stages", &m.Stages)
	var at []Where
	m.Hosts, at = t.strings("hosts")
	for i, name := range m.Hosts {
		if !domainName(name) {
			r.ps.add(at[i], "hosts: %q is not a name such as node1.example.com, without a port", name)
		}
	}
	t.close()
}

// ParseLevel reads a level of the log.
func ParseLevel(s string) (slog.Level, error) {
	var l slog.Level
	switch s {
	case "debug", "info", "warn", "error":
		return l, l.UnmarshalText([]byte(s))
	}
	return l, fmt.Errorf("log level %q is neither debug, info, warn nor error", s)
}

func (r *reader) portal(t *table) Portal {
	p := Portal{Group: 1, At: t.where()}
	var listen string
	if t.str("listen", &listen) {
		p.At = t.at("listen")
		var err error
		if p.Addr, err = ParseListen(listen); err != nil {
			r.ps.add(p.At, "%v", err)
		}
	} else {
		t.needs(p.At, `a portal needs listen = "HOST:PORT"`, "listen")
	}
	group := int64(p.Group)
	t.number("group", 0, math.MaxUint16, &group)
	p.Group = uint16(group)
	t.close()
	return p
}

// ParseListen reads an address to listen on: an IP address and a port, [::1]:3260 for IPv6; without a port it is 3260,
// without a host all addresses.
func ParseListen(s string) (netip.AddrPort, error) { return parseListen("listen", s, DefaultPort) }

// ParseMetrics reads the address of the listener for Prometheus, as ParseListen does; without a port it is 9260.
func ParseMetrics(s string) (netip.AddrPort, error) {
	return parseListen("metrics", s, DefaultMetricsPort)
}

// ParseAPI reads the address of the listener for the API, as ParseListen does; without a port it is 9261.
func ParseAPI(s string) (netip.AddrPort, error) { return parseListen("api", s, DefaultAPIPort) }

func parseListen(what, s string, otherwise int) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = unbracket(s), strconv.Itoa(otherwise)
	}
	switch host {
	case "", "*":
		host = "::"
	case "localhost":
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || s == "" {
		return netip.AddrPort{}, fmt.Errorf("%s address %q: want an IP address and a port, such as 192.0.2.1:%[3]d, [2001:db8::1]:%[3]d or :%[3]d", what, s, otherwise)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%s address %q: %q is no port", what, s, port)
	}
	return netip.AddrPortFrom(ip, uint16(n)), nil
}

// unbracket returns ADDRESS for [ADDRESS].
func unbracket(s string) string {
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		return s[1 : len(s)-1]
	}
	return s
}

func (r *reader) target(t *table) Target {
	tg := Target{At: t.where()}
	if t.str("name", &tg.Name) {
		tg.At = t.at("name")
	} else {
		t.needs(tg.At, `a target needs name = "iqn..."`, "name")
	}
	t.str("alias", &tg.Alias)
	if t.doc.owned {
		t.boolean("extends", &tg.Extends)
	}
	t.each("portal_groups", "an array of numbers", func(path string, v any) {
		n, ok := v.(int64)
		if !ok || n < 0 || n > math.MaxUint16 {
			t.want(path, v, "a portal group, 0 to 65535")
			return
		}
		tg.Groups = append(tg.Groups, uint16(n))
	})
	r.chap(t, &tg.Access)
	if s := t.table("acl"); s != nil {
		r.acl(s, &tg.Access)
	}
	if s := t.table("redirect"); s != nil {
		tg.Redirect = r.redirect(s)
	}
	if s := t.table("limits"); s != nil {
		r.limits(s, &tg.Limits)
	}
	t.tables("lun", func(s *table) { tg.LUNs = append(tg.LUNs, r.lun(s)) })
	t.tables("initiator_qos", func(s *table) { tg.QoS = append(tg.QoS, r.initiatorQoS(s)) })
	t.close()
	return tg
}

func (r *reader) acl(t *table, a *Access) {
	a.ACLAt = t.where()
	a.Initiators = r.initiators(t)
	networks, at := t.strings("networks")
	for i, n := range networks {
		p, err := parseNetwork(n)
		if err != nil {
			r.ps.add(at[i], "%v", err)
			continue
		}
		a.Networks = append(a.Networks, p)
	}
	r.notEmpty(t, "networks")
	t.close()
}

// initiators reads a list of initiator names.
func (r *reader) initiators(t *table) []string {
	names, at := t.strings("initiators")
	for i, n := range names {
		if err := CheckPattern(n); err != nil {
			r.ps.add(at[i], "initiator %q: %v", n, err)
		}
	}
	r.notEmpty(t, "initiators")
	return names
}

// notEmpty refuses a list that is given but empty.
func (r *reader) notEmpty(t *table, key string) {
	if v, ok := t.values[key].([]any); ok && len(v) == 0 {
		r.ps.add(t.at(key), "%s is empty; to admit every initiator, leave it out", key)
	}
}

// parseNetwork reads 192.0.2.0/24 or one address.
func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("network %q: want an address or a prefix, such as 192.0.2.0/24", s)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("network %q has bits beyond its length; did you mean %s?", s, p.Masked())
	}
	return p, nil
}

func (r *reader) redirect(t *table) *Redirect {
	d := &Redirect{At: t.where()}
	if t.str("address", &d.Address) {
		d.At = t.at("address")
	} else {
		t.needs(d.At, `redirect needs address = "HOST:PORT"`, "address")
	}
	t.boolean("permanent", &d.Permanent)
	t.close()
	return d
}

// limits reads a target's bounds in negotiation. They can be lower than session's own bounds, but not higher.
func (r *reader) limits(t *table, l *Limits) {
	n := int64(0)
	t.number("window", 1, session.MaxWindow, &n)
	l.Window = int(n)
	n = 0
	t.number("max_connections", 1, session.MaxConnections, &n)
	l.MaxConnections = int(n)
	t.length("max_recv_data_segment_length", session.MaxRecvDataSegmentLength, &l.MaxRecvDataSegmentLength)
	t.length("max_burst_length", session.MaxBurstLength, &l.MaxBurstLength)
	t.length("first_burst_length", session.FirstBurstLength, &l.FirstBurstLength)
	l.FirstBurstAt = t.at("first_burst_length")
	t.boolean("initial_r2t", &l.InitialR2T)
	immediate := true
	t.boolean("immediate_data", &immediate)
	l.NoImmediateData = !immediate
	t.close()
}

// lunKinds are the keys that select a unit's backend.
var lunKinds = []struct {
	key  string
	kind backend.Kind
}{{"file", backend.KindFile}, {"block", backend.KindBlock}, {"memory", backend.KindMemory}, {"null", backend.KindNull}}

func (r *reader) lun(t *table) LUN {
	l := LUN{At: t.where()}
	n := int64(0)
	if !t.number("lun", 0, lun.MaxLUNs-1, &n) {
		t.needs(l.At, "a lun needs its number: lun = 0", "lun")
	}
	l.Number = int(n)
	if t.has("lun") {
		l.At = t.at("lun")
	}
	var kinds []string
	broken := false // already reported
	for _, k := range lunKinds {
		if !t.has(k.key) {
			t.known = append(t.known, k.key)
			continue
		}
		kinds, l.Kind = append(kinds, k.key), k.kind
		if k.kind == backend.KindFile || k.kind == backend.KindBlock {
			if t.str(k.key, &l.Path) && r.filled(t, k.key, l.Path) {
				l.Path = r.path(l.Path)
			}
		} else if !t.size(k.key, &l.Size) {
			broken = true
		}
	}
	switch len(kinds) {
	case 1:
	case 0:
		t.needs(l.At, "a lun needs exactly one of file, block, memory and null", "file", "block", "memory", "null")
		broken = true
	default:
		r.ps.add(l.At, "a lun needs exactly one of file, block, memory and null%s", listed(kinds))
		broken = true
	}
	if t.has("size") && (l.Kind == backend.KindMemory || l.Kind == backend.KindNull) {
		r.ps.add(t.at("size"), `the size of memory and null is their own value: memory = "1GiB"`)
		t.known = append(t.known, "size")
	} else if t.size("size", &l.Size) && l.Size == 0 {
		r.ps.add(t.at("size"), "size = 0: leave it out to use the file as it is")
	}
	t.size("block_size", &l.BlockSize)
	t.size("physical_block_size", &l.PhysicalBlock)
	t.boolean("read_only", &l.ReadOnly)
	t.boolean("thin", &l.Thin)
	t.boolean("removable", &l.Removable)
	var direct string
	t.str("direct", &direct)
	l.Direct = backend.Direct(direct)
	t.str("serial", &l.Serial)
	t.str("id", &l.ID)
	t.size("sanitize_rate", &l.SanitizeRate)
	t.tables("export", func(s *table) { l.Exports = append(l.Exports, r.export(s, l.Number)) })
	if s := t.table("qos"); s != nil {
		r.qos(s, &l.QoS)
		s.close()
	}
	if broken {
		l.Kind = ""
	}
	t.close()
	return l
}

func listed(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return ", and there are " + strings.Join(keys, ", ")
}

// filled reports an empty path.
func (r *reader) filled(t *table, key, value string) bool {
	if value == "" {
		r.ps.add(t.at(key), "%s is empty", key)
	}
	return value != ""
}

func (r *reader) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.dir, p)
}

// readFile reads the configuration file.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1)) // parse reports if it is too long
}
