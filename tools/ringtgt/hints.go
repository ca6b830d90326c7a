package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/shell"
)

// maxHinted bounds the targets that the hints have commands for: more would scroll away the first.
const maxHinted = 16

// hints are the commands to type next on an initiator. Each works as it is printed: the secrets of CHAP, which are not printed, are
// in a variable that a command before sets.
type hints struct {
	targets   []hintedTarget
	left      int // targets without commands
	discovery config.Access
	status    string         // arguments that make `ringtgt status` show this daemon
	secret    config.Account // whose secret the variable has, where the text is
}

// hintedTarget is a target with LUNs and a portal of it.
type hintedTarget struct {
	*config.Target
	portal string
}

// printHints prints the commands for all targets.
func printHints(s streams, d *daemon) {
	now := d.now()
	h := hints{discovery: now.cfg.Discovery, status: "status"}
	switch {
	case now.cfg.Server.State == config.DefaultState: // found from the current folder
	case now.cfg.Server.State != "":
		h.status += " --state " + shell.Quote(now.cfg.Server.State)
	default:
		h.status += fmt.Sprintf(" --pid %d", os.Getpid())
	}
	for _, t := range now.targets {
		at := now.at(t)
		switch {
		case len(at) == 0 || len(t.units) == 0:
		case len(h.targets) == maxHinted:
			h.left++
		default:
			h.targets = append(h.targets, hintedTarget{t.cfg, reachable(at[0].bound)})
		}
	}
	if len(h.targets) > 0 {
		h.print(s)
	}
}

func (h *hints) print(s streams) {
	w := s.out
	for _, t := range h.targets {
		fmt.Fprintf(w, "Serving %s at %s:\n", t.Name, t.portal)
		for _, l := range t.LUNs {
			fmt.Fprintf(w, "  lun %d: %s\n", l.Number, describeLUN(l))
		}
	}
	if h.left > 0 {
		fmt.Fprintf(w, "and %d more targets\n", h.left)
	}
	fmt.Fprintf(w, "\nOn a Linux initiator (Debian: apt install open-iscsi), as root:\n")
	h.kernel(w)
	fmt.Fprintf(w, "\nWithout a kernel initiator (Debian: apt install libiscsi-bin qemu-utils qemu-block-extra):\n")
	h.secret = config.Account{}
	h.libiscsi(w)
	fmt.Fprintf(w, "\nHere:\n  %s\n", s.typed(h.status))
	h.secret = config.Account{}
	for _, t := range h.targets {
		args := "bench " + shell.Quote(t.url(firstUser(t.Access, "@")))
		if len(t.Access.Accounts) > 0 {
			h.take(w, t.Access.Accounts[0])
			args += " --chap-secret-env CHAP_SECRET"
		}
		if name := t.initiator(); name != "" {
			args += " --initiator " + name
		}
		fmt.Fprintf(w, "  %s\n", s.typed(args))
	}
}

// kernel prints the commands of open-iscsi.
func (h *hints) kernel(w io.Writer) {
	h.discover(w)
	for _, t := range h.targets {
		record := fmt.Sprintf("iscsiadm -m node -T %s -p %s", t.Name, shell.Quote(t.portal))
		set := func(name, value string) {
			fmt.Fprintf(w, "  %s -o update -n node.session.auth.%s -v %s\n", record, name, value)
		}
		if name := t.initiator(); name != "" {
			fmt.Fprintf(w, "  grep -x InitiatorName=%s /etc/iscsi/initiatorname.iscsi\n", name)
		}
		if a := t.Access.Accounts; len(a) > 0 {
			h.take(w, a[0])
			set("authmethod", "CHAP")
			set("username", shell.Quote(a[0].User))
			set("password", `"$CHAP_SECRET"`)
			if m := t.Access.Mutual; m != nil {
				h.take(w, *m)
				set("username_in", shell.Quote(m.User))
				set("password_in", `"$CHAP_SECRET"`)
			}
		}
		fmt.Fprintf(w, "  %s --login\n", record)
	}
	fmt.Fprintf(w, "  lsblk -o NAME,SIZE,VENDOR,MODEL,TRAN\n")
}

// discover prints open-iscsi's discovery, once for each portal.
func (h *hints) discover(w io.Writer) {
	seen := map[string]bool{}
	for _, t := range h.targets {
		if seen[t.portal] {
			continue
		}
		seen[t.portal] = true
		if len(h.discovery.Accounts) == 0 {
			fmt.Fprintf(w, "  iscsiadm -m discovery -t sendtargets -p %s\n", shell.Quote(t.portal))
			continue
		}
		a := h.discovery.Accounts[0]
		h.take(w, a)
		record := fmt.Sprintf("iscsiadm -m discoverydb -t sendtargets -p %s", shell.Quote(t.portal))
		fmt.Fprintf(w, "  %s -o new\n", record)
		for _, kv := range [][2]string{{"authmethod", "CHAP"}, {"username", shell.Quote(a.User)}, {"password", `"$CHAP_SECRET"`}} {
			fmt.Fprintf(w, "  %s -o update -n discovery.sendtargets.auth.%s -v %s\n", record, kv[0], kv[1])
		}
		fmt.Fprintf(w, "  %s --discover\n", record)
	}
}

// libiscsi prints commands of libiscsi and qemu. iscsi-ls -s logs in to every target with one account, so it is for targets without.
func (h *hints) libiscsi(w io.Writer) {
	seen := map[string]bool{}
	option, name := "-s ", ""
	for _, t := range h.targets {
		if len(t.Access.Accounts) > 0 || len(t.Access.Initiators) > 0 {
			option = ""
		}
		if n := t.initiator(); n != "" {
			name = "-i " + n + " "
		}
	}
	for _, t := range h.targets {
		if !seen[t.portal] {
			seen[t.portal] = true
			if len(h.discovery.Accounts) > 0 {
				h.take(w, h.discovery.Accounts[0])
			}
			fmt.Fprintf(w, "  iscsi-ls %s%s%s\n", option, name, quoteURL("iscsi://"+firstUser(h.discovery, "%$CHAP_SECRET@")+t.portal))
		}
	}
	for _, t := range h.targets {
		if len(t.Access.Accounts) > 0 {
			h.take(w, t.Access.Accounts[0])
		}
		url := quoteURL(t.url(firstUser(t.Access, "%$CHAP_SECRET@")))
		if name := t.initiator(); name != "" { // qemu's URLs have no place for it
			fmt.Fprintf(w, "  iscsi-inq -i %s %s\n", name, url)
		} else {
			fmt.Fprintf(w, "  qemu-img info %s\n", url)
		}
	}
}

// take prints the command that puts an account's secret into the variable CHAP_SECRET, unless it is there.
func (h *hints) take(w io.Writer, a config.Account) {
	if h.secret.At == a.At && h.secret.User == a.User && h.secret.User != "" {
		return
	}
	h.secret = a
	switch {
	case a.SecretFile != "":
		path := a.SecretFile
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		fmt.Fprintf(w, "  export CHAP_SECRET=\"$(cat %s)\"\n", shell.Quote(path))
	case a.SecretEnv != "":
		fmt.Fprintf(w, "  export CHAP_SECRET=\"$%s\"\n", a.SecretEnv)
	default:
		fmt.Fprintf(w, "  read -rsp %s CHAP_SECRET; export CHAP_SECRET\n", shell.Quote("secret of "+a.User+": "))
	}
}

// url names the target's first LUN. auth stands before the portal.
func (t *hintedTarget) url(auth string) string {
	return fmt.Sprintf("iscsi://%s%s/%s/%d", auth, t.portal, t.Name, t.LUNs[0].Number)
}

// firstUser is the first account's name and what follows it; "" if there is none.
func firstUser(a config.Access, then string) string {
	if len(a.Accounts) == 0 {
		return ""
	}
	return a.Accounts[0].User + then
}

// quoteURL quotes a URL that may have the variable CHAP_SECRET in it.
func quoteURL(url string) string {
	user, rest, ok := strings.Cut(url, "%$CHAP_SECRET@")
	if !ok {
		return "'" + url + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(user) + "%$CHAP_SECRET@" + rest + `"`
}

// initiator returns an initiator name that the target admits; "": any.
func (t *hintedTarget) initiator() string {
	names := t.Access.Initiators
	if a := t.Access.Accounts; len(a) > 0 && len(a[0].Initiators) > 0 {
		names = a[0].Initiators
	}
	if len(names) == 0 || names[0] == "*" {
		return ""
	}
	prefix, any := strings.CutSuffix(names[0], "*")
	if any {
		return prefix + "host"
	}
	return names[0]
}

// reachable returns an address that an initiator can use: for a wildcard portal, one of this machine's.
func reachable(p netip.AddrPort) string {
	if !p.Addr().IsUnspecified() {
		return p.String()
	}
	addrs, err := net.InterfaceAddrs()
	if err == nil {
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			ip := prefix.Addr().Unmap()
			if ip.IsGlobalUnicast() && (ip.Is4() || p.Addr().Is6() && !strings.Contains(p.Addr().String(), ".")) {
				return netip.AddrPortFrom(ip, p.Port()).String()
			}
		}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), p.Port()).String()
}
