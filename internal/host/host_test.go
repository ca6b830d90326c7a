package host

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Listening finds the process that accepts an address's connections, whatever its socket is bound to, even with several sockets.
func TestListening(t *testing.T) {
	for _, c := range []struct {
		name, listen string
		asked        []string // addresses at which it is found; PORT is its port
	}{
		{"IPv4", "tcp4=127.0.0.1:PORT", []string{"127.0.0.1:PORT", "[::ffff:127.0.0.1]:PORT"}},
		{"IPv4 wildcard", "tcp4=0.0.0.0:PORT", []string{"127.0.0.1:PORT", "127.0.0.9:PORT", "0.0.0.0:PORT"}},
		{"IPv6", "tcp6=[::1]:PORT", []string{"[::1]:PORT"}},
		{"wildcard of both families", "tcp=[::]:PORT", []string{"[::1]:PORT", "127.0.0.1:PORT", "[::]:PORT"}},
		{"SO_REUSEPORT of one process", "tcp4=127.0.0.1:PORT tcp4=127.0.0.1:PORT tcp4=127.0.0.1:PORT", []string{"127.0.0.1:PORT"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Contains(c.listen, "[") && !ipv6() {
				t.Skip("no IPv6 on this machine")
			}
			p := start(t, "listen "+c.listen)
			port := p.line()
			for _, a := range c.asked {
				pid, err := Listening(netip.MustParseAddrPort(strings.Replace(a, "PORT", port, 1)))
				if err != nil || pid != p.pid {
					t.Errorf("Listening(%s) = %d, %v, want %d", a, pid, err, p.pid)
				}
			}
		})
	}
}

// The kernel prefers a socket bound to the address to one bound to the wildcard, so that is the process to measure.
func TestListeningPrefersTheAddress(t *testing.T) {
	all := start(t, "listen tcp4=0.0.0.0:PORT")
	port := all.line()
	one := start(t, "listen tcp4=127.0.0.7:"+port)
	one.line()
	for host, want := range map[string]int{"127.0.0.7": one.pid, "127.0.0.8": all.pid} {
		if pid, err := Listening(netip.MustParseAddrPort(host + ":" + port)); err != nil || pid != want {
			t.Errorf("%s: %d, %v, want %d", host, pid, err, want)
		}
	}
}

// Two processes behind one address are indistinguishable: the caller has to choose.
func TestListeningSeveralProcesses(t *testing.T) {
	a := start(t, "listen tcp4=127.0.0.1:PORT")
	port := a.line()
	b := start(t, "listen tcp4=127.0.0.1:"+port)
	b.line()
	_, err := Listening(netip.MustParseAddrPort("127.0.0.1:" + port))
	want := []int{min(a.pid, b.pid), max(a.pid, b.pid)}
	if several := new(SeveralError); !errors.As(err, &several) || !slices.Equal(several.PIDs, want) {
		t.Fatalf("%v, want the processes %v", err, want)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("%d (%s)", a.pid, Name(a.pid))) {
		t.Errorf("%q does not name them", err)
	}
}

func TestListeningNobody(t *testing.T) {
	p := start(t, "listen tcp4=127.0.0.1:PORT")
	port := p.line()
	for addr, want := range map[string]error{
		"127.0.0.2:" + port:    ErrNobody,    // bound to another address of this machine
		"[::1]:" + port:        ErrNobody,    // the other family
		"192.0.2.1:" + port:    ErrElsewhere, // TEST-NET-1 (RFC 5737): of no machine
		"[2001:db8::1]:" + "1": ErrElsewhere,
	} {
		if pid, err := Listening(netip.MustParseAddrPort(addr)); !errors.Is(err, want) {
			t.Errorf("%s: %d, %v, want %v", addr, pid, err, want)
		}
	}
}

// An established connection has the port too but is not a listener; the table's first line is a heading.
func TestScanListeners(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0CBC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:0CBC 0100007F:8F21 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0 100 0 0 10 0
   2: 0100007F:0CBC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1 0 100 0 0 10 0
   3: 00000000:0CBC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 14 1 0 100 0 0 10 0
   4: 0100007F:0CBD 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 15 1 0 100 0 0 10 0
   5: zz:0CBC 00000000:0000 0A
`
	c := choice{addr: netip.MustParseAddrPort("127.0.0.1:3260")}
	scanListeners(strings.NewReader(table), c.add)
	if !slices.Equal(c.inodes, []string{"11", "13"}) {
		t.Errorf("inodes %v", c.inodes)
	}
}

// The reading agrees with the process's own clock, and includes threads that have ended.
func TestCPUTimeCountsThreadsThatEnded(t *testing.T) {
	p := start(t, "work")
	var last int64
	for range 3 {
		fmt.Fprintln(p.in)
		var before, after int64
		if _, err := fmt.Sscan(p.line(), &before, &after); err != nil {
			t.Fatal(err)
		}
		got, err := CPUTime(p.pid)
		if err != nil {
			t.Fatal(err)
		}
		// The child runs a little longer after its own reading: it prints, and waits for the next line.
		if int64(got) < after || int64(got) > after+int64(20*time.Millisecond) {
			t.Errorf("CPUTime = %v, by its own clock %v", got, time.Duration(after))
		}
		if worked := after - before; worked < int64(30*time.Millisecond) || int64(got)-last < worked {
			t.Errorf("a thread worked %v and ended; CPUTime went from %d to %d", time.Duration(worked), last, got)
		}
		last = int64(got)
	}
}

func TestCPUTimeOfNobody(t *testing.T) {
	for _, pid := range []int{0, -1, 1 << 30} {
		if d, err := CPUTime(pid); err == nil {
			t.Errorf("process %d: %v", pid, d)
		}
	}
}

// All threads are bound, not only the first.
func TestPinBindsAllThreads(t *testing.T) {
	cpus := CPUs()
	p := start(t, "listen tcp4=127.0.0.1:PORT")
	p.line()
	last := cpus[len(cpus)-1]
	if err := Pin(p.pid, []int{last}); err != nil {
		t.Fatal(err)
	}
	tids, err := threads(p.pid)
	if err != nil || len(tids) < 2 {
		t.Fatalf("threads %v, %v: a Go process has several", tids, err)
	}
	for _, tid := range tids {
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(tid, &set); err != nil {
			t.Fatal(err)
		}
		if set.Count() != 1 || !set.IsSet(last) {
			t.Errorf("thread %d may run on %d CPUs", tid, set.Count())
		}
	}
	if err := Pin(p.pid, nil); err == nil {
		t.Error("pinned to nothing")
	}
	if err := Pin(p.pid, []int{1 << 20}); err == nil {
		t.Error("pinned to a CPU that no kernel has")
	}
	if err := Pin(1<<30, cpus); err == nil {
		t.Error("pinned nobody")
	}
}

// A bound thread, even the main thread, does not reduce the CPUs of the process.
func TestCPUsAreThoseOfAllThreads(t *testing.T) {
	before := CPUs()
	if len(before) < 2 {
		t.Skip("one CPU")
	}
	var set, old unix.CPUSet
	if err := unix.SchedGetaffinity(os.Getpid(), &old); err != nil {
		t.Fatal(err)
	}
	set.Set(before[0])
	if err := unix.SchedSetaffinity(os.Getpid(), &set); err != nil {
		t.Fatal(err)
	}
	defer unix.SchedSetaffinity(os.Getpid(), &old)
	if got := CPUs(); !slices.Equal(got, before) {
		t.Errorf("%v, want %v", got, before)
	}
}

func TestDescribe(t *testing.T) {
	h := Describe("1.2.3")
	var u unix.Utsname
	unix.Uname(&u)
	if h.Ringtgt != "1.2.3" || h.Go != runtime.Version() || h.Kernel != unix.ByteSliceToString(u.Release[:]) || h.Kernel == "" {
		t.Errorf("%+v", h)
	}
	if h.CPUs < len(CPUs()) || len(CPUs()) == 0 {
		t.Errorf("%d CPUs, allowed %v", h.CPUs, CPUs())
	}
	if Name(os.Getpid()) == "" || Name(1<<30) != "" {
		t.Errorf("names %q, %q", Name(os.Getpid()), Name(1<<30))
	}
}

func TestParseList(t *testing.T) {
	for s, want := range map[string][]int{
		"0": {0}, "0-3": {0, 1, 2, 3}, "0-1,4,6-7": {0, 1, 4, 6, 7}, "": nil, "x": nil, "0-99999999": nil, "-1": nil,
	} {
		if got := parseList(s); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}

func ipv6() bool {
	_, err := os.Stat("/proc/self/net/tcp6")
	return err == nil && local(netip.MustParseAddr("::1"))
}
