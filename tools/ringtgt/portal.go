package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/ringtgt/ringtgt/internal/host"
	"github.com/ringtgt/ringtgt/session"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"golang.org/x/sys/unix"
)

// bind sets the addresses of the portals, in the order of the configuration.
func (s *serving) bind(addrs []netip.AddrPort) {
	s.portals = nil
	for i, p := range s.cfg.Portals {
		s.portals = append(s.portals, servedPortal{p, addrs[i]})
	}
}

// sessionTargets returns the targets for the session layer.
func (s *serving) sessionTargets() []*session.Target {
	var out []*session.Target
	for _, t := range s.targets {
		st := &session.Target{
			Name: t.cfg.Name, Alias: t.cfg.Alias,
			Auth:   auth(t.cfg.Access),
			ACL:    session.ACL{Initiators: t.cfg.Access.Initiators, Networks: t.cfg.Access.Networks},
			Limits: limits(t.cfg.Limits),
		}
		if r := t.cfg.Redirect; r != nil {
			st.Redirect = &session.Redirect{Addr: r.Address, Permanent: r.Permanent}
		}
		for _, p := range s.at(t) {
			st.Portals = append(st.Portals, session.Portal{Addr: p.bound.String(), TPGT: p.Group})
		}
		out = append(out, st)
	}
	return out
}

// chapAlgorithms maps the configuration's names to the numbers of CHAP_A.
var chapAlgorithms = map[string]session.CHAPAlgorithm{
	"md5": session.CHAPMD5, "sha1": session.CHAPSHA1, "sha256": session.CHAPSHA256, "sha3-256": session.CHAPSHA3256,
}

func auth(a config.Access) session.Auth {
	var out session.Auth
	for _, c := range a.Accounts {
		out.Accounts = append(out.Accounts, session.Account{User: c.User, Secret: c.Secret, Initiators: c.Initiators})
	}
	if a.Mutual != nil {
		out.Mutual = &session.Account{User: a.Mutual.User, Secret: a.Mutual.Secret}
	}
	for _, name := range a.Algorithms {
		out.Algorithms = append(out.Algorithms, chapAlgorithms[name])
	}
	return out
}

func limits(l config.Limits) session.Limits {
	return session.Limits{
		Window: l.Window, MaxConnections: l.MaxConnections, MaxRecvDataSegmentLength: uint32(l.MaxRecvDataSegmentLength),
		MaxBurstLength: uint32(l.MaxBurstLength), FirstBurstLength: uint32(l.FirstBurstLength),
		InitialR2T: l.InitialR2T, NoImmediateData: l.NoImmediateData,
	}
}

// checkFree is checkFree for a further portal: its address may take in that of another one.
func (s *serving) checkFree(addr netip.AddrPort) error {
	err := checkFree(addr)
	if err == nil {
		return nil
	}
	for _, p := range s.portals {
		if p.bound != addr && p.bound.Port() == addr.Port() && (p.bound.Addr().IsUnspecified() || addr.Addr().IsUnspecified()) {
			return fmt.Errorf("portal %s %w: it overlaps portal %s, on which this daemon listens; remove that one first, in a change of its own", addr, admin.ErrInUse, p.bound)
		}
	}
	return err
}

// portalWait bounds the wait for a busy portal: the kernel tears down the rings of a killed daemon after the process is gone, and
// they hold the listening sockets until then. portalPoll is the interval between checks.
const (
	portalWait = 5 * time.Second
	portalPoll = 100 * time.Millisecond
)

// waitFree repeats checkFree while the sockets of a killed predecessor may still be open.
func waitFree(addr netip.AddrPort, log *slog.Logger) error {
	err := checkFree(addr)
	if err == nil {
		return nil
	}
	log.Info("waiting for the portal to become free", "portal", addr, "at most", portalWait)
	for end := time.Now().Add(portalWait); err != nil && time.Now().Before(end); err = checkFree(addr) {
		time.Sleep(portalPoll)
	}
	return err
}

// checkFree fails if a socket listens on addr already. Our listeners share their port among themselves (SO_REUSEPORT),
// and the kernel would admit a second daemon of the same user as well: it would then split the initiators between both.
//
// A bind without SO_REUSEPORT decides; /proc/net/tcp misses sockets while others come and go, and only names the other socket.
func checkFree(addr netip.AddrPort) error {
	if addr.Port() == 0 {
		return nil
	}
	family, sa := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()})
	if ip := addr.Addr().Unmap(); ip.Is4() {
		family, sa = unix.AF_INET, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil // the engine's own socket will report the error
	}
	defer unix.Close(fd)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) // connections in TIME_WAIT do not matter
	if err := unix.Bind(fd, sa); !errors.Is(err, unix.EADDRINUSE) {
		return nil
	}
	other := addr
	if bound, found := host.Conflict(addr); found {
		other = bound
	}
	return fmt.Errorf("portal %s %w: a process listens on %s already (`ss -ltnp sport = :%d` shows which)", addr, admin.ErrInUse, other, addr.Port())
}
