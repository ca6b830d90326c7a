package api

import (
	"fmt"
	"net/netip"
)

// Network is an address or a prefix, as in the configuration file.
type Network struct{ netip.Prefix }

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Network) UnmarshalText(text []byte) error {
	if a, err := netip.ParseAddr(string(text)); err == nil && a.Zone() == "" {
		n.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(string(text))
	if err != nil || p != p.Masked() {
		return fmt.Errorf("network %q: want an address or a prefix, such as 192.0.2.0/24", text)
	}
	n.Prefix = p
	return nil
}

func networks(list []Network) (out []netip.Prefix) {
	for _, n := range list {
		out = append(out, n.Prefix)
	}
	return out
}

func networksOf(list []netip.Prefix) (out []Network) {
	for _, p := range list {
		out = append(out, Network{p})
	}
	return out
}
