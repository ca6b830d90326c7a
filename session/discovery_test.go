package session

import (
	"net/netip"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// "A new Unnamed Discovery session that has a matching <InitiatorName, ISID, NULL, TargetAddress> to an existing Discovery session
// MUST reinstate the existing Unnamed Discovery session" (7.4.2.1); with another portal it MUST NOT.
func TestUnnamedDiscoverySessionsAreReinstated(t *testing.T) {
	unnamed := []string{"InitiatorName", testInitiator, "SessionType", "Discovery"}
	for _, tt := range []struct {
		name   string
		change func(r *loginRig)
		keys   []string
		ends   bool
	}{
		{"the same", func(*loginRig) {}, unnamed, true},
		{"another ISID", func(r *loginRig) { r.isid[5]++ }, unnamed, false},
		{"another portal", func(r *loginRig) { r.conn.cfg.Local = netip.MustParseAddrPort("192.0.2.9:3260") }, unnamed, false},
		{"a named one", func(*loginRig) {}, append(unnamed, "TargetName", testTarget), false},
		{"a normal one", func(*loginRig) {}, names(), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
			old.ok(toFull, unnamed...)
			r := newLogin(t, old.node)
			tt.change(r)
			r.ask(toFull, tt.keys...)
			old.turn()
			ended := false
			for _, ev := range old.events {
				ended = ended || ev.Kind == Close
			}
			check.Equal(t, ended, tt.ends, "end of the first session")
		})
	}
}
