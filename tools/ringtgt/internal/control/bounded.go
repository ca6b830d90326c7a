package control

import (
	"net"
	"net/netip"
	"sync"
)

// boundedListener bounds the connections, in total and of each client, so that one that neither writes nor reads cannot shut out the
// others. A client is a user; of root, whose processes have nothing else in common, a process; and of other machines, an address.
type boundedListener struct {
	net.Listener
	who   func(net.Conn) (peer, error)
	mu    sync.Mutex
	total int
	byOne map[client]int
}

func bounded(ln net.Listener) *boundedListener {
	return &boundedListener{Listener: ln, who: peerOf, byOne: map[client]int{}}
}

// client is whose connections are bounded together.
type client struct {
	uid, pid int
	host     netip.Addr
}

func (p peer) client() client {
	if p.uid == 0 {
		return client{pid: p.pid}
	}
	return client{uid: p.uid, host: p.host}
}

// Accept returns the next connection that is within the bounds, and closes those that are not.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p, err := l.who(c)
		if err != nil || !l.enter(p.client()) {
			c.Close()
			continue
		}
		return &boundedConn{Conn: c, peer: p, leave: sync.OnceFunc(func() { l.leave(p.client()) })}, nil
	}
}

func (l *boundedListener) enter(c client) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= maxClients || l.byOne[c] >= maxClientsOfOne {
		return false
	}
	l.total++
	l.byOne[c]++
	return true
}

func (l *boundedListener) leave(c client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.byOne[c]--; l.byOne[c] == 0 {
		delete(l.byOne, c)
	}
}

// boundedConn leaves its listener's count when it is closed.
type boundedConn struct {
	net.Conn
	peer  peer
	leave func()
}

func (c *boundedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
