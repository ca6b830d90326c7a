package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/steer"
	"golang.org/x/sys/unix"
)

// twoCores returns two CPUs for loops, in the syntax of --cores and as numbers.
func twoCores(t *testing.T) (string, []int) {
	t.Helper()
	top := must.Get(engine.ReadTopology())(t)
	if len(top.Allowed) < 2 {
		t.Skipf("two loops need two CPUs, and this process may run on %v only", top.Allowed)
	}
	c := top.Allowed[:2]
	return fmt.Sprintf("%d,%d", c[0], c[1]), c
}

// unprivileged returns a command prefix that drops all capabilities; it is empty for a user without any.
func unprivileged(t *testing.T) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	return []string{harness.Need(t, "setpriv", "util-linux"), "--bounding-set=-all", "--inh-caps=-all", "--"}
}

const steeringTarget = "iqn.2026-11.io.ringtgt:disk0"

// dial opens a session of n connections and transfers data on each.
func dial(t *testing.T, s *served, n int, dialer func(context.Context, string) (net.Conn, error)) *initiator.Session {
	t.Helper()
	session, err := initiator.Dial(t.Context(), initiator.Config{
		Portals: []string{s.portal}, TargetName: steeringTarget, InitiatorName: "iqn.2026-11.com.example:mcs",
		ISID: [6]byte{0x80, 0, 0, 0, 0, 7}, Connections: n, Dialer: dialer,
	})
	must.OK(t, err)
	t.Cleanup(session.Close)
	exercise(t, session)
	return session
}

func exercise(t *testing.T, s *initiator.Session) {
	t.Helper()
	must.OK(t, s.Ready(t.Context(), 0, initiator.LUN(0)))
	for _, cid := range s.CIDs() {
		want := bytes.Repeat([]byte{byte(cid) + 1}, 4096)
		got := make([]byte, len(want))
		must.OK(t, s.Write(t.Context(), cid, initiator.LUN(0), uint64(cid)*8, 8, want), "write on CID %d", cid)
		if err := s.Read(t.Context(), cid, initiator.LUN(0), uint64(cid)*8, 8, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("read on CID %d: %v, equal: %v", cid, err, bytes.Equal(got, want))
		}
	}
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("against the standard: %v", v)
	}
}

// members waits until the daemon has n connections, all in a session, and returns them by CID. A reinstated connection's
// predecessor is listed until its loop has closed it.
func (s *served) members(t *testing.T, n int) []engine.ConnStatus {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conns := s.status(t).Engine.Connections
		if len(conns) == n && !slices.ContainsFunc(conns, func(c engine.ConnStatus) bool { return c.State != "normal" }) {
			slices.SortFunc(conns, func(a, b engine.ConnStatus) int { return int(a.CID) - int(b.CID) })
			return conns
		}
		select {
		case <-deadline.C:
			t.Fatalf("%d connections, want %d in full feature phase: %+v", len(conns), n, conns)
		case <-tick.C:
		}
	}
}

// A session of four connections has two on each of two loops at every steering level, and status shows the loop of each and how it
// was chosen. Without privilege it names the missing capability.
func TestSessionSpreadsOverLoops(t *testing.T) {
	list, cores := twoCores(t)
	for _, tt := range []struct {
		name string
		wrap func(*testing.T) []string
		args []string
		why  string // "": depends on this user's privileges
	}{
		{name: "auto"},
		{name: "off", args: []string{"--steering", "off"}, why: "sk_reuseport program: disabled by configuration"},
		{name: "unprivileged", wrap: unprivileged, why: "sk_reuseport program: missing CAP_BPF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var wrap []string
			if tt.wrap != nil {
				wrap = tt.wrap(t)
			}
			s := serve(t, wrap, append([]string{"--listen", "127.0.0.1:0", "--cores", list, "--lun", "mem:1M"}, tt.args...)...)
			st := s.status(t).Engine.Steering
			switch {
			case tt.why != "":
				if st.Level == steer.Program || !strings.HasPrefix(st.Why, tt.why) {
					t.Errorf("steering %v, why %q; want another level than program because of %q", st.Level, st.Why, tt.why)
				}
			case st.Level == steer.Program:
				check.That(t, st.Why == "", "program, and yet a reason why not: %q", st.Why)
			default:
				check.That(t, strings.HasPrefix(st.Why, "sk_reuseport program: "), "level %v, why %q", st.Level, st.Why)
				t.Logf("level program is not tested: %s", st.Why)
			}
			if want := "msg=steering method=" + st.Level.String(); strings.Count(s.text(), want) != 1 || !strings.Contains(s.text(), st.Why) {
				t.Errorf("the log does not say %q and %q once", want, st.Why)
			}

			session := dial(t, s, 4, nil)
			conns := s.members(t, 4)
			checkMembers(t, session, conns, cores, st.Level)
			checkPicture(t, s, st, conns)
			if st.Level == steer.Program { // reinstatement (RFC 7143 6.3.4) of a connection on loop 1: the next turn is loop 0's
				must.OK(t, session.Join(t.Context(), 1, ""))
				exercise(t, session)
				again := s.members(t, 4)[1]
				if again.Loop != conns[1].Loop || again.Placement != "moved: the CID was here" {
					t.Errorf("CID 1 was on loop %d and came back to loop %d: %q", conns[1].Loop, again.Loop, again.Placement)
				}
			}
			s.stop(t)
		})
	}
}

// checkMembers compares the status of a session's connections, by CID, with the initiator's view.
func checkMembers(t *testing.T, s *initiator.Session, conns []engine.ConnStatus, cores []int, level steer.Level) {
	t.Helper()
	count := map[int]int{}
	for i, c := range conns {
		count[c.Loop]++
		if c.CID != uint16(i) || c.TSIH != s.TSIH() || c.ISID != "800000000007" || c.Initiator != "iqn.2026-11.com.example:mcs" || c.Target != steeringTarget {
			t.Errorf("connection %d: %+v", i, c)
		}
		check.Equal(t, c.Core, cores[c.Loop], "CID %d: loop %d is on CPU", c.CID, c.Loop)
		check.That(t, c.ReceiveCPU >= 0, "CID %d has received, and on no CPU", c.CID)
		accepted := map[steer.Level]string{
			steer.Program: "accepted: initiator's turn", steer.IncomingCPU: "accepted: CPU of the SYN", steer.Hash: "accepted: hash",
		}[level]
		if c.Placement != accepted && (level == steer.Program || c.Placement != "moved: spreads the session") {
			t.Errorf("CID %d at level %v: placement %q", c.CID, level, c.Placement)
		}
	}
	check.That(t, count[0] == 2 && count[1] == 2, "connections on loops: %v, want two on each", count)
}

// checkPicture checks the printed status: the session is one block.
func checkPicture(t *testing.T, s *served, st steer.Status, conns []engine.ConnStatus) {
	t.Helper()
	out, err := exec.Command("ringtgt", "status", "-v", "--control", s.control).CombinedOutput()
	if err != nil {
		t.Fatalf("status: %v\n%s", err, out)
	}
	c := conns[0]
	want := fmt.Sprintf(`(?m)^  steering +%s$(?s:.*)^  TSIH %d, normal: %s \(ISID %s\) at %s, 4 connections\n`,
		regexp.QuoteMeta(describeSteering(st)), c.TSIH, c.Initiator, c.ISID, c.Target)
	for _, c := range conns {
		want += fmt.Sprintf(`    %d +%d +%d +\d+ +0 +%s +%s +\d+s +%s\n`, c.CID, c.Loop, c.Core, c.Remote, c.Local, c.Placement)
	}
	check.That(t, regexp.MustCompile(want).Match(out), "status shows\n%s\nwant\n%s", out, want)
}

// max_connections is what an initiator is granted (RFC 7143 13.2).
func TestMaxConnectionsIsNegotiated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ringtgt.toml")
	text := "[[portal]]\nlisten = \"127.0.0.1:0\"\n[[target]]\nname = \"" + steeringTarget + "\"\nlimits = { max_connections = 2 }\nlun = [{ lun = 0, memory = \"1M\" }]\n"
	must.OK(t, os.WriteFile(file, []byte(text), 0o600))
	s := serve(t, nil, "--config", file, "--cores", firstCore(t))
	if session := dial(t, s, 4, nil); session.Granted != 2 {
		t.Errorf("%d connections are granted, want 2", session.Granted)
	}
	s.stop(t)
}

func firstCore(t *testing.T) string {
	t.Helper()
	top := must.Get(engine.ReadTopology())(t)
	return strconv.Itoa(top.Allowed[0])
}

// Without the capabilities the XDP program is refused; the daemon warns, serves, and status names what is missing.
func TestRefusedXDPIsAWarning(t *testing.T) {
	list, _ := twoCores(t)
	s := serve(t, unprivileged(t), "--listen", "127.0.0.1:0", "--cores", list, "--lun", "mem:1M", "--xdp", "lo")
	st := s.status(t).Engine.Steering
	check.That(t, !st.XDP && st.XDPWhy == "missing CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON", "xdp %v, why %q", st.XDP, st.XDPWhy)
	if !regexp.MustCompile(`level=WARN msg="xdp is not active .* why="missing CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"`).MatchString(s.text()) {
		t.Error("the log does not say so")
	}
	dial(t, s, 2, nil)
	s.stop(t)
}

// With XDP on a configured interface, a connection's packets are processed on its loop's core, and nothing stays attached after
// the daemon has ended. The test uses a network namespace of its own, whose only interface is lo.
func TestXDPIsAttachedAndGoes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a network namespace and XDP need root: CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON")
	}
	list, _ := twoCores(t)
	ns := namespace(t)
	s := serve(t, []string{harness.Need(t, "nsenter", "util-linux"), "--net=" + ns}, "--listen", "127.0.0.1:0", "--cores", list, "--lun", "mem:1M", "--xdp", "lo")
	st := s.status(t).Engine.Steering
	if !st.XDP {
		if strings.HasPrefix(st.XDPWhy, "missing ") {
			t.Skipf("root without all of its capabilities: %s", st.XDPWhy)
		}
		t.Fatalf("xdp is off: %s", st.XDPWhy)
	}
	if got := loopback(t, ns); !strings.Contains(got, "xdpgeneric") {
		t.Errorf("nothing is attached: %s", got)
	}
	dial(t, s, 4, func(ctx context.Context, portal string) (net.Conn, error) { return dialIn(ctx, ns, portal) })
	for _, c := range s.members(t, 4) {
		check.That(t, c.ReceiveCPU == c.Core, "CID %d lives on CPU %d, and its packets are processed on %d", c.CID, c.Core, c.ReceiveCPU)
	}
	s.stop(t)
	if got := loopback(t, ns); strings.Contains(got, "xdp") {
		t.Errorf("still attached: %s", got)
	}
}

// namespace makes a network namespace that lasts as long as the test, and returns its path.
func namespace(t *testing.T) string {
	t.Helper()
	harness.Need(t, "ip", "iproute2")
	cmd := exec.Command(harness.Need(t, "unshare", "util-linux"), "--net", "sh", "-c", "ip link set lo up && echo up && exec cat")
	in := must.Get(cmd.StdinPipe())(t)
	out := must.Get(cmd.StdoutPipe())(t)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	must.OK(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		if strings.Contains(complaint.String(), "Operation not permitted") {
			t.Skipf("no network namespace here: %s", complaint.String())
		}
		t.Fatalf("network namespace: %q, %v\n%s", line, err, complaint.String())
	}
	return fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid)
}

// loopback returns ip(8)'s output for lo in the namespace.
func loopback(t *testing.T, ns string) string {
	t.Helper()
	out, err := exec.Command("nsenter", "--net="+ns, "ip", "-details", "link", "show", "dev", "lo").CombinedOutput()
	if err != nil {
		t.Fatalf("ip link: %v\n%s", err, out)
	}
	return string(out)
}

// dialIn connects from within the namespace.
func dialIn(ctx context.Context, ns, portal string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread has entered the namespace, and ends with the goroutine
		var f *os.File
		if f, err = os.Open(ns); err != nil {
			return
		}
		defer f.Close()
		if err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err == nil {
			conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", portal)
		}
	}()
	<-done
	return conn, err
}
