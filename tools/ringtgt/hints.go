package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// printHints prints the commands to type next on an initiator, for the first target and its portal.
func printHints(s streams, d *daemon) {
	now := d.now()
	for _, t := range now.targets {
		if at := now.at(t); len(at) > 0 && len(t.units) > 0 {
			hints(s, t.cfg, reachable(at[0].bound), now.cfg.Discovery)
			return
		}
	}
}

func hints(s streams, t *config.Target, portal string, discovery config.Access) {
	w := s.out
	fmt.Fprintf(w, "Serving %s at %s:\n", t.Name, portal)
	for _, l := range t.LUNs {
		fmt.Fprintf(w, "  lun %d: %s\n", l.Number, describeLUN(l))
	}
	lun := t.LUNs[0].Number
	url := "iscsi://" + portal
	auth := ""
	if a := t.Access.Accounts; len(a) > 0 {
		auth = a[0].User + "%SECRET@"
	}
	target := fmt.Sprintf("iscsi://%s%s/%s/%d", auth, portal, t.Name, lun)
	fmt.Fprintf(w, "\nOn a Linux initiator (Debian: apt install open-iscsi), as root:\n")
	fmt.Fprintf(w, "  iscsiadm -m discovery -t sendtargets -p %s\n", portal)
	for _, line := range chapLines(t) {
		fmt.Fprintf(w, "  iscsiadm -m node -T %s -p %s %s\n", t.Name, portal, line)
	}
	fmt.Fprintf(w, "  iscsiadm -m node -T %s -p %s --login\n", t.Name, portal)
	fmt.Fprintf(w, "  lsblk -o NAME,SIZE,VENDOR,MODEL,TRAN\n")
	fmt.Fprintf(w, "\nWithout a kernel initiator (Debian: apt install libiscsi-bin qemu-utils qemu-block-extra):\n")
	if len(discovery.Accounts) > 0 { // open-iscsi reads them from discovery.sendtargets.auth.* in iscsid.conf
		url = "iscsi://" + discovery.Accounts[0].User + "%SECRET@" + portal
	}
	fmt.Fprintf(w, "  iscsi-ls -s '%s'\n", url)
	fmt.Fprintf(w, "  qemu-img info '%s'\n", target)
	if !t.LUNs[0].ReadOnly {
		fmt.Fprintf(w, "  qemu-img convert -n -O raw some.img '%s'\n", target)
	}
	fmt.Fprintf(w, "\nHere: %s\n", s.typed("status"))
}

// chapLines are the settings of open-iscsi for CHAP.
func chapLines(t *config.Target) (out []string) {
	set := func(name, value string) {
		out = append(out, fmt.Sprintf("-o update -n node.session.auth.%s -v %s", name, value))
	}
	if len(t.Access.Accounts) == 0 {
		return nil
	}
	set("authmethod", "CHAP")
	set("username", t.Access.Accounts[0].User)
	set("password", "SECRET")
	if m := t.Access.Mutual; m != nil {
		set("username_in", m.User)
		set("password_in", "SECRET_OF_THE_TARGET")
	}
	return out
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
