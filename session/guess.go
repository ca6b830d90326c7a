package session

import (
	"net/netip"
	"sync"
)

// guesses slow down whoever tries CHAP secrets: after some failed logins from an address every answer that says whether a
// secret was right comes late, and not more than one in guessGap. Right ones too: else an answer that does not come at once
// would say that the secret was wrong. What is beyond guessWait is refused without having been looked at.
//
// It is asked for once a login by CHAP, and for nothing else.
type guesses struct {
	mu    sync.Mutex
	of    map[netip.Addr]*guesser
	order []netip.Addr // of the first failure: a ring of maxGuessers, once there are so many
	next  int          // in order
}

// guesser is an address from which logins failed.
type guesser struct {
	failed int
	last   int64 // when
	next   int64 // when the next answer may go
}

// whose is what an address is remembered by: a network of 64 bits is one host's for the asking (RFC 4291, 2.5.1).
func whose(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// turn says when an answer to a login by CHAP may go, at once or later; ok is false when it is to be refused unseen.
func (g *guesses) turn(from netip.Addr, now int64) (at int64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.of[whose(from)]
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

// wrong notes a failed login, and returns how many there were from that address.
func (g *guesses) wrong(from netip.Addr, now int64) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := whose(from)
	r := g.of[key]
	if r == nil {
		if g.of == nil {
			g.of = map[netip.Addr]*guesser{}
		}
		if len(g.order) < maxGuessers {
			g.order = append(g.order, key)
		} else {
			delete(g.of, g.order[g.next]) // who came first is forgotten first
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
