package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/process"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ringtgt": main})
}

// The scripts in testdata/script run the commands that a user would type, each in a directory of its own. In addition to
// testscript's commands they have:
//
//	start NAME ARG...    starts `ringtgt serve ARG...` and waits until it serves. $NAME is then its first portal, $NAME_PID
//	                     its process ID; its log goes to NAME.log, its standard output to NAME.out
//	signal NAME SIGNAL   TERM, INT, HUP or KILL
//	insist NAME SIGNAL   repeats the signal until the daemon has ended
//	ended NAME CODE      waits until it has ended and checks its exit code (-1: killed by a signal)
//	logged NAME TEXT     waits until its log contains TEXT
//	exits CODE ARG...    runs `ringtgt ARG...` and checks its exit code
//	sameid FILE FILE     checks that two outputs of `ringtgt status --json` have the same disk identity
//	truncate FILE SIZE   shortens or lengthens a file
//	link FILE NEW        makes a hard link
//	login ADDR TARGET    logs in a session that stays idle
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv(control.RuntimeDirEnv, filepath.Join(e.WorkDir, ".run"))
			e.Setenv("DEEP", strings.Repeat("a-name-of-some-length/", 6)+"state")
			d := &daemons{byName: map[string]*running{}}
			e.Values[daemonsKey{}] = d
			e.Defer(d.kill)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"start": cmdStart, "signal": cmdSignal, "insist": cmdInsist, "ended": cmdEnded, "exits": cmdExits, "logged": cmdLogged, "login": cmdLogin,
			"sameid": cmdSameID, "truncate": cmdTruncate, "link": cmdLink,
		},
	})
}

// patience bounds every wait for another process.
const patience = 30 * time.Second

// daemons are the processes of one script.
type daemons struct {
	byName map[string]*running
	conns  []net.Conn
}

type daemonsKey struct{}

// running is a started daemon.
type running struct {
	*process.Child
	cmd *exec.Cmd
}

func (d *daemons) kill() {
	for _, c := range d.conns {
		c.Close()
	}
	for _, p := range d.byName {
		_ = p.Kill()
	}
}

func get(ts *testscript.TestScript) *daemons { return ts.Value(daemonsKey{}).(*daemons) }

func named(ts *testscript.TestScript, name string) *running {
	p := get(ts).byName[name]
	if p == nil {
		ts.Fatalf("nothing was started as %s", name)
	}
	return p
}

// command makes a command of the ringtgt that testscript put into the PATH.
func command(ts *testscript.TestScript, args ...string) *exec.Cmd {
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), ":") {
		path := filepath.Join(dir, "ringtgt")
		if _, err := os.Stat(path); err == nil && dir != "" {
			cmd := exec.Command(path, args...)
			cmd.Dir = ts.MkAbs(".")
			for _, name := range []string{"PATH", "HOME", "TMPDIR", "NOTIFY_SOCKET", "SECRET", "HOST_8", control.RuntimeDirEnv} {
				if v := ts.Getenv(name); v != "" {
					cmd.Env = append(cmd.Env, name+"="+v)
				}
			}
			return cmd
		}
	}
	ts.Fatalf("no ringtgt in the PATH")
	return nil
}

// launch starts a daemon that logs to log. serving receives its first portal once it serves.
func launch(cmd *exec.Cmd, log io.Writer) (p *running, serving <-chan string, err error) {
	portals := make(chan string, 1)
	cmd.Stderr = io.MultiWriter(log, &portalWatch{portals: portals})
	child, err := process.Start(cmd)
	return &running{child, cmd}, portals, err
}

// portalWatch scans a log and sends the first portal in it.
type portalWatch struct {
	portals chan string // nil once it is sent
	seen    []byte
}

func (w *portalWatch) Write(p []byte) (int, error) {
	if w.portals == nil {
		return len(p), nil
	}
	w.seen = append(w.seen, p...)
	end := bytes.LastIndexByte(w.seen, '\n') + 1 // an incomplete line may end within the portal
	if m := firstPortal.FindSubmatch(w.seen[:end]); m != nil {
		w.portals <- string(m[1]) + string(m[2])
		w.portals = nil
	}
	return len(p), nil
}

var firstPortal = regexp.MustCompile(`portals="?\[([^ \]]+)|"portals":\["([^"]+)`)

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: start NAME ARG...")
	}
	name := args[0]
	cmd := command(ts, append([]string{"serve"}, args[1:]...)...)
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	defer out.Close()
	log, err := os.Create(ts.MkAbs(name + ".log"))
	ts.Check(err)
	ts.Defer(func() { log.Close() })
	cmd.Stdout = out
	p, serving, err := launch(cmd, log)
	ts.Check(err)
	get(ts).byName[name] = p
	select {
	case portal := <-serving:
		ts.Setenv(name, portal)
		ts.Setenv(name+"_PID", strconv.Itoa(cmd.Process.Pid))
	case <-p.Exited():
		text, _ := os.ReadFile(log.Name())
		ts.Fatalf("%s ended before it served: %v\n%s", name, cmd.ProcessState, text)
	case <-time.After(patience):
		ts.Fatalf("%s does not serve after %v", name, patience)
	}
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal NAME SIGNAL")
	}
	sig, ok := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "HUP": syscall.SIGHUP}[args[1]]
	if !ok {
		ts.Fatalf("no signal %s", args[1])
	}
	ts.Check(named(ts, args[0]).Signal(sig))
}

func cmdInsist(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: insist NAME SIGNAL")
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for p := named(ts, args[0]); ; {
		select {
		case <-p.Exited():
			return
		case <-tick.C:
			_ = p.Signal(map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT}[args[1]])
		}
	}
}

func cmdLogged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: logged NAME TEXT")
	}
	named(ts, args[0])
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(ts.MkAbs(args[0] + ".log"))
		ts.Check(err)
		if strings.Contains(string(text), args[1]) {
			return
		}
		select {
		case <-deadline.C:
			ts.Fatalf("%s does not log %q within %v:\n%s", args[0], args[1], patience, text)
		case <-tick.C:
		}
	}
}

func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ended NAME CODE")
	}
	p := named(ts, args[0])
	select {
	case <-p.Exited():
	case <-time.After(patience):
		ts.Fatalf("%s still runs after %v", args[0], patience)
	}
	if got := strconv.Itoa(p.cmd.ProcessState.ExitCode()); got != args[1] {
		text, _ := os.ReadFile(ts.MkAbs(args[0] + ".log"))
		ts.Fatalf("%s ended with %v, want %s\n%s", args[0], p.cmd.ProcessState, args[1], text)
	}
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARG...")
	}
	cmd := command(ts, args[1:]...)
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	var exit *exec.ExitError
	ts.Check(cmd.Start())
	late := time.AfterFunc(patience, func() { cmd.Process.Kill() }) // it serves although it should have refused
	defer late.Stop()
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[0] {
		ts.Fatalf("ringtgt %s: exit code %s, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// cmdLogin logs in by one request (RFC 7143 6.3) and keeps the connection open, so that a drain has to wait for it.
func cmdLogin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: login ADDR TARGET")
	}
	c, err := rawclient.Dial(args[0], patience)
	ts.Check(err)
	d := get(ts)
	d.conns = append(d.conns, c)
	res, err := c.LogIn(rawclient.OneRequest([6]byte{0x80, 0, 0, 0, 0, 1}),
		rawclient.Text("InitiatorName", "iqn.2026-11.com.example:script", "SessionType", "Normal", "TargetName", args[1]))
	ts.Check(err)
	if s := res.Status(); s != pdu.LoginSuccess {
		ts.Fatalf("login: status %#04x", s)
	}
}

var idField = regexp.MustCompile(`"id": "([^"]+)"`)

func cmdSameID(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sameid FILE FILE")
	}
	ids := func(name string) string { return fmt.Sprint(idField.FindAllStringSubmatch(ts.ReadFile(name), -1)) }
	if a, b := ids(args[0]), ids(args[1]); (a == b) == neg || a == "[]" {
		ts.Fatalf("the disks are %s and %s", a, b)
	}
}

func cmdTruncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE SIZE")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

func cmdLink(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: link FILE NEW")
	}
	ts.Check(os.Link(ts.MkAbs(args[0]), ts.MkAbs(args[1])))
}
