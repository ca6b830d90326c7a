package config

import (
	"math"
	"strings"

	"github.com/ringtgt/ringtgt/internal/iscsiname"
	"github.com/ringtgt/ringtgt/lun"
)

// api reads the listener for the HTTP API.
func (r *reader) api(t *table, a *API) {
	a.At = t.where()
	var listen string
	if t.str("listen", &listen) {
		a.At = t.at("listen")
		var err error
		if a.Listen, err = ParseAPI(listen); err != nil {
			r.ps.add(a.At, "%v", err)
		}
	} else {
		t.needs(a.At, `the API needs listen = "HOST:PORT"`, "listen")
	}
	for _, f := range []struct {
		key string
		to  *string
	}{{"cert", &a.Cert}, {"key", &a.Key}, {"client_ca", &a.ClientCA}} {
		switch {
		case t.str(f.key, f.to):
			if r.filled(t, f.key, *f.to) {
				*f.to = r.path(*f.to)
			}
		default:
			t.needs(a.At, f.key+" is missing: the API is served with TLS and client certificates only", f.key)
		}
	}
	t.close()
}

// pool reads a directory of volumes.
func (r *reader) pool(t *table) Pool {
	p := Pool{At: t.where()}
	if t.str("name", &p.Name) {
		p.At = t.at("name")
	} else {
		t.needs(p.At, "a pool needs a name", "name")
	}
	if t.str("path", &p.Path) {
		if r.filled(t, "path", p.Path) {
			p.Path = r.path(p.Path)
		}
	} else {
		t.needs(p.At, "a pool needs the path of a directory", "path")
	}
	t.close()
	return p
}

// export reads a rule of LUN masking; the number is that of the unit if the rule has none.
func (r *reader) export(t *table, number int) Export {
	e := Export{At: t.where()}
	e.Initiators = r.initiators(t)
	var at []Where
	e.Accounts, at = t.strings("accounts")
	for i, user := range e.Accounts {
		if err := CheckUser(user); err != nil {
			r.ps.add(at[i], "accounts: %v", err)
		}
	}
	r.notEmpty(t, "accounts")
	n := int64(number)
	t.number("lun", 0, lun.MaxLUNs-1, &n)
	e.Number = int(n)
	t.close()
	return e
}

// qos reads bounds on traffic.
func (r *reader) qos(t *table, q *QoS) {
	q.At = t.where()
	t.number("read_iops", 0, math.MaxInt32, &q.ReadIOPS)
	t.number("write_iops", 0, math.MaxInt32, &q.WriteIOPS)
	t.size("read_bytes", &q.ReadBytes)
	t.size("write_bytes", &q.WriteBytes)
	t.duration("burst", minBurst, &q.Burst)
}

func (r *reader) initiatorQoS(t *table) InitiatorQoS {
	q := InitiatorQoS{Initiators: r.initiators(t)}
	r.qos(t, &q.QoS)
	t.close()
	return q
}

// validatePools checks the names and paths of pools. Whether the directories exist is checked where a pool is used.
func validatePools(c *Config, ps *Problems) {
	names, paths := map[string]Where{}, map[string]Where{}
	for _, p := range c.Pools {
		if p.Name != "" {
			if err := CheckPool(p.Name); err != nil {
				ps.add(p.At, "pool %q: %v", p.Name, err)
			}
		}
		if first, ok := names[p.Name]; ok && p.Name != "" {
			ps.add(p.At, "pool %s is there already (%s)", p.Name, first)
		}
		if first, ok := paths[p.Path]; ok && p.Path != "" {
			ps.add(p.At, "%s is a pool already (%s)", p.Path, first)
		}
		names[p.Name], paths[p.Path] = p.At, p.At
	}
}

// validateQoS checks what only a whole set of bounds shows.
func validateQoS(q *QoS, ps *Problems) {
	if q.ReadIOPS < 0 || q.WriteIOPS < 0 || q.ReadBytes < 0 || q.WriteBytes < 0 {
		ps.add(q.At, "qos: a bound is negative")
	}
	if q.Burst != 0 && (q.Burst < minBurst || q.Burst > maxBurst) {
		ps.add(q.At, "burst: %v is not between %v and %v", q.Burst, minBurst, maxBurst)
	}
	if q.Burst != 0 && q.Unlimited() {
		ps.warn(q.At, "burst does nothing without a bound")
	}
}

// Unlimited reports whether q bounds nothing.
func (q QoS) Unlimited() bool { return q.ReadIOPS|q.WriteIOPS|q.ReadBytes|q.WriteBytes == 0 }

// rule is one way to see a unit of a target.
type rule struct {
	unit *LUN
	i    int // its place in unit.Exports; -1: the unit has none, and everyone sees it
	Export
}

// validateExports refuses two units that one initiator could see under the same number.
func validateExports(t *Target, ps *Problems) {
	byNumber := map[int][]rule{}
	for i := range t.LUNs {
		l := &t.LUNs[i]
		rules := []rule{{unit: l, i: -1, Export: Export{Number: l.Number, At: l.At}}}
		if len(l.Exports) > 0 {
			rules = rules[:0]
			for k, e := range l.Exports {
				rules = append(rules, rule{unit: l, i: k, Export: e})
			}
		}
		for _, r := range rules {
			if r.Number < 0 || r.Number >= lun.MaxLUNs {
				ps.add(r.At, "export: lun %d is not between 0 and %d", r.Number, lun.MaxLUNs-1)
			}
			for _, other := range byNumber[r.Number] {
				if other.unit.Number == l.Number {
					continue // one unit, or two with one number, which validateLUN reports
				}
				if who, both := other.meets(r); both {
					ps.add(r.At, "lun %d of %s would be two units for %s: %d here, and %d (%s)", r.Number, t.Name, who, l.Number, other.unit.Number, other.At)
					break
				}
			}
			byNumber[r.Number] = append(byNumber[r.Number], r)
		}
	}
}

// meets reports whether an initiator exists to which both rules apply, and names such a one.
func (r rule) meets(o rule) (who string, ok bool) {
	for _, name := range common(r.Initiators, o.Initiators, narrower) {
		for _, user := range common(r.Accounts, o.Accounts, same) {
			if r.shadowed(name, user) || o.shadowed(name, user) {
				continue
			}
			who := "every initiator"
			if name != everything {
				who = "initiator " + name
			}
			if user != everything {
				who += " with account " + user
			}
			return who, true
		}
	}
	return "", false
}

// shadowed reports whether an earlier rule of the unit applies to all initiators of a name and account, so that this one does not.
func (r rule) shadowed(name, user string) bool {
	for _, e := range r.unit.Exports[:max(r.i, 0)] {
		if covered(name, e.Initiators, narrower) && covered(user, e.Accounts, same) {
			return true
		}
	}
	return false
}

// everything stands for what an empty list matches.
const everything = ""

// common returns what two lists both match, as patterns. both returns that of two patterns.
func common(a, b []string, both func(a, b string) (string, bool)) (out []string) {
	if len(a) == 0 {
		a = []string{everything}
	}
	if len(b) == 0 {
		b = []string{everything}
	}
	for _, x := range a {
		for _, y := range b {
			if z, ok := both(x, y); ok {
				out = append(out, z)
			}
		}
	}
	return out
}

// covered reports whether one element of a list matches all that pattern matches.
func covered(pattern string, list []string, both func(a, b string) (string, bool)) bool {
	if len(list) == 0 {
		return true
	}
	for _, p := range list {
		if z, ok := both(p, pattern); ok && z == pattern {
			return true
		}
	}
	return false
}

// narrower returns the narrower of two patterns of initiator names if the other one matches all its names. Two patterns without
// that relation have no name in common.
func narrower(a, b string) (string, bool) {
	switch {
	case a == everything || a != b && iscsiname.Matches(a, strings.TrimSuffix(b, "*")) && strings.HasSuffix(a, "*"):
		return b, true
	case b == everything || strings.EqualFold(a, b) || iscsiname.Matches(b, strings.TrimSuffix(a, "*")) && strings.HasSuffix(b, "*"):
		return a, true
	}
	return "", false
}

// same is narrower for accounts, where a * is a character like any other.
func same(a, b string) (string, bool) {
	switch {
	case a == everything:
		return b, true
	case b == everything || a == b:
		return a, true
	}
	return "", false
}
