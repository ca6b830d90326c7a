package tgtadm

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// A target of tgt is closed until initiators are bound to it; one of ringtgt without an access list is open. So tgtadm puts a network
// into the list that no connection comes from, and takes it out when an initiator is bound. In both programs an initiator must be admitted
// by its address and by its name, where there are rules for them.
var (
	closed = netip.MustParsePrefix(closedNetwork)
	any4   = netip.MustParsePrefix("0.0.0.0/0")
	any6   = netip.MustParsePrefix("::/0")
)

// networks returns what an initiator-address means: ALL, an address, or a network.
func networks(address string) ([]netip.Prefix, error) {
	if address == "ALL" {
		return []netip.Prefix{any4, any6}, nil
	}
	address = strings.Trim(address, "[]")
	if a, err := netip.ParseAddr(address); err == nil {
		return []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}, nil
	}
	p, err := netip.ParsePrefix(address)
	if err != nil {
		return nil, invalid
	}
	return []netip.Prefix{p.Masked()}, nil
}

// rules are the access rules of a target as tgt shows them: addresses, then names.
func rules(t *config.Target) (list []string) {
	for _, p := range t.Access.Networks {
		switch {
		case p == closed, p == any6 && slices.Contains(t.Access.Networks, any4):
		case p == any4:
			list = append(list, "ALL")
		case p.IsSingleIP():
			list = append(list, p.Addr().String())
		default:
			list = append(list, p.String())
		}
	}
	if len(t.Access.Networks)+len(t.Access.Initiators) == 0 {
		list = append(list, "ALL") // not closed by tgtadm
	}
	return append(list, t.Access.Initiators...)
}

func bindInitiator(c *call) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	add := admin.AddACL{Target: t.Name}
	if c.address != "" {
		if add.Networks, err = networks(c.address); err != nil {
			return err
		}
		if slices.Contains(t.Access.Networks, add.Networks[0]) {
			return ruleExists
		}
	}
	if c.initiator != "" {
		if slices.ContainsFunc(t.Access.Initiators, func(s string) bool { return strings.EqualFold(s, c.initiator) }) {
			return ruleExists
		}
		add.Initiators = []string{c.initiator}
	}
	ops := []admin.Op{add}
	if slices.Contains(t.Access.Networks, closed) {
		ops = append(ops, admin.RemoveACL{Target: t.Name, Networks: []netip.Prefix{closed}, Open: len(add.Initiators) > 0})
	}
	return c.do(map[error]failure{admin.ErrNotFound: noTarget}, ops...)
}

func unbindInitiator(c *call) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	remove := admin.RemoveACL{Target: t.Name}
	if c.address != "" {
		if remove.Networks, err = networks(c.address); err != nil {
			return err
		}
		if !slices.Contains(t.Access.Networks, remove.Networks[0]) {
			return noRule
		}
	}
	if c.initiator != "" {
		at := slices.IndexFunc(t.Access.Initiators, func(s string) bool { return strings.EqualFold(s, c.initiator) })
		if at < 0 {
			return noRule
		}
		remove.Initiators = t.Access.Initiators[at : at+1]
	}
	var ops []admin.Op
	if closes(t, &remove) {
		ops = append(ops, admin.AddACL{Target: t.Name, Networks: []netip.Prefix{closed}})
	}
	remove.Open = true // the list of the other kind, or closed, keeps others out
	return c.do(map[error]failure{admin.ErrNotFound: noRule}, append(ops, remove)...)
}

// closes reports whether no rule is left without those that are removed.
func closes(t *config.Target, remove *admin.RemoveACL) bool {
	left := 0
	for _, p := range t.Access.Networks {
		if p != closed && !slices.Contains(remove.Networks, p) {
			left++
		}
	}
	for _, n := range t.Access.Initiators {
		if !slices.Contains(remove.Initiators, n) {
			left++
		}
	}
	return left == 0
}
