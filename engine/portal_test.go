package engine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

var anyPort = netip.MustParseAddrPort("127.0.0.1:0")

// through makes the rig's next connections come in through another portal.
func (r *rig) through(p netip.AddrPort) *rig {
	target := session.Target{Name: testTarget}
	for _, p := range r.e.Portals() {
		target.Portals = append(target.Portals, session.Portal{Addr: p.String(), TPGT: 1})
	}
	r.e.node.SetTargets([]*session.Target{&target})
	other := *r
	other.addr = p.String()
	return &other
}

// asked reads the target's request to log out (RFC 7143 11.9.1, event 1).
func (i *initiator) asked() {
	i.t.Helper()
	i.read()
	must.Be(i.t, i.Header.Opcode() == pdu.OpAsyncMessage, "%v, want an Async Message", i.Header.Opcode())
	m := (*pdu.AsyncMessage)(&i.Header)
	must.Be(i.t, m.AsyncEvent() == pdu.AsyncEventLogoutRequest, "event %v, want a request to log out", m.AsyncEvent())
	i.ExpStatSN = m.StatSN() + 1
}

// logOut closes the session, and wants the target to close the connection.
func (i *initiator) logOut() {
	i.t.Helper()
	h := i.Next(pdu.OpLogoutRequest, true)
	(*pdu.LogoutRequest)(h).SetReason(pdu.LogoutCloseSession)
	i.send(h, nil)
	i.read()
	must.Be(i.t, i.Header.Opcode() == pdu.OpLogoutResponse, "%v, want a Logout Response", i.Header.Opcode())
	check.That(i.t, i.Recv() != nil, "the target sends more after a logout")
	i.Close()
}

// ended waits for the target to close the connection.
func (i *initiator) ended(why string) {
	i.t.Helper()
	for i.Recv() == nil {
	}
	i.Close()
}

// listeners returns how many places the loops' tables of listeners have, and how many are in use.
func (r *rig) listeners() (places, used int) {
	var mu sync.Mutex
	r.e.each(func(l *loop) {
		mu.Lock()
		defer mu.Unlock()
		places += len(l.listeners)
		for _, ln := range l.listeners {
			if ln != nil {
				used++
			}
		}
	})
	return places, used
}

func atMost(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// Portals come and go, with connections, while another portal's connection sees nothing of it.
func TestPortalsComeAndGo(t *testing.T) {
	r := newRig(t, 2, memory(t, 1<<20))
	first := r.e.Portals()[0]
	calm := r.login(1)
	for round := range 20 {
		p := must.Get(r.e.AddPortal(anyPort))(t)
		check.That(t, slices.Equal(r.e.Portals(), []netip.AddrPort{first, p}), "portals %v", r.e.Portals())
		guest := r.through(p).login(2)
		guest.good(guest.startWrite(0, uint32(round), fill(512, uint64(round))))
		removed := make(chan error)
		go func() { removed <- r.e.RemovePortal(t.Context(), p, false) }()
		guest.asked()
		guest.good(guest.startWrite(0, uint32(round), fill(512, uint64(round)))) // until it has logged out, it is served
		guest.logOut()
		must.OK(t, <-removed)
		if c, err := net.Dial("tcp", p.String()); err == nil {
			c.Close()
			t.Fatal("a removed portal accepts connections")
		}
		calm.wantData(calm.startRead(0, uint32(round), 1), fill(512, uint64(round)))
	}
	places, used := r.listeners()
	check.That(t, places <= 4 && used == 2, "%d places for listeners, %d in use", places, used)
	check.That(t, slices.Equal(r.e.Portals(), []netip.AddrPort{first}), "portals %v", r.e.Portals())
}

func TestPortalsThatCannotBe(t *testing.T) {
	r := newRig(t, 2, memory(t, 1<<20))
	p := r.e.Portals()[0]
	_, err := r.e.AddPortal(p)
	check.That(t, errors.Is(err, ErrPortalExists), "the same portal again: %v", err)
	mapped := netip.AddrPortFrom(netip.AddrFrom16(p.Addr().As16()), p.Port())
	_, err = r.e.AddPortal(mapped)
	check.That(t, errors.Is(err, ErrPortalExists), "the same portal as an IPv6 address: %v", err)
	_, err = r.e.AddPortal(netip.MustParseAddrPort("192.0.2.1:0"))
	check.That(t, err != nil, "an address of another machine was taken")
	err = r.e.RemovePortal(t.Context(), netip.MustParseAddrPort("192.0.2.1:1"), false)
	check.That(t, errors.Is(err, ErrNoPortal), "an unknown portal: %v", err)
	check.That(t, len(r.e.Portals()) == 1, "portals %v", r.e.Portals())
	r.login(1).ping()
	must.OK(t, r.e.RemovePortal(t.Context(), p, true))
	check.That(t, len(r.e.Portals()) == 0, "portals %v", r.e.Portals())
	again := must.Get(r.e.AddPortal(p))(t)
	check.That(t, again == p, "bound to %v, want %v", again, p)
	r.login(2).ping()
	r.e.Shutdown()
	_, err = r.e.AddPortal(anyPort)
	check.That(t, errors.Is(err, ErrShutdown), "after Shutdown: %v", err)
}

// A connection that is in its login, one that does not log out, and one that never sends anything end with their portal.
func TestConnectionsOfARemovedPortalEnd(t *testing.T) {
	for _, how := range []string{"grace", "deadline", "force"} {
		t.Run(how, func(t *testing.T) {
			r := newRig(t, 2, memory(t, 1<<20))
			calm := r.login(1)
			p := must.Get(r.e.AddPortal(anyPort))(t)
			stubborn, silent := r.through(p).login(2), r.through(p).dial()
			waitFor(t, "all to be accepted", func() bool { return len(r.e.Status().Connections) == 3 })
			r.e.portals.mu.Lock()
			served := r.e.portals.at(p)
			r.e.portals.mu.Unlock()
			ctx, end := context.WithCancelCause(t.Context())
			defer end(nil)
			done := make(chan error, 1)
			go func() { done <- r.e.RemovePortal(ctx, p, how == "force") }()
			if how == "deadline" {
				waitFor(t, "the one that never logged in to end", func() bool { return served.conns.Load() == 1 })
				end(context.DeadlineExceeded)
			}
			err := <-done
			if how == "deadline" {
				check.That(t, errors.Is(err, context.DeadlineExceeded) && strings.Contains(err.Error(), "1 connections were closed without a logout"), "%v", err)
			} else {
				must.OK(t, err)
			}
			stubborn.ended("it did not log out")
			silent.ended("it never logged in")
			calm.ping()
			check.That(t, len(r.e.Status().Connections) == 1, "connections %+v", r.e.Status().Connections)
		})
	}
}

// A session keeps its connections through other portals (RFC 7143 11.9.1: the request is for the connection that carries it).
func TestSessionOverTwoPortals(t *testing.T) {
	r := newRigWith(t, Config{Cores: make([]int, 2)}, session.NodeConfig{})
	p := must.Get(r.e.AddPortal(anyPort))(t)
	a := r.dial()
	keys := pdu.AppendText(nil, "InitiatorName", "iqn.2026-11.test:7")
	for _, kv := range [][2]string{{"TargetName", testTarget}, {"SessionType", "Normal"}, {"MaxConnections", "4"}} {
		keys = pdu.AppendText(keys, kv[0], kv[1])
	}
	tsih := a.join(7, 0, 0, keys)
	b := r.through(p).dial()
	b.CmdSN = a.CmdSN
	b.join(7, tsih, 1, pdu.AppendText(pdu.AppendText(nil, "InitiatorName", "iqn.2026-11.test:7"), "TargetName", testTarget))
	b.ping()
	must.OK(t, r.e.RemovePortal(t.Context(), p, true))
	a.read()
	m := (*pdu.AsyncMessage)(&a.Header)
	check.That(t, a.Header.Opcode() == pdu.OpAsyncMessage && m.AsyncEvent() == pdu.AsyncEventDropConnection && m.Parameter1() == 1,
		"%v event %v of CID %d, want the other connection to be reported as dropped", a.Header.Opcode(), m.AsyncEvent(), m.Parameter1())
	a.ExpStatSN = m.StatSN() + 1
	a.ping()
}

// Whoever connects through a portal that stays is served, whatever happens to others; whoever connects through one that goes is
// served or refused, and leaves nothing behind.
func TestPortalsChangeUnderLogins(t *testing.T) {
	r := newRig(t, 2, memory(t, 1<<20))
	var volatile sync.Map // the portal that comes and goes
	stop := make(chan struct{})
	var guests, residents sync.WaitGroup
	for g := range 3 {
		guests.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				p, ok := volatile.Load("portal")
				if !ok {
					continue
				}
				c, err := net.DialTimeout("tcp", p.(netip.AddrPort).String(), time.Second)
				if err != nil {
					continue
				}
				c.Write(make([]byte, 12*g)) // less than a header
				c.Close()
			}
		})
	}
	for k := range 2 {
		residents.Go(func() {
			for n := range 60 {
				i := r.enter(byte(1 + k))
				i.ping()
				if n%2 == 0 {
					i.logOut()
				} else {
					i.Close()
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { residents.Wait(); close(done) }()
	rounds := 0
	for busy := true; busy || rounds < 10; rounds++ {
		p := must.Get(r.e.AddPortal(anyPort))(t)
		volatile.Store("portal", p)
		time.Sleep(time.Millisecond) // not a synchronization: guests may or may not come
		volatile.Delete("portal")
		must.OK(t, r.e.RemovePortal(t.Context(), p, rounds%2 == 0))
		select {
		case <-done:
			busy = false
		default:
		}
	}
	close(stop)
	guests.Wait()
	waitFor(t, "all connections to end", func() bool { return len(r.e.Status().Connections) == 0 })
	_, used := r.listeners()
	check.That(t, used == 2, "%d listeners after %d portals", used, rounds)
}
