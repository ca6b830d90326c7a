package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Groups are the groups whose members may use the socket. Root and the daemon's own user always may.
type Groups struct {
	Group   string // name or number: may change; "": none
	Readers string // may only read; "": none
}

// admission decides by a peer's credentials.
type admission struct {
	group, readers int // -1: none
}

func (g Groups) resolve() (a admission, err error) {
	a = admission{group: -1, readers: -1}
	if g.Group != "" {
		if a.group, err = groupID(g.Group); err != nil {
			return a, err
		}
	}
	if g.Readers != "" {
		a.readers, err = groupID(g.Readers)
	}
	return a, err
}

func groupID(name string) (int, error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return -1, fmt.Errorf("control socket: there is no group %s: %w", name, err)
	}
	return strconv.Atoi(g.Gid)
}

// mode is the socket's mode and group: as narrow as one group permits. With two groups every user can connect, and the credentials
// decide.
func (a admission) mode() (mode os.FileMode, gid int) {
	switch {
	case a.group >= 0 && a.readers >= 0 && a.group != a.readers:
		return 0o666, -1
	case a.group >= 0:
		return 0o660, a.group
	case a.readers >= 0:
		return 0o660, a.readers
	}
	return 0o600, -1
}

// caller returns what the peer may do.
func (a admission) caller(p peer) Caller {
	c := Caller{Name: fmt.Sprintf("uid %d, pid %d", p.uid, p.pid)}
	switch {
	case p.uid == 0 || p.uid == os.Geteuid() || a.group >= 0 && slices.Contains(p.groups, a.group):
		c.Access = AccessChange
	case a.readers >= 0 && slices.Contains(p.groups, a.readers):
		c.Access = AccessRead
	}
	return c
}

// peer is the process at the other end, as the kernel knew it when it connected.
type peer struct {
	uid, pid int
	groups   []int
	host     netip.Addr // of another machine
}

var errNoPeer = errors.New("the kernel does not say who connected")

// peerOf reads the credentials of a connection (SO_PEERCRED, SO_PEERGROUPS: socket(7), unix(7)).
func peerOf(c net.Conn) (p peer, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return p, errNoPeer
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return p, err
	}
	ctlErr := raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err != nil {
			return
		}
		p = peer{uid: int(cred.Uid), pid: int(cred.Pid), groups: []int{int(cred.Gid)}}
		var more []uint32
		more, err = peerGroups(fd)
		for _, g := range more {
			p.groups = append(p.groups, int(g))
		}
	})
	return p, errors.Join(ctlErr, err)
}

// maxGroups is NGROUPS_MAX (limits.h of Linux).
const maxGroups = 65536

// peerGroups reads the supplementary groups. Package unix has no wrapper for options of variable length.
func peerGroups(fd uintptr) ([]uint32, error) {
	list := make([]uint32, 64)
	for {
		n := uint32(len(list) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&list[0])), uintptr(unsafe.Pointer(&n)), 0)
		switch {
		case errno == 0:
			return list[:n/4], nil
		case errno == unix.ERANGE && int(n)/4 > len(list) && n/4 <= maxGroups:
			list = make([]uint32, n/4)
		default:
			return nil, os.NewSyscallError("getsockopt SO_PEERGROUPS", errno)
		}
	}
}

// context puts the caller into the context of a connection's requests.
func (a admission) context(ctx context.Context, c net.Conn) context.Context {
	if b, ok := c.(*boundedConn); ok {
		return WithCaller(ctx, a.caller(b.peer))
	}
	return ctx
}
