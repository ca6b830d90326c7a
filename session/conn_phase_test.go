package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"
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

// Every legal transition happens, and the table has no other.
func TestConnPhases(t *testing.T) {
	walked := map[[2]connPhase]bool{}
	for _, w := range connWalks {
		walked[[2]connPhase{w.from, w.to}] = true
		t.Run(fmt.Sprintf("%v to %v", w.from, w.to), func(t *testing.T) {
			r := walkTo(t, w.from)
			if got := r.conn.end.connPhase; got != w.from {
				t.Fatalf("begins in %v", got)
			}
			w.act(r)
			if got := r.conn.end.connPhase; got != w.to {
				t.Fatalf("ends in %v", got)
			}
			if over := r.conn.Over(); over != (w.to == connGone) {
				t.Errorf("Over: %v", over)
			}
		})
	}
	for from := range connPhases {
		for to := range connPhases {
			if legal := connNext[from]>>to&1 != 0; legal != walked[[2]connPhase{from, to}] {
				t.Errorf("%v to %v is legal: %v; walked: %v", from, to, legal, !legal)
			}
		}
	}
}

// Every other transition is a bug of ours, and is caught.
func TestIllegalConnPhases(t *testing.T) {
	for from := range connPhases {
		for to := range connPhases {
			if connNext[from]>>to&1 != 0 {
				continue
			}
			e := endState{connPhase: from}
			why := panics(func() { e.move(to) })
			if !strings.Contains(why, " "+from.String()+" ") || !strings.HasSuffix(why, " "+to.String()) {
				t.Errorf("%v to %v: %q", from, to, why)
			}
			if e.connPhase != from {
				t.Errorf("%v to %v: it is in %v", from, to, e.connPhase)
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
