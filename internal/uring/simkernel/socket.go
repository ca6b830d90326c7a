package simkernel

import (
	"net/netip"
	"slices"
	"syscall"
	"unsafe"

	"github.com/ringtgt/ringtgt/engine/giouring"
	"golang.org/x/sys/unix"
)

// Socket is a TCP connection. The target uses its descriptor; the exported methods are the peer's end.
type Socket struct {
	k             *Kernel
	fd            int // -1 before it is accepted and after it is closed
	local, remote netip.AddrPort
	up, down      []byte // in flight to the target and to the peer
	upEnd         bool   // the peer has closed its direction
	shutRead      bool   // shutdown(2) by the target
	shutWrite     bool
	reset         bool   // by either end, or by a middlebox
	silent        bool   // the network drops everything
	closed        bool   // by the target
	rest          int    // bytes that the last send left unsent
	acked         uint64 // bytes that the peer has read
	sent          uint64 // bytes that the target has sent
	closedAt      int64
	userTimeout   int64 // TCP_USER_TIMEOUT in ns
}

// listener is a listening socket and its backlog.
type listener struct {
	addr    netip.AddrPort
	waiting []*Socket
	shut    bool
}

// Listen returns the descriptor of a new listening socket.
func (k *Kernel) Listen(addr netip.AddrPort) int { return k.open(&listener{addr: addr}) }

// Dial connects to the listening socket fd. The connection waits in the backlog until a loop accepts it.
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

// Read returns what has arrived. end reports that nothing follows: the target has closed its end, or the connection was
// reset.
func (s *Socket) Read() (b []byte, end bool) {
	if s.silent {
		return nil, false
	}
	if !s.reset {
		b, s.down = s.down, nil
		s.acked += uint64(len(b))
	}
	return b, s.reset || s.shutWrite
}

// CloseWrite closes the peer's direction.
func (s *Socket) CloseWrite() { s.upEnd = true }

// Reset breaks the connection.
func (s *Socket) Reset() { s.reset = true }

// Silence makes the network drop everything from now on.
func (s *Socket) Silence() { s.silent = true }

// FD returns the target's descriptor, -1 when it has none.
func (s *Socket) FD() int { return s.fd }

// WasReset reports whether the connection was reset, IsSilent whether the network drops its packets.
func (s *Socket) WasReset() bool { return s.reset }
func (s *Socket) IsSilent() bool { return s.silent }

// Ended reports whether the target has shut down or closed the connection.
func (s *Socket) Ended() bool { return s.shutWrite || s.closed }

// Pending returns the number of bytes in flight to the target and from it.
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

// recv receives into a provided buffer or into the memory that the entry names.
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
			g.head++ // Linux may consume a buffer and leave it empty
			o.end(0, flags)
			return
		}
		o.end(int32(o.done), 0)
	default:
		n := min(len(s.up), len(buf))
		if n > 1 && k.chance(k.cfg.Odds.Short) {
			n = 1 + k.intN(min(n, 300))
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

// peek returns the next buffer, and the completion flags that name it.
func (g *group) peek() ([]byte, uint32) {
	at := uintptr(uint32(g.head)&(g.entries-1)) * unsafe.Sizeof(*g.ring)
	b := (*giouring.BufAndRing)(unsafe.Add(unsafe.Pointer(g.ring), at))
	return memory(b.Addr, int(b.Len)), giouring.CQEFBuffer | uint32(b.Bid)<<giouring.CQEBufferShift
}

// send sends the rest of a message or a part of it.
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
	if o.interrupted() || o.refused() {
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
		s.sent += uint64(n)
		o.lend(o.iov[0][:n])
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

// The system calls that do not go through a ring, under their names in package unix.

func (k *Kernel) socket(fd int) *Socket {
	s, _ := k.files[fd].(*Socket)
	return s
}

// CloseFD implements close(2) for sockets.
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
		f.closedAt = k.cfg.Now()
	default:
		k.cfg.Failf("close of descriptor %d, which is %T", fd, f)
	}
	delete(k.files, fd)
	return nil
}

// Shutdown implements shutdown(2).
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

// SetsockoptInt implements setsockopt(2). It ignores most options.
func (k *Kernel) SetsockoptInt(fd, level, opt, value int) error {
	s := k.socket(fd)
	if s == nil {
		return unix.EBADF
	}
	if level == unix.IPPROTO_TCP && opt == unix.TCP_USER_TIMEOUT {
		s.userTimeout = int64(value) * 1e6
	}
	return nil
}

// GetsockoptTCPInfo implements getsockopt(2) for TCP_INFO. Only tcpi_bytes_acked and tcpi_unacked are set.
func (k *Kernel) GetsockoptTCPInfo(fd, _, _ int) (*unix.TCPInfo, error) {
	s := k.socket(fd)
	if s == nil {
		return nil, unix.EBADF
	}
	return &unix.TCPInfo{Bytes_acked: s.acked, Unacked: uint32(len(s.down))}, nil
}

// Getsockname implements getsockname(2).
func (k *Kernel) Getsockname(fd int) (unix.Sockaddr, error) {
	if s := k.socket(fd); s != nil {
		return sockaddr(s.local), nil
	}
	return nil, unix.EBADF
}

// Getpeername implements getpeername(2). A connection that was reset has no peer.
func (k *Kernel) Getpeername(fd int) (unix.Sockaddr, error) {
	if s := k.socket(fd); s != nil && !s.reset {
		return sockaddr(s.remote), nil
	}
	return nil, unix.ENOTCONN
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

// Sockets returns the open descriptors of the target's connections.
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
