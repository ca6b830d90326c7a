package host

import (
	"net/netip"
	"strings"
	"testing"
)

// Lines of /proc/net/tcp and tcp6 on a little-endian machine.
const (
	tcpHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	listens   = "   0: 0100007F:0CBC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"
	anyPort99 = "   1: 00000000:0063 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"
	connected = "   2: 0100007F:0FA0 0100007F:0CBC 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"
	any6      = "   0: 00000000000000000000000000000000:0064 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
	loop6     = "   1: 00000000000000000000000001000000:0065 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
	mapped6   = "   2: 0000000000000000FFFF00000100007F:0066 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
)

// A socket conflicts with an address if either would receive connections meant for the other.
func TestOverlap(t *testing.T) {
	table := tcpHeader + listens + anyPort99 + connected + any6 + loop6 + mapped6 + "garbage\n   3: xyz:1 00000000:0000 0A\n"
	for addr, want := range map[string]string{
		"127.0.0.1:3260": "127.0.0.1:3260",
		"127.0.0.2:3260": "",
		"0.0.0.0:3260":   "127.0.0.1:3260", // a wildcard would receive its connections
		"[::]:3260":      "127.0.0.1:3260",
		"[::1]:3260":     "",
		"192.0.2.1:99":   "0.0.0.0:99",
		"[::1]:99":       "",
		"192.0.2.1:100":  "[::]:100",
		"[::1]:100":      "[::]:100",
		"[::1]:101":      "[::1]:101",
		"0.0.0.0:101":    "",
		"127.0.0.1:102":  "[::ffff:127.0.0.1]:102",
		"127.0.0.1:4000": "", // a connection, not a listener
		"127.0.0.1:1":    "",
	} {
		got := ""
		scanListeners(strings.NewReader(table), func(bound netip.AddrPort, _ string) {
			if got == "" && overlap(bound, netip.MustParseAddrPort(addr)) {
				got = bound.String()
			}
		})
		if got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}
