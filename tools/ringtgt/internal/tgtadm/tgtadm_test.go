package tgtadm

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/session"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// fakeNode is a daemon that carries out changes on its configuration alone.
type fakeNode struct {
	admin.Node
	mu       sync.Mutex
	owned    config.Config
	sessions []admin.Session
	kicked   []admin.SessionFilter
	secrets  map[string]string // by user
	down     bool
}

func (n *fakeNode) Config() *config.Config {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.owned.Clone()
}

func (n *fakeNode) ReadConfig(context.Context) (*config.Config, error) {
	if n.down {
		return nil, &os.PathError{Op: "dial", Path: "control.sock", Err: os.ErrNotExist}
	}
	return n.Config(), nil
}

func (n *fakeNode) Do(_ context.Context, ops ...admin.Op) (*admin.Plan, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := n.owned.Clone()
	for _, op := range ops {
		if a, ok := op.(admin.AddAccount); ok {
			n.secrets[a.User] = a.Secret
			a.SecretFile, a.Secret = "/secrets/"+a.User, ""
			op = a
		}
		if _, err := op.Edit(next, &config.Config{}); err != nil {
			return nil, err
		}
	}
	n.owned = *next
	return &admin.Plan{}, nil
}

func (n *fakeNode) Sessions(_ context.Context, f admin.SessionFilter) (list []admin.Session, err error) {
	for _, s := range n.sessions {
		if (f.Target == "" || s.Target == f.Target) && (f.TSIH == 0 || s.TSIH == f.TSIH) {
			list = append(list, s)
		}
	}
	return list, nil
}

func (n *fakeNode) Kick(_ context.Context, f admin.SessionFilter, force bool) ([]admin.Session, error) {
	n.kicked = append(n.kicked, f)
	return nil, nil
}

// rig runs tgtadm on a fake daemon.
type rig struct {
	t    *testing.T
	node *fakeNode
	dir  string
}

func newRig(t *testing.T) *rig {
	return &rig{t: t, node: &fakeNode{secrets: map[string]string{}}, dir: t.TempDir()}
}

// run carries out a command line, whose words are separated by blanks.
func (r *rig) run(line string) (code int, out, errs string) {
	r.t.Helper()
	var o, e bytes.Buffer
	code = Run(r.t.Context(), strings.Fields(line), Env{Node: r.node, Dir: r.dir, Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func (r *rig) ok(line string) string {
	r.t.Helper()
	code, out, errs := r.run(line)
	must.Be(r.t, code == 0, "tgtadm %s: exit code %d, %s", line, code, errs)
	return out
}

// refused wants exit code 22 and a message.
func (r *rig) refused(line string, want error) {
	r.t.Helper()
	code, out, errs := r.run(line)
	if code != exitInvalid || out != "" || errs != "tgtadm: "+want.Error()+"\n" {
		r.t.Errorf("tgtadm %s: exit code %d, %q %q; want 22, %q", line, code, out, errs, want)
	}
}

const (
	first  = "iqn.2026-11.io.example:first"
	second = "iqn.2026-11.io.example:second"
)

// The words and codes that scripts match are those of usr/tgtadm.c.
func TestCommandLines(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"", 22, "tgtadm: specify the operation type\n"},
		{"--op new", 22, "tgtadm: specify the mode\n"},
		{"--op sing", 1, "tgtadm: unknown operation: sing\n"},
		{"--op new --mode song", 1, "tgtadm: unknown mode: song\n"},
		{"--op new --mode target", 22, "tgtadm: 'tid' option is necessary\n"},
		{"--op new --mode target --tid 0", 22, "tgtadm: 'tid' cannot be 0\n"},
		{"--op new --mode target --tid x", 22, "tgtadm: -t argument value 'x' invalid\n"},
		{"--op new --mode target --tid 1", 22, "tgtadm: creating new target requires a name, use --targetname\n"},
		{"--op bind --mode portal", 22, "tgtadm: operation bind not supported in portal mode\n"},
		{"--op show --mode target --lld fcoe", 22, "tgtadm: can't find the driver\n"},
		{"--op show --mode target --nonsense", 22, "tgtadm: unrecognized option '--nonsense'\n"},
		{"--op show --mode target --in x", 22, "tgtadm: unrecognized option '--in'\n"}, // -address or -name
		{"--op show --mode", 22, "tgtadm: option '--mode' requires an argument\n"},
	} {
		code, _, errs := r.run(c.line)
		check.That(t, code == c.code && errs == c.want, "tgtadm %s: %d %q, want %d %q", c.line, code, errs, c.code, c.want)
	}
	for _, line := range []string{"-L iscsi -o show -m tgt", "-Liscsi -oshow -mtgt", "--lld=iscsi --op=show --mode=target -C 0", "--ll iscsi --op show --mo target"} {
		r.ok(line)
	}
	r.node.down = true
	code, _, errs := r.run("--op show --mode target")
	check.That(t, code == 107 && strings.Contains(errs, "Transport endpoint is not connected"), "without a daemon: %d %q", code, errs)
}

// A target is closed until an initiator is bound, and its number stays.
func TestTargets(t *testing.T) {
	r := newRig(t)
	must.Get(r.node.Do(t.Context(), admin.AddTarget{Name: second}))(t) // made otherwise: it gets the lowest free number
	r.ok("--lld iscsi --op new --mode target --tid=7 --targetname " + first)
	r.refused("--lld iscsi --op new --mode target --tid=7 --targetname iqn.2026-11.x:y", targetExists)
	r.refused("--lld iscsi --op new --mode target --tid=8 --targetname "+first, targetExists)
	out := r.ok("--op show --mode target")
	check.That(t, strings.Contains(out, "Target 7: "+first+"\n    System information:\n        Driver: iscsi\n        State: ready\n"), "%s", out)
	check.That(t, strings.HasPrefix(out, "Target 1: "+second+"\n"), "%s", out)
	acl := func(target string) string {
		for i := range r.node.owned.Targets {
			if tg := &r.node.owned.Targets[i]; tg.Name == target {
				return fmt.Sprint(tg.Access.Networks, tg.Access.Initiators)
			}
		}
		return "none"
	}
	for _, step := range []struct{ line, want string }{
		{"", "[0.0.0.0/32] []"},
		{"bind --initiator-address ALL", "[0.0.0.0/0 ::/0] []"},
		{"unbind -I ALL", "[0.0.0.0/32] []"},
		{"bind --initiator-name iqn.2026-11.x:host", "[] [iqn.2026-11.x:host]"},
		{"bind -I 10.0.0.1", "[10.0.0.1/32] [iqn.2026-11.x:host]"},
		{"unbind --initiator-name IQN.2026-11.x:host", "[10.0.0.1/32] []"},
		{"bind -I 10.1.0.0/16", "[10.0.0.1/32 10.1.0.0/16] []"},
		{"unbind -I 10.0.0.1", "[10.1.0.0/16] []"},
		{"unbind -I 10.1.0.0/16", "[0.0.0.0/32] []"},
	} {
		if step.line != "" {
			r.ok("--lld iscsi --mode target --tid 7 --op " + step.line)
		}
		check.Equal(t, acl(first), step.want, "after %s:", step.line)
	}
	r.ok("--mode target --tid 7 --op bind -I ALL")
	r.refused("--mode target --tid 7 --op bind -I ALL", ruleExists)
	r.refused("--mode target --tid 7 --op unbind -I 10.0.0.1", noRule)
	r.refused("--mode target --tid 7 --op unbind -Q iqn.2026-11.x:host", noRule)
	check.That(t, strings.Contains(r.ok("--op show --mode target"), "    ACL information:\n        ALL\n"), "ALL is not shown")

	r.ok("--mode target --tid 7 --op update --name MaxBurstLength --value 65536")
	r.ok("--mode target --tid 7 --op update -n HeaderDigest -v None")
	check.That(t, strings.Contains(r.ok("--op show --mode target --tid 7"), "MaxBurstLength=65536\n"), "the parameter is not shown")
	check.That(t, strings.Contains(r.ok("--op show --mode target --tid 7"), fmt.Sprintf("MaxConnections=%d\n", session.MaxConnections)), "the bound that no one has set is not shown")
	r.refused("--mode target --tid 7 --op update --name nop_interval --value 1", unsupported)
	r.refused("--mode target --tid 7 --op update --name nonsense --value 1", unknownParam)

	r.node.sessions = []admin.Session{{Target: first, Initiator: "iqn.2026-11.x:host", TSIH: 3, Connections: []admin.Connection{{CID: 5, Remote: "10.0.0.1:4000"}}}}
	check.That(t, strings.Contains(r.ok("--op show --mode target"),
		"    I_T nexus information:\n        I_T nexus: 3\n            Initiator: iqn.2026-11.x:host alias: none\n            Connection: 5\n                IP Address: 10.0.0.1\n"),
		"the session is not shown")
	r.refused("--mode target --op delete --tid 7", targetActive)
	r.refused("--mode conn --op delete --tid 7 --sid 4 --cid 5", noSession)
	r.refused("--mode conn --op delete --tid 7 --sid 3 --cid 6", noConnection)
	r.ok("--mode connection --op delete --tid 7 --sid=3 --cid=5")
	check.That(t, len(r.node.kicked) == 1 && r.node.kicked[0].TSIH == 3 && *r.node.kicked[0].CID == 5, "closed: %+v", r.node.kicked)
	r.ok("--mode target --op delete --force --tid 7")
	check.Equal(t, acl(first), "none", "the target after its removal:")
	r.refused("--mode target --op delete --tid 7", noTarget)
}

// Numbers and accounts outlive tgtadm, and are not lost between many that run at once.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t)
	var all sync.WaitGroup
	for i := 1; i <= 40; i++ {
		all.Go(func() {
			for _, line := range []string{
				fmt.Sprintf("--mode target --op new --tid %d --targetname iqn.2026-11.x:%d", 100-i, i),
				fmt.Sprintf("--mode account --op new --user u%d --password secret-number-%d", i, i),
			} {
				code, _, errs := r.run(line)
				check.That(t, code == 0, "tgtadm %s: exit code %d, %s", line, code, errs)
			}
		})
	}
	all.Wait()
	out := r.ok("--mode target --op show")
	for i := 1; i <= 40; i++ {
		check.That(t, strings.Contains(out, fmt.Sprintf("Target %d: iqn.2026-11.x:%d\n", 100-i, i)), "target %d has lost its number", i)
	}
	check.Equal(t, strings.Count(r.ok("--mode account --op show"), "\n"), 41, "lines of accounts:")
}

func TestAccounts(t *testing.T) {
	r := newRig(t)
	r.ok("--mode target --op new --tid 1 --targetname " + first)
	r.refused("--mode account --op bind --tid 1 --user joe", noUser)
	code, _, errs := r.run("--mode account --op new --user joe --password=0123456789a") // RFC 7143 9.2.1
	check.That(t, code == exitInvalid && strings.Contains(errs, "tgtadm: the secret has 11 bytes"), "a short secret: exit code %d, %s", code, errs)
	r.ok("--mode account --op new --user joe --password=0123456789ab")
	r.refused("--mode account --op new --user joe --password=0123456789ab", userExists)
	r.ok("--mode account --op new --user out --password=abcdef012345")
	r.ok("--mode account --op bind --tid 1 --user joe")
	r.refused("--mode account --op bind --tid 1 --user joe", userExists)
	r.ok("--mode account --op bind --tid 1 --user out --outgoing")
	r.refused("--mode account --op bind --tid 1 --user joe --outgoing", outExists)
	check.That(t, r.node.secrets["joe"] == "0123456789ab" && r.node.secrets["out"] == "abcdef012345", "secrets %v", r.node.secrets)
	check.That(t, strings.Contains(r.ok("--op show --mode target"), "    Account information:\n        joe\n        out (outgoing)\n"), "accounts are not shown")
	check.Equal(t, r.ok("--op show --mode account"), "Account list:\n    joe\n    out\n", "accounts:")
	must.OK(t, filepath.Walk(r.dir, func(path string, info os.FileInfo, err error) error {
		check.That(t, info.IsDir() || info.Mode().Perm() == 0o600, "%s has mode %v", path, info.Mode())
		if b, err := os.ReadFile(path); err == nil && filepath.Base(path) == notesFile {
			check.That(t, !bytes.Contains(b, []byte("0123456789ab")), "the notebook has a secret")
		}
		return err
	}))
	r.ok("--mode account --op unbind --tid 1 --user out --outgoing")
	r.ok("--mode account --op delete --user joe")
	r.refused("--mode account --op delete --user joe", noUser)
	check.That(t, strings.Contains(r.ok("--op show --mode target"), "    Account information:\n    ACL information:\n"), "an account is bound still")
	check.Equal(t, r.ok("--op show --mode account"), "Account list:\n    out\n", "accounts:")
}

func TestUnits(t *testing.T) {
	r := newRig(t)
	image := filepath.Join(t.TempDir(), "disk.img")
	must.OK(t, os.WriteFile(image, make([]byte, 3<<20), 0o600))
	r.refused("--mode logicalunit --op new --tid 1 --lun 1 --backing-store "+image, noTarget)
	r.ok("--mode target --op new --tid 1 --targetname " + first)
	r.ok("--mode logicalunit --op new --tid 1 --lun 1 --bstype aio --backing-store " + image)
	r.refused("--mode logicalunit --op new --tid 1 --lun 1 --backing-store "+image, lunExists)
	r.refused("--mode logicalunit --op new --tid 1 --lun 2 --bstype rbd --backing-store pool/image", unsupported)
	r.refused("--mode logicalunit --op new --tid 1 --lun 2 --device-type tape --backing-store "+image, unsupported)
	code, _, errs := r.run("--mode logicalunit --op new --tid 1 --lun 2 --backing-store " + image + ".no")
	check.That(t, code == 22 && strings.Contains(errs, "no such file") && strings.HasSuffix(errs, "tgtadm: invalid request\n"), "%d %q", code, errs)
	out := r.ok("--op show --mode target")
	for _, want := range []string{
		"        LUN: 0\n            Type: controller\n", "        LUN: 1\n            Type: disk\n", "            Size: 3 MB, Block size: 512\n",
		"            Backing store path: " + image + "\n",
	} {
		check.That(t, strings.Contains(out, want), "%q is not in\n%s", want, out)
	}
	one := func() config.LUN { return r.node.owned.Targets[0].LUNs[0] }
	r.ok("--mode logicalunit --op update --tid 1 --lun 1 --params vendor_id=X,product_id=Y,scsi_id=lu1,scsi_sn=1234")
	check.That(t, one().ID == identity(first, "lu1") && one().Serial == "1234", "%+v", one())
	check.That(t, identity(first, "lu1") != identity(second, "lu1"), "units of two targets are one disk")
	r.ok("--mode logicalunit --op update --tid 1 --lun 1 --params readonly=1")
	check.That(t, one().ReadOnly, "it is not read-only")
	r.refused("--mode logicalunit --op update --tid 1 --lun 1 --params nonsense=1", unknownParam)
	r.refused("--mode logicalunit --op update --tid 1 --lun 1 --params online=0", unsupported)
	r.refused("--mode logicalunit --op update --tid 1 --lun 9 --params readonly=1", noLUN)
	r.ok("--mode lu --op delete --tid 1 --lun 1")
	r.refused("--mode lu --op delete --tid 1 --lun 1", noLUN)
}

func TestPortalsAndSystem(t *testing.T) {
	r := newRig(t)
	r.ok("--mode portal --op new --param portal=10.0.0.1")
	r.ok("--mode portal --op new --param portal=[fd00::1]:3261")
	check.Equal(t, r.ok("--mode portal --op show"), "Portal: 10.0.0.1:3260,1\nPortal: [fd00::1]:3261,1\n", "portals:")
	r.refused("--mode portal --op new --param portal=10.0.0.1:3260", invalid)
	r.ok("--mode portal --op delete --param portal=10.0.0.1:3260")
	check.Equal(t, r.ok("--mode portal --op show"), "Portal: [fd00::1]:3261,1\n", "portals:")
	check.That(t, strings.HasPrefix(r.ok("--mode sys --op show"), "System:\n    State: ready\n"), "the system is not ready")
	r.refused("--mode sys --op delete", unsupported)
	check.That(t, strings.Contains(r.ok("--help"), "Usage: tgtadm"), "no help")
}
