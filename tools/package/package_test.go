package packaging

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/loopdev"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
	"golang.org/x/sys/unix"
)

// build makes packages in a directory of the test.
func build(t testing.TB, out, kind, version string) (path string) {
	t.Helper()
	run(t, "make", "--no-print-directory", kind, "OUT="+out, "VERSION="+version)
	all := must.Get(filepath.Glob(filepath.Join(out, "ringtgt*"+version+"*."+kind)))(t)
	must.Be(t, len(all) == 1, "%v", all)
	return all[0]
}

const served = `
[[target]]
name = "iqn.2026-11.com.example:disk"
[[target.lun]]
lun = 0
file = "/var/lib/ringtgt/volumes/disk.img"
size = "64MiB"
`

// The package is installed, serves as its unit says, inside its sandbox, is upgraded, removed and purged, in a Debian of its own.
func TestDebianPackage(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it sets up a Debian")
	}
	m := boot(t)
	out := t.TempDir()
	first, second := m.copy(build(t, out, "deb", "1.0.0")), m.copy(build(t, out, "deb", "1.0.1"))

	// Installed: it runs, as the unit has it, as its own user, and serves nothing to anyone but this machine.
	m.run("dpkg", "-i", first)
	check.Equal(t, strings.TrimSpace(m.run("systemctl", "is-active", "ringtgt")), "active", "after the installation:")
	check.Equal(t, strings.TrimSpace(m.run("systemctl", "is-enabled", "ringtgt")), "enabled", "after the installation:")
	pid := strings.TrimSpace(m.run("systemctl", "show", "-P", "MainPID", "ringtgt"))
	args := strings.TrimSuffix(strings.ReplaceAll(m.run("cat", "/proc/"+pid+"/cmdline"), "\x00", " "), " ")
	contains(t, "the unit", m.read("/usr/lib/systemd/system/ringtgt.service"), "\nExecStart="+args+"\n")
	check.Equal(t, strings.TrimSpace(m.run("stat", "-c", "%U", "/proc/"+pid)), "ringtgt", "the daemon's user:")
	contains(t, "status", m.run("ringtgt", "status", "-v"), "127.0.0.1:3260")

	// A target in the file, and a block device: io_uring, O_DIRECT and the disks are allowed.
	disk := filepath.Join(t.TempDir(), "disk")
	must.OK(t, os.WriteFile(disk, nil, 0o600))
	must.OK(t, os.Truncate(disk, 64<<20))
	device, err := loopdev.Attach(t, disk)
	must.OK(t, err)
	m.node(device.Path, "/dev/disk0")
	config := m.read("/etc/ringtgt/ringtgt.toml")
	m.write("/etc/ringtgt/ringtgt.toml", config+served+"[[target.lun]]\nlun = 1\nblock = \"/dev/disk0\"\n")
	m.run("systemctl", "reload", "ringtgt")
	m.until("iqn.2026-11.com.example:disk", "ringtgt", "status")
	for _, lun := range []string{"0", "1"} {
		contains(t, "bench", m.run("ringtgt", "bench", "iscsi://127.0.0.1/iqn.2026-11.com.example:disk/"+lun, "--rw", "write", "--bs", "64k", "--verify", "--seed", "7", "--runtime", "0"),
			"were read back and compared, 0 of them in error")
	}
	status := m.run("ringtgt", "status", "-v")
	check.That(t, !strings.Contains(status, "denied") && !strings.Contains(status, "not permitted"), "the sandbox takes something away:\n%s", status)
	check.That(t, !strings.Contains(status, "O_DIRECT"), "files are not opened with O_DIRECT:\n%s", status)
	if _, err := m.try("sh", "-c", "ulimit -l unlimited"); err == nil { // a container may not be able to raise its own limits
		check.That(t, !strings.Contains(status, "registered"), "buffers are not registered:\n%s", status)
	}
	before := identities(t, m.run("ringtgt", "status", "--json"))
	check.That(t, len(before) == 2, "disks: %v", before)

	// Upgraded: the configuration stays as edited, the daemon runs on, and a restart finds the same disks.
	said := m.run("dpkg", "-i", second)
	contains(t, "the upgrade", said, "systemctl restart ringtgt")
	check.Equal(t, strings.TrimSpace(m.run("systemctl", "show", "-P", "MainPID", "ringtgt")), pid, "the daemon after the upgrade:")
	contains(t, "the configuration", m.read("/etc/ringtgt/ringtgt.toml"), served)
	m.run("systemctl", "restart", "ringtgt")
	after := identities(t, m.run("ringtgt", "status", "--json"))
	check.That(t, strings.Join(before, " ") == strings.Join(after, " "), "disks %v, before the upgrade %v", after, before)
	m.run("ringtgt", "bench", "iscsi://127.0.0.1/iqn.2026-11.com.example:disk", "--rw", "read", "--bs", "64k", "--verify", "--seed", "7", "--runtime", "0")

	// Removed: it has ended, its files are gone, and configuration, state and data stay. Purged: the data stays, and it says so.
	m.run("dpkg", "-r", "ringtgt")
	_, err = m.try("systemctl", "is-active", "-q", "ringtgt")
	check.That(t, err != nil, "it is active after it was removed")
	check.That(t, !m.exists("/usr/bin/ringtgt") && !m.exists("/usr/lib/systemd/system/ringtgt.service"), "files are left")
	check.That(t, m.exists("/etc/ringtgt/ringtgt.toml"), "the configuration is gone")
	contains(t, "the purge", m.run("dpkg", "-P", "ringtgt"), "/var/lib/ringtgt is kept")
	check.That(t, !m.exists("/etc/ringtgt/ringtgt.toml"), "the configuration is left after a purge")
	check.That(t, m.exists("/var/lib/ringtgt/volumes/disk.img") && m.exists("/var/lib/ringtgt/state.db"), "data is gone after a purge")
	check.Equal(t, strings.TrimSpace(m.run("systemctl", "--failed", "--no-legend", "--plain", "list-units", "ringtgt*")), "", "failed units:")
}

// node makes a device of this machine known inside, as udev does.
func (m *machine) node(device, name string) {
	m.t.Helper()
	var st unix.Stat_t
	must.OK(m.t, unix.Stat(device, &st))
	m.run("sh", "-ec", fmt.Sprintf("mknod %[1]s b %[2]d %[3]d; chgrp disk %[1]s; chmod 0660 %[1]s", name, unix.Major(st.Rdev), unix.Minor(st.Rdev)))
}

// identities are the media of all LUNs in the output of status --json.
func identities(t testing.TB, text string) (all []string) {
	t.Helper()
	var status struct {
		Targets []struct {
			LUNs []struct{ ID string }
		}
	}
	must.OK(t, json.Unmarshal([]byte(text), &status))
	for _, tg := range status.Targets {
		for _, l := range tg.LUNs {
			all = append(all, l.ID)
		}
	}
	return all
}

// The RPM package has the same files, and claims no directory of the system.
func TestRPMPackage(t *testing.T) {
	need.Program(t, "rpm", "rpm")
	path := build(t, t.TempDir(), "rpm", "1.0.0")
	files := run(t, "rpm", "-qlp", path)
	for _, f := range []string{
		"/usr/bin/ringtgt", "/usr/lib/systemd/system/ringtgt.service", "/usr/lib/sysusers.d/ringtgt.conf", "/usr/lib/tmpfiles.d/ringtgt.conf",
		"/etc/ringtgt/ringtgt.toml", "/usr/share/man/man8/ringtgt-serve.8.gz", "/usr/share/man/man5/ringtgt.toml.5.gz",
		"/usr/share/bash-completion/completions/ringtgt", "/usr/share/zsh/site-functions/_ringtgt", "/usr/share/fish/vendor_completions.d/ringtgt.fish",
		"/usr/share/doc/ringtgt/examples/ringtgt.toml",
	} {
		contains(t, "the package", files, f+"\n")
	}
	for f := range strings.FieldsSeq(files) {
		check.That(t, strings.Count(f, "/") > 2 && f != "/usr/share/man" && f != "/usr/lib/systemd/system", "it claims %s", f)
	}
	contains(t, "the scripts", run(t, "rpm", "-qp", "--scripts", path), "systemd-sysusers ringtgt.conf", "systemctl disable --now ringtgt.service")
	contains(t, "the configuration", run(t, "rpm", "-qp", "--configfiles", path), "/etc/ringtgt/ringtgt.toml")
}

// make install puts the same files below a prefix, with the paths that fit it, and leaves an existing configuration alone.
func TestMakeInstall(t *testing.T) {
	out, dest := t.TempDir(), t.TempDir()
	run(t, "make", "--no-print-directory", "install", "OUT="+out, "DESTDIR="+dest)
	for _, f := range []string{
		"/usr/local/bin/ringtgt", "/usr/local/share/man/man8/ringtgt.8.gz", "/usr/local/share/zsh/site-functions/_ringtgt",
		"/etc/sysusers.d/ringtgt.conf", "/etc/tmpfiles.d/ringtgt.conf", "/etc/ringtgt/ringtgt.toml",
	} {
		_, err := os.Stat(dest + f)
		check.OK(t, err)
	}
	unit := string(must.Get(os.ReadFile(dest + "/etc/systemd/system/ringtgt.service"))(t))
	contains(t, "the unit", unit, "\nExecStart=/usr/local/bin/ringtgt serve ", "\nExecReload=/usr/local/bin/ringtgt ")
	must.OK(t, os.WriteFile(dest+"/etc/ringtgt/ringtgt.toml", []byte("# mine\n"), 0o600))
	run(t, "make", "--no-print-directory", "install", "OUT="+out, "DESTDIR="+dest)
	check.Equal(t, string(must.Get(os.ReadFile(dest+"/etc/ringtgt/ringtgt.toml"))(t)), "# mine\n", "the configuration after a second installation:")
	run(t, dest+"/usr/local/bin/ringtgt", "version")
}
