package kerneltest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
)

// tgtKind runs Debian's tgtd (package tgt). It keeps nothing over a restart, so it is configured anew each time.
var tgtKind = targetKind{
	command: func(_ context.Context, c targetConfig) (*exec.Cmd, error) {
		return exec.Command("tgtd", "-f", "-C", tgtControl(c), "--iscsi", "portal="+c.listen), nil
	},
	setUp:       tgtSetUp,
	ignoresTerm: true,
	firstLUN:    1, // LUN 0 is tgt's controller
	omits: map[string]string{
		"logs":              "tgt 1.0.85 has no LOG SENSE",
		"compare-and-write": "tgt 1.0.85 has no COMPARE AND WRITE",
		"target-stop":       "tgtd ignores SIGTERM while it has targets",
		"live":              "the script uses commands of ringtgt",
		"chap-sha1":         "tgt 1.0.85 has MD5 alone",
		"chap-sha256":       "tgt 1.0.85 has MD5 alone",
		"chap-sha3-256":     "tgt 1.0.85 has MD5 alone",
	},
}

// tgtControl is the number of the daemon's control socket, at most 32767. It follows the port, so that no two share one.
func tgtControl(c targetConfig) string {
	_, port, _ := net.SplitHostPort(c.listen)
	number, _ := strconv.Atoi(port)
	return strconv.Itoa(number % 32768)
}

func tgtSetUp(ctx context.Context, c targetConfig) error {
	var failed error
	admin := func(args ...string) {
		if failed == nil {
			_, failed = run(ctx, "", "tgtadm", append([]string{"-C", tgtControl(c), "--lld", "iscsi"}, args...)...)
		}
	}
	users := map[string]bool{}
	bindUser := func(tid string, a *account, more ...string) {
		if a == nil {
			return
		}
		if !users[a.user] {
			users[a.user] = true
			admin("--op", "new", "--mode", "account", "--user", a.user, "--password", a.secret)
		}
		admin(append([]string{"--op", "bind", "--mode", "account", "--tid", tid, "--user", a.user}, more...)...)
	}
	for i, t := range c.targets {
		tid := strconv.Itoa(i + 1)
		admin("--op", "new", "--mode", "target", "--tid", tid, "-T", t.iqn)
		for _, setting := range [][2]string{{"InitialR2T", "No"}, {"HeaderDigest", "None,CRC32C"}, {"DataDigest", "None,CRC32C"}} {
			admin("--op", "update", "--mode", "target", "--tid", tid, "--name", setting[0], "--value", setting[1])
		}
		for _, l := range t.luns {
			number := strconv.Itoa(l.number)
			admin("--op", "new", "--mode", "logicalunit", "--tid", tid, "--lun", number, "-b", l.path,
				"--blocksize", strconv.Itoa(l.blockSize))
			params := fmt.Sprintf("thin_provisioning=%d,readonly=%d", bit(l.thin), bit(l.readOnly))
			admin("--op", "update", "--mode", "logicalunit", "--tid", tid, "--lun", number, "--params", params)
		}
		bindUser(tid, t.incoming)
		bindUser(tid, t.outgoing, "--outgoing")
		for _, name := range t.initiators {
			admin("--op", "bind", "--mode", "target", "--tid", tid, "-Q", name)
		}
		if t.initiators == nil {
			admin("--op", "bind", "--mode", "target", "--tid", tid, "-I", "ALL")
		}
	}
	return failed
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
