package session

import (
	"fmt"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// keeper is a session that has lost its last connection.
func keeper(t *testing.T, n *Node, name string, isid int, keys ...string) *loginRig {
	t.Helper()
	r := newLogin(t, n)
	r.isid = [6]byte{0x80, 0, 0, 0, byte(isid >> 8), byte(isid)}
	r.ok(toFull, append([]string{"InitiatorName", name, "TargetName", testTarget}, keys...)...)
	r.wantEvent(SessionUp)
	r.gone()
	r.wantIdle("the session waits")
	return r
}

// The number of kept sessions is bounded, per initiator and in all, and the oldest ends first. Otherwise an initiator could use
// up every place on the loops.
func TestKeptSessionsAreBounded(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	other := keeper(t, n, "iqn.2026-11.io.example:other", 0)
	var own []*loginRig
	for i := range maxKeptOfOne + 3 {
		own = append(own, keeper(t, n, testInitiator, i))
	}
	for i, r := range own {
		r.turn()
		if i >= 3 {
			r.wantIdle("it is among the latest")
			continue
		}
		r.wantEvent(SessionDown)
		must.Be(t, r.conn.Over(), "the host cannot forget the connection")
	}
	other.turn()
	other.wantIdle("another initiator's sessions are not its own")
	check.Equal(t, len(n.Sessions()), maxKeptOfOne+1, "sessions")

	var all []*loginRig
	for i := range maxKept - maxKeptOfOne {
		all = append(all, keeper(t, n, fmt.Sprint("iqn.2026-11.io.example:host", i/maxKeptOfOne), i))
	}
	other.turn()
	other.wantEvent(SessionDown) // the oldest
	for _, r := range append(own[3:], all...) {
		r.turn()
		r.wantIdle("there is room for it")
	}
	check.Equal(t, len(n.Sessions()), maxKept, "sessions")
}

// A session that was continued, replaced or ended is no longer counted as kept.
func TestKeptNoMore(t *testing.T) {
	n := newNodeWith(NodeConfig{}, plainTarget())
	for i := range maxKeptOfOne + 10 {
		r := keeper(t, n, testInitiator, i)
		next := newLogin(t, n)
		next.isid, next.tsih = r.isid, r.conn.sess.TSIH
		switch i % 3 {
		case 0: // continued
			next.ok(toFull, names()...)
			next.wantEvent(SessionJoined)
			r.turn()
		case 1: // replaced
			next.tsih = 0
			next.ask(toFull, names("DefaultTime2Retain", "0")...)
			r.turn()
			r.wantEvent(SessionDown)
		case 2: // its time is up
			r.now = r.conn.Timer()
			r.turn()
			r.wantEvent(SessionDown)
		}
		must.Be(t, len(n.reg.kept) == 0 && r.conn.Over(), "case %d: %d are kept", i%3, len(n.reg.kept))
	}
}

// Time2Wait counts towards the time that a session is kept, and the answered values are enforced (13.15, 13.16).
func TestTime2WaitCounts(t *testing.T) {
	for _, c := range []struct {
		wait, retain string
		answer       string
		kept         time.Duration
	}{
		{"2", "20", "18", 20 * time.Second},
		{"0", "60", "20", 20 * time.Second},
		{"5", "3", "3", 8 * time.Second},
		{"19", "20", "1", 20 * time.Second},
		{"20", "20", "0", 0},
		{"3600", "3600", "0", 0},
		{"", "20", "18", 20 * time.Second},
		{"", "", "", 20 * time.Second},
	} {
		for _, waitFirst := range []bool{true, false} {
			n := newNodeWith(NodeConfig{}, plainTarget())
			r := newLogin(t, n)
			var keys []string
			if c.wait != "" && waitFirst {
				keys = append(keys, "DefaultTime2Wait", c.wait)
			}
			if c.retain != "" {
				keys = append(keys, "DefaultTime2Retain", c.retain)
			}
			if c.wait != "" && !waitFirst {
				keys = append(keys, "DefaultTime2Wait", c.wait)
			}
			check.Equal(t, r.ok(toFull, names(keys...)...)["DefaultTime2Retain"], c.answer, "wait %q, retain %q: the answer", c.wait, c.retain)
			r.wantEvent(SessionUp)
			r.gone()
			if c.kept == 0 {
				r.wantEvent(SessionDown)
				continue
			}
			r.wantIdle("the session waits")
			check.Equal(t, time.Duration(r.conn.Timer()-r.now), c.kept, "wait %q, retain %q: the time it is kept", c.wait, c.retain)
		}
	}
}
