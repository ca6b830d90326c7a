package control

import (
	"net"
	"sync"
)

// boundedListener bounds the connections, in total and of each user other than root, so that clients that neither write nor read
// cannot shut out the others.
type boundedListener struct {
	net.Listener
	who    func(net.Conn) (peer, error)
	mu     sync.Mutex
	total  int
	byUser map[int]int
}

func bounded(ln net.Listener) *boundedListener {
	return &boundedListener{Listener: ln, who: peerOf, byUser: map[int]int{}}
}

// Accept returns the next connection that is within the bounds, and closes those that are not.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p, err := l.who(c)
		if err != nil || !l.enter(p.uid) {
			c.Close()
			continue
		}
		return &boundedConn{Conn: c, peer: p, leave: sync.OnceFunc(func() { l.leave(p.uid) })}, nil
	}
}

func (l *boundedListener) enter(uid int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= maxClients || uid != 0 && l.byUser[uid] >= maxClientsOfOne {
		return false
	}
	l.total++
	l.byUser[uid]++
	return true
}

func (l *boundedListener) leave(uid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.byUser[uid]--; l.byUser[uid] == 0 {
		delete(l.byUser, uid)
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
