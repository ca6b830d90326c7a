package tgtadm

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// portal reads --params portal=ADDRESS[:PORT].
func (c *call) portal() (netip.AddrPort, error) {
	v, ok := strings.CutPrefix(c.params, "portal=")
	if !ok {
		return netip.AddrPort{}, invalid
	}
	if a, err := netip.ParseAddr(strings.Trim(v, "[]")); err == nil {
		return netip.AddrPortFrom(a, config.DefaultPort), nil
	}
	a, err := netip.ParseAddrPort(v)
	if err != nil {
		return a, invalid
	}
	return a, nil
}

func (c *call) listens(a netip.AddrPort) bool {
	return slices.ContainsFunc(c.cfg.Portals, func(p config.Portal) bool { return p.Addr == a })
}

func newPortal(c *call) error {
	a, err := c.portal()
	if err != nil {
		return err
	}
	if c.listens(a) {
		return invalid
	}
	return c.do(nil, admin.AddPortal{Addr: a, Group: 1})
}

func deletePortal(c *call) error {
	a, err := c.portal()
	if err != nil {
		return err
	}
	if !c.listens(a) {
		return invalid
	}
	return c.do(nil, admin.RemovePortal{Addr: a})
}

func showPortals(c *call) error {
	for _, p := range c.cfg.Portals {
		fmt.Fprintf(c.out, "Portal: %s,%d\n", p.Addr, p.Group)
	}
	return nil
}
