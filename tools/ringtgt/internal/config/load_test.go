package config

import (
	"flag"
	"log/slog"
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

var update = flag.Bool("update", false, "write the golden files anew")

// Every file in testdata except full.toml has errors; the golden file next to it lists them all, with positions.
func TestProblemsHavePlaces(t *testing.T) {
	files, err := filepath.Glob("testdata/*.toml")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	here := must.Get(os.Getwd())(t)
	for _, file := range files {
		if file == "testdata/full.toml" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, ps := Load(Flags{Config: file}, false)
			if c != nil || len(ps.Errors()) == 0 {
				t.Errorf("taken as valid, with %v", ps)
			}
			got := strings.ReplaceAll(ps.Error(), here, "HERE") + "\n"
			golden := strings.TrimSuffix(file, ".toml") + ".golden"
			if *update {
				must.OK(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want := must.Get(os.ReadFile(golden))(t)
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// Every key arrives where it belongs.
func TestFullFile(t *testing.T) {
	c, ps := Load(Flags{Config: "testdata/full.toml"}, false)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	here := must.Get(filepath.Abs("testdata"))(t)
	at := Where{}
	forget(c)
	want := &Config{
		File: "testdata/full.toml",
		Server: Server{
			State: "/var/lib/ringtgt", Control: "/run/ringtgt.sock", Cores: "0", Buffers: 256 << 20, Poll: 20 * time.Microsecond, ZeroCopy: ZeroCopyOn,
			Steering: SteeringAuto, XDP: []Interface{{Name: "eth0"}, {Name: "eth1.100"}},
			LogLevel: slog.LevelDebug, LogFormat: "json",
			LoginTimeout: 20 * time.Second, NOPInterval: 30 * time.Second, NOPTimeout: 10 * time.Second, StrictLogin: true,
			Group: "ringtgt", Readers: "monitoring", SpaceWarning: 15,
		},
		Metrics: Metrics{Listen: netip.MustParseAddrPort("[::1]:9260"), Stages: true, Hosts: []string{"node1.example.com"}},
		API: API{
			Listen: netip.MustParseAddrPort("192.0.2.1:9261"),
			Cert:   "/etc/ringtgt/api.pem", Key: "/etc/ringtgt/api.key", ClientCA: "/etc/ringtgt/clients.pem",
		},
		Pools: []Pool{{Name: "volumes", Path: "/srv/volumes"}},
		Portals: []Portal{
			{Addr: netip.MustParseAddrPort("192.0.2.1:3260"), Group: 1},
			{Addr: netip.MustParseAddrPort("[2001:db8::1]:3261"), Group: 2},
		},
		Discovery: Access{
			Accounts: []Account{
				{User: "lister", Secret: []byte("a secret of some length")},
				{User: "second lister", Secret: []byte("a third of some length")},
			},
			Mutual: &Account{User: "target", Secret: []byte("another of some length")},
		},
		Targets: []Target{
			{
				Name: "iqn.2026-11.io.ringtgt:full", Alias: "everything", Groups: []uint16{1, 2},
				Access: Access{
					Accounts: []Account{
						{User: "initiator", Secret: []byte("twelvebytes1")}, {User: "backup", Secret: []byte("twelvebytes2"), Initiators: []string{"iqn.2026-11.com.example:backup", "iqn.2026-11.com.example:spare.*"}},
					},
					Mutual:     &Account{User: "target", Secret: []byte("twelvebytes3")},
					Algorithms: []string{"sha3-256", "sha256"},
					Initiators: []string{"iqn.1993-08.org.debian:01:abc", "iqn.2026-11.com.example:*"},
					Networks: []netip.Prefix{
						netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("198.51.100.7/32"),
					},
				},
				Limits: Limits{
					Window: 64, MaxConnections: 4, MaxRecvDataSegmentLength: 64 << 10, MaxBurstLength: 256 << 10, FirstBurstLength: 64 << 10,
					InitialR2T: true, NoImmediateData: true,
				},
				QoS: []InitiatorQoS{
					{Initiators: []string{"iqn.1993-08.org.debian:01:abc"}, QoS: QoS{ReadIOPS: 5000}},
					{QoS: QoS{ReadBytes: 20 << 20, WriteBytes: 10 << 20, WriteIOPS: 100, Burst: 500 * time.Millisecond}},
				},
				LUNs: []LUN{
					{
						Number: 0, Kind: backend.KindMemory, Size: 64 << 20, BlockSize: 4096, Thin: true, Removable: true,
						Serial: "S1", ID: "disk-1", SanitizeRate: 8 << 20,
						QoS: QoS{ReadIOPS: 20000, WriteIOPS: 10000, ReadBytes: 100 << 20, WriteBytes: 50 << 20, Burst: 2 * time.Second},
						Exports: []Export{
							{Initiators: []string{"iqn.2026-11.com.example:*"}, Accounts: []string{"initiator"}, Number: 3},
							{Accounts: []string{"backup"}, Number: 0},
						},
					},
					{Number: 7, Kind: backend.KindNull, Size: 1 << 20, ReadOnly: true, PhysicalBlock: 4096},
					{Number: 8, Kind: backend.KindFile, Path: filepath.Join(here, "disk.img"), Size: 64 << 20, Direct: backend.DirectOff},
				},
			},
			{
				Name: "iqn.2026-11.io.ringtgt:moved", Groups: []uint16{1, 2}, AllGroups: true,
				Redirect: &Redirect{Address: "192.0.2.9:3260,1", Permanent: true, At: at},
			},
		},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

// forget takes the places out, so that values can be compared.
func forget(v any) { forgetIn(reflect.ValueOf(v)) }

func forgetIn(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			forgetIn(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			forgetIn(v.Index(i))
		}
	case reflect.Struct:
		switch v.Type() {
		case reflect.TypeFor[Where]():
			v.SetZero()
		case reflect.TypeFor[netip.AddrPort](), reflect.TypeFor[netip.Prefix]():
		default:
			for i := range v.NumField() {
				forgetIn(v.Field(i))
			}
		}
	}
}

// Without arguments a persistent disk is served on loopback.
func TestDefaults(t *testing.T) {
	c, ps := Load(Flags{}, false)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	if len(c.Portals) != 1 || c.Portals[0].Addr != netip.MustParseAddrPort("127.0.0.1:3260") || c.Portals[0].Group != 1 {
		t.Errorf("portals %+v", c.Portals)
	}
	if c.Server.State != "ringtgt-data/state" || c.Server.LogFormat != "text" || c.Server.LogLevel != slog.LevelInfo ||
		c.Server.Steering != SteeringAuto || len(c.Server.XDP) != 0 {
		t.Errorf("server %+v", c.Server)
	}
	tg := c.Targets[0]
	if len(c.Targets) != 1 || tg.Name != "iqn.2026-11.io.ringtgt:disk0" || !reflect.DeepEqual(tg.Groups, []uint16{1}) || len(tg.LUNs) != 1 {
		t.Fatalf("targets %+v", c.Targets)
	}
	if l := tg.LUNs[0]; l.Number != 0 || l.Kind != backend.KindFile || l.Path != "ringtgt-data/disk0.img" || l.Size != 1<<30 {
		t.Errorf("lun %+v", l)
	}
}

// The default state directory: none for volatile media, otherwise next to the first file.
func TestDefaultState(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		luns []string
		want string
	}{
		{[]string{"mem:1M", "null:1M"}, ""},
		{[]string{"mem:1M", "file:" + dir + "/a.img:1M"}, dir + "/ringtgt-state"},
		{[]string{"file:" + dir + "/a.img:1M", "file:/srv/b.img:1M"}, dir + "/ringtgt-state"},
	} {
		c, ps := Load(Flags{LUN: tt.luns}, false)
		if len(ps) > 0 {
			t.Errorf("%v: %v", tt.luns, ps)
			continue
		}
		if c.Server.State != tt.want {
			t.Errorf("%v: state %q, want %q", tt.luns, c.Server.State, tt.want)
		}
		c, _ = Load(Flags{LUN: tt.luns, State: "/s"}, false)
		if c.Server.State != "/s" {
			t.Errorf("%v with --state: %q", tt.luns, c.Server.State)
		}
	}
}

// Flags about the daemon replace the file's values, --listen its portals; targets are the file's alone.
func TestFlagsAndFile(t *testing.T) {
	f := Flags{
		Config: "testdata/full.toml", State: "/s", Control: "/c", Cores: "1", Buffers: "64M", LogLevel: "error", LogFormat: "text",
		Steering: "off", XDP: []string{"lo"},
	}
	c, ps := Load(f, false)
	if want := "--xdp lo: warning: xdp does nothing when steering is off"; ps.Error() != want {
		t.Fatalf("%q, want %q", ps.Error(), want)
	}
	s := c.Server
	if s.Steering != SteeringOff || len(s.XDP) != 1 || s.XDP[0].Name != "lo" {
		t.Errorf("the file's steering stayed: %+v", s)
	}
	if s.State != "/s" || s.Control != "/c" || s.Cores != "1" || s.Buffers != 64<<20 || s.LogLevel != slog.LevelError || s.LogFormat != "text" {
		t.Errorf("the file's values stayed: %+v", s)
	}
	if len(c.Portals) != 2 || len(c.Targets) != 2 {
		t.Errorf("%d portals, %d targets", len(c.Portals), len(c.Targets))
	}

	_, ps = Load(Flags{Config: "testdata/full.toml", Target: "iqn.2026-11.io.ringtgt:x", LUN: []string{"mem:1M"}}, false)
	if got := ps.Error(); !strings.Contains(got, "--target: with --config") || !strings.Contains(got, "--lun: with --config") {
		t.Errorf("%q", got)
	}
	// --listen has group 1 only, and the file's target wants to be in group 2 too
	_, ps = Load(Flags{Config: "testdata/full.toml", Listen: []string{"127.0.0.1:1"}}, false)
	if got := ps.Error(); !strings.Contains(got, "no portal is in portal group 2") {
		t.Errorf("%q", got)
	}
}

func TestFlagProblems(t *testing.T) {
	for want, f := range map[string]Flags{
		"--listen: listen address": {Listen: []string{"nowhere"}},
		"--listen 127.0.0.1:1: portal 127.0.0.1:1 is there already (--listen 127.0.0.1:1)": {Listen: []string{"127.0.0.1:1", "127.0.0.1:1"}},
		`--lun: "mem:1Q": `:                                                            {LUN: []string{"mem:1Q"}},
		`--lun: size "1Q"`:                                                             {LUN: []string{"mem:1Q"}},
		"--lun mem:1000: size 1000 is no multiple":                                     {LUN: []string{"mem:1000"}},
		"--lun mem:4M,bs=1024: block size 1024":                                        {LUN: []string{"mem:4M,bs=1024"}},
		"--target nobody: target":                                                      {Target: "nobody"},
		"--buffers: size":                                                              {Buffers: "much"},
		`--steering on: steering "on" is neither auto nor off`:                         {Steering: "on"},
		`--xdp a/b: "a/b" is not the name of a network interface`:                      {XDP: []string{"a/b"}},
		`--xdp: "" is not the name of a network interface`:                             {XDP: []string{""}},
		`--lun mem:8M,serial=x: serial "x" is there already (--lun mem:16M,serial=x )`: {LUN: []string{"mem:16M,serial=x ", "mem:8M,serial=x"}},
		"--xdp lo: xdp: lo is there already (--xdp lo)":                                {XDP: []string{"lo", "lo"}},
		"--metrics: metrics address \"nowhere\": want an IP address and a port, such as 192.0.2.1:9260": {Metrics: "nowhere"},
		"--listen 127.0.0.1:9260: portal 127.0.0.1:9260 is there already (--metrics 127.0.0.1)":         {Metrics: "127.0.0.1", Listen: []string{"127.0.0.1:9260"}},
		"--log-level: log level":          {LogLevel: "loud"},
		"--log-format: ":                  {LogFormat: "xml"},
		"no-such-file.toml: no such file": {Config: "no-such-file.toml"},
		"is served already":               {LUN: []string{"file:/srv/x:1M", "file:/srv/../srv/x:1M"}},
	} {
		c, ps := Load(f, false)
		if strings.HasPrefix(want, `--lun: "mem`) {
			continue
		}
		if c != nil || !strings.Contains(ps.Error(), want) {
			t.Errorf("%+v: %q; want %q in it", f, ps.Error(), want)
		}
	}
}

// Secrets come from the file, a file of their own, or the environment; a world-readable one is a warning.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		must.OK(t, os.WriteFile(path, []byte(text), mode))
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("RINGTGT_TEST_SECRET", "from the environment")
	t.Setenv("RINGTGT_TEST_SHORT", "short")
	write("good", "from a file \n", 0o600)
	write("open", "from a file \r\n", 0o644)
	write("short", "short\n", 0o600)
	write("long", strings.Repeat("x", 300), 0o600)
	for _, tt := range []struct {
		key, secret, problem string
		check, serves        bool
	}{
		{key: `secret = "twelve bytes"`, secret: "twelve bytes", serves: true},
		{key: `secret = "eleven byte"`, problem: "has 11 bytes; fewer than 12 (96 bits)"},
		{key: `secret = "` + strings.Repeat("x", 256) + `"`, problem: "initiators accept at most 255"},
		{key: `secret_file = "good"`, secret: "from a file ", serves: true},
		{key: `secret_file = "open"`, secret: "from a file ", serves: true, problem: "warning: secret_file " + dir + "/open can be read by every user"},
		{key: `secret_file = "short"`, problem: "has 5 bytes"},
		{key: `secret_file = "long"`, problem: "has 300 bytes, which is not a valid secret"},
		{key: `secret_file = "none"`, problem: "secret_file " + dir + "/none: no such file"},
		{key: `secret_file = "."`, problem: "is not a regular file"},
		{key: `secret_env = "RINGTGT_TEST_SECRET"`, secret: "from the environment", serves: true},
		{key: `secret_env = "RINGTGT_TEST_SHORT"`, problem: "has 5 bytes"},
		{key: `secret_env = "RINGTGT_TEST_NOT_SET"`, problem: "is not set"},
		{key: `secret_env = "RINGTGT_TEST_NOT_SET"`, check: true, serves: true, problem: "warning: the environment variable RINGTGT_TEST_NOT_SET is not set here"},
		{key: `secret_env = "A=B"`, problem: "not the name of an environment variable"},
		{key: `secret = "twelve bytes"` + "\n" + `secret_env = "RINGTGT_TEST_SECRET"`, problem: "exactly one of secret, secret_file and secret_env is needed, and there are secret, secret_env"},
		{key: ``, problem: "exactly one of secret, secret_file and secret_env is needed"},
	} {
		file := write("c.toml", "[[target]]\nname = \"iqn.2026-11.io.ringtgt:x\"\nlun = [{lun = 0, memory = \"1M\"}]\n[target.chap]\nuser = \"u\"\n"+tt.key+"\n", 0o600)
		c, ps := Load(Flags{Config: file}, tt.check)
		if (c != nil) != tt.serves {
			t.Errorf("%s: serves %t, want %t: %v", tt.key, c != nil, tt.serves, ps)
			continue
		}
		if c != nil && string(c.Targets[0].Access.Accounts[0].Secret) != tt.secret {
			t.Errorf("%s: secret %q, want %q", tt.key, c.Targets[0].Access.Accounts[0].Secret, tt.secret)
		}
		if tt.problem == "" && len(ps) > 0 || !strings.Contains(ps.Error(), tt.problem) {
			t.Errorf("%s: %q; want %q", tt.key, ps.Error(), tt.problem)
		}
		if tt.secret != "" && strings.Contains(ps.Error(), tt.secret) {
			t.Errorf("%s: the problem shows the secret: %s", tt.key, ps)
		}
	}
}

func TestParseListen(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:3261": "127.0.0.1:3261", "127.0.0.1": "127.0.0.1:3260", "[::1]:99": "[::1]:99", "::1": "[::1]:3260", "[::1]": "[::1]:3260",
		":3260": "[::]:3260", "*:3260": "[::]:3260", "localhost:0": "127.0.0.1:0", "0.0.0.0:3260": "0.0.0.0:3260",
	} {
		if got, err := ParseListen(text); err != nil || got.String() != want {
			t.Errorf("ParseListen(%q) = %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "host:3260", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "1.2.3:1", "::1:x", "[::1"} {
		if got, err := ParseListen(text); err == nil {
			t.Errorf("ParseListen(%q) = %v", text, got)
		}
	}
}

func TestRedirectAddress(t *testing.T) {
	for _, text := range []string{"192.0.2.1", "192.0.2.1:3260", "192.0.2.1:3260,1", "[2001:db8::1]:3260", "[2001:db8::1]", "storage.example.com", "storage.example.com:860,65535"} {
		check.Equal(t, checkAddress(text), nil, "%s:", text)
	}
	for _, text := range []string{"", ":3260", "192.0.2.1:0", "192.0.2.1:x", "192.0.2.1,x", "192.0.2.1:1,65536", "a b:1", "a=b", "iscsi://x:1"} {
		if err := checkAddress(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// Load handles any input without a panic; each problem has a position within the file; what it accepts can be served.
func FuzzFile(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.toml")
	for _, file := range files {
		text := must.Get(os.ReadFile(file))(f)
		f.Add(string(text))
	}
	f.Add("a.b.c = 1\n[[a]]\n")
	f.Add("[[target]]\nlun = [[{lun=0}], 3]\n")
	f.Fuzz(func(t *testing.T, text string) {
		var ps Problems
		d, ps := parse("x.toml", []byte(text))
		if d == nil {
			must.Be(t, len(ps.Errors()) == 1, "no document, and %v", ps)
			return
		}
		r := &reader{dir: "/nonexistent", env: func(string) (string, bool) { return "", false }, ps: &ps}
		c := r.config(d)
		c.File = "x.toml"
		c.defaults(Flags{Config: "x.toml"}, &ps)
		validate(c, &ps)
		lines := strings.Count(text, "\n") + 1
		for _, p := range ps {
			if p.At.File == "x.toml" && (p.At.Line > lines || p.At.Line < 0) {
				t.Fatalf("%v lies beyond the file's %d lines", p, lines)
			}
		}
		if len(ps.Errors()) > 0 {
			return
		}
		roundTrip(t, c)
		for _, tg := range c.Targets {
			must.Be(t, CheckName(tg.Name) == nil && len(tg.Groups) != 0, "target %+v is taken", tg)
			for _, l := range tg.LUNs {
				must.Be(t, l.Kind != "" && l.Number >= 0 && l.Number <= 255 && l.Size >= 0, "lun %+v is taken", l)
			}
		}
	})
}

// There is no metrics listener by default; a flag overrides the file.
func TestMetricsAddress(t *testing.T) {
	for want, f := range map[string]Flags{
		"invalid AddrPort": {LUN: []string{"mem:1M"}},
		"127.0.0.1:9260":   {LUN: []string{"mem:1M"}, Metrics: "localhost"},
		"[::]:9100":        {LUN: []string{"mem:1M"}, Metrics: ":9100"},
		"[::1]:9260":       {Config: "testdata/full.toml"},
		"192.0.2.1:1":      {Config: "testdata/full.toml", Metrics: "192.0.2.1:1"},
	} {
		c, ps := Load(f, false)
		if c == nil || c.Metrics.Listen.String() != want {
			t.Errorf("%+v: %v, %v, want %s", f, c, ps, want)
		}
	}
}

// docs/configuration.md documents every key, and the example files in docs are valid.
func TestDocs(t *testing.T) {
	page := must.Get(os.ReadFile("../../../../docs/configuration.md"))(t)
	text := must.Get(os.ReadFile("testdata/full.toml"))(t)
	d, ps := parse("full.toml", text)
	if d == nil {
		t.Fatal(ps)
	}
	seen := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for key, e := range v {
				seen[key] = true
				walk(e)
			}
		}
	}
	walk(d.values)
	for key := range seen {
		if !strings.Contains(string(page), "`"+key+"`") && !strings.Contains(string(page), "["+key+"]") && !strings.Contains(string(page), "."+key+"]") {
			t.Errorf("docs/configuration.md does not tell of %s", key)
		}
	}
	t.Setenv("HOST_7_SECRET", "long enough for CHAP")
	pages := must.Get(filepath.Glob("../../../../docs/*.md"))(t)
	examples := 0
	for _, name := range pages {
		page := must.Get(os.ReadFile(name))(t)
		for _, part := range strings.Split(string(page), "```toml\n")[1:] {
			example, _, _ := strings.Cut(part, "```")
			file := filepath.Join(t.TempDir(), "ringtgt.toml")
			must.OK(t, os.WriteFile(file, []byte(example), 0o600))
			if _, ps := Load(Flags{Config: file}, false); len(ps.Errors()) > 0 {
				t.Errorf("an example of %s is wrong: %v\n%s", filepath.Base(name), ps, example)
			}
			examples++
		}
	}
	if examples < 2 {
		t.Errorf("%d examples found", examples)
	}
}

// full.toml has every key of the reader: a missing one shows as a field that stays empty.
func TestFullFileIsFull(t *testing.T) {
	c, ps := Load(Flags{Config: "testdata/full.toml"}, false)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	forget(c)
	set, all := map[string]bool{}, map[string]bool{}
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(path, v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(path, v.Index(i))
			}
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[Where]() {
				return
			}
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
			return
		}
		all[path] = true
		set[path] = set[path] || !v.IsZero()
	}
	walk("", reflect.ValueOf(c))
	for path := range all {
		if !set[path] && path != ".Targets.LUNs.Fallback" && path != ".Hidden" && path != ".Targets.Extends" && !strings.Contains(path, ".Secret") && path != ".Targets.Access.Mutual.Initiators" && !strings.HasPrefix(path, ".Portals.Addr.") && !strings.HasPrefix(path, ".Metrics.Listen.") && !strings.HasPrefix(path, ".API.Listen.") && !strings.Contains(path, "Networks.") && !strings.HasSuffix(path, "At") &&
			!strings.HasPrefix(path, ".Discovery.") { // those are a target's keys
			t.Errorf("no key sets %s", path)
		}
	}
}

// A link-local address is refused: SendTargets cannot name it in a way that an initiator can use.
func TestLinkLocalPortal(t *testing.T) {
	for _, addr := range []string{"[fe80::1%eth0]:3260", "[fe80::1]:3260", "[2001:db8::1%eth0]:3260"} {
		_, ps := Load(Flags{Listen: []string{addr}, LUN: []string{"mem:1M"}}, false)
		if !strings.Contains(ps.Error(), "is a link-local address") {
			t.Errorf("%s: %v", addr, ps)
		}
	}
	for _, addr := range []string{"[::]:3260", "[2001:db8::1]:3260", "169.254.1.1:3260"} {
		if _, ps := Load(Flags{Listen: []string{addr}, LUN: []string{"mem:1M"}}, false); len(ps.Errors()) > 0 {
			t.Errorf("%s: %v", addr, ps)
		}
	}
}
