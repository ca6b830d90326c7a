package packaging

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
)

// mirror is where the packages of a Debian come from.
const mirror = "http://deb.debian.org/debian"

// machine is a Debian with systemd, booted in a container that shares this kernel. It has no network but loopback.
type machine struct {
	t    testing.TB
	dir  string // its root directory
	init int    // the process ID of its systemd, here
}

// boot sets up a Debian of this machine's version and boots it.
func boot(t testing.TB) *machine {
	t.Helper()
	needRoot(t)
	need.Program(t, "mmdebstrap", "mmdebstrap")
	need.Program(t, "systemd-nspawn", "systemd-container")
	release := codename(t)
	reach(t, mirror+"/dists/"+release+"/InRelease")
	m := &machine{t: t, dir: filepath.Join(t.TempDir(), "debian")}
	// In memory: dpkg syncs each file.
	must.OK(t, os.Mkdir(m.dir, 0o755))
	must.OK(t, syscall.Mount("tmpfs", m.dir, "tmpfs", 0, "mode=0755"))
	t.Cleanup(func() { _ = syscall.Unmount(m.dir, syscall.MNT_DETACH) })
	run(t, "mmdebstrap", "--quiet", "--variant=essential", "--include=systemd,systemd-sysv", "--dpkgopt=force-unsafe-io",
		"--dpkgopt=path-exclude=/usr/share/locale/*", release, m.dir, mirror)
	m.start()
	return m
}

// codename is the version of this Debian.
func codename(t testing.TB) string {
	text := must.Get(os.ReadFile("/etc/os-release"))(t)
	for l := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(l), "VERSION_CODENAME="); ok {
			return name
		}
	}
	t.Skip("no version of Debian in /etc/os-release")
	return ""
}

// reach skips the test without a mirror.
func reach(t testing.TB, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	resp, err := http.DefaultClient.Do(must.Get(http.NewRequestWithContext(ctx, http.MethodHead, url, nil))(t))
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s", resp.Status)
		}
	}
	if err != nil {
		need.Missing(t, "no Debian mirror: ", err)
	}
}

// start boots the machine and waits until it is up.
func (m *machine) start() {
	m.t.Helper()
	var out bytes.Buffer
	// nspawn's own filters forbid what the service's do not: io_uring, and bpf with CAP_BPF.
	cmd := exec.Command("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--directory="+m.dir, "--private-network", "--boot", "--console=pipe",
		"--capability=CAP_BPF,CAP_PERFMON,CAP_NET_ADMIN", "--system-call-filter=@aio bpf perf_event_open", "--rlimit=RLIMIT_MEMLOCK=infinity")
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must.OK(m.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	m.t.Cleanup(func() {
		if m.init != 0 {
			_ = syscall.Kill(m.init, syscall.SIGKILL)
		}
		_ = cmd.Process.Kill()
		<-ended
	})
	until := time.Now().Add(patience)
	for m.init = 0; m.init == 0 || !m.up(); m.init = child(cmd.Process.Pid) { // at first the child is one that makes the namespaces
		select {
		case err := <-ended:
			ended <- err
			m.t.Fatalf("systemd-nspawn: %v\n%s", err, out.String())
		case <-time.After(50 * time.Millisecond): // the next look
		}
		if time.Now().After(until) {
			state, err := m.try("systemctl", "is-system-running")
			m.t.Fatalf("it does not boot: process %d: %s %v\n%s", m.init, state, err, out.String())
		}
	}
}

// up reports whether systemd has started everything, or has given up on parts that do not matter here.
func (m *machine) up() bool {
	out, _ := m.try("systemctl", "is-system-running")
	state := strings.TrimSpace(out)
	return state == "running" || state == "degraded"
}

// child returns the first child of a process, 0 if it has none.
func child(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	n, _ := strconv.Atoi(first)
	return n
}

// try runs a command inside.
func (m *machine) try(args ...string) (string, error) {
	return try(m.t, append([]string{"nsenter", "--target", strconv.Itoa(m.init), "--all", "--wd=/", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, args...)...)
}

// run runs a command inside that must succeed.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		log, _ := m.try("journalctl", "--no-pager", "-q", "-u", "ringtgt")
		m.t.Fatalf("%s: %v\n%s\n%s", strings.Join(args, " "), err, out, log)
	}
	return out
}

// until runs a command inside until its output has a text.
func (m *machine) until(text string, args ...string) {
	m.t.Helper()
	for begin := time.Now(); ; {
		out, err := m.try(args...)
		if strings.Contains(out, text) {
			return
		}
		if time.Since(begin) > patience {
			m.t.Fatalf("%s: no %q: %v\n%s", strings.Join(args, " "), text, err, out)
		}
	}
}

// copy puts a file into the machine and returns its path there.
func (m *machine) copy(path string) string {
	m.t.Helper()
	name := "/srv/" + filepath.Base(path)
	m.write(name, string(must.Get(os.ReadFile(path))(m.t)))
	return name
}

func (m *machine) write(name, text string) {
	m.t.Helper()
	must.OK(m.t, os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o644))
}

func (m *machine) read(name string) string {
	m.t.Helper()
	return string(must.Get(os.ReadFile(filepath.Join(m.dir, name)))(m.t))
}

func (m *machine) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(m.dir, name))
	return err == nil
}
