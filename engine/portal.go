package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringtgt/ringtgt/internal/steer"
	"github.com/ringtgt/ringtgt/session"
	"golang.org/x/sys/unix"
)

// Errors of AddPortal and RemovePortal.
var (
	ErrPortalExists = errors.New("engine: the portal exists already")
	ErrNoPortal     = errors.New("engine: no such portal")
	ErrShutdown     = errors.New("engine: shutting down")

	errPortalRemoved = fmt.Errorf("%w: its portal was removed", session.ErrClosed)
)

// portals are the addresses that the engine listens on. Any goroutine may use them.
type portals struct {
	mu   sync.Mutex
	list []*portal
}

// portal is an address with a listener on every loop.
type portal struct {
	addr  netip.AddrPort
	group *steer.Group
	phase atomic.Uint32 // portalPhase
	// listeners counts the loops whose accept is with the kernel, conns the connections that came in through the portal and have a
	// socket. Both only fall once the portal is removed.
	listeners, conns atomic.Int64
}

// portalPhase is what the loops do with the connections that come in through a portal.
type portalPhase uint8

const (
	portalOpen     portalPhase = iota // they are served
	portalDraining                    // it was removed: new ones are closed, the initiators of others are asked to log out
	portalCut                         // the others are closed too
)

var portalPhaseNames = [...]string{"open", "draining", "cut"}

func (p portalPhase) String() string {
	if int(p) < len(portalPhaseNames) {
		return portalPhaseNames[p]
	}
	return fmt.Sprintf("portalPhase(%d)", uint8(p))
}

// portalNext lists the phases that may follow each phase.
var portalNext = [...]uint8{
	portalOpen:     1 << portalDraining,
	portalDraining: 1 << portalCut,
	portalCut:      0,
}

// in returns the portal's phase. Only RemovePortal changes it.
func (p *portal) in() portalPhase { return portalPhase(p.phase.Load()) }

// enter moves the portal to its next phase. A transition that is not in portalNext is a bug.
func (p *portal) enter(next portalPhase) {
	was := p.in()
	if portalNext[was]>>next&1 == 0 {
		panic(fmt.Sprintf("engine: portal %s: phase %v after %v", p.addr, next, was))
	}
	p.phase.Store(uint32(next))
}

// Portals returns the addresses that the engine listens on, with the ports that the kernel chose. Any goroutine may call it.
func (e *Engine) Portals() []netip.AddrPort {
	e.portals.mu.Lock()
	defer e.portals.mu.Unlock()
	var all []netip.AddrPort
	for _, p := range e.portals.list {
		if p.in() == portalOpen {
			all = append(all, p.addr)
		}
	}
	return all
}

func (ps *portals) at(addr netip.AddrPort) *portal {
	for _, p := range ps.list {
		if p.addr == addr {
			return p
		}
	}
	return nil
}

// AddPortal listens on addr on every loop, and returns the address with the port that the kernel chose if addr has port 0. Connections
// and other portals are not affected. Call it between Start and Shutdown, from any goroutine.
func (e *Engine) AddPortal(addr netip.AddrPort) (netip.AddrPort, error) {
	e.portals.mu.Lock()
	defer e.portals.mu.Unlock()
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	switch {
	case e.draining.Load():
		return addr, ErrShutdown
	case addr.Port() != 0 && e.portals.at(addr) != nil: // the kernel would admit it: see listen
		return addr, fmt.Errorf("%w: %s", ErrPortalExists, addr)
	}
	p, err := e.listen(addr)
	if err != nil {
		return addr, err
	}
	e.portals.list = append(e.portals.list, p)
	return p.addr, nil
}

// RemovePortal stops listening on a portal, an address that Portals returned, asks the initiators whose connections came in through it
// to log out, and waits. It closes the connections that are left after a grace period (session.Conn.Leave), all of them at once with
// force, or when ctx is done. Connections that the kernel has completed and no loop has accepted are reset. Other connections and portals
// are not affected; a session that has connections through other portals continues with those.
func (e *Engine) RemovePortal(ctx context.Context, bound netip.AddrPort, force bool) error {
	p := e.portals.remove(bound)
	if p == nil {
		return fmt.Errorf("%w: %s", ErrNoPortal, bound)
	}
	defer e.portals.forget(p)
	e.steer.Unlisten(p.group)
	if force {
		return e.cutPortal(p, nil)
	}
	e.each(func(l *loop) { l.closePortal(p) })
	if until(ctx, p.empty) {
		return nil
	}
	return e.cutPortal(p, fmt.Errorf("%d connections were closed without a logout: %w", p.conns.Load(), context.Cause(ctx)))
}

// cutPortal closes what is left of a portal that is being removed, and returns why.
func (e *Engine) cutPortal(p *portal, why error) error {
	p.enter(portalCut)
	e.each(func(l *loop) { l.closePortal(p) })
	soon, cancel := context.WithTimeout(context.Background(), drainGrace) // the kernel completes at once what it has of them
	defer cancel()
	if !until(soon, p.empty) {
		why = fmt.Errorf("%d connections do not end", p.conns.Load())
	}
	if why != nil {
		return fmt.Errorf("engine: portal %s: %w", p.addr, why)
	}
	return nil
}

// remove begins the removal of a portal. It returns nil if there is none. The portal stays in the list until forget, so that its address
// is not bound again meanwhile: new sockets would share it with those that close.
func (ps *portals) remove(addr netip.AddrPort) *portal {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.at(addr)
	if p == nil || p.in() != portalOpen {
		return nil
	}
	p.enter(portalDraining)
	return p
}

func (ps *portals) forget(p *portal) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.list = slices.DeleteFunc(ps.list, func(q *portal) bool { return q == p })
}

// empty reports whether nothing is left of a portal that was removed.
func (p *portal) empty() bool { return p.listeners.Load() == 0 && p.conns.Load() == 0 }

// until waits until done returns true, and returns false if ctx is done first. Loops change what done reads.
func until(ctx context.Context, done func() bool) bool {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return done()
		}
	}
	return true
}

// listen opens a portal on every loop. No loop accepts before the group of sockets is complete, so that the first connection is
// placed like all others. Listening sockets of one user share an address among themselves: the caller checks that it is free.
func (e *Engine) listen(addr netip.AddrPort) (*portal, error) {
	var fds []int
	bound := addr
	for range e.loops {
		fd, got, err := listen(bound)
		if err != nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
			return nil, err
		}
		bound = got // with port 0, the others share the port that the first one got
		fds = append(fds, fd)
	}
	p := &portal{addr: bound}
	var err error
	if p.group, err = e.steer.Listen(fds); err != nil {
		e.log.Warn("connections are not steered", "portal", bound, "err", err)
	}
	for i, l := range e.loops {
		e.on(l, func() { l.listen(p, fds[i]) })
	}
	return p, nil
}

// closePortal does on this loop what the phase of a removed portal asks for.
func (l *loop) closePortal(p *portal) {
	l.closeListeners(p)
	for _, c := range l.conns {
		if c != nil && c.portal == p {
			c.leavePortal()
		}
	}
}

// leavePortal ends a connection whose portal was removed.
func (c *conn) leavePortal() {
	switch p := c.portal.in(); {
	case c.phase >= connClosed: // it may keep its session, for an initiator that comes back through another portal
	case p == portalDraining:
		c.s.Leave(c.loop.now) // its session may have connections through other portals
		c.mark()
	case p == portalCut:
		c.s.Terminate(c.loop.now, errPortalRemoved)
		c.mark()
	}
}
