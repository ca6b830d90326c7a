package simkernel

import (
	"net/netip"
	"slices"
	"syscall"
	"unsafe"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"
)

// Socket is a TCP connection: its target's end is a descriptor, its peer's end are the methods of this type.
type Socket struct {
	k             *Kernel
	fd            int // -1 before it is accepted and after it is closed
	local, remote netip.AddrPort
	up, down      []byte // under way to the target, and to the peer
	upEnd         bool   // the peer sends no more
	shutRead      bool   // shutdown(2) by the target
	shutWrite     bool
	reset         bool // by either end, or by a box in between
	silent        bool // nothing passes any more, and nobody says so
	closed        bool // by the target
	rest          int  // bytes of the last send that were not sent
}

// listener is a listening socket.
type listener struct {
	addr    netip.AddrPort
	waiting []*Socket
	shut    bool
}

// Listen makes a listening socket.
func (k *Kernel) Listen(addr netip.AddrPort) int { return k.open(&listener{addr: addr}) }

// Dial connects to the listening socket fd; the loop that has it accepts in its own time.
func (k *Kernel) Dial(fd int, remote netip.AddrPort) *Socket {
	l := k.files[fd].(*listener)
	s := &Socket{k: k, fd: -1, local: l.addr, remote: remote}
	l.waiting = append(l.waiting, s)
	return s
}

// The peer's end.

// Write sends b.
func (s *Socket) Write(b []byte) {
	if !s.reset && !s.upEnd {
		s.up = append(s.up, b...)
	}
}

// Read takes what has arrived. end says that nothing follows: the target's end is closed, or the connection was reset.
func (s *Socket) Read() (b []byte, end bool) {
	if s.silent {
		return nil, false
	}
	if !s.reset {
		b, s.down = s.down, nil
	}
	return b, s.reset || s.shutWrite && !s.sending()
}

// sending says that a send is under way that shutdown did not stop yet.
func (s *Socket) sending() bool { return false }

// CloseWrite ends the peer's direction.
func (s *Socket) CloseWrite() { s.upEnd = true }

// Reset breaks the connection.
func (s *Socket) Reset() { s.reset = true }

// Silence lets nothing pass any more.
func (s *Socket) Silence() { s.silent = true }

// FD is the target's descriptor, -1 when it has none.
func (s *Socket) FD() int { return s.fd }

// WasReset and IsSilent tell what became of it.
func (s *Socket) WasReset() bool { return s.reset }
func (s *Socket) IsSilent() bool { return s.silent }

// Ended says that the target has shut the connection down or closed it.
func (s *Socket) Ended() bool { return s.shutWrite || s.closed }

// Pending are the bytes under way to the target, and from it.
func (s *Socket) Pending() (up, down int) { return len(s.up), len(s.down) }

// The target's end.

func (s *Socket) readable() bool {
	return s.reset || s.shutRead || !s.silent && (len(s.up) > 0 || s.upEnd)
}

func (s *Socket) writable() bool {
	return s.reset || s.shutWrite || len(s.down) < s.k.cfg.SocketBytes
}

func (o *op) accept(l *listener) {
	if l.shut {
		o.end(-int32(syscall.EINVAL), 0)
		return
	}
	s := l.waiting[0]
	l.waiting = l.waiting[1:]
	s.fd = s.k.open(s)
	k := o.r.k
	if k.chance(8 * k.cfg.Odds.Interrupt) {
		o.end(int32(s.fd), 0) // a multishot accept may end at any time
		return
	}
	o.end(int32(s.fd), giouring.CQEFMore)
}

// recv receives, into a provided buffer or into the memory of the entry.
func (o *op) recv(s *Socket) {
	k := o.r.k
	if o.interrupted() {
		return
	}
	g := o.r.groups[o.sqe.BufIG]
	provided := o.sqe.Flags&giouring.SqeBufferSelect != 0
	if provided && g.empty() {
		k.Stats["ENOBUFS"]++
		o.end(-int32(syscall.ENOBUFS), 0)
		return
	}
	var buf []byte
	flags := uint32(0)
	if provided {
		buf, flags = g.peek()
	} else {
		buf = memory(o.sqe.Addr, int(o.sqe.Len))[o.done:]
	}
	switch {
	case s.reset:
		s.up = nil
		if o.done > 0 {
			o.end(int32(o.done), 0)
			return
		}
		o.end(-int32(syscall.ECONNRESET), 0)
	case len(s.up) == 0 || s.silent:
		if provided && k.intN(2) == 1 {
			g.head++ // it may take a buffer and put nothing there
			o.end(0, flags)
			return
		}
		o.end(int32(o.done), 0)
	default:
		n := min(len(s.up), len(buf))
		if n > 1 && k.chance(k.cfg.Odds.Short) {
			n = 1 + k.intN(min(n, 300)-1+1)
			n = min(n, len(buf), len(s.up))
		}
		copy(buf, s.up[:n])
		s.up = s.up[n:]
		if k.cfg.Received != nil {
			k.cfg.Received(s, buf[:n])
		}
		if provided {
			g.head++
			o.end(int32(n), flags)
			return
		}
		if o.done += n; o.done == int(o.sqe.Len) || o.sqe.OpcodeFlags&syscall.MSG_WAITALL == 0 || k.chance(4*k.cfg.Odds.Short) {
			o.end(int32(o.done), 0) // a signal ends a MSG_WAITALL early
		}
	}
}

func (g *group) tail() uint16 { return g.ring.Tail }

func (g *group) empty() bool { return g.head == g.tail() }

// peek is the buffer that is taken next, and the flags that say so.
func (g *group) peek() ([]byte, uint32) {
	at := uintptr(uint32(g.head)&(g.entries-1)) * unsafe.Sizeof(*g.ring)
	b := (*giouring.BufAndRing)(unsafe.Add(unsafe.Pointer(g.ring), at))
	return memory(b.Addr, int(b.Len)), giouring.CQEFBuffer | uint32(b.Bid)<<giouring.CQEBufferShift
}

// send sends a part of a message, or the rest of it.
func (o *op) send(s *Socket) {
	k := o.r.k
	if s.reset || s.shutWrite {
		if o.done > 0 {
			o.end(int32(o.done), 0)
			return
		}
		o.end(-int32(syscall.EPIPE), 0)
		return
	}
	if o.interrupted() {
		return
	}
	room := k.cfg.SocketBytes - len(s.down)
	short := k.chance(k.cfg.Odds.Short)
	if short {
		room = min(room, 1+k.intN(300))
	}
	for room > 0 && len(o.iov) > 0 {
		n := min(room, len(o.iov[0]))
		s.down = append(s.down, o.iov[0][:n]...)
		room -= n
		o.done += n
		if o.iov[0] = o.iov[0][n:]; len(o.iov[0]) == 0 {
			o.iov = o.iov[1:]
		}
	}
	if len(o.iov) == 0 || short && k.intN(4) == 0 || o.sqe.OpcodeFlags&syscall.MSG_WAITALL == 0 {
		o.end(int32(o.done), 0)
	}
}

// Calls on sockets that are made directly, as in package unix.

func (k *Kernel) socket(fd int) *Socket {
	s, _ := k.files[fd].(*Socket)
	return s
}

// CloseFD is close(2) of a socket.
func (k *Kernel) CloseFD(fd int) error {
	if k.Busy(fd) {
		if _, ok := k.files[fd].(*Socket); ok {
			k.cfg.Failf("descriptor %d is closed while the kernel has operations on it", fd)
		}
	}
	switch f := k.files[fd].(type) {
	case *listener:
		for _, s := range f.waiting {
			s.reset = true
		}
		f.waiting = nil
	case *Socket:
		if len(f.up) > 0 && !f.silent {
			f.reset = true // close(2) with unread input resets the connection
		}
		f.shutRead, f.shutWrite, f.closed, f.fd = true, true, true, -1
	default:
		k.cfg.Failf("close of descriptor %d, which is %T", fd, f)
	}
	delete(k.files, fd)
	return nil
}

// Shutdown is shutdown(2).
func (k *Kernel) Shutdown(fd, how int) error {
	switch f := k.files[fd].(type) {
	case *listener:
		f.shut = true
	case *Socket:
		f.shutWrite = true
		if how == unix.SHUT_RDWR {
			f.shutRead = true
		}
	default:
		k.cfg.Failf("shutdown of descriptor %d, which is %T", fd, f)
	}
	return nil
}

// SetsockoptInt is setsockopt(2).
func (k *Kernel) SetsockoptInt(fd, _, _, _ int) error {
	if k.socket(fd) == nil {
		return unix.EBADF
	}
	return nil
}

// GetsockoptTCPInfo is getsockopt(2) of TCP_INFO.
func (k *Kernel) GetsockoptTCPInfo(_, _, _ int) (*unix.TCPInfo, error) { return &unix.TCPInfo{}, nil }

// Getsockname is getsockname(2).
func (k *Kernel) Getsockname(fd int) (unix.Sockaddr, error) {
	if s := k.socket(fd); s != nil {
		return sockaddr(s.local), nil
	}
	return nil, unix.EBADF
}

// Getpeername is getpeername(2); a connection that was reset has no peer any more.
func (k *Kernel) Getpeername(fd int) (unix.Sockaddr, error) {
	if s := k.socket(fd); s != nil && !s.reset {
		return sockaddr(s.remote), nil
	}
	return nil, unix.ENOTCONN
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

// Sockets are the target's descriptors that are open.
func (k *Kernel) Sockets() (fds []int) {
	for fd, f := range k.files {
		if _, ok := f.(*Socket); ok {
			fds = append(fds, fd)
		}
	}
	slices.Sort(fds)
	return fds
}

func addr[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }
