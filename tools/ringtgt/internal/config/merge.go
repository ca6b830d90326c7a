package config

import (
	"fmt"
	"os"
	"slices"
)

// LoadOwned reads the owned part of the configuration, which commands edit: the text has the syntax of a configuration file
// without [server], [metrics] and [api]. If there is no such file, the part is empty. The Config has no defaults and is not checked
// as a whole; Merge does that.
func LoadOwned(path string, check bool) (*Config, Problems) {
	text, err := readFile(path)
	if os.IsNotExist(err) {
		return &Config{File: path}, nil
	}
	if err != nil {
		return nil, Problems{{At: Where{File: path, Owned: true}, Text: err.Error()}}
	}
	c, ps := readOwned(path, text, check)
	for i := range ps {
		ps[i].At.Owned = false // somebody did edit the file: tell where
	}
	return c, ps
}

func readOwned(path string, text []byte, check bool) (*Config, Problems) {
	var ps Problems
	c, ok := readText(path, text, true, check, &ps)
	if !ok {
		return nil, ps
	}
	for i := range c.Targets {
		c.Targets[i].AllGroups = len(c.Targets[i].Groups) == 0
	}
	return c.settled(ps)
}

// Reread encodes the owned part and reads the text again as LoadOwned would: what is saved is then what was checked. path is the
// place of the text; nothing is written. The secrets are read from their files.
func Reread(owned *Config, path string, check bool) (text []byte, again *Config, ps Problems) {
	text = EncodeOwned(owned, path)
	again, ps = readOwned(path, text, check)
	return text, again, ps
}

// Keep carries defaults of a running daemon over to c, the file as it was read again: the state directory must not change with
// the first file that is served.
func (c *Config) Keep(running *Config, ps *Problems) {
	if c.Server.State == running.Server.State || c.Server.StateAt != (Where{}) || running.Server.StateAt != (Where{}) {
		return
	}
	at := Where{File: c.File}
	if c.Server.State == "" {
		ps.warn(at, "no state directory is configured: %s stays in use until the daemon stops; set state in [server] to keep it", running.Server.State)
	} else {
		ps.warn(at, "no state directory is configured: %s stays in use, but the next start would take %s, and find neither what commands "+
			"made nor the disks' identities there; set state in [server]", running.Server.State, c.Server.State)
	}
	c.Server.State = running.Server.State
}

// Merge returns the configuration in force: the file's part, as Read returns it, and the owned part, which adds to it. Where both
// have an object of one name, the file's counts, and a warning says so. The result is checked as a whole; it is nil if the problems
// include an error. Both parts stay as they are.
func Merge(file, owned *Config) (*Config, Problems) {
	c, ps := Combine(file, owned)
	validate(c, &ps)
	return c.settled(ps)
}

// Combine is Merge without the check. It does no I/O; the check looks at every path.
func Combine(file, owned *Config) (*Config, Problems) {
	var ps Problems
	c := file.Clone()
	if owned != nil {
		m := merger{c: c, ps: &ps}
		m.merge(owned.Clone())
		c.setGroups()
	}
	return c, ps
}

type merger struct {
	c  *Config
	ps *Problems
}

// twice warns of an object that both parts have, and notes that the owned one does not count.
func (m *merger) twice(owned, file Where, secretFile, format string, args ...any) {
	name := fmt.Sprintf(format, args...)
	m.ps.warn(owned, "%s is in the configuration too (%s), and that one counts; `ringtgt config prune` drops the one that a command made", name, file)
	m.c.Hidden = append(m.c.Hidden, Hidden{Name: name, SecretFile: secretFile})
}

// orphan is twice for what commands added to a target that the file no longer has.
func (m *merger) orphan(t *Target) {
	m.ps.warn(t.At, "target %s is not configured any more: what commands added to it is not served; `ringtgt target remove %s` drops that", t.Name, t.Name)
	name := "what commands added to target " + t.Name
	m.c.Hidden = append(m.c.Hidden, Hidden{Name: name, Orphan: true})
	for _, a := range append(slices.Clone(t.Access.Accounts), mutuals(&t.Access)...) {
		m.c.Hidden = append(m.c.Hidden, Hidden{Name: fmt.Sprintf("account %q of %s", a.User, t.Name), SecretFile: a.SecretFile, Orphan: true})
	}
}

func mutuals(a *Access) []Account {
	if a.Mutual == nil {
		return nil
	}
	return []Account{*a.Mutual}
}

func (m *merger) merge(owned *Config) {
	for _, p := range owned.Portals {
		i := slices.IndexFunc(m.c.Portals, func(f Portal) bool { return f.Addr == p.Addr && p.Addr.Port() != 0 && !f.At.Owned })
		if i >= 0 {
			m.twice(p.At, m.c.Portals[i].At, "", "portal %s", p.Addr)
			continue
		}
		m.c.Portals = append(m.c.Portals, p)
	}
	for _, p := range owned.Pools {
		i := slices.IndexFunc(m.c.Pools, func(f Pool) bool { return f.Name == p.Name && !f.At.Owned })
		if i >= 0 {
			m.twice(p.At, m.c.Pools[i].At, "", "pool %s", p.Name)
			continue
		}
		m.c.Pools = append(m.c.Pools, p)
	}
	m.accounts(&m.c.Discovery, &owned.Discovery, "discovery")
	places := map[string]int{}
	for i := range m.c.Targets {
		places[m.c.Targets[i].Name] = i
	}
	for i := range owned.Targets {
		t := &owned.Targets[i]
		at, ok := places[t.Name]
		switch {
		case ok:
			m.target(&m.c.Targets[at], t)
		case t.Extends:
			m.orphan(t)
		default:
			m.c.Targets = append(m.c.Targets, *t)
		}
	}
}

// target adds what commands made to a target of the file.
func (m *merger) target(to, from *Target) {
	if !from.Extends {
		m.twice(from.At, to.At, "", "target %s", to.Name)
	}
	for _, l := range from.LUNs {
		i := slices.IndexFunc(to.LUNs, func(f LUN) bool { return f.Number == l.Number && !f.At.Owned })
		if i >= 0 {
			m.twice(l.At, to.LUNs[i].At, "", "lun %d of %s", l.Number, to.Name)
			continue
		}
		to.LUNs = append(to.LUNs, l)
	}
	m.accounts(&to.Access, &from.Access, to.Name)
	for _, name := range from.Access.Initiators {
		if !slices.Contains(to.Access.Initiators, name) {
			to.Access.Initiators = append(to.Access.Initiators, name)
		}
	}
	for _, n := range from.Access.Networks {
		if !slices.Contains(to.Access.Networks, n) {
			to.Access.Networks = append(to.Access.Networks, n)
		}
	}
}

func (m *merger) accounts(to, from *Access, of string) {
	for _, a := range from.Accounts {
		i := slices.IndexFunc(to.Accounts, func(f Account) bool { return f.User == a.User && !f.At.Owned })
		if i >= 0 {
			m.twice(a.At, to.Accounts[i].At, a.SecretFile, "account %q of %s", a.User, of)
			continue
		}
		to.Accounts = append(to.Accounts, a)
	}
	switch {
	case from.Mutual == nil:
	case to.Mutual != nil:
		m.twice(from.Mutual.At, to.Mutual.At, from.Mutual.SecretFile, "mutual_chap of %s", of)
	default:
		to.Mutual = from.Mutual
	}
}

// Clone returns a deep copy. Secrets are shared: nothing writes to them.
func (c *Config) Clone() *Config {
	d := *c
	d.Server.XDP = slices.Clone(c.Server.XDP)
	d.Metrics.Hosts = slices.Clone(c.Metrics.Hosts)
	d.Portals = slices.Clone(c.Portals)
	d.Pools = slices.Clone(c.Pools)
	d.Discovery = c.Discovery.clone()
	d.Hidden = slices.Clone(c.Hidden)
	d.Targets = slices.Clone(c.Targets)
	for i := range d.Targets {
		d.Targets[i] = d.Targets[i].Clone()
	}
	return &d
}

// Clone returns a deep copy.
func (t Target) Clone() Target {
	t.Groups = slices.Clone(t.Groups)
	t.Access = t.Access.clone()
	if t.Redirect != nil {
		r := *t.Redirect
		t.Redirect = &r
	}
	t.LUNs = slices.Clone(t.LUNs)
	for i := range t.LUNs {
		t.LUNs[i].Exports = CloneExports(t.LUNs[i].Exports)
	}
	t.QoS = slices.Clone(t.QoS)
	for i := range t.QoS {
		t.QoS[i].Initiators = slices.Clone(t.QoS[i].Initiators)
	}
	return t
}

// CloneExports returns a deep copy.
func CloneExports(exports []Export) []Export {
	exports = slices.Clone(exports)
	for i := range exports {
		exports[i].Initiators = slices.Clone(exports[i].Initiators)
		exports[i].Accounts = slices.Clone(exports[i].Accounts)
	}
	return exports
}

func (a Access) clone() Access {
	a.Accounts = slices.Clone(a.Accounts)
	for i := range a.Accounts {
		a.Accounts[i].Initiators = slices.Clone(a.Accounts[i].Initiators)
	}
	if a.Mutual != nil {
		m := *a.Mutual
		m.Initiators = slices.Clone(m.Initiators)
		a.Mutual = &m
	}
	a.Algorithms = slices.Clone(a.Algorithms)
	a.Initiators = slices.Clone(a.Initiators)
	a.Networks = slices.Clone(a.Networks)
	return a
}
