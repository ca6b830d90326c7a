package admin

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

func typeName(v any) string { return fmt.Sprintf("%T", v) }

// of reads a configuration: a line for each object, as the table below has them.
//
//	portal 1 [GROUP]         192.0.2.1:3260; ports 0 and any stand for a port 0 and for all addresses
//	target a [KEY...]        its LUNs follow; a KEY is acl, chap, alias
//	lun 0 file:x,size=1G ... as --lun has it; mask: an export to one host; qos
//	cores, log               the daemon's own settings
func of(t testing.TB, text string) *config.Config {
	t.Helper()
	c := &config.Config{}
	for line := range strings.SplitSeq(text, ";") {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		var last *config.Target
		if n := len(c.Targets); n > 0 {
			last = &c.Targets[n-1]
		}
		switch f[0] {
		case "cores":
			c.Server.Cores = "0"
		case "log":
			c.Server.LogLevel = 4
		case "metrics":
			c.Metrics.Stages = true
		case "discovery":
			c.Discovery.Accounts = []config.Account{{User: "d"}}
		case "portal":
			p := config.Portal{Group: 1}
			switch f[1] {
			case "any":
				p.Addr = netip.MustParseAddrPort("[::]:3260")
			case "0":
				p.Addr = netip.MustParseAddrPort("127.0.0.1:0")
			default:
				p.Addr = netip.MustParseAddrPort("192.0.2." + f[1] + ":3260")
			}
			if len(f) > 2 {
				p.Group = 2
			}
			c.Portals = append(c.Portals, p)
		case "pool":
			c.Pools = append(c.Pools, config.Pool{Name: f[1], Path: f[2]})
		case "target":
			tg := config.Target{Name: f[1]}
			for _, k := range f[2:] {
				switch k {
				case "acl":
					tg.Access.Initiators = []string{host}
				case "chap":
					tg.Access.Accounts = []config.Account{{User: "u", Secret: []byte("s1")}}
				case "chap2":
					tg.Access.Accounts = []config.Account{{User: "u", Secret: []byte("s2")}}
				case "alias":
					tg.Alias = "x"
				}
			}
			c.Targets = append(c.Targets, tg)
		case "lun":
			l, err := config.ParseSpec(f[2])
			must.OK(t, err)
			_, err = fmt.Sscan(f[1], &l.Number)
			must.OK(t, err)
			for _, k := range f[3:] {
				switch k {
				case "mask":
					l.Exports = []config.Export{{Initiators: []string{host}, Number: l.Number}}
				case "qos":
					l.QoS.ReadIOPS = 5
				}
			}
			last.LUNs = append(last.LUNs, l)
		default:
			t.Fatalf("%q", line)
		}
	}
	return c
}

// A plan for each kind of change, in the order in which it is carried out.
func TestPlans(t *testing.T) {
	for _, tt := range []struct {
		name, old, new string
		plan           string
	}{
		{"nothing", "target a; lun 0 mem:1M", "target a; lun 0 mem:1M", "nothing changes"},
		{
			"a target with a LUN and a portal", "portal 1", "portal 1; portal 2; target a; lun 0 mem:1M",
			"+ portal 192.0.2.2:3260: group 1|+ target a|+ lun 0 of a: memory, 1.0 MiB",
		},
		{"all of it goes", "portal 1; portal 2; target a; lun 0 mem:1M", "portal 1", "- target a with 1 LUN|- portal 192.0.2.2:3260"},
		{"a portal changes its group", "portal 1", "portal 1 2", "~ portal 192.0.2.1:3260: group 1 to 2"},
		{"all addresses instead of one", "portal 1", "portal any", "- portal 192.0.2.1:3260|+ portal [::]:3260: group 1"},
		{"two portals whose ports the kernel chooses", "portal 0", "portal 0; portal 0", "+ portal 127.0.0.1:0: group 1"},
		{"a pool moves", "pool p /a; pool q /b", "pool p /c", "~ pool p: path /a to /c|- pool q"},

		{"the daemon's own settings", "", "cores; log; metrics", "~ server: log_level info to warn|needs a restart: cores, metrics"},
		{"who may list the targets", "", "discovery", "~ discovery: chap"},

		{"accounts and ACL", "target a; lun 0 mem:1M", "target a chap acl alias; lun 0 mem:1M", `~ target a: alias "" to "x", chap, acl all to iqn.1993-08.org.debian:01:host`},
		{"a secret is rotated", "target a chap; lun 0 mem:1M", "target a chap2; lun 0 mem:1M", "~ target a: chap"},
		{"a LUN is added behind a new ACL", "target a", "target a acl; lun 0 mem:1M", "~ target a: acl all to iqn.1993-08.org.debian:01:host|+ lun 0 of a: memory, 1.0 MiB"},
		{"a LUN goes before others are admitted", "target a acl; lun 0 mem:1M", "target a", "- lun 0 of a|~ target a: acl iqn.1993-08.org.debian:01:host to all"},

		{"a file grows", "target a; lun 0 file:/x:1G", "target a; lun 0 file:/x:2G", "~ lun 0 of a: size 1.0 GiB to 2.0 GiB"},
		{"a file cannot shrink", "target a; lun 0 file:/x:2G", "target a; lun 0 file:/x:1G", "nothing changes|warning: lun 0 of a has 2.0 GiB and cannot shrink to 1.0 GiB: it stays as it is"},
		{"a file's size is not given any more", "target a; lun 0 file:/x:2G", "target a; lun 0 file:/x", "nothing changes"},
		{"memory grows: its content is lost", "target a; lun 0 mem:1M", "target a; lun 0 mem:2M", "± lun 0 of a: size 1.0 MiB to 2.0 MiB; it is removed and added again"},
		{"masking, QoS", "target a; lun 0 mem:1M", "target a; lun 0 mem:1M mask qos", "~ lun 0 of a: export all to iqn.1993-08.org.debian:01:host=0, qos no bounds to 5|    reads/s"},
		{"read-only", "target a; lun 0 file:/x", "target a; lun 0 file:/x,ro", "~ lun 0 of a: read_only false to true"},
		{"writable again: the file is opened anew", "target a; lun 0 file:/x,ro", "target a; lun 0 file:/x", "± lun 0 of a: read_only true to false; it is removed and added again"},
		{"memory is writable again", "target a; lun 0 mem:1M,ro", "target a; lun 0 mem:1M", "~ lun 0 of a: read_only true to false"},
		{"another file", "target a; lun 0 file:/x", "target a; lun 0 file:/y", "± lun 0 of a: medium file /x to file /y; it is removed and added again"},
		{"another block size", "target a; lun 0 file:/x", "target a; lun 0 file:/x,bs=4096", "± lun 0 of a: block_size default to 4.0 KiB; it is removed and added again"},

		{"a LUN gets another number", "target a; lun 0 file:/x", "target a; lun 1 file:/x", "- lun 0 of a|+ lun 1 of a: file /x"},
		{"a LUN moves to another target", "target a; lun 0 file:/x; target b", "target a; target b; lun 0 file:/x", "- lun 0 of a|+ lun 0 of b: file /x"},
		{"a target gets another name", "target a; lun 0 file:/x", "target b; lun 0 file:/x", "- target a with 1 LUN|+ target b|+ lun 0 of b: file /x"},
		{
			"two LUNs swap their numbers", "target a; lun 0 file:/x; lun 1 file:/y", "target a; lun 0 file:/y; lun 1 file:/x",
			"- lun 0 of a|- lun 1 of a|+ lun 0 of a: file /y|+ lun 1 of a: file /x",
		},
		{
			"a LUN takes the file of another, which gets a new one", "target a; lun 0 file:/x; lun 1 file:/y", "target a; lun 0 file:/z; lun 1 file:/x",
			"- lun 0 of a|+ lun 0 of a: file /z|± lun 1 of a: medium file /y to file /x; it is removed and added again",
		},
		{"a serial number moves", "target a; lun 0 mem:1M,serial=s; lun 1 mem:1M", "target a; lun 1 mem:1M,serial=s", "- lun 0 of a|± lun 1 of a: serial default to s; it is removed and added again"},
		{"a LUN goes for no other", "target a; lun 0 file:/x; target b", "target a; target b; lun 0 file:/y", "+ lun 0 of b: file /y|- lun 0 of a"},
	} {
		plan := Diff(of(t, tt.old), of(t, tt.new))
		var out bytes.Buffer
		plan.Print(&out)
		if got := strings.ReplaceAll(strings.TrimSuffix(out.String(), "\n"), "\n", "|"); got != tt.plan {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.plan)
		}
	}
}

// At the start of the daemon everything is added.
func TestPlanOfStart(t *testing.T) {
	plan := Diff(nil, of(t, "cores; portal 1; target a; lun 0 mem:1M"))
	var out bytes.Buffer
	plan.Print(&out)
	if want := "+ portal 192.0.2.1:3260: group 1\n+ target a\n+ lun 0 of a: memory, 1.0 MiB\n"; out.String() != want {
		t.Errorf("got %s, want %s", out.String(), want)
	}
}

// A plan fits into 80 columns where its words do.
func TestPrintWraps(t *testing.T) {
	c := of(t, "target "+filed+"; lun 0 file:/srv/iscsi/a/path/that/is/rather/long.img:10G,thin,ro")
	var out bytes.Buffer
	Diff(nil, c).Print(&out)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 3 {
		t.Errorf("got\n%s", out.String())
	}
	for _, l := range lines {
		if len([]rune(l)) > 80 {
			t.Errorf("%d columns: %s", len([]rune(l)), l)
		}
	}
}

// A plan's steps, carried out one after another, lead from any configuration to any other. At no time does a medium, an ID or a
// serial number belong to two units.
func TestPlansLeadThere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range 2000 {
		a, b := of(t, randomText(rng)), of(t, randomText(rng))
		plan := Diff(a, b)
		got, err := carryOut(a.Clone(), plan)
		if err == nil {
			got.Server = b.Server // the rest needs a restart
			got.Metrics = b.Metrics
			if x, y := normal(got), normal(b); !reflect.DeepEqual(x, y) {
				err = fmt.Errorf("got  %+v\nwant %+v", x, y)
			}
		}
		if err != nil {
			var out bytes.Buffer
			plan.Print(&out)
			t.Fatalf("seed %d, round %d: %v\nfrom %+v\nto %+v\n%s", seed, i, err, a, b, out.String())
		}
		if again := Diff(b, b.Clone()); len(again.Steps)+len(again.Restart) > 0 {
			t.Fatalf("a configuration differs from itself: %+v", again)
		}
	}
}

// normal puts the objects of a configuration in the order of their names.
func normal(c *config.Config) *config.Config {
	c = c.Clone()
	slices.SortFunc(c.Portals, func(a, b config.Portal) int { return a.Addr.Compare(b.Addr) })
	slices.SortFunc(c.Pools, func(a, b config.Pool) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Targets, func(a, b config.Target) int { return cmp.Compare(a.Name, b.Name) })
	for i := range c.Targets {
		slices.SortFunc(c.Targets[i].LUNs, func(a, b config.LUN) int { return cmp.Compare(a.Number, b.Number) })
		if len(c.Targets[i].LUNs) == 0 {
			c.Targets[i].LUNs = nil
		}
	}
	for _, empty := range []func(){
		func() { c.Portals = nilIfEmpty(c.Portals) }, func() { c.Pools = nilIfEmpty(c.Pools) }, func() { c.Targets = nilIfEmpty(c.Targets) },
	} {
		empty()
	}
	return c
}

func nilIfEmpty[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

// carryOut applies the steps of a plan to a configuration, as a daemon would.
func carryOut(c *config.Config, p *Plan) (*config.Config, error) {
	for _, s := range p.Steps {
		if err := carryOutStep(c, s); err != nil {
			return c, fmt.Errorf("%s: %w", s, err)
		}
		held := map[string]bool{}
		for _, t := range c.Targets {
			for i := range t.LUNs {
				for _, h := range claims(&t.LUNs[i]) {
					if held[h] {
						return c, fmt.Errorf("%s: %s belongs to two units", s, h)
					}
					held[h] = true
				}
			}
		}
	}
	return c, nil
}

func carryOutStep(c *config.Config, s Step) error {
	switch s.Kind {
	case KindServer:
	case KindDiscovery:
		c.Discovery = *s.New.(*config.Access)
	case KindPortal:
		return edit(&c.Portals, s, func(p config.Portal) string { return p.Addr.String() }, s.Name)
	case KindPool:
		return edit(&c.Pools, s, func(p config.Pool) string { return p.Name }, s.Name)
	case KindTarget:
		if s.New != nil {
			t := s.New.(*config.Target).Clone()
			t.LUNs = nil
			if i := slices.IndexFunc(c.Targets, func(o config.Target) bool { return o.Name == t.Name }); i >= 0 {
				t.LUNs = c.Targets[i].LUNs
			}
			s.New = &t
		}
		return edit(&c.Targets, s, func(t config.Target) string { return t.Name }, s.Name)
	case KindLUN:
		i := slices.IndexFunc(c.Targets, func(o config.Target) bool { return o.Name == s.Target })
		if i < 0 {
			return fmt.Errorf("there is no target %s", s.Target)
		}
		return edit(&c.Targets[i].LUNs, s, func(l config.LUN) string { return fmt.Sprint(l.Number) }, s.Name)
	}
	return nil
}

func edit[T any](list *[]T, s Step, name func(T) string, of string) error {
	i := slices.IndexFunc(*list, func(v T) bool { return name(v) == of })
	many := strings.HasSuffix(of, ":0") // portals whose ports the kernel chooses
	switch {
	case s.Verb == Add && i >= 0 && !many:
		return fmt.Errorf("is there already")
	case s.Verb == Add:
		*list = append(*list, *s.New.(*T))
	case i < 0:
		return fmt.Errorf("is not there")
	case s.Verb == Remove:
		*list = slices.Delete(*list, i, i+1)
	default:
		(*list)[i] = *s.New.(*T)
	}
	return nil
}

// randomText makes a configuration for of in which no medium, ID or serial number is there twice.
func randomText(rng *rand.Rand) string {
	coin := func() bool { return rng.IntN(2) == 0 }
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, s := range []string{"cores", "log", "metrics", "discovery", "portal 1", "portal 2 2", "portal 3", "portal 0", "pool p /a", "pool q /b"} {
		if coin() {
			add("%s", s)
		}
	}
	files := rng.Perm(6)
	serials := rng.Perm(6)
	for _, name := range []string{"a", "b", "c"} {
		if !coin() {
			continue
		}
		line := "target " + name
		for _, k := range []string{"acl", "chap", "alias"} {
			if coin() {
				line += " " + k
			}
		}
		add("%s", line)
		for n := range 3 {
			if rng.IntN(3) == 0 || len(files) == 0 {
				continue
			}
			spec := fmt.Sprintf("file:/d/%d:1G", files[0])
			files = files[1:]
			if rng.IntN(4) == 0 {
				spec = fmt.Sprintf("mem:%dM", 1+rng.IntN(3))
			}
			if rng.IntN(4) == 0 {
				spec += fmt.Sprintf(",serial=s%d", serials[0])
				serials = serials[1:]
			}
			for _, o := range []string{",ro", ",thin", ",bs=4096"} {
				if rng.IntN(4) == 0 {
					spec += o
				}
			}
			add("lun %d %s%s", n, spec, []string{"", " mask", " qos"}[rng.IntN(3)])
		}
	}
	return strings.Join(lines, ";")
}

// Every field of the configuration is compared: a plan that overlooked one would leave the daemon behind its file.
func TestEveryFieldIsCompared(t *testing.T) {
	base := func() *config.Config {
		return &config.Config{Server: config.Server{XDP: []config.Interface{{Name: "x"}}}, Targets: []config.Target{{
			Name: "a", Redirect: &config.Redirect{}, Groups: []uint16{1}, QoS: []config.InitiatorQoS{{Initiators: []string{"x"}}},
			Access: config.Access{Accounts: []config.Account{{User: "u", Initiators: []string{"i"}}}, Mutual: &config.Account{}},
			LUNs:   []config.LUN{{Kind: backend.KindFile, Path: "/x", Exports: []config.Export{{Initiators: []string{"x"}, Accounts: []string{"y"}}}}},
		}}, Pools: []config.Pool{{Name: "p"}}, Portals: []config.Portal{{Addr: netip.MustParseAddrPort("192.0.2.1:1")}}}
	}
	without := map[string]bool{ // where a secret comes from, not what it is; what only the owned part has; what the file is called
		"SecretFile": true, "SecretEnv": true, "Extends": true, "File": true, "Hidden": true,
	}
	n := 0
	var walk func(path string, get func(*config.Config) reflect.Value)
	walk = func(path string, get func(*config.Config) reflect.Value) {
		v := get(base())
		name := path[strings.LastIndexByte(path, '.')+1:]
		switch {
		case v.Type() == reflect.TypeFor[config.Where]() || without[name]:
			return
		case path == ".Targets[0].Access.Mutual.Initiators" || strings.HasPrefix(path, ".Discovery.Initiators") || strings.HasPrefix(path, ".Discovery.Networks"):
			return // have no meaning there
		case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[netip.AddrPort]():
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, func(c *config.Config) reflect.Value { return get(c).Field(i) })
			}
			return
		case v.Kind() == reflect.Pointer && !v.IsNil():
			walk(path, func(c *config.Config) reflect.Value { return get(c).Elem() })
			return
		case v.Kind() == reflect.Slice && v.Len() > 0 && v.Type().Elem().Kind() != reflect.Uint8:
			walk(path+"[0]", func(c *config.Config) reflect.Value { return get(c).Index(0) })
			return
		}
		changed := base()
		set(get(changed))
		n++
		if plan := Diff(base(), changed); len(plan.Steps)+len(plan.Restart) == 0 {
			t.Errorf("nothing compares %s", path)
		}
	}
	walk("", func(c *config.Config) reflect.Value { return reflect.ValueOf(c).Elem() })
	if n < 70 {
		t.Errorf("only %d fields", n)
	}
}

// set gives v another value.
func set(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.String:
		v.SetString(v.String() + "z")
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint16:
		v.SetUint(v.Uint() + 1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte("z"))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Struct: // netip.AddrPort
		v.Set(reflect.ValueOf(netip.MustParseAddrPort("203.0.113.1:7")))
	}
}
