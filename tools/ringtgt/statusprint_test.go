package main

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/steer"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		must.OK(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want := must.Get(os.ReadFile(file))(t)
	check.That(t, got == string(want), "got\n%s\nwant\n%s", got, want)
}

// The status of a busy daemon as printed.
func TestPrintStatus(t *testing.T) {
	since := time.Now().Add(-(3*time.Hour + 4*time.Minute + time.Second/2))
	lba := uint64(100)
	s := &control.Status{
		Version: 1,
		Health:  control.Health{State: "degraded", Since: &since, Good: 1, Degraded: 1},
		Daemon: control.Daemon{
			PID: 4711, Version: "v1.2.3", GoVersion: "go1.26.8", Kernel: "6.18.0", Started: since, Draining: true,
			Config: "/etc/ringtgt.toml", State: "/var/lib/ringtgt", Control: "/var/lib/ringtgt/control.sock", GOMAXPROCS: 4,
			HeapBytes: 3 << 20, Resident: 700 << 20, ResidentBound: 1300 << 20, ResidentEver: 9 << 30, OpenFiles: control.Limit{Soft: 1024, Hard: 1 << 20}, Memlock: control.Limit{Soft: -1, Hard: -1},
		},
		CPU: control.CPU{Brand: "Processor X", ThreadsPerCore: 2, CacheLine: 64, CRC32C: true, Cores: []control.Core{
			{CPU: 0, Loop: 0}, {CPU: 1, Loop: 1}, {CPU: 2, Loop: -1}, {CPU: 3, Loop: -1},
			{CPU: 4, Sibling: true, Loop: -1}, {CPU: 5, Sibling: true, Loop: 2}, {CPU: 6, Sibling: true, Loop: -1}, {CPU: 7, Sibling: true, Loop: -1},
		}},
		Engine: engine.Status{
			Started: since, Portals: []string{"192.0.2.1:3260", "[2001:db8::1]:3260"},
			Loops: []engine.LoopStatus{
				{Loop: 0, Core: 0, Connections: 3, Tasks: 33, DiskBusy: 32, ArenaInUse: 2 << 20, ArenaTouched: 16 << 20, ArenaLimit: 512 << 20, Registered: true,
					Stats: engine.LoopStats{Commands: 1234567, PDUsSent: 1300000, Sends: 100000, Receives: 400000, DirectReceives: 5, DiskOps: 1200000, Enters: 200000}},
				{Loop: 1, Core: 1, Connections: 2, ArenaLimit: 512 << 20},
				{Loop: 2, Core: -1, Connections: 1, ArenaLimit: 512 << 20},
			},
			Steering:    steer.Status{Level: steer.Program, XDP: true, Interfaces: []string{"eth0", "eth1"}, XDPWhy: "eth2: another program is there", Unsteered: 2},
			Connections: connections(),
		},
		Targets: []control.Target{{
			Name: "iqn.2026-11.io.ringtgt:disk0", Alias: "first", CHAP: "mutual", Accounts: []string{"host-7"}, Mutual: "storage", Owner: "command",
			ACL:     &control.ACL{Initiators: []string{"iqn.1993-08.org.debian:01:abc", "iqn.2026-11.com.example:*"}, Networks: []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"}},
			Portals: []string{"192.0.2.1:3260,1", "[2001:db8::1]:3260,2"},
			LUNs: []control.LUN{
				{LUN: 0, Kind: "file", Path: "/srv/a.img", Bytes: 1 << 40, BlockSize: 512, Thin: true, Volatile: true,
					Space: &control.Space{Allocated: 300 << 30, Available: 20 << 30}, ID: "0f0e0d0c", NAA: testNAA, ByID: byID(testNAA), SerialNumber: "0123456789abcdef", Medium: "inode 12 of UUID 34",
					Reservation: &control.Reservation{Type: "Write Exclusive - Registrants Only", Initiator: "iqn.1993-08.org.debian:01:abc", ISID: "00023d000001", Registrants: 2},
					QoS:         &control.QoS{ReadIOPS: 20000, WriteBytes: 100e6, HeldNow: 3, Held: 12345},
					Activity:    &control.Activity{Seconds: 11040, ReadIOPS: 12345.6, WriteIOPS: 9.87, ReadBytes: 482.1e6, WriteBytes: 0.4e6, P99Nanos: 1.05e6},
					Notes:       []string{"file:/srv/a.img is served through the page cache: the filesystem refuses O_DIRECT"},
					Health: control.LUNHealth{State: "degraded", Since: &since, Why: []string{"something else is at its path now", "write error 7 times, last 3m0s ago at LBA 100 (EIO)"},
						Faults: []control.Fault{{Kind: "write error", Count: 7, LBA: &lba, Errno: "EIO", Last: since}}}},
				{LUN: 10, Owner: "command", Exports: []control.Export{{Initiators: []string{"iqn.1993-08.org.debian:01:abc"}, LUN: 5}, {Accounts: []string{"host-7"}, LUN: 6}}, ID: "10", NAA: testNAA, ByID: byID(testNAA), SerialNumber: "fedcba9876543210", Kind: "mem", Bytes: 64 << 20, BlockSize: 4096, ReadOnly: true, Removable: true, Health: control.LUNHealth{State: "good"}},
			},
		}},
		Warnings: []string{"/srv is nearly full: 20 GiB free of 1.0 TiB, and the files of LUNs there can grow by 724 GiB"},
		Notes:    []string{"loop 0: I/O buffers are not registered with the ring"},
	}
	one := []admin.Connection{{}}
	s.Sessions = []admin.Session{
		{TSIH: 3, Initiator: "iqn.1993-08.org.debian:01:abc", Target: s.Targets[0].Name, Since: connections()[1].Since, Connections: one},
		{TSIH: 7, Initiator: "iqn.1993-08.org.debian:01:abc", Target: s.Targets[0].Name, Account: "host-7", Since: connections()[1].Since, Connections: make([]admin.Connection, 3)},
		{TSIH: 9, Initiator: "iqn.1993-08.org.debian:01:abc", Since: connections()[1].Since, Connections: one},
	}
	s.Targets = append(s.Targets, control.Target{
		Name: "iqn.2026-11.com.example:" + strings.Repeat("a-long-name", 9), CHAP: "none", Portals: []string{"192.0.2.1:3260,1"},
		LUNs: []control.LUN{{LUN: 255, ID: "255", Kind: "file", Path: "/srv/" + strings.Repeat("long/", 20) + "a.img", Bytes: 8 << 50, BlockSize: 512,
			SerialNumber: strings.Repeat("serial", 10), NAA: testNAA, ByID: byID(testNAA), Health: control.LUNHealth{State: "good"},
			Activity: &control.Activity{Seconds: 2, ReadIOPS: 1234567, WriteIOPS: 0.5, ReadBytes: 12345.6e6, WriteBytes: 512, P99Nanos: 17e9, Failed: 3}}},
	}, control.Target{Name: "iqn.2026-11.com.example:empty", CHAP: "none"})
	for name, verbose := range map[string]bool{"status": false, "status-verbose": true} {
		var b strings.Builder
		printStatus(&b, s, verbose)
		golden(t, "testdata/"+name+".golden", b.String())
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > columns && !verbose {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
}

const testNAA = "6727467012345678abcdef0123456789"

// connections are those of the engine's status, loop by loop: a session of three connections, another session's only one, a
// discovery session, and a login in progress.
func connections() []engine.ConnStatus {
	mcs := engine.ConnStatus{
		State: "normal", Initiator: "iqn.1993-08.org.debian:01:abc", Target: "iqn.2026-11.io.ringtgt:disk0", ISID: "00023d000001", TSIH: 7,
		Local: "192.0.2.1:3260", Since: time.Now().Add(-61*time.Second - time.Second/2),
	}
	on := func(c engine.ConnStatus, loop, core, receive int, cid uint16, remote, placement string) engine.ConnStatus {
		c.Loop, c.Core, c.ReceiveCPU, c.CID, c.Remote, c.Placement = loop, core, receive, cid, remote, placement
		return c
	}
	other := mcs
	other.TSIH, other.ISID, other.Local = 3, "00023d000002", "[2001:db8::1]:3260"
	discovery := engine.ConnStatus{State: "discovery", Initiator: mcs.Initiator, ISID: "00023d000003", TSIH: 9, Local: mcs.Local, Since: mcs.Since}
	login := engine.ConnStatus{State: "login", Local: mcs.Local, Since: time.Now().Add(-time.Second / 2)}
	busy := on(mcs, 0, 0, 0, 2, "192.0.2.7:51004", "accepted: initiator's turn")
	busy.Tasks = 33
	return []engine.ConnStatus{
		on(login, 0, 0, -1, 0, "192.0.2.8:51000", "accepted: initiator's turn"),
		busy,
		on(mcs, 0, 0, 3, 0, "192.0.2.7:51000", "moved: the CID was here"),
		on(other, 1, 1, 1, 0, "[2001:db8::7]:51006", "accepted: initiator's turn"),
		on(mcs, 1, 1, 1, 1, "192.0.2.7:51002", "moved: spreads the session"),
		on(discovery, 2, -1, 2, 0, "192.0.2.7:51008", "accepted: initiator's turn"),
	}
}

// How the text describes the steering of connections to loops.
func TestDescribeSteering(t *testing.T) {
	for _, tt := range []struct {
		st            steer.Status
		steering, xdp string
	}{
		{steer.Status{Level: steer.Program, XDPWhy: "no interface is configured"}, "program", "off (no interface is configured)"},
		{
			steer.Status{Level: steer.IncomingCPU, Why: "sk_reuseport program: missing CAP_BPF", XDPWhy: "missing CAP_BPF and CAP_PERFMON"},
			"incoming-cpu (sk_reuseport program: missing CAP_BPF)", "off (missing CAP_BPF and CAP_PERFMON)",
		},
		{steer.Status{Why: "one loop: there is nothing to choose", XDP: true, Interfaces: []string{"eth0"}}, "hash (one loop: there is nothing to choose)", "on eth0"},
		{
			steer.Status{Level: steer.Program, XDP: true, Interfaces: []string{"eth0", "eth1"}, XDPWhy: "eth2: the interface is gone", Unsteered: 1},
			"program", "on eth0, eth1 (eth2: the interface is gone); 1 connection without it",
		},
	} {
		check.Equal(t, describeSteering(tt.st), tt.steering, "steering")
		check.Equal(t, describeXDP(tt.st), tt.xdp, "xdp")
	}
}

func TestRanges(t *testing.T) {
	for want, cpus := range map[string][]int{
		"no core": nil, "0": {0}, "0-1": {0, 1}, "0-3,8": {0, 1, 2, 3, 8}, "1,3,5": {1, 3, 5}, "2,4-5": {2, 4, 5},
	} {
		check.Equal(t, ranges(cpus), want, "ranges(%v) =", cpus)
	}
}

// The hints for several targets: with mutual CHAP, with secrets from elsewhere, with an ACL, on two portals. Secrets are not printed.
func TestHints(t *testing.T) {
	account := func(user string) config.Account {
		return config.Account{User: user, Secret: []byte("very secret indeed")}
	}
	mutual, file, env := account("target"), account("host-7"), account("it's me")
	file.SecretFile, env.SecretEnv = "/etc/ring tgt/host-7.secret", "HOST_8"
	file.Initiators = []string{"iqn.1993-08.org.debian:01:host-7"}
	lun := func(n int) []config.LUN { return []config.LUN{{Number: n, Kind: "mem", Size: 1 << 30, ReadOnly: true}} }
	h := hints{status: "status --state /st", left: 2, targets: []hintedTarget{
		{&config.Target{Name: "iqn.2026-11.io.ringtgt:x", Access: config.Access{Accounts: []config.Account{account("initiator")}, Mutual: &mutual}, LUNs: lun(3)}, "192.0.2.1:3260"},
		{&config.Target{Name: "iqn.2026-11.io.ringtgt:file", Access: config.Access{Accounts: []config.Account{file}}, LUNs: lun(0)}, "192.0.2.1:3260"},
		{&config.Target{Name: "iqn.2026-11.io.ringtgt:env", Access: config.Access{Accounts: []config.Account{env}}, LUNs: lun(0)}, "[2001:db8::1]:3260"},
		{&config.Target{Name: "iqn.2026-11.io.ringtgt:acl", Access: config.Access{Initiators: []string{"iqn.2008-11.org.linux-kvm*"}}, LUNs: lun(0)}, "192.0.2.1:3260"},
	}}
	var b strings.Builder
	h.print(streams{out: &b, program: "/opt/ring tgt/ringtgt"})
	golden(t, "testdata/hints.golden", b.String())
	check.That(t, !strings.Contains(b.String(), "very secret"), "a secret is printed")
	b.Reset()
	h = hints{status: "status", discovery: config.Access{Accounts: []config.Account{account("discovery")}}, targets: []hintedTarget{
		{&config.Target{Name: "iqn.2026-11.io.ringtgt:open", LUNs: lun(0)}, "192.0.2.1:3260"},
	}}
	h.print(streams{out: &b, program: "bin/ringtgt"})
	golden(t, "testdata/hints-discovery.golden", b.String())
}
