package main

import (
	"net"
	"net/netip"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// With the real /proc/net/tcp: a listening socket is found; one that is only bound, as when a test reserves a port, is not.
func TestCheckFree(t *testing.T) {
	ln := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
	addr := netip.MustParseAddrPort(ln.Addr().String())
	check.That(t, checkFree(addr) != nil, "%s counts as free while somebody listens", addr)
	ln.Close()
	check.OK(t, checkFree(addr), "after it closed")
	check.OK(t, checkFree(netip.MustParseAddrPort("127.0.0.1:0")), "port 0")
}
