package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// of matches the session of the initiator that login named so.
func of(isid byte) func(*session.Session, session.Member) bool {
	return func(s *session.Session, _ session.Member) bool { return s.ISID[5] == isid }
}

// Sessions lists what status and the API need, and LogOut ends the sessions that match: by the initiator's own logout, or by force.
func TestLogOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, memory(t, 1<<20))
	before := time.Now()
	a, b := r.login(1), r.login(2)
	j := r.join(3, 2)
	all := r.e.Sessions()
	must.Be(t, len(all) == 3, "%d sessions", len(all))
	for _, s := range all {
		want := map[bool]int{true: 2, false: 1}[s.ISID[5] == 3]
		if s.Target != testTarget || s.TSIH == 0 || len(s.Connections) != want || s.Since.Before(before) || s.Since.After(time.Now()) {
			t.Errorf("a session %+v", s)
		}
	}

	// The first logs out as it is asked to.
	done := make(chan []Session, 1)
	go func() {
		ended, err := r.e.LogOut(t.Context(), of(1), false)
		check.OK(t, err)
		done <- ended
	}()
	a.asked()
	a.logOut()
	ended := <-done
	must.Be(t, len(ended) == 1 && ended[0].Initiator == "iqn.2026-11.test:1", "ended %+v", ended)
	must.Be(t, len(r.e.Sessions()) == 2, "sessions %+v", r.e.Sessions())
	b.ping()

	// One connection of a session is closed, and the other is told.
	cid := func(n uint16) func(*session.Session, session.Member) bool {
		return func(s *session.Session, m session.Member) bool { return s.ISID[5] == 3 && m.CID == n }
	}
	ended, err := r.e.LogOut(t.Context(), cid(1), true)
	must.Be(t, err == nil && len(ended) == 1 && len(ended[0].Connections) == 1 && ended[0].Connections[0].CID == 1, "ended %+v, %v", ended, err)
	must.Be(t, j.conns[1].Recv() != nil, "the connection is still there")
	other := j.conns[0]
	other.read()
	m := (*pdu.AsyncMessage)(&other.Header)
	must.Be(t, other.Header.Opcode() == pdu.OpAsyncMessage && m.AsyncEvent() == pdu.AsyncEventDropConnection, "%v", other.Header.Opcode())
	other.ExpStatSN = m.StatSN() + 1
	other.ping()

	// By force, all at once.
	ended, err = r.e.LogOut(t.Context(), func(*session.Session, session.Member) bool { return true }, true)
	must.Be(t, err == nil && len(ended) == 2, "ended %+v, %v", ended, err)
	must.Be(t, b.Recv() != nil && len(r.e.Sessions()) == 0, "sessions %+v", r.e.Sessions())
	waitFor(t, "everything to come back", r.quiet(0))
	r.login(1).ping()
}

// LogOut returns when its context is done, although a backend holds the session.
func TestLogOutIsBounded(t *testing.T) {
	t.Parallel()
	f := holding(memory(t, 1<<20))
	r := newRig(t, 1, f)
	i := r.login(1)
	i.startRead(0, 0, 8)
	waitFor(t, "the command to reach the backend", func() bool { return f.Held() == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := r.e.LogOut(ctx, of(1), true)
		done <- err
	}()
	must.Be(t, i.Recv() != nil, "the connection is still there")
	cancel()
	check.Equal(t, <-done, context.Canceled, "the error")
	f.Release(-1)
	_, err := r.e.LogOut(t.Context(), of(1), true)
	check.OK(t, err)
	waitFor(t, "everything to come back", r.quiet(0))
}

// When a target was removed and its sessions were logged out, none is left and none comes: also of the logins that were under way.
func TestNoLoginOutlivesItsTarget(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, memory(t, 1<<20))
	targets := r.e.node.Targets()
	var clients sync.WaitGroup
	defer clients.Wait()
	stop := make(chan struct{})
	defer close(stop)
	var granted, notFound, closed atomic.Int64
	for k := range byte(8) {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := rawclient.Dial(r.addr, 0)
				if err != nil {
					t.Error(err)
					return
				}
				p, err := c.LogIn(rawclient.OneRequest([6]byte{0x80, 0, 0, 0, 0, k}), rawclient.Text("InitiatorName", "iqn.2026-11.test:x", "TargetName", testTarget))
				switch {
				case err != nil: // it was closed while it waited for its older session
					closed.Add(1)
				case p.Status() == pdu.LoginSuccess:
					granted.Add(1)
				case p.Status() == pdu.LoginNotFound:
					notFound.Add(1)
				default:
					t.Errorf("status %#04x", uint16(p.Status()))
				}
				c.Close()
			}
		})
	}
	for range 30 {
		more := granted.Load() + 20
		waitFor(t, "logins", func() bool { return granted.Load() >= more })
		r.e.node.SetTargets(nil)
		_, err := r.e.LogOut(t.Context(), func(s *session.Session, _ session.Member) bool { return s.Target != nil }, true)
		must.OK(t, err)
		refused := notFound.Load() + 20
		waitFor(t, "refusals", func() bool { return notFound.Load() >= refused })
		must.Be(t, len(r.e.Sessions()) == 0, "sessions of a target that was removed: %+v", r.e.Sessions())
		r.e.node.SetTargets(targets)
	}
}
