package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ringtgt/ringtgt/lun/backend"
)

// Flags are the configuration flags of serve and check; "" and nil: not given.
type Flags struct {
	Config    string // path of the TOML file
	Listen    []string
	Target    string
	LUN       []string
	Cores     string
	State     string
	Control   string
	Buffers   string
	Poll      string
	ZeroCopy  string
	Steering  string
	XDP       []string
	Metrics   string
	LogLevel  string
	LogFormat string
}

// Load builds a Config from the flags and, if they name one, the file. docs/configuration.md documents the rules of merging: a
// flag about the daemon replaces the file's value; --listen replaces the file's portals; targets come either from the file or from
// --target and --lun. Everything else has its default.
//
// Set check if the Config will not be served: settings from the daemon's own environment may be missing.
//
// The Config is nil if it cannot be served; the problems then include an error.
func Load(f Flags, check bool) (*Config, Problems) {
	c, ps := Read(f, check)
	if c != nil {
		validate(c, &ps)
	}
	return c.settled(ps)
}

// Read is Load without the checks of the Config as a whole, which Merge does once the owned part is added. If there are errors
// already, it does them nevertheless, to report all errors together.
func Read(f Flags, check bool) (*Config, Problems) {
	var ps Problems
	c := &Config{}
	ok := true
	if f.Config != "" {
		c, ok = loadFile(f.Config, check, &ps)
	}
	if ok {
		f.overlay(c, &ps)
		c.defaults(f, &ps)
		if len(ps.Errors()) > 0 {
			validate(c, &ps)
		}
	}
	return c.settled(ps)
}

// settled sorts ps, and returns no Config if they include an error.
func (c *Config) settled(ps Problems) (*Config, Problems) {
	ps.sort()
	if len(ps.Errors()) > 0 {
		return nil, ps
	}
	return c, ps
}

func loadFile(name string, check bool, ps *Problems) (*Config, bool) {
	at := Where{File: name}
	text, err := readFile(name)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		ps.add(at, "%v", err)
		return nil, false
	}
	return readText(name, text, false, check, ps)
}

// readText reads a file's text, or with owned that of the owned part.
func readText(name string, text []byte, owned, check bool, ps *Problems) (*Config, bool) {
	d, problems := parse(name, text)
	if d == nil {
		*ps = append(*ps, problems...)
		return nil, false
	}
	d.owned = owned
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		ps.add(Where{File: name, Owned: owned}, "%v", err)
		return nil, false
	}
	r := &reader{dir: dir, env: os.LookupEnv, absent: secretRule(check), ps: ps}
	c := r.config(d)
	c.File = name
	return c, true
}

// overlay lets the flags override the file.
func (f *Flags) overlay(c *Config, ps *Problems) {
	f.overlayServer(&c.Server, ps)
	f.overlayLog(&c.Server, ps)
	if f.Metrics != "" {
		a, err := ParseMetrics(f.Metrics)
		c.Metrics.Listen, c.Metrics.At = a, flagAt("--metrics", f.Metrics)
		if err != nil {
			ps.add(Where{Flag: "--metrics"}, "%v", err)
		}
	}
	f.overlayPortals(c, ps)
	if f.Config == "" {
		f.target(c, ps)
		return
	}
	const inFile = "with --config the targets are the file's: write it there"
	if f.Target != "" {
		ps.add(Where{Flag: "--target"}, inFile)
	}
	if len(f.LUN) > 0 {
		ps.add(Where{Flag: "--lun"}, inFile)
	}
}

// flagAt returns the Where of a flag's value.
func flagAt(name, value string) Where { return Where{Flag: strings.TrimSpace(name + " " + value)} }

func (f *Flags) overlayServer(s *Server, ps *Problems) {
	if f.State != "" {
		s.State, s.StateAt = f.State, flagAt("--state", f.State)
	}
	if f.Control != "" {
		s.Control = f.Control
	}
	if f.Cores != "" {
		s.Cores, s.CoresAt = f.Cores, flagAt("--cores", f.Cores)
	}
	if f.Buffers != "" {
		n, err := ParseSize(f.Buffers)
		s.Buffers, s.BuffersAt = n, flagAt("--buffers", f.Buffers)
		if err != nil {
			ps.add(Where{Flag: "--buffers"}, "%v", err)
		}
	}
	if f.Poll != "" {
		if err := s.setPoll(f.Poll, flagAt("--poll", f.Poll)); err != nil {
			ps.add(Where{Flag: "--poll"}, "%v", err)
		}
	}
	if f.ZeroCopy != "" {
		s.ZeroCopy, s.ZeroCopyAt = f.ZeroCopy, flagAt("--zerocopy", f.ZeroCopy)
	}
	if f.Steering != "" {
		s.Steering, s.SteeringAt = f.Steering, flagAt("--steering", f.Steering)
	}
	if len(f.XDP) > 0 {
		s.XDP = nil
	}
	for _, name := range f.XDP {
		s.XDP = append(s.XDP, Interface{Name: name, At: flagAt("--xdp", name)})
	}
}

func (f *Flags) overlayLog(s *Server, ps *Problems) {
	if f.LogLevel != "" {
		l, err := ParseLevel(f.LogLevel)
		if err != nil {
			ps.add(Where{Flag: "--log-level"}, "%v", err)
		}
		s.LogLevel = l
	}
	switch f.LogFormat {
	case "text", "json":
		s.LogFormat = f.LogFormat
	case "":
	default:
		ps.add(Where{Flag: "--log-format"}, "%q is neither text nor json", f.LogFormat)
	}
}

func (f *Flags) overlayPortals(c *Config, ps *Problems) {
	if len(f.Listen) > 0 {
		c.Portals = nil
	}
	for _, text := range f.Listen {
		a, err := ParseListen(text)
		if err != nil {
			ps.add(Where{Flag: "--listen"}, "%v", err)
			continue
		}
		c.Portals = append(c.Portals, Portal{Addr: a, Group: 1, At: flagAt("--listen", text)})
	}
}

// target builds the single target that the flags describe.
func (f *Flags) target(c *Config, ps *Problems) {
	t := Target{Name: f.Target, At: Where{Flag: strings.TrimSpace("--target " + f.Target)}}
	if t.Name == "" {
		t.Name = DefaultTarget
	}
	for i, text := range f.LUN {
		at := Where{Flag: "--lun " + text}
		l, err := ParseSpec(text)
		if err != nil {
			ps.add(Where{Flag: "--lun"}, "%v", err)
			l = LUN{} // keep the LUN numbers
		}
		l.Number, l.At = i, at
		t.LUNs = append(t.LUNs, l)
	}
	c.Targets = []Target{t}
}

// defaults fills in values that neither the flags nor the file set.
func (c *Config) defaults(f Flags, ps *Problems) {
	if c.Server.LogFormat == "" {
		c.Server.LogFormat = "text"
	}
	if c.Server.Steering == "" && c.Server.SteeringAt == (Where{}) {
		c.Server.Steering = SteeringAuto
	}
	if len(c.Portals) == 0 && len(f.Listen) == 0 {
		a, err := ParseListen(DefaultListen)
		if err != nil {
			panic(fmt.Sprintf("config: %v", err))
		}
		c.Portals = []Portal{{Addr: a, Group: 1, At: Where{Flag: "the default --listen " + DefaultListen}}}
	}
	if f.Config == "" && len(f.LUN) == 0 {
		c.Targets[0].LUNs = []LUN{{
			Kind: "file", Path: DefaultImage, Size: DefaultSize, Thin: true, Fallback: true, At: Where{Flag: "the default --lun"},
		}}
	}
	if c.Server.State == "" {
		c.defaultState(ps)
	}
	for i := range c.Targets {
		c.Targets[i].AllGroups = len(c.Targets[i].Groups) == 0
	}
	c.setGroups()
}

// setGroups puts the targets that are configured for no portal group into all groups.
func (c *Config) setGroups() {
	var groups []uint16
	for _, p := range c.Portals {
		groups = appendNew(groups, p.Group)
	}
	for i := range c.Targets {
		if c.Targets[i].AllGroups {
			c.Targets[i].Groups = groups
		}
	}
}

// defaultState chooses the state directory. It must not depend on the daemon's working directory: a disk that changes its identity
// at the next start is worse than none.
func (c *Config) defaultState(ps *Problems) {
	var device *LUN
	for i := range c.Targets {
		for j := range c.Targets[i].LUNs {
			switch l := &c.Targets[i].LUNs[j]; {
			case l.Fallback:
				c.Server.State = DefaultState
				return
			case l.Kind == backend.KindFile && l.Path != "":
				c.Server.State = filepath.Join(filepath.Dir(l.Path), BesideState)
				return
			case l.Kind == backend.KindBlock:
				device = l
			}
		}
	}
	if device != nil {
		c.Server.State = DefaultState
		ps.warn(device.At, "no state directory is configured: the disk's identity and reservations are kept in %s below the current directory; "+
			"--state DIR or state in [server] makes that independent of where the daemon is started", DefaultState)
	}
}

func appendNew(list []uint16, n uint16) []uint16 {
	for _, v := range list {
		if v == n {
			return list
		}
	}
	return append(list, n)
}
