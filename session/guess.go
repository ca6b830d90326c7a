package session

import (
	"net/netip"
	"sync"
)

// guesses slows down the guessing of CHAP secrets. After a few failed logins from an address, each answer that reveals whether a
// secret is right is delayed, to at most one answer in guessGap. Answers to right secrets are delayed too, or a missing answer
// would reveal that the secret is wrong. Logins that would have to wait longer than guessWait are refused unchecked.
//
// Each CHAP login uses it once.
type guesses struct {
	mu    sync.Mutex
	of    map[netip.Addr]*guesser
	order []netip.Addr // in order of the first failure; a ring once it holds maxGuessers
	next  int          // in order
}

// guesser is an address with failed logins.
type guesser struct {
	failed int
	last   int64 // time of the last failure
	next   int64 // earliest time of the next answer
}

// keyOf returns the key for an address. An IPv6 host can use any address of its /64 (RFC 4291, 2.5.1), so that is the key.
func keyOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// turn returns the time at which the answer to a CHAP login may be sent. ok is false if the login must be refused unchecked.
func (g *guesses) turn(from netip.Addr, now int64) (at int64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.of[keyOf(from)]
	if r == nil || r.failed < guessFree || now-r.last >= guessMemory {
		return now, true
	}
	at = max(now, r.next)
	if at-now > guessWait {
		return now, false
	}
	at += guessGap
	r.next = at
	return at, true
}

// wrong records a failed login and returns the number of failures from the address.
func (g *guesses) wrong(from netip.Addr, now int64) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := keyOf(from)
	r := g.of[key]
	if r == nil {
		if g.of == nil {
			g.of = map[netip.Addr]*guesser{}
		}
		if len(g.order) < maxGuessers {
			g.order = append(g.order, key)
		} else {
			delete(g.of, g.order[g.next]) // the oldest is forgotten
			g.order[g.next] = key
			g.next = (g.next + 1) % maxGuessers
		}
		r = &guesser{}
		g.of[key] = r
	} else if now-r.last >= guessMemory {
		*r = guesser{}
	}
	r.failed++
	r.last = now
	return r.failed
}
