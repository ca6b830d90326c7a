package session

import (
	"net/netip"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// guesser is a login that answers the challenge with a given secret, at a given time and from a given address.
func guesserAt(t *testing.T, n *Node, now int64, from string, right bool) *loginRig {
	t.Helper()
	r := newLogin(t, n)
	r.now = now
	r.conn.cfg.Remote = netip.MustParseAddrPort(from)
	r.conn.login.due = now + loginTimeout
	keys := r.proof("a")
	if !right {
		keys[3] = pdu.EncodeHex(make([]byte, 32))
	}
	r.ask(securityNext, keys...)
	return r
}

// answered reports whether the login has been answered, and how.
func (r *loginRig) answered() (pdu.LoginStatus, bool) {
	r.Helper()
	if len(r.got) == 0 {
		return 0, false
	}
	h, _ := r.answer("")
	return h.Status(), true
}

// After a few failures all answers are delayed, for right and wrong secrets alike, one at a time. Excess logins are not checked.
// An attacker can test two secrets a second, on however many connections. Other addresses are not affected.
func TestGuessingIsSlow(t *testing.T) {
	n := newNodeWith(NodeConfig{}, twoHosts())
	now := int64(time.Hour)
	const evil = "192.0.2.7:1"
	for i := range guessFree {
		r := guesserAt(t, n, now, evil, false)
		if s, ok := r.answered(); !ok || s != pdu.LoginAuthenticationFailure {
			t.Fatalf("failure %d: answered %v, %#x", i, ok, uint16(s))
		}
		if e := r.wantEvent(Flush).Reason.(*LoginError); e.Failed != i+1 || e.User != `"a"` {
			t.Fatalf("failure %d: the log is told of %d by %s", i, e.Failed, e.User)
		}
	}
	var all []*loginRig
	unseen := 0
	for i := range 40 {
		r := guesserAt(t, n, now, evil, i == 5)
		if s, ok := r.answered(); !ok {
			all = append(all, r)
		} else if unseen++; s != pdu.LoginOutOfResources {
			t.Fatalf("answered at once, %#x", uint16(s))
		}
	}
	if want := int(guessWait/guessGap) + 1; len(all) != want || unseen != 40-want {
		t.Fatalf("%d wait, %d are refused unseen; want %d and %d", len(all), unseen, want, 40-want)
	}
	for i, r := range all {
		check.Equal(t, r.conn.Timer(), now+int64(i+1)*guessGap, "the time of answer %d", i)
	}
	other := guesserAt(t, n, now, "192.0.2.8:1", true)
	if s, ok := other.answered(); !ok || s != pdu.LoginSuccess {
		t.Fatal("another address waits")
	}
	for i, r := range all {
		r.now = r.conn.Timer()
		r.turn()
		want := pdu.LoginAuthenticationFailure
		if i == 5 {
			want = pdu.LoginSuccess
		}
		if s, ok := r.answered(); !ok || s != want {
			t.Fatalf("answer %d: %v, %#x; want %#x", i, ok, uint16(s), uint16(want))
		}
	}
	r := guesserAt(t, n, now+int64(len(all))*guessGap+guessMemory, evil, true)
	if s, ok := r.answered(); !ok || s != pdu.LoginSuccess {
		t.Fatal("it is not forgotten after a while")
	}
}

// Nothing sends a delayed answer early: neither another request, nor the end of the connection, nor a shutdown.
func TestSlowAnswerAndWhatComesMeanwhile(t *testing.T) {
	for _, meanwhile := range []string{"request", "gone", "shutdown", "timeout"} {
		n := newNodeWith(NodeConfig{}, twoHosts())
		now := int64(time.Hour)
		for range guessFree {
			guesserAt(t, n, now, "192.0.2.7:1", false)
		}
		r := guesserAt(t, n, now, "192.0.2.7:1", true)
		r.wantIdle("the answer waits")
		switch meanwhile {
		case "request":
			r.refused(pdu.LoginInitiatorError, "the last was not answered", securityNext)
		case "gone":
			r.gone()
		case "shutdown":
			r.shutdown()
			r.wantEvent(Close)
		case "timeout":
			r.conn.login.due = r.now + 1
			r.now++
			r.turn()
			r.wantEvent(Close)
		}
		for range 3 {
			r.now += guessGap
			r.conn.Advance(r.now)
			r.turn()
		}
		check.That(t, len(r.got) == 0 && r.conn.Session() == nil && len(n.Sessions()) == 0, "%s: the login goes on: %v", meanwhile, r.got)
	}
}

// The number of remembered addresses is bounded. All addresses of an IPv6 /64 count as one.
func TestGuessersAreBounded(t *testing.T) {
	var g guesses
	now := int64(1)
	for i := range 3 * maxGuessers {
		now++
		g.wrong(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
		must.Be(t, len(g.of) <= maxGuessers, "%d addresses", len(g.of))
	}
	for i := range byte(guessFree) {
		check.Equal(t, g.wrong(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: i}), now), int(i)+1, "failures")
	}
	if at, _ := g.turn(netip.MustParseAddr("2001:db8::ffff"), now); at == now {
		t.Error("an address of the same network is not slowed")
	}
	if at, _ := g.turn(netip.MustParseAddr("2001:db8:0:1::1"), now); at != now {
		t.Error("another network is")
	}
	if a, b := keyOf(netip.MustParseAddr("::ffff:192.0.2.1")), netip.MustParseAddr("192.0.2.1"); a != b {
		t.Errorf("%v is not %v", a, b)
	}
}
