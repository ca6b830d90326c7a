package config

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
)

// read returns the configuration of a text, without its positions.
func read(t *testing.T, text string, owned bool) (*Config, Problems) {
	t.Helper()
	name, ps := "file.toml", Problems{}
	if owned {
		name = "owned.toml"
	}
	c, ok := readText(name, []byte(text), owned, false, &ps)
	if !ok || len(ps.Errors()) > 0 {
		t.Fatalf("%v\n%s", ps, text)
	}
	if owned {
		for i := range c.Targets {
			c.Targets[i].AllGroups = len(c.Targets[i].Groups) == 0
		}
	} else {
		c.defaults(Flags{Config: name}, &ps)
	}
	return c, ps
}

const fileText = `
[server]
state = "/var/lib/ringtgt"

[[portal]]
listen = "192.0.2.1:3260"

[[pool]]
name = "fast"
path = "/srv/fast"

[[target]]
name = "iqn.2026-11.com.example:vm"
alias = "VM disks"

[target.acl]
networks = ["192.0.2.0/24"]

[[target.lun]]
lun = 0
memory = "1M"
`

// What commands made is added to what the file has.
func TestMergeAdds(t *testing.T) {
	file, _ := read(t, fileText, false)
	owned, _ := read(t, `
[[portal]]
listen = "198.51.100.1:3260"
group = 2

[[pool]]
name = "slow"
path = "/srv/slow"

[[target]]
name = "iqn.2026-11.com.example:vm"
extends = true

[target.acl]
initiators = ["iqn.2026-11.com.example:host-1"]
networks = ["192.0.2.0/24"]

[[target.lun]]
lun = 1
memory = "2M"

[[target]]
name = "iqn.2026-11.com.example:new"
`, true)
	before := file.Clone()
	c, ps := Merge(file, owned)
	must.Be(t, len(ps.Errors()) == 0, "%v", ps)
	check.Equal(t, len(c.Portals), 2, "c.Portals, their number:")
	check.Equal(t, len(c.Pools), 2, "c.Pools, their number:")
	must.Be(t, len(c.Targets) == 2, "targets %+v", c.Targets)
	vm := c.Targets[0]
	check.Equal(t, len(vm.LUNs), 2, "vm.LUNs, their number:")
	check.Equal(t, vm.LUNs[0].At.Origin(), OriginFile, "vm.LUNs[0].At.Origin():")
	check.Equal(t, vm.LUNs[1].At.Origin(), OriginOwned, "vm.LUNs[1].At.Origin():")
	check.Equal(t, vm.LUNs[1].At.String(), "made by a command", "vm.LUNs[1].At.String():")
	check.Equal(t, strings.Join(vm.Access.Initiators, " "), "iqn.2026-11.com.example:host-1", "initiators:")
	check.Equal(t, len(vm.Access.Networks), 1, "networks, of which both parts have the same:")
	check.Equal(t, vm.Alias, "VM disks", "vm.Alias:")
	if want := []uint16{1, 2}; !reflect.DeepEqual(vm.Groups, want) || !reflect.DeepEqual(c.Targets[1].Groups, want) {
		t.Errorf("groups %v and %v: a target without portal_groups is in all, those of commands too", vm.Groups, c.Targets[1].Groups)
	}
	if !reflect.DeepEqual(file, before) {
		t.Error("Merge changed the file's part")
	}
}

// Where both have an object, the file's counts, and a warning has both positions.
func TestMergeFileWins(t *testing.T) {
	t.Setenv("RINGTGT_TEST_SECRET", "long enough a secret")
	for _, tt := range []struct{ name, file, owned, warning string }{
		{"portal", "", "[[portal]]\nlisten = \"192.0.2.1:3260\"\ngroup = 2", "made by a command: warning: portal 192.0.2.1:3260 is in the configuration too (file.toml:6:1), and that one counts"},
		{"pool", "", "[[pool]]\nname = \"fast\"\npath = \"/elsewhere\"", "made by a command: warning: pool fast is in the configuration too (file.toml:9:1), and that one counts"},
		{"target", "", "[[target]]\nname = \"iqn.2026-11.com.example:vm\"\nalias = \"mine\"", "made by a command: warning: target iqn.2026-11.com.example:vm is in the configuration too (file.toml:13:1), and that one counts"},
		{
			"lun", "", "[[target]]\nname = \"iqn.2026-11.com.example:vm\"\nextends = true\n[[target.lun]]\nlun = 0\nmemory = \"8M\"",
			"made by a command: warning: lun 0 of iqn.2026-11.com.example:vm is in the configuration too (file.toml:20:1), and that one counts",
		},
		{
			"account", "[target.chap]\nuser = \"u\"\nsecret_env = \"RINGTGT_TEST_SECRET\"",
			"[[target]]\nname = \"iqn.2026-11.com.example:vm\"\nextends = true\n[target.chap]\nuser = \"u\"\nsecret = \"another long secret\"",
			`made by a command: warning: account "u" of iqn.2026-11.com.example:vm is in the configuration too (file.toml:24:1), and that one counts`,
		},
	} {
		file, _ := read(t, fileText+tt.file, false)
		owned, _ := read(t, tt.owned, true)
		c, ps := Merge(file, owned)
		if c == nil || len(ps) == 0 || !strings.Contains(ps.Error(), tt.warning) {
			t.Errorf("%s: %v, want %s", tt.name, ps, tt.warning)
			continue
		}
		file2, _ := Merge(file, nil)
		check.Equal(t, len(c.Hidden), 1, "%s: hidden objects:", tt.name)
		c.Hidden = nil
		forget(c)
		forget(file2)
		if !reflect.DeepEqual(c, file2) {
			t.Errorf("%s: the owned part changed the file's:\n%+v\n%+v", tt.name, c, file2)
		}
	}
}

// LUNs that commands added to a target of the file end with it: the file's accounts and ACL, which guarded them, are gone.
func TestMergeWithoutTheExtendedTarget(t *testing.T) {
	file, _ := read(t, "[server]\nstate = \"/s\"\n[[portal]]\nlisten = \"192.0.2.1\"\n", false)
	owned, _ := read(t, "[[target]]\nname = \"iqn.2026-11.com.example:vm\"\nextends = true\n[[target.lun]]\nlun = 1\nmemory = \"1M\"\n", true)
	c, ps := Merge(file, owned)
	must.Be(t, c != nil, "%v", ps)
	check.Equal(t, len(c.Targets), 0, "c.Targets, their number:")
	if want := "made by a command: warning: target iqn.2026-11.com.example:vm is not configured any more"; !strings.Contains(ps.Error(), want) {
		t.Errorf("%v, want %s", ps, want)
	}
}

// The whole is checked, not each part: here one file is served twice.
func TestMergeChecksTheWhole(t *testing.T) {
	file, _ := read(t, fileText+"[[target.lun]]\nlun = 1\nfile = \"/nonexistent/x.img\"\n", false)
	owned, _ := read(t, "[[target]]\nname = \"iqn.2026-11.com.example:other\"\n[[target.lun]]\nlun = 1\nfile = \"/nonexistent/x.img\"\n", true)
	c, ps := Merge(file, owned)
	if want := "made by a command: /nonexistent/x.img is served already (file.toml:23:1)"; c != nil || !strings.Contains(ps.Error(), want) {
		t.Errorf("%v, want %s", ps, want)
	}
}

// The owned part has no settings of the daemon itself, and only it can extend a target.
func TestOwnedSyntax(t *testing.T) {
	file := filepath.Join(t.TempDir(), "owned.toml")
	for text, want := range map[string]string{
		"[server]\ncores = \"all\"\n": "owned.toml:1:2: unknown key server",
		"[metrics]\n":                 "unknown key metrics",
		"[api]\n":                     "unknown key api",
		"[[target]\n":                 "owned.toml:1:",
	} {
		must.OK(t, os.WriteFile(file, []byte(text), 0o600))
		c, ps := LoadOwned(file, false)
		if c != nil || !strings.Contains(ps.Error(), want) {
			t.Errorf("%q: %v, want %s", text, ps, want)
		}
	}
	c, ps := LoadOwned(file+".none", false)
	if c == nil || len(ps) > 0 || len(c.Targets) > 0 {
		t.Errorf("no file: %+v, %v", c, ps)
	}
}

// A daemon keeps its state directory when the file it is derived from is not the first one any more.
func TestKeepState(t *testing.T) {
	running := &Config{Server: Server{State: "/a/ringtgt-state"}}
	set := Where{File: "f", Line: 1}
	for _, tt := range []struct {
		server        Server
		state, warned string
	}{
		{Server{State: "/a/ringtgt-state"}, "/a/ringtgt-state", ""},
		{Server{State: "/b/ringtgt-state"}, "/a/ringtgt-state", "the next start would take /b/ringtgt-state"},
		{Server{State: ""}, "/a/ringtgt-state", "stays in use until the daemon stops"},
		{Server{State: "/c", StateAt: set}, "/c", ""}, // named in the plan: needs a restart
	} {
		var ps Problems
		c := &Config{Server: tt.server}
		c.Keep(running, &ps)
		check.Equal(t, c.Server.State, tt.state, "c.Server.State:")
		if !strings.Contains(ps.Error(), tt.warned) || (tt.warned == "") != (len(ps) == 0) {
			t.Errorf("%+v: %v", tt.server, ps)
		}
	}
}

// roundTrip encodes c both ways, and checks that what is read back is c.
func roundTrip(t *testing.T, c *Config) {
	t.Helper()
	text := Encode(c)
	var ps Problems
	again, ok := readText("/x/again.toml", blankSecrets(text), false, true, &ps)
	for _, p := range ps.Errors() {
		ok = ok && strings.Contains(p.Text, "secret_file /") // the files of secrets that an example names are not here
	}
	if !ok {
		t.Fatalf("%v\n%s", ps, text)
	}
	again.defaults(Flags{Config: "/x/again.toml"}, &ps)
	want := c.Clone()
	want.File = again.File
	want.Server.State = again.Server.State // absolute there
	want.Server.Control = absolute(want.Server.Control)
	for i := range want.Targets {
		a := &want.Targets[i].Access
		if len(a.Accounts) == 0 {
			a.Algorithms = nil // only the owned part can have them without an account
		}
		for j := range want.Targets[i].LUNs {
			l := &want.Targets[i].LUNs[j]
			l.Path, l.Fallback = absolute(l.Path), false
		}
	}
	blank(want)
	blank(again)
	forget(want)
	forget(again)
	if !reflect.DeepEqual(again, want) {
		t.Fatalf("got  %+v\nwant %+v\n%s", again, want, text)
	}
}

// blankSecrets puts a secret in the place of the comments that say that there was one.
func blankSecrets(text []byte) []byte {
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "# secret: copy it from") {
			lines[i] = `secret = "` + strings.Repeat("x", minSecret) + `"`
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

// blank forgets the secrets.
func blank(c *Config) {
	accesses := []*Access{&c.Discovery}
	for i := range c.Targets {
		accesses = append(accesses, &c.Targets[i].Access)
	}
	for _, a := range accesses {
		for i := range a.Accounts {
			a.Accounts[i].Secret = nil
		}
		if a.Mutual != nil {
			a.Mutual.Secret = nil
		}
	}
}

// The files of the tests and of the documentation, and random configurations, are the same after encoding and reading.
func TestEncodeReadsBackEqual(t *testing.T) {
	for _, name := range []string{"testdata/full.toml", "../../../../docs/ringtgt.toml"} {
		text := must.Get(os.ReadFile(name))(t)
		var ps Problems
		c, ok := readText("/x/file.toml", text, false, true, &ps)
		must.Be(t, ok, "%v", ps)
		c.defaults(Flags{Config: name}, &ps)
		roundTrip(t, c)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		c := randomConfig(rng)
		roundTrip(t, c)
	}
}

// The owned part too, with its secret files relative to it.
func TestEncodeOwnedReadsBackEqual(t *testing.T) {
	dir := t.TempDir()
	must.OK(t, os.Mkdir(filepath.Join(dir, "secrets"), 0o700))
	secret := filepath.Join(dir, "secrets", "s1")
	must.OK(t, os.WriteFile(secret, []byte("a long enough secret"), 0o600))
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(dir, "owned.toml")
	for range 300 {
		c := randomConfig(rng)
		c.Server, c.Metrics, c.API, c.File = Server{}, Metrics{}, API{}, path
		for _, a := range accounts(c) {
			a.SecretFile, a.SecretEnv, a.Secret = secret, "", []byte("a long enough secret")
		}
		for i := range c.Targets {
			t := &c.Targets[i]
			t.Extends = rng.IntN(3) == 0
			if t.AllGroups {
				t.Groups = nil
			}
		}
		text, again, ps := Reread(c, path, false)
		must.Be(t, again != nil, "%v\n%s", ps, text)
		must.Be(t, !strings.Contains(string(text), "long enough"), "the text has a secret:\n%s", text)
		must.Be(t, !strings.Contains(string(text), dir), "the text has the path of the state directory:\n%s", text)
		forget(again)
		if !reflect.DeepEqual(again, c) {
			t.Fatalf("got  %+v\nwant %+v\n%s", again, c, text)
		}
	}
}

func accounts(c *Config) (out []*Account) {
	accesses := []*Access{&c.Discovery}
	for i := range c.Targets {
		accesses = append(accesses, &c.Targets[i].Access)
	}
	for _, a := range accesses {
		for i := range a.Accounts {
			out = append(out, &a.Accounts[i])
		}
		if a.Mutual != nil {
			out = append(out, a.Mutual)
		}
	}
	return out
}

// randomConfig makes a configuration with anything that a reader takes; it need not be valid as a whole.
func randomConfig(rng *rand.Rand) *Config {
	r := random{rng}
	c := &Config{}
	c.Server = Server{
		State: "/s" + r.text(), StateAt: Where{}, Cores: r.text(), Buffers: r.size(), Poll: pick[time.Duration](rng, 0, -1, 20*time.Microsecond),
		ZeroCopy: pick(rng, "", "on", "x\ny"), Steering: pick(rng, SteeringAuto, "off"), LogLevel: pick(rng, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError),
		LogFormat: pick(rng, "text", "json"), LoginTimeout: r.time(), NOPInterval: pick[time.Duration](rng, 0, -1, time.Minute), NOPTimeout: r.time(),
		Group: pick(rng, "", "ringtgt"), SpaceWarning: rng.IntN(100), StrictLogin: r.coin(),
	}
	c.Portals = []Portal{{Addr: netip.MustParseAddrPort("192.0.2.1:3260"), Group: 1}, {Addr: netip.MustParseAddrPort("[2001:db8::1]:1"), Group: 7}}
	for range rng.IntN(3) {
		c.Pools = append(c.Pools, Pool{Name: "p" + r.text(), Path: "/p" + r.text()})
	}
	c.Discovery = r.access()
	c.Discovery.Initiators, c.Discovery.Networks = nil, nil
	if len(c.Discovery.Accounts) == 0 {
		c.Discovery.Algorithms = nil
	}
	for i := range rng.IntN(4) {
		t := Target{Name: "iqn.2026-11.com.example:t" + string(rune('a'+i)), Alias: r.text(), Access: r.access()}
		t.Groups, t.AllGroups = []uint16{1, 7}, r.coin()
		if !t.AllGroups {
			t.Groups = t.Groups[:1]
		}
		if r.coin() {
			t.Redirect = &Redirect{Address: "192.0.2.9:3260", Permanent: r.coin()}
		}
		t.Limits = Limits{Window: rng.IntN(3), MaxConnections: rng.IntN(3), MaxBurstLength: pick[int64](rng, 0, 4096, 513), InitialR2T: r.coin(), NoImmediateData: r.coin()}
		for range rng.IntN(3) {
			t.QoS = append(t.QoS, InitiatorQoS{Initiators: r.names(), QoS: r.qos()})
		}
		for n := range rng.IntN(4) {
			t.LUNs = append(t.LUNs, r.lun(n))
		}
		c.Targets = append(c.Targets, t)
	}
	return c
}

type random struct{ *rand.Rand }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (r random) coin() bool          { return r.IntN(2) == 0 }
func (r random) time() time.Duration { return time.Duration(r.IntN(3)) * time.Second }
func (r random) size() int64 {
	return pick[int64](r.Rand, 0, 1, 512, 1024, 1<<20, 3<<30, 1<<62, 4097)
}

// text is a string that has to be quoted with care.
func (r random) text() string {
	return pick(r.Rand, "", "plain", `"quoted"`, `back\slash`, "new\nline", "tab\t", "del\x7F", "ü – 名", `'''`, "# no comment", `\u0041`)
}

func (r random) names() []string {
	return pick(r.Rand, nil, []string{"iqn.2026-11.com.example:a"}, []string{"iqn.2026-11.com.example:b*", "iqn.2026-11.com.example:c"})
}

func (r random) access() (a Access) {
	for i := range r.IntN(3) {
		a.Accounts = append(a.Accounts, Account{User: "u" + string(rune('0'+i)) + pick(r.Rand, "", `"`, "ä"), SecretEnv: pick(r.Rand, "", "RINGTGT_TEST_NOT_SET"), Initiators: r.names()})
	}
	if r.coin() {
		a.Mutual = &Account{User: "target"}
	}
	a.Algorithms = pick(r.Rand, nil, []string{"sha256"}, []string{"sha3-256", "md5"})
	a.Initiators = r.names()
	a.Networks = pick(r.Rand, nil, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::1/128")})
	return a
}

func (r random) qos() QoS {
	return QoS{ReadIOPS: int64(r.IntN(3)), WriteIOPS: int64(r.IntN(3)), ReadBytes: r.size(), WriteBytes: r.size(), Burst: pick[time.Duration](r.Rand, 0, time.Second, 1500*time.Millisecond)}
}

func (r random) lun(n int) LUN {
	l := LUN{
		Number: n, Kind: pick(r.Rand, backend.KindFile, backend.KindBlock, backend.KindMemory, backend.KindNull), BlockSize: r.size(),
		PhysicalBlock: r.size(), ReadOnly: r.coin(), Thin: r.coin(), Removable: r.coin(), Direct: pick(r.Rand, "", backend.DirectOff),
		Serial: r.text(), ID: r.text(), SanitizeRate: r.size(), QoS: r.qos(),
	}
	if l.Persistent() {
		l.Path = "/d/" + r.text()
		l.Path = filepath.Clean(l.Path)
	}
	if l.Kind != backend.KindBlock {
		l.Size = r.size()
	}
	for range r.IntN(3) {
		l.Exports = append(l.Exports, Export{Initiators: r.names(), Accounts: pick(r.Rand, nil, []string{"a", `"b"`}), Number: r.IntN(256)})
	}
	return l
}

// An ACL entry that both parts have is there once.
func TestMergeACL(t *testing.T) {
	file := &Config{Targets: []Target{{Name: "a", Access: Access{Initiators: []string{"x", "y"}}}}}
	owned := &Config{Targets: []Target{{Name: "a", Extends: true, Access: Access{Initiators: []string{"z", "y"}}}}}
	c, _ := Combine(file, owned)
	check.Equal(t, strings.Join(c.Targets[0].Access.Initiators, " "), "x y z", "initiators:")
}
