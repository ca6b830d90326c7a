package steer

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// What needs no program says so, and everything that a loop may call works all the same.
func TestWithoutProgram(t *testing.T) {
	for _, tt := range []struct {
		name        string
		cfg         Config
		level       Level
		why, xdpWhy string
	}{
		{"no loop", Config{}, Hash, "one loop", "no interface"},
		{"one loop", Config{Cores: []int{0}}, Hash, "one loop: there is nothing to choose", "no interface is configured"},
		{
			"disabled, pinned", Config{Cores: []int{0, 1}, XDP: []string{"lo"}, Disable: true},
			IncomingCPU, "disabled by configuration", "disabled by configuration",
		},
		{
			"disabled, one not pinned", Config{Cores: []int{0, -1}, Disable: true},
			Hash, "disabled by configuration; SO_INCOMING_CPU: not every loop is pinned", "no interface",
		},
		{
			"XDP, none pinned", Config{Cores: []int{-1}, XDP: []string{"lo"}},
			Hash, "one loop", "no loop is pinned to a CPU",
		},
	} {
		s := Open(tt.cfg)
		st := s.Status()
		if st.Level != tt.level || !strings.Contains(st.Why, tt.why) {
			t.Errorf("%s: level %v, why %q; want %v, %q", tt.name, st.Level, st.Why, tt.level, tt.why)
		}
		if st.XDP || !strings.Contains(st.XDPWhy, tt.xdpWhy) || st.Interfaces != nil {
			t.Errorf("%s: XDP %+v; want why %q", tt.name, st, tt.xdpWhy)
		}
		a, b := netip.MustParseAddrPort("192.0.2.1:3260"), netip.MustParseAddrPort("192.0.2.2:1024")
		for _, loop := range []int{-1, 0, 1, 99} {
			s.Flow(a, b, loop)
		}
		s.Forget(a, b)
		for range 2 {
			check.OK(t, s.Close(), "%s: close", tt.name)
		}
	}
}

func TestListenChecksItsCaller(t *testing.T) {
	s := Open(Config{Cores: []int{0, 1}, Disable: true})
	_, err := s.Listen([]int{3})
	check.That(t, err != nil, "one listener for two loops was taken")
	s.Close()
	_, err = s.Listen([]int{3, 4})
	check.That(t, err != nil, "taken after Close")
	one := Open(Config{Cores: []int{0}})
	defer one.Close()
	if _, err := one.Listen([]int{-1}); err != nil {
		t.Error("one loop needs nothing of its listener:", err)
	}
}

// A listener that does not take SO_INCOMING_CPU leaves the hash, and Status says so.
func TestIncomingCPURefused(t *testing.T) {
	s := Open(Config{Cores: []int{0, 1}, Disable: true})
	defer s.Close()
	before := s.Status()
	g := must.Get(s.Listen([]int{-1, -1}))(t)
	if st := s.Status(); st.Level != Hash || !strings.Contains(st.Why, "SO_INCOMING_CPU of listener 0") {
		t.Errorf("status %+v", st)
	}
	s.Unlisten(g)
	s.Unlisten(g)
	after := s.Status()
	check.That(t, after.Level == before.Level && after.Why == before.Why, "after the portal was removed: %+v, want %+v", after, before)
}

func TestLevelsHaveNames(t *testing.T) {
	for l, want := range map[Level]string{Hash: "hash", IncomingCPU: "incoming-cpu", Program: "program"} {
		b, err := json.Marshal(Status{Level: l})
		if err != nil || l.String() != want || !strings.Contains(string(b), `"level":"`+want+`"`) {
			t.Errorf("%v: %s (%v), want %s", l, b, err, want)
		}
		var back Status
		if err := json.Unmarshal(b, &back); err != nil || back.Level != l {
			t.Errorf("%s: came back as %v (%v)", b, back.Level, err)
		}
	}
	for _, l := range []Level{-1, Program + 1} {
		if _, err := l.MarshalText(); err == nil {
			t.Errorf("%v has a name", l)
		}
	}
	check.That(t, new(Level).UnmarshalText([]byte("Hash")) != nil, "there is no level Hash")
}

func TestIncomingCPUOf(t *testing.T) {
	addr := netip.MustParseAddrPort("127.0.0.1:0")
	l := must.Get(listenOn(&addr))(t)
	p := &portal{t: t, fds: []int{l}, addr: addr}
	defer p.close(0)
	client := must.Get(dialFrom(addr.Addr(), addr))(t)
	defer unix.Close(client)
	if cpu, err := IncomingCPUOf(p.accept(1)[0].fd); err != nil || cpu < 0 {
		t.Errorf("CPU %d, %v", cpu, err)
	}
	if _, err := IncomingCPUOf(-1); err == nil {
		t.Error("no descriptor, no error")
	}
}

// The committed objects are made of the committed sources, and hold what the loader looks for.
func TestObjectsAreOfTheirSources(t *testing.T) {
	sums := must.Get(os.ReadFile("bpf/sources.sha256"))(t)
	sources, err := filepath.Glob("bpf/*.c")
	must.Be(t, err == nil && len(sources) != 0, "sources %v, %v", sources, err)
	for _, path := range sources {
		b := must.Get(os.ReadFile(path))(t)
		if want := fmt.Sprintf("%x  ./%s\n", sha256.Sum256(b), filepath.Base(path)); !strings.Contains(string(sums), want) {
			t.Errorf("%s has changed: run go generate ./internal/steer", path)
		}
	}
	selection := must.Get(loadSelection())(t)
	check.OK(t, selection.Assign(&selectionSpecs{}))
	flows := must.Get(loadFlows())(t)
	check.OK(t, flows.Assign(&flowsSpecs{}))
	for _, licence := range []string{selection.Programs["select_loop"].License, flows.Programs["steer_flow"].License} {
		check.That(t, licence == "Dual BSD/GPL", "licence %q", licence)
	}
}
