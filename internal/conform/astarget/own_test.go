package astarget

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/must"
)

// served is a target on a socket. judged ends it and returns what it found.
func served(t *testing.T, cfg Config) (addr string, judged func() []conform.Result) {
	t.Helper()
	cfg.Name, cfg.Size = labTarget, 1<<20
	target := must.Get(New(cfg))(t)
	l := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- target.Serve(ctx, l) }()
	return l.Addr().String(), func() []conform.Result {
		cancel()
		must.OK(t, <-done)
		played, left := target.Scenarios()
		t.Logf("played: %q, not: %q", played, left)
		return target.Results()
	}
}

// Our own initiator keeps every rule that it meets, with one connection and several, with digests and without, and comes back after
// each scenario at which a session may end.
func TestOurInitiator(t *testing.T) {
	for name, change := range map[string]func(*initiator.Config){
		"plain":   func(*initiator.Config) {},
		"R2T":     func(c *initiator.Config) { c.Keys.InitialR2T, c.Keys.ImmediateData = initiator.Yes, initiator.No },
		"digests": func(c *initiator.Config) { c.Keys.HeaderDigest, c.Keys.DataDigest = true, true },
		"several": func(c *initiator.Config) { c.Connections = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, judged := served(t, Config{})
			cfg := initiator.Config{Portals: []string{addr}, TargetName: labTarget, InitiatorName: labInitiator, ISID: [6]byte{0x80, 0, 0, 0, 0, 1}}
			change(&cfg)
			for range 16 {
				work(t, cfg)
			}
			for _, r := range judged() {
				if r.Verdict == conform.Fail {
					t.Errorf("%s: %s\n%s", r.Case.ID, r.Case.Rule, r.Came)
				}
			}
		})
	}
}

// work is a session that writes and reads, until it ends.
func work(t *testing.T, cfg initiator.Config) {
	t.Helper()
	s, err := initiator.Dial(t.Context(), cfg)
	if refused := new(initiator.LoginError); errors.As(err, &refused) {
		return // a scenario
	}
	must.OK(t, err)
	defer s.Close()
	data := make([]byte, 64<<10)
	for i := range 40 {
		// Scenarios fail commands and cut connections. A Reject leaves a gap, which ends the session unless somebody plugs it.
		err := s.Write(t.Context(), 0, 0, uint64(i%8)*128, 128, data)
		if rejected := new(initiator.RejectError); errors.As(err, &rejected) || len(s.CIDs()) == 0 {
			return
		}
		err = s.Read(t.Context(), 0, 0, uint64(i%8)*128, 128, data)
		if rejected := new(initiator.RejectError); errors.As(err, &rejected) || len(s.CIDs()) == 0 {
			return
		}
	}
	_ = s.Logout(t.Context())
}
