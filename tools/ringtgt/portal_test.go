package main

import (
	"net"
	"net/netip"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
)

// With the real /proc/net/tcp: a listening socket is found; one that is only bound, as when a test reserves a port, is not.
func TestCheckFree(t *testing.T) {
	ln := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
	addr := netip.MustParseAddrPort(ln.Addr().String())
	if err := checkFree(addr); err == nil {
		t.Errorf("%s counts as free while somebody listens", addr)
	}
	ln.Close()
	if err := checkFree(addr); err != nil {
		t.Errorf("after it closed: %v", err)
	}
	if err := checkFree(netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
		t.Errorf("port 0: %v", err)
	}
}
