package engine

import (
	"net/netip"
	"slices"
)

// simGuests is a second portal that comes and goes, with connections that never log in. What its listeners' completions do, if they
// come late or reach the listener of a later portal, disturbs the initiator's connections or leaves something behind.
type simGuests struct {
	portal *portal // nil: there is none
	fds    []int   // its listening sockets, by loop
}

var simGuestPortal = netip.MustParseAddrPort("127.0.0.3:3260")

// guests does the next thing to that portal.
func (s *simulation) guests() bool {
	g := &s.visit
	switch {
	case g.portal == nil:
		if s.calm {
			return false
		}
		s.logf("a portal is added")
		s.stats["portals"]++
		g.portal, g.fds = &portal{addr: simGuestPortal}, nil
		for _, sl := range s.loops {
			l, p, fd := sl.l, g.portal, s.k.Listen(simGuestPortal)
			g.fds = append(g.fds, fd)
			l.Post(query(func() { l.listen(p, fd) }))
		}
	case g.portal.in() == portalOpen && !s.calm && s.rng.IntN(3) > 0:
		i := s.rng.IntN(len(g.fds))
		if !s.listening(s.loops[i].l, g.portal) {
			return false
		}
		s.logf("a guest comes")
		s.stats["guests"]++
		s.dialAt(g.fds[i]).s.Write(make([]byte, s.rng.IntN(40)))
	case g.portal.in() == portalOpen:
		if slices.ContainsFunc(s.loops, func(sl *simLoop) bool { return !s.listening(sl.l, g.portal) }) {
			return false // its loops have not begun
		}
		s.logf("the portal is removed")
		g.portal.enter(portalDraining)
		s.closeGuests()
	case g.portal.empty():
		g.portal = nil
	case g.portal.in() == portalDraining && s.rng.IntN(4) == 0:
		g.portal.enter(portalCut)
		s.closeGuests()
	default:
		return false
	}
	return true
}

func (s *simulation) closeGuests() {
	for _, sl := range s.loops {
		l, p := sl.l, s.visit.portal
		l.Post(query(func() { l.closePortal(p) }))
	}
}

// listening reports whether the loop accepts connections of the portal.
func (w *simWorld) listening(l *loop, p *portal) bool {
	return slices.ContainsFunc(l.listeners, func(ln *listener) bool { return ln != nil && ln.portal == p })
}

// guestsGone checks, at the end, that nothing is left of the portals that were removed.
func (s *simulation) guestsGone() {
	for _, sl := range s.loops {
		if n := len(sl.l.listeners); n > 2 {
			s.Fatalf("loop %d: %d places for the listeners of two portals", sl.l.index, n)
		}
	}
	if p := s.visit.portal; p != nil && p.in() != portalOpen && !p.empty() {
		s.Fatalf("a portal that was removed still has %d listeners and %d connections", p.listeners.Load(), p.conns.Load())
	}
	if n := s.portal.conns.Load(); n != 0 {
		s.Fatalf("%d connections of the portal are left", n)
	}
}
