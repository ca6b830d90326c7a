package admin

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

const (
	filed = "iqn.2026-11.com.example:filed" // a target of the file
	ours  = "iqn.2026-11.com.example:ours"  // a target that a command made
	fresh = "iqn.2026-11.com.example:fresh"
	gone  = "iqn.2026-11.com.example:gone" // a target that was in the file, and what commands added to it
	host  = "iqn.1993-08.org.debian:01:host"
)

const fileText = `
[server]
state = "/var/lib/ringtgt"

[[portal]]
listen = "192.0.2.1:3260"

[[pool]]
name = "fast"
path = "/srv/fast"

[[target]]
name = "` + filed + `"
alias = "from the file"

[target.chap]
user = "file-user"
secret = "a long enough secret"

[target.acl]
initiators = ["` + host + `"]

[[target.lun]]
lun = 0
file = "/nonexistent/filed.img"
size = "1GiB"
`

const ownedText = `
[[portal]]
listen = "192.0.2.2:3260"
group = 2

[[pool]]
name = "slow"
path = "/srv/slow"

[[target]]
name = "` + ours + `"
alias = "by command"

[target.chap]
user = "our-user"
secret_file = "secrets/1"

[target.acl]
initiators = ["` + host + `"]
networks = ["192.0.2.0/24"]

[[target.lun]]
lun = 0
file = "/nonexistent/ours.img"
size = "1GiB"

[[target.lun]]
lun = 1
memory = "1MiB"

[[target]]
name = "` + filed + `"
extends = true

[[target.lun]]
lun = 7
memory = "1MiB"

[[target]]
name = "` + gone + `"
extends = true

[[target.lun]]
lun = 0
memory = "1MiB"
`

// parts returns the file's part, and the owned part with the path of its text.
func parts(t *testing.T) (file, owned *config.Config, path string) {
	t.Helper()
	dir := t.TempDir()
	must.OK(t, os.Mkdir(filepath.Join(dir, "secrets"), 0o700))
	for _, name := range []string{"1", "2"} {
		must.OK(t, os.WriteFile(filepath.Join(dir, "secrets", name), []byte("another long secret "+name), 0o600))
	}
	must.OK(t, os.WriteFile(filepath.Join(dir, "ringtgt.toml"), []byte(fileText), 0o600))
	path = filepath.Join(dir, "owned.toml")
	must.OK(t, os.WriteFile(path, []byte(ownedText), 0o600))
	file, ps := config.Read(config.Flags{Config: filepath.Join(dir, "ringtgt.toml")}, false)
	must.Be(t, file != nil, "%v", ps)
	owned, ps = config.LoadOwned(path, false)
	must.Be(t, owned != nil, "%v", ps)
	return file, owned, path
}

func ptr[T any](v T) *T { return &v }

// editCase is an operation and what comes of it: a change of the effective configuration, as its plan prints it; nothing; or an
// error.
type editCase struct {
	name string
	op   Op
	plan string // of the change, lines joined by "; "; "": nothing changes
	err  error
	text string // in the error
}

var secret2 = "SECRETS/2" // replaced by its path

var editCases = []editCase{
	{name: "a new target", op: AddTarget{Name: fresh}, plan: "+ target " + fresh},
	{name: "the same target again", op: AddTarget{Name: ours, Alias: "by command"}},
	{name: "a target without saying more than its name", op: AddTarget{Name: ours}},
	{name: "a target that exists otherwise", op: AddTarget{Name: ours, Alias: "other"}, err: ErrExists, text: "target " + ours + ` exists already, with other values: alias "by command"`},
	{name: "a target of the file, as it is", op: AddTarget{Name: filed, Alias: "from the file"}},
	{name: "a target of the file, otherwise", op: AddTarget{Name: filed, Alias: "other"}, err: ErrFileOwned, text: "ringtgt.toml:13:1) is in the configuration file: edit that and run apply"},
	{name: "a target whose LUNs are left of one of the file", op: AddTarget{Name: gone}, err: ErrExists, text: "remove the target first"},
	{name: "a name that is none", op: AddTarget{Name: "Disk"}, err: ErrInvalid, text: "target Disk is invalid: want iqn."},

	{name: "an alias", op: SetTarget{Name: ours, Alias: ptr("new")}, plan: "~ target " + ours + `: alias "by command" to "new"`},
	{name: "the alias that it has", op: SetTarget{Name: ours, Alias: ptr("by command")}},
	{name: "limits and algorithms", op: SetTarget{Name: ours, Limits: &config.Limits{Window: 64}, Algorithms: []string{"sha256"}}, plan: "~ target " + ours + ": chap, limits"},
	{name: "QoS of initiators", op: SetTarget{Name: ours, QoS: []config.InitiatorQoS{{QoS: config.QoS{ReadIOPS: 5}}}}, plan: "~ target " + ours + ": initiator_qos"},
	{name: "an alias of the file's target", op: SetTarget{Name: filed, Alias: ptr("new")}, err: ErrFileOwned, text: "ringtgt.toml:13:1"},
	{name: "the alias that the file has", op: SetTarget{Name: filed, Alias: ptr("from the file")}},
	{name: "an alias of nothing", op: SetTarget{Name: fresh, Alias: ptr("new")}, err: ErrNotFound, text: "target " + fresh + " does not exist"},
	{name: "an alias of what the file had", op: SetTarget{Name: gone, Alias: ptr("new")}, err: ErrNotFound},

	{name: "a target with its LUNs", op: RemoveTarget{Name: ours}, plan: "- target " + ours + " with 2 LUNs"},
	{name: "a target that is not there", op: RemoveTarget{Name: fresh}},
	{name: "the file's target", op: RemoveTarget{Name: filed}, err: ErrFileOwned, text: "ringtgt.toml:13:1"},
	{name: "what is left of a target that the file had", op: RemoveTarget{Name: gone}, plan: "owned"},

	{
		name: "a LUN", op: AddLUN{Target: ours, LUN: config.LUN{Number: 5, Kind: backend.KindMemory, Size: 1 << 20}},
		plan: "+ lun 5 of " + ours + ": memory, 1.0 MiB",
	},
	{name: "a LUN with the lowest number", op: AddLUN{Target: ours, LUN: config.LUN{Number: -1, Kind: backend.KindMemory, Size: 1 << 20}}, plan: "+ lun 2 of " + ours + ": memory, 1.0 MiB"},
	{name: "a LUN of the file's target", op: AddLUN{Target: filed, LUN: config.LUN{Number: -1, Kind: backend.KindMemory, Size: 1 << 20}}, plan: "+ lun 1 of " + filed + ": memory, 1.0 MiB"},
	{name: "a file that is served already, under any number", op: AddLUN{Target: ours, LUN: config.LUN{Number: -1, Kind: backend.KindFile, Path: "/nonexistent/ours.img"}}},
	{name: "the same LUN again", op: AddLUN{Target: ours, LUN: config.LUN{Number: 0, Kind: backend.KindFile, Path: "/nonexistent/ours.img", Size: 1 << 29}}},
	{name: "the file's LUN, as it is", op: AddLUN{Target: filed, LUN: config.LUN{Number: 0, Kind: backend.KindFile, Path: "/nonexistent/filed.img", Size: 1 << 30}}},
	{
		name: "a LUN that exists otherwise", op: AddLUN{Target: ours, LUN: config.LUN{Number: 1, Kind: backend.KindMemory, Size: 1 << 30}},
		err: ErrExists, text: "lun 1 of " + ours + " exists already, with other values: mem:1048576",
	},
	{name: "the file's number", op: AddLUN{Target: filed, LUN: config.LUN{Number: 0, Kind: backend.KindMemory, Size: 1 << 20}}, err: ErrFileOwned, text: "ringtgt.toml:24:1"},
	{name: "a LUN of no target", op: AddLUN{Target: fresh, LUN: config.LUN{Kind: backend.KindMemory, Size: 1 << 20}}, err: ErrNotFound, text: fresh},
	{name: "a LUN of what the file had", op: AddLUN{Target: gone, LUN: config.LUN{Number: 5, Kind: backend.KindMemory, Size: 1 << 20}}, err: ErrNotFound, text: gone},
	{name: "a path that depends on the daemon's directory", op: AddLUN{Target: ours, LUN: config.LUN{Number: 5, Kind: backend.KindFile, Path: "x.img"}}, err: ErrInvalid, text: `the path "x.img" is not absolute`},

	{name: "read-only", op: SetLUN{Target: ours, Number: 1, ReadOnly: ptr(true)}, plan: "~ lun 1 of " + ours + ": read_only false to true"},
	{name: "writable as it is", op: SetLUN{Target: ours, Number: 1, ReadOnly: ptr(false)}},
	{name: "masking", op: SetLUN{Target: ours, Number: 1, Exports: []config.Export{{Initiators: []string{host}, Number: 3}}}, plan: "~ lun 1 of " + ours + ": export all to iqn.1993-08.org.debian:01:host=3"},
	{name: "QoS", op: SetLUN{Target: filed, Number: 7, QoS: &config.QoS{WriteBytes: 1 << 20}}, plan: "~ lun 7 of " + filed + ": qos no bounds to 1.0 MiB/s written"},
	{name: "the file's LUN", op: SetLUN{Target: filed, Number: 0, ReadOnly: ptr(true)}, err: ErrFileOwned, text: "ringtgt.toml:24:1"},
	{name: "no LUN", op: SetLUN{Target: ours, Number: 9, ReadOnly: ptr(true)}, err: ErrNotFound, text: "lun 9 of " + ours},

	{name: "larger", op: ResizeLUN{Target: ours, Number: 0, Size: 2 << 30}, plan: "~ lun 0 of " + ours + ": size 1.0 GiB to 2.0 GiB"},
	{name: "as large as it is", op: ResizeLUN{Target: ours, Number: 0, Size: 1 << 30}},
	{name: "smaller", op: ResizeLUN{Target: ours, Number: 0, Size: 1 << 20}, err: ErrInvalid, text: "cannot shrink"},
	{name: "larger memory", op: ResizeLUN{Target: ours, Number: 1, Size: 1 << 30}, err: ErrInvalid, text: "memory cannot grow"},
	{name: "the file's LUN, larger", op: ResizeLUN{Target: filed, Number: 0, Size: 2 << 30}, err: ErrFileOwned, text: "ringtgt.toml:24:1"},

	{name: "a LUN goes", op: RemoveLUN{Target: ours, Number: 1}, plan: "- lun 1 of " + ours},
	{name: "the last LUN that extends a target", op: RemoveLUN{Target: filed, Number: 7}, plan: "- lun 7 of " + filed},
	{name: "a LUN that is not there", op: RemoveLUN{Target: ours, Number: 9}},
	{name: "a LUN of no target goes", op: RemoveLUN{Target: fresh, Number: 0}},
	{name: "the file's LUN goes", op: RemoveLUN{Target: filed, Number: 0}, err: ErrFileOwned, text: "ringtgt.toml:24:1"},

	{name: "an account", op: AddAccount{Target: ours, User: "u", SecretFile: secret2}, plan: "~ target " + ours + ": chap"},
	{name: "an account of the file's target", op: AddAccount{Target: filed, User: "u", SecretFile: secret2}, plan: "~ target " + filed + ": chap"},
	{name: "a new secret", op: AddAccount{Target: ours, User: "our-user", SecretFile: secret2}, plan: "~ target " + ours + ": chap"},
	{name: "an account of discovery", op: AddAccount{User: "u", SecretFile: secret2}, plan: "~ discovery: chap"},
	{name: "the target's own", op: AddAccount{Target: ours, User: "t", SecretFile: secret2, Mutual: true}, plan: "~ target " + ours + ": mutual_chap"},
	{name: "the file's account", op: AddAccount{Target: filed, User: "file-user", SecretFile: secret2}, err: ErrFileOwned, text: `account "file-user" of target ` + filed},
	{name: "an account without a secret", op: AddAccount{Target: ours, User: "u"}, err: ErrInvalid, text: "needs a secret"},
	{name: "an account of no target", op: AddAccount{Target: fresh, User: "u", SecretFile: secret2}, err: ErrNotFound},

	{name: "the last account", op: RemoveAccount{Target: ours, User: "our-user"}, err: ErrInUse, text: "it is the last account"},
	{name: "the last account, meant so", op: RemoveAccount{Target: ours, User: "our-user", Open: true}, plan: "~ target " + ours + ": chap"},
	{name: "an account that is not there", op: RemoveAccount{Target: ours, User: "u"}},
	{name: "the file's account goes", op: RemoveAccount{Target: filed, User: "file-user"}, err: ErrFileOwned},
	{name: "a mutual account that is not there", op: RemoveAccount{Target: ours, User: "t", Mutual: true}},

	{name: "an initiator", op: AddACL{Target: filed, Initiators: []string{host, "iqn.2026-11.com.example:h*"}}, plan: "~ target " + filed + ": acl iqn.1993-08.org.debian:01:host to iqn.1993-08.org.debian:01:host + iqn.2026-11.com.example:h*"},
	{name: "an initiator that the file admits", op: AddACL{Target: filed, Initiators: []string{host}}},
	{name: "a network", op: AddACL{Target: ours, Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}, plan: "~ target " + ours + ": acl iqn.1993-08.org.debian:01:host + 192.0.2.0/24 to iqn.1993-08.org.debian:01:host + 192.0.2.0/24 + 198.51.100.0/24"},
	{name: "a network with bits beyond its length", op: AddACL{Target: ours, Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.1/24")}}, err: ErrInvalid},
	{name: "an initiator that is none", op: AddACL{Target: ours, Initiators: []string{"*"}}, err: ErrInvalid},

	{name: "the last initiator", op: RemoveACL{Target: ours, Initiators: []string{host}}, err: ErrInUse, text: "without it the target admits every initiator"},
	{name: "the last initiator, meant so", op: RemoveACL{Target: ours, Initiators: []string{host}, Open: true}, plan: "~ target " + ours + ": acl iqn.1993-08.org.debian:01:host + 192.0.2.0/24 to 192.0.2.0/24"},
	{name: "an initiator that is not there", op: RemoveACL{Target: ours, Initiators: []string{"iqn.2026-11.com.example:x"}}},
	{name: "the file's initiator", op: RemoveACL{Target: filed, Initiators: []string{host}}, err: ErrFileOwned, text: "ringtgt.toml:20:9"},

	{name: "a portal", op: AddPortal{Addr: netip.MustParseAddrPort("192.0.2.3:3260"), Group: 1}, plan: "+ portal 192.0.2.3:3260: group 1"},
	{
		name: "a portal in a new group", op: AddPortal{Addr: netip.MustParseAddrPort("192.0.2.3:3260"), Group: 9},
		plan: "+ portal 192.0.2.3:3260: group 9; ~ target " + filed + ": portal_groups; ~ target " + ours + ": portal_groups",
	},
	{name: "the same portal", op: AddPortal{Addr: netip.MustParseAddrPort("192.0.2.2:3260"), Group: 2}},
	{name: "the portal in another group", op: AddPortal{Addr: netip.MustParseAddrPort("192.0.2.2:3260"), Group: 1}, err: ErrExists},
	{name: "the file's portal", op: AddPortal{Addr: netip.MustParseAddrPort("192.0.2.1:3260"), Group: 1}},
	{name: "the file's portal in another group", op: AddPortal{Addr: netip.MustParseAddrPort("192.0.2.1:3260"), Group: 2}, err: ErrFileOwned, text: "ringtgt.toml:6:1"},
	{name: "a portal without a port", op: AddPortal{Addr: netip.MustParseAddrPort("192.0.2.1:0")}, err: ErrInvalid},
	{
		name: "a portal goes", op: RemovePortal{Addr: netip.MustParseAddrPort("192.0.2.2:3260")},
		plan: "~ target " + filed + ": portal_groups; ~ target " + ours + ": portal_groups; - portal 192.0.2.2:3260",
	},
	{name: "the file's portal goes", op: RemovePortal{Addr: netip.MustParseAddrPort("192.0.2.1:3260")}, err: ErrFileOwned},
	{name: "a portal that is not there", op: RemovePortal{Addr: netip.MustParseAddrPort("192.0.2.9:3260")}},

	{name: "a pool", op: AddPool{Name: "new", Path: "/srv/new/"}, plan: "+ pool new: /srv/new"},
	{name: "the same pool", op: AddPool{Name: "slow", Path: "/srv/slow"}},
	{name: "a pool elsewhere", op: AddPool{Name: "slow", Path: "/srv/new"}, err: ErrExists},
	{name: "the file's pool elsewhere", op: AddPool{Name: "fast", Path: "/srv/new"}, err: ErrFileOwned},
	{name: "a pool's name that leads elsewhere", op: AddPool{Name: "..", Path: "/srv/new"}, err: ErrInvalid},
	{name: "a pool goes", op: RemovePool{Name: "slow"}, plan: "- pool slow"},
	{name: "a pool that is not there", op: RemovePool{Name: "none"}},
	{name: "the file's pool goes", op: RemovePool{Name: "fast"}, err: ErrFileOwned},
}

// Each operation changes what its plan says and nothing else, or nothing. Done a second time it changes nothing.
func TestEdit(t *testing.T) {
	for _, tt := range editCases {
		t.Run(tt.name, func(t *testing.T) {
			file, owned, path := parts(t)
			op := tt.op
			if a, ok := op.(AddAccount); ok && a.SecretFile != "" {
				a.SecretFile = filepath.Join(filepath.Dir(path), strings.ToLower(a.SecretFile))
				op = a
			}
			before := owned.Clone()
			changed, err := op.Edit(owned, file)
			if tt.err != nil {
				if !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("%v; want %v with %q", err, tt.err, tt.text)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if changed != (tt.plan != "") {
				t.Errorf("changed: %t, want the plan %q", changed, tt.plan)
			}
			if !changed && string(config.EncodeOwned(owned, path)) != string(config.EncodeOwned(before, path)) {
				t.Errorf("not changed, but the owned part is now\n%s", config.EncodeOwned(owned, path))
			}
			if tt.plan == "" || tt.plan == "owned" {
				return
			}
			_, again, ps := config.Reread(owned, path, false)
			must.Be(t, again != nil, "%v", ps)
			old, ps := config.Merge(file, before)
			must.Be(t, old != nil, "%v", ps)
			all, ps := config.Merge(file, again)
			must.Be(t, all != nil, "%v", ps)
			var lines []string
			for _, s := range Diff(old, all).Steps {
				lines = append(lines, s.String())
			}
			if got := strings.Join(lines, "; "); got != tt.plan {
				t.Errorf("plan %s\nwant %s", got, tt.plan)
			}
			if a, ok := op.(AddLUN); ok && a.LUN.Number == -1 && !a.LUN.Persistent() {
				return // every time another unit
			}
			if changed, err := op.Edit(again, file); changed || err != nil {
				t.Errorf("the second time: %t, %v", changed, err)
			}
		})
	}
}

// An entry that extends a target of the file by nothing any more is removed, also after an operation that changed nothing.
func TestEmptyExtensionsGo(t *testing.T) {
	for _, op := range []Op{RemoveLUN{Target: filed, Number: 7}, RemoveLUN{Target: filed, Number: 9}, RemoveACL{Target: filed, Initiators: []string{ours}}} {
		file, owned, path := parts(t)
		_, err := RemoveLUN{Target: filed, Number: 7}.Edit(owned, file)
		must.OK(t, err)
		_, err = op.Edit(owned, file)
		must.OK(t, err)
		must.Be(t, !strings.Contains(string(config.EncodeOwned(owned, path)), filed), "%+v left\n%s", op, config.EncodeOwned(owned, path))
	}
}

// Every operation of ops.go is in the table.
func TestEveryOperationIsTested(t *testing.T) {
	source := string(must.Get(os.ReadFile("ops.go"))(t))
	tested := map[string]bool{}
	for _, tt := range editCases {
		tested[strings.TrimPrefix(strings.TrimPrefix(typeName(tt.op), "*"), "admin.")] = true
	}
	for _, part := range strings.Split(source, "\ntype ")[1:] {
		name, rest, _ := strings.Cut(part, " ")
		if (strings.HasPrefix(rest, "struct {\n\tplain") || strings.HasPrefix(rest, "struct {\n\tForce\n")) && !tested[name] {
			t.Errorf("no case for %s", name)
		}
	}
}

// What was set by flags is refused with advice that helps.
func TestFlagOwned(t *testing.T) {
	file, ps := config.Read(config.Flags{LUN: []string{"mem:1M"}}, false)
	must.Be(t, file != nil, "%v", ps)
	_, err := RemoveTarget{Name: config.DefaultTarget}.Edit(&config.Config{}, file)
	if !errors.Is(err, ErrFileOwned) || !strings.Contains(err.Error(), "start it with other flags") {
		t.Error(err)
	}
}

// Numbers that masking gives away are not free.
func TestFreeNumber(t *testing.T) {
	t1 := &config.Target{LUNs: []config.LUN{{Number: 0}, {Number: 2, Exports: []config.Export{{Number: 1}}}}}
	if n := freeNumber(t1, &config.Target{LUNs: []config.LUN{{Number: 3}}}); n != 4 {
		t.Errorf("number %d, want 4", n)
	}
	full := &config.Target{}
	for n := range 256 {
		full.LUNs = append(full.LUNs, config.LUN{Number: n})
	}
	if n := freeNumber(full, nil); n != -1 {
		t.Errorf("number %d of a full target", n)
	}
}

// A pool whose volumes are served stays, whoever made the unit that serves one.
func TestPoolInUse(t *testing.T) {
	owned := &config.Config{Pools: []config.Pool{{Name: "p", Path: "/srv/p", At: config.Where{Owned: true}}}}
	unit := config.Target{Name: ours, LUNs: []config.LUN{{Number: 3, Kind: "file", Path: "/srv/p/v.thin"}}}
	for _, parts := range [][2]*config.Config{
		{{Pools: owned.Pools, Targets: []config.Target{unit}}, {}}, {owned, {Targets: []config.Target{unit}}},
	} {
		_, err := RemovePool{Name: "p"}.Edit(parts[0].Clone(), parts[1])
		if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "lun 3 of "+ours+", /srv/p/v.thin, is a volume of it") {
			t.Errorf("%v", err)
		}
	}
	unit.LUNs[0].Path = "/srv/p/more/v.thin" // not in the pool itself
	if changed, err := (RemovePool{Name: "p"}).Edit(owned.Clone(), &config.Config{Targets: []config.Target{unit}}); !changed || err != nil {
		t.Errorf("%v, %v", changed, err)
	}
	plan := Diff(&config.Config{Pools: owned.Pools}, &config.Config{Targets: []config.Target{{Name: ours, LUNs: []config.LUN{{Kind: "file", Path: "/srv/p/v.thin"}}}}})
	if len(plan.Warnings) != 1 || !strings.Contains(plan.Warnings[0], "pool p goes, but lun 0") {
		t.Errorf("warnings %q", plan.Warnings)
	}
}
