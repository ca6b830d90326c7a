package engine

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/session"
	"golang.org/x/sys/unix"
)

// listener is a loop's own socket for one portal. All loops listen on the same address with SO_REUSEPORT, and the kernel
// distributes connections among them. Its index in loop.listeners is in the user data of its accept, and is another listener's only
// after the accept's last completion.
type listener struct {
	fd     int
	portal *portal
	phase  listenerPhase
}

// listenerPhase is the phase of a listener's life. docs/engine.md draws the phases.
type listenerPhase uint8

const (
	listenerAccepting listenerPhase = iota // the kernel has its accept
	listenerResting                        // its accept has failed; a timer submits the next
	listenerClosing                        // its socket is closed, the last completion of its accept is to come
	listenerClosed                         // nothing refers to it
)

var listenerPhaseNames = [...]string{"accepting", "resting", "closing", "closed"}

func (p listenerPhase) String() string {
	if int(p) < len(listenerPhaseNames) {
		return listenerPhaseNames[p]
	}
	return fmt.Sprintf("listenerPhase(%d)", uint8(p))
}

// listenerNext lists the phases that may follow each phase.
var listenerNext = [...]uint8{
	listenerAccepting: 1<<listenerResting | 1<<listenerClosing,
	listenerResting:   1<<listenerAccepting | 1<<listenerClosed,
	listenerClosing:   1 << listenerClosed,
	listenerClosed:    0,
}

// enter moves the listener to its next phase. A transition that is not in listenerNext is a bug.
func (ln *listener) enter(next listenerPhase) {
	if listenerNext[ln.phase]>>next&1 == 0 {
		panic(fmt.Sprintf("engine: listener of %s: phase %v after %v", ln.portal.addr, next, ln.phase))
	}
	ln.phase = next
}

// listen opens a portal's socket. With port 0 the kernel chooses the port; the returned address has it.
func listen(addr netip.AddrPort) (int, netip.AddrPort, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() && !addr.Addr().Is4In6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, addr, fmt.Errorf("socket: %w", err)
	}
	fail := func(what string, err error) (int, netip.AddrPort, error) {
		unix.Close(fd)
		return -1, addr, fmt.Errorf("%s %s: %w", what, addr, err)
	}
	for _, opt := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, 1); err != nil {
			return fail("set up", err)
		}
	}
	if family == unix.AF_INET6 {
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
	}
	if err := unix.Bind(fd, sockaddr(addr)); err != nil {
		return fail("listen on", err)
	}
	if err := unix.Listen(fd, listenBacklog); err != nil {
		return fail("listen on", err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return fail("name of", err)
	}
	return fd, addrPort(sa), nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if ip := a.Addr().Unmap(); ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	return sa
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch s := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.Addr).Unmap(), uint16(s.Port))
	}
	return netip.AddrPort{}
}

// listen begins to accept connections of portal p from socket fd.
func (l *loop) listen(p *portal, fd int) {
	if l.engine.draining.Load() {
		l.engine.machine.sockets.Close(fd)
		return
	}
	ln := &listener{fd: fd, portal: p}
	i := slices.Index(l.listeners, nil)
	if i < 0 {
		i = len(l.listeners)
		l.listeners = append(l.listeners, nil)
	}
	l.listeners[i] = ln
	p.listeners.Add(1)
	l.armAccept(i)
}

// armAccept submits a multishot accept, which takes connections until it fails.
func (l *loop) armAccept(i int) {
	l.ring.Accept(uring.FD(l.listeners[i].fd), userData(opAccept, i))
}

// closeListeners closes the loop's socket of a portal, or of all with nil. Their accepts complete with an error.
func (l *loop) closeListeners(p *portal) {
	for i, ln := range l.listeners {
		if ln == nil || p != nil && ln.portal != p || ln.phase >= listenerClosing {
			continue
		}
		l.engine.machine.sockets.Shutdown(ln.fd, unix.SHUT_RDWR)
		l.engine.machine.sockets.Close(ln.fd)
		if ln.phase == listenerResting {
			l.closed(i)
		} else {
			ln.enter(listenerClosing)
		}
	}
}

// closed forgets listener i, which the kernel does not use any more.
func (l *loop) closed(i int) {
	ln := l.listeners[i]
	ln.enter(listenerClosed)
	l.listeners[i] = nil
	ln.portal.listeners.Add(-1)
}

// accepted handles one accepted connection, or the end of a multishot accept.
func (l *loop) accepted(i int, cqe uring.CQE) {
	ln := l.listeners[i]
	if cqe.Res >= 0 {
		l.welcome(ln.portal, int(cqe.Res))
	} else if ln.phase == listenerAccepting {
		l.about(&l.noRoom, slog.LevelWarn, "accept", "portal", ln.portal.addr, "err", unix.Errno(-cqe.Res))
	}
	switch {
	case cqe.More():
	case ln.phase == listenerClosing:
		l.closed(i)
	case cqe.Res < 0:
		// Out of descriptors or memory: an immediate retry would fail too.
		ln.enter(listenerResting)
		l.After(int64(acceptRetry), acceptAgain{l, ln, i})
	default:
		l.armAccept(i)
	}
}

// acceptAgain retries an accept that failed, unless its listener was closed meanwhile.
type acceptAgain struct {
	l     *loop
	ln    *listener
	index int
}

// Happen implements lun.Event.
func (a acceptAgain) Happen() {
	if a.ln.phase == listenerResting {
		a.ln.enter(listenerAccepting)
		a.l.armAccept(a.index)
	}
}

// welcome sets up a connection for a socket that was accepted through portal p.
func (l *loop) welcome(p *portal, fd int) {
	sock := l.engine.machine.sockets
	if l.engine.draining.Load() || p.in() != portalOpen {
		sock.Close(fd)
		return
	}
	if l.live >= l.room {
		remote, _ := sock.Getpeername(fd)
		sock.Close(fd)
		l.stats.Refused++
		l.logins.noRoom++
		l.about(&l.noRoom, slog.LevelWarn, "no room for another connection", "loop", l.index, "connections", l.live,
			"remote", addrPort(remote), "refused", l.stats.Refused)
		return
	}
	sock.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	sock.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	local, err := sock.Getsockname(fd)
	remote, err2 := sock.Getpeername(fd)
	if err != nil || err2 != nil {
		sock.Close(fd) // gone already
		return
	}
	c := &conn{loop: l, fd: fd, portal: p, since: time.Now()}
	p.conns.Add(1)
	c.home.Store(l)
	c.name.local, c.name.remote = addrPort(local), addrPort(remote)
	host := session.Host(c)
	if f := l.engine.machine.host; f != nil {
		host = f(c)
	}
	c.s = session.NewConn(session.ConnConfig{
		Node: l.engine.node, Host: host, Local: c.name.local, Remote: c.name.remote,
		Loop: l.index, Rand: l.engine.machine.random, Now: l.now, Wall: c.since,
	})
	l.adopt(c)
	l.engine.room(l.engine.live.Add(1))
	l.stats.Accepted++
	c.rearm()
	c.mark()
}

// adopt enters a connection in the loop's table.
func (l *loop) adopt(c *conn) {
	if n := len(l.freeConns); n > 0 {
		c.index = l.freeConns[n-1]
		l.freeConns = l.freeConns[:n-1]
		l.conns[c.index] = c
	} else {
		c.index = len(l.conns)
		l.conns = append(l.conns, c)
	}
	l.live++
	if l.arena.ready == 0 {
		l.arena.next() // while the connection logs in
	}
}

// disown removes a connection from the loop's table.
func (l *loop) disown(c *conn) {
	l.conns[c.index] = nil
	l.freeConns = append(l.freeConns, c.index)
	l.live--
}

// drop forgets a connection that neither the kernel nor a backend uses any more.
func (l *loop) drop(c *conn) {
	c.enter(connDropped)
	l.forgetLatency(c)
	l.timers.disarm(c)
	c.leaveShare()
	c.leaveLimits()
	l.disown(c)
	l.engine.live.Add(-1)
}

// closeSocket closes the descriptor, once no operation on it is with the kernel.
func (c *conn) closeSocket() {
	if c.fd >= 0 {
		if c.steered { // before another connection can have its addresses
			c.loop.engine.steer.Forget(c.name.local, c.name.remote)
		}
		if c.send.notifying > 0 {
			// The kernel goes on sending what the peer has not acknowledged, and would keep its memory for minutes. A failure costs
			// only that.
			_ = c.loop.engine.machine.sockets.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(lingerGrace.Milliseconds()))
		}
		c.loop.engine.machine.sockets.Close(c.fd)
		c.fd = -1
		c.portal.conns.Add(-1)
	}
}

// shutdown ends both directions; what is under way with the kernel completes.
func (c *conn) shutdown() {
	if !c.shut() {
		c.end(connShut)
		c.loop.engine.machine.sockets.Shutdown(c.fd, unix.SHUT_RDWR)
	}
}

// linger shuts down the sending direction and gives the peer some time to read what was sent.
func (c *conn) linger() {
	c.enter(connLingering)
	c.loop.engine.machine.sockets.Shutdown(c.fd, unix.SHUT_WR)
	c.lingerBy = c.loop.now + int64(lingerGrace)
	c.rearm()
}
