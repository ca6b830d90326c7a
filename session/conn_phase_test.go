package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

var errTest = errors.New("the test wants it")

// connWalks leads a connection through every legal transition, by what a host or another connection really does. Each phase but
// open is reached by its first row.
var connWalks = []struct {
	from, to connPhase
	act      func(r *loginRig)
}{
	{connOpen, connQuiet, func(r *loginRig) { r.conn.Receive(r.now, Message{kind: messageQuieten}) }},
	{connOpen, connFlushing, func(r *loginRig) { r.conn.Receive(r.now, Message{kind: messageFinish, reason: errTest}) }},
	{connOpen, connFailing, func(r *loginRig) { r.conn.Terminate(r.now, errTest) }},
	{connOpen, connClosed, func(r *loginRig) { r.conn.Closed(r.now) }},
	{connQuiet, connFlushing, func(r *loginRig) { r.conn.Receive(r.now, Message{kind: messageFinish, reason: errTest}) }},
	{connQuiet, connFailing, func(r *loginRig) { r.conn.Terminate(r.now, errTest) }},
	{connQuiet, connClosed, func(r *loginRig) { r.conn.Closed(r.now) }},
	{connFlushing, connFlushed, next},
	{connFlushing, connFailing, func(r *loginRig) { r.conn.Advance(r.conn.Timer()) }},
	{connFlushing, connClosed, func(r *loginRig) { r.conn.Closed(r.now) }},
	{connFlushed, connFailing, func(r *loginRig) { r.conn.Advance(r.conn.Timer()) }},
	{connFlushed, connClosed, func(r *loginRig) { r.conn.Closed(r.now) }},
	{connFailing, connFailed, next},
	{connFailing, connClosed, func(r *loginRig) { r.conn.Closed(r.now) }},
	{connFailed, connClosed, func(r *loginRig) { r.conn.Closed(r.now) }},
	{connClosed, connKeeping, next},
	{connClosed, connLast, func(r *loginRig) { r.conn.sess.Params.DefaultTime2Retain = 0; next(r) }},
	{connClosed, connGone, func(r *loginRig) { r.conn.sess.conns = append(r.conn.sess.conns, newLogin(r, r.node).conn); next(r) }},
	{connKeeping, connExpired, func(r *loginRig) { r.conn.Advance(r.conn.Timer()) }},
	{connKeeping, connGone, func(r *loginRig) { r.conn.Receive(r.now, Message{kind: messageRelieved}) }},
	{connExpired, connLast, next},
	{connLast, connGone, next},
}

func next(r *loginRig) { r.conn.Next(r.now, true, new(Event)) }

// walkTo brings a new connection to a phase.
func walkTo(t *testing.T, to connPhase) *loginRig {
	if to == connOpen {
		r := newLogin(t, newNodeWith(NodeConfig{}, plainTarget()))
		r.ok(toFull, names()...)
		r.wantEvent(SessionUp)
		return r
	}
	for _, w := range connWalks {
		if w.to == to {
			r := walkTo(t, w.from)
			w.act(r)
			return r
		}
	}
	t.Fatalf("nothing leads to %v", to)
	return nil
}

// Every legal transition happens, and every other one is caught.
func TestConnPhases(t *testing.T) {
	walked := map[[2]connPhase]bool{}
	for _, w := range connWalks {
		walked[[2]connPhase{w.from, w.to}] = true
		t.Run(fmt.Sprintf("%v to %v", w.from, w.to), func(t *testing.T) {
			r := walkTo(t, w.from)
			check.Equal(t, r.conn.end.connPhase, w.from, "the phase it begins in")
			w.act(r)
			check.Equal(t, r.conn.end.connPhase, w.to, "the phase it ends in")
			check.Equal(t, r.conn.Over(), w.to == connGone, "Over")
		})
	}
	checkPhases(t, connPhases, walked, func(from, to connPhase) bool { return connNext[from]>>to&1 != 0 },
		func(from, to connPhase) (connPhase, string) {
			e := endState{connPhase: from}
			why := panics(func() { e.move(to) })
			return e.connPhase, why
		})
}

// checkPhases holds a table of transitions against what happened: every legal transition was walked, and every other one is
// caught where it would be made, with the names of both phases.
func checkPhases[P interface {
	~uint8
	fmt.Stringer
}](t *testing.T, n P, walked map[[2]P]bool, legal func(from, to P) bool, move func(from, to P) (at P, why string)) {
	t.Helper()
	for from := range n {
		for to := range n {
			check.Equal(t, walked[[2]P{from, to}], legal(from, to), "%v to %v: walked, and legal", from, to)
			if legal(from, to) {
				continue
			}
			if at, why := move(from, to); !strings.Contains(why, " "+from.String()+" ") || !strings.HasSuffix(why, " "+to.String()) || at != from {
				t.Errorf("%v to %v: it is in %v, and says %q", from, to, at, why)
			}
		}
	}
}

// panics returns what f panics with, "" if it does not.
func panics(f func()) (why string) {
	defer func() {
		if p := recover(); p != nil {
			why = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}
