package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
)

// Session is a session of an initiator, as a snapshot.
type Session struct {
	Target      string // "": a discovery session
	Initiator   string
	Account     string // the CHAP account that logged in; "": no CHAP
	ISID        [6]byte
	TSIH        uint16
	Since       time.Time
	Connections []session.Member // none: it has lost the last one, and waits for another
}

func snapshot(s *session.Session, members []session.Member) Session {
	return Session{
		Target: s.TargetName(), Initiator: s.InitiatorName, Account: s.Account, ISID: s.ISID, TSIH: s.TSIH, Since: s.Since,
		Connections: slices.DeleteFunc(slices.Clone(members), func(m session.Member) bool { return m.Lost }),
	}
}

// Sessions lists the sessions. It does not interrupt the loops.
func (e *Engine) Sessions() []Session {
	all := e.node.Sessions()
	out := make([]Session, 0, len(all))
	for _, s := range all {
		out = append(out, snapshot(s, s.Members()))
	}
	return out
}

var errStopped = errors.New("engine: the loops have stopped")

// LogOut asks initiators to log out (RFC 7143, 11.9.1) and closes, after a grace period of three seconds, the connections that are
// left; with force it closes all at once. It calls match for every connection of every session, including discovery sessions, whose
// Target is nil. If all connections of a session match, the session ends, and no connection may join or continue it. Otherwise only
// those that match end, and the session continues. For a session that has lost its last connection, match gets that one, marked Lost.
// LogOut waits until all of this is over or ctx is done, and returns the sessions with the connections that matched.
//
// An initiator may log in again at once, unless the node's targets no longer admit it: set those first. LogOut then sees every session
// that the old targets admitted.
func (e *Engine) LogOut(ctx context.Context, match func(*session.Session, session.Member) bool, force bool) ([]Session, error) {
	var ended []Session
	var over []<-chan struct{}
	for _, s := range e.node.Sessions() {
		members := s.Members()
		hit := slices.Clone(members)
		hit = slices.DeleteFunc(hit, func(m session.Member) bool { return !match(s, m) })
		if len(hit) == 0 {
			continue
		}
		ended = append(ended, snapshot(s, hit))
		if len(hit) == len(members) {
			over = append(over, s.LogOut(force, nil))
			continue
		}
		for _, m := range hit {
			if left := s.LogOutMember(m, force); left != nil {
				over = append(over, left)
			}
		}
	}
	for _, c := range over {
		select {
		case <-c:
		case <-ctx.Done():
			return ended, ctx.Err()
		case <-e.loops[0].stopped:
			return ended, errStopped
		}
	}
	return ended, nil
}

// dropTarget ends all sessions with a device in the same way, after a TARGET COLD RESET (RFC 7143, 11.5.1). It leaves out last, the
// connection of the reset, which ends after the answer.
func (e *Engine) dropTarget(tgt *lun.Target, last *conn) {
	for _, s := range e.node.Sessions() {
		if n := e.nexuses.of(s); n != nil && n.Target() == tgt {
			s.LogOut(false, last.s)
		}
	}
}
