package clients_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
)

// asTgt is a daemon that scripts for tgt find: tgtadm in its PATH is ringtgt.
type asTgt struct {
	t   *testing.T
	d   *harness.Daemon
	dir string
	env []string
}

func startAsTgt(t *testing.T) *asTgt {
	t.Helper()
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:1M"}, State: state})
	bin := filepath.Join(dir, "bin")
	must.OK(t, os.Mkdir(bin, 0o755))
	must.OK(t, os.Symlink(must.Get(harness.Build(t.Context()))(t), filepath.Join(bin, "tgtadm")))
	env := append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH")+":/usr/sbin:/sbin", "OCF_ROOT=/usr/lib/ocf",
		"RINGTGT_CONTROL="+filepath.Join(state, "control.sock"))
	return &asTgt{t, d, dir, env}
}

// run runs a script that must succeed, and returns all that it writes.
func (a *asTgt) run(name string, args ...string) string {
	a.t.Helper()
	cmd := exec.CommandContext(a.t.Context(), name, args...)
	cmd.Env, cmd.Dir = a.env, a.dir
	if name == "tgtadm" {
		cmd.Path = filepath.Join(a.dir, "bin", "tgtadm")
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		a.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, clip(string(out)))
	}
	return string(out)
}

const agents = "/usr/lib/ocf/resource.d/heartbeat/"

// Pacemaker's agents for iSCSI, as Debian has them, drive ringtgt as they drive tgt: ocf-tester runs meta-data, validate-all, start, monitor,
// stop, and all of them in states where they do not belong. promote, demote and notify are actions that these agents do not have.
func TestPacemakerAgents(t *testing.T) {
	const pkg = "resource-agents"
	tester := harness.Need(t, "ocf-tester", pkg)
	harness.Need(t, "xmllint", "libxml2-utils")
	if _, err := os.Stat(agents + "iSCSITarget"); err != nil {
		t.Fatalf("%s has no iSCSITarget: %v", pkg, err)
	}
	a := startAsTgt(t)
	image := filepath.Join(a.dir, "disk.img")
	must.OK(t, os.WriteFile(image, make([]byte, 8<<20), 0o600))
	const first, second = "iqn.2026-11.io.example:first", "iqn.2026-11.io.example:second"
	out := a.run(tester, "-n", "target", "-o", "implementation=tgt", "-o", "iqn="+first, "-o", "tid=9",
		"-o", "incoming_username=joe", "-o", "incoming_password=0123456789abcdef", "-o", "allowed_initiators=127.0.0.1 10.0.0.1",
		agents+"iSCSITarget")
	mustContain(t, out, "passed all tests")
	a.run("tgtadm", "--lld", "iscsi", "--mode", "target", "--op", "new", "--tid", "3", "--targetname", second)
	a.run("tgtadm", "--lld", "iscsi", "--mode", "target", "--op", "bind", "--tid", "3", "--initiator-address", "ALL")
	out = a.run(tester, "-n", "unit", "-o", "implementation=tgt", "-o", "target_iqn="+second, "-o", "lun=1", "-o", "path="+image,
		agents+"iSCSILogicalUnit")
	mustContain(t, out, "passed all tests")
}

// A target that is made with tgtadm is served, and is there after a restart with its number, access list and account; an initiator whose
// connection tgtadm deletes is logged out.
func TestTgtadmServes(t *testing.T) {
	harness.Need(t, "iscsi-ls", pkgLibiscsi)
	a := startAsTgt(t)
	image := filepath.Join(a.dir, "disk.img")
	must.OK(t, os.WriteFile(image, make([]byte, 8<<20), 0o600))
	const target = "iqn.2026-11.io.example:made"
	tgtadm := func(line string) string { t.Helper(); return a.run("tgtadm", strings.Fields("--lld iscsi "+line)...) }
	tgtadm("--mode target --op new --tid 5 --targetname " + target)
	tgtadm("--mode logicalunit --op new --tid 5 --lun 1 --backing-store " + image)
	url := fmt.Sprintf("iscsi://%s/%s/1", a.d.Addr(), target)
	out, err := try(t, "", "iscsi-inq", url)
	check.That(t, err != nil, "a target that nobody is bound to serves:\n%s", clip(out))
	tgtadm("--mode target --op bind --tid 5 --initiator-address 127.0.0.1")
	mustContain(t, run(t, "iscsi-inq", url), "RINGTGT")
	tgtadm("--mode account --op new --user joe --password 0123456789abcdef")
	tgtadm("--mode account --op bind --tid 5 --user joe")
	out, err = try(t, "", "iscsi-inq", url)
	check.That(t, err != nil, "no CHAP is needed:\n%s", clip(out))
	withCHAP := func() string { return fmt.Sprintf("iscsi://joe%%0123456789abcdef@%s/%s/1", a.d.Addr(), target) }
	mustContain(t, run(t, "iscsi-inq", withCHAP()), "RINGTGT")
	before := tgtadm("--mode target --op show")
	must.OK(t, a.d.Terminate(0))
	a.d = harness.StartT(t, harness.Options{LUNs: []string{"mem:1M"}, State: filepath.Join(a.dir, "state")})
	after := tgtadm("--mode target --op show")
	check.That(t, before == after, "after a restart:\n%s\nbefore:\n%s", after, before)
	mustContain(t, run(t, "iscsi-inq", withCHAP()), "RINGTGT")
}

// tgt-admin, the script of Debian's package tgt, prints the configuration that it reads through tgtadm, and deletes a target.
func TestTgtAdmin(t *testing.T) {
	script := harness.Need(t, "tgt-admin", "tgt")
	a := startAsTgt(t)
	image := filepath.Join(a.dir, "disk.img")
	must.OK(t, os.WriteFile(image, make([]byte, 8<<20), 0o600))
	conf := filepath.Join(a.dir, "targets.conf")
	const target = "iqn.2026-11.io.example:admin"
	// Cinder writes such a file for each volume.
	must.OK(t, os.WriteFile(conf, []byte("<target "+target+">\n  backing-store "+image+"\n  driver iscsi\n"+
		"  incominguser joe 0123456789abcdef\n  initiator-address 127.0.0.1\n  write-cache on\n</target>\n"), 0o600))
	a.run(script, "--conf", conf, "--update", target)
	mustContain(t, a.run(script, "--show"), target+"\n", "        LUN: 1\n", "Backing store path: "+image)
	mustContain(t, a.run(script, "--dump"), "<target "+target+">\n\tbacking-store "+image+"\n\tincominguser joe PLEASE_CORRECT_THE_PASSWORD\n"+
		"\tinitiator-address 127.0.0.1\n</target>")
	a.run(script, "--force", "--delete", target)
	check.That(t, !strings.Contains(a.run(script, "--show"), target), "the target is there still")
}
