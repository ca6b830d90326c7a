package engine

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/ringtgt/ringtgt/session"
)

// loginCounts counts how a loop's connections came and went, as session.Conn reports it.
type loginCounts struct {
	sessions, joins, discoveries uint64
	expired                      uint64
	noRoom                       uint64
	ends                         [session.Endings]uint64
	refusals                     [session.Refusals]uint64
}

func (n *loginCounts) add(o *loginCounts) {
	n.sessions += o.sessions
	n.joins += o.joins
	n.discoveries += o.discoveries
	n.expired += o.expired
	n.noRoom += o.noRoom
	for i := range n.ends {
		n.ends[i] += o.ends[i]
	}
	for i := range n.refusals {
		n.refusals[i] += o.refusals[i]
	}
}

// LoginStats counts logins and ends of connections since the engine started.
type LoginStats struct {
	Sessions    uint64 `json:"sessions"`    // sessions begun, without discovery
	Joins       uint64 `json:"joins"`       // further connections of sessions, and those that replace or continue one
	Discoveries uint64 `json:"discoveries"` // discovery sessions begun
	Logouts     uint64 `json:"logouts"`     // connections that initiators logged out, and discovery sessions that they closed
	Replaced    uint64 `json:"replaced"`    // connections whose initiator logged in again in their place
	Closed      uint64 `json:"closed"`      // connections that the administrator ended
	Losses      uint64 `json:"losses"`      // connections that ended in any other way
	Expired     uint64 `json:"expired"`     // sessions that had lost their last connection, and ended
	Abandoned   uint64 `json:"abandoned"`   // connections that initiators closed before their login was complete
	// Refusals counts logins that were refused, by session.Refusal's names, all of which are there, and "no_room": connections for which a
	// loop's table had no room.
	Refusals map[string]uint64 `json:"refusals"`
}

const refusedNoRoom = "no_room"

func (n *loginCounts) stats() LoginStats {
	s := LoginStats{
		Sessions: n.sessions, Joins: n.joins, Discoveries: n.discoveries, Expired: n.expired,
		Logouts: n.ends[session.EndLogout], Replaced: n.ends[session.EndReplaced], Closed: n.ends[session.EndClosed],
		Losses: n.ends[session.EndLost], Abandoned: n.ends[session.EndAbandoned],
		Refusals: map[string]uint64{refusedNoRoom: n.noRoom},
	}
	for r, count := range n.refusals {
		s.Refusals[session.Refusal(r).String()] = count
	}
	return s
}

// who returns the attributes of a log line about a connection in full feature phase.
func (c *conn) who(s *session.Session) []any {
	args := []any{"initiator", s.InitiatorName, "target", s.TargetName(), "tsih", s.TSIH, "cid", c.s.CID()}
	if s.Account != "" {
		args = append(args, "account", s.Account)
	}
	return append(args, "remote", c.name.remote, "local", c.name.local)
}

// loggedIn records that a connection has entered full feature phase.
func (c *conn) loggedIn(kind session.EventKind) {
	l := c.loop
	what := "session"
	switch kind {
	case session.SessionUp:
		l.logins.sessions++
	case session.SessionJoined:
		l.logins.joins++
		what = "connection"
	case session.DiscoveryUp:
		l.logins.discoveries++
		what = "discovery"
	}
	l.about(&l.loginLines, slog.LevelInfo, "login", append(c.who(c.s.Session()), "loop", l.index, "of", what)...)
}

// endings has the message and the level for each way in which a connection in full feature phase ends.
var endings = [session.Endings]struct {
	msg   string
	level slog.Level
}{
	session.EndLogout:   {"logout", slog.LevelInfo},
	session.EndReplaced: {"connection replaced", slog.LevelInfo},
	session.EndClosed:   {"connection closed", slog.LevelInfo},
	session.EndLost:     {"connection lost", slog.LevelWarn},
}

// end moves a connection to a phase in which it is out of service. The first such move records how it has ended.
func (c *conn) end(next connPhase) {
	first := c.phase < connFlushing
	c.enter(next)
	if !first {
		return
	}
	l := c.loop
	how, why := c.s.Ending()
	l.logins.ends[how]++
	switch {
	case how == session.EndAbandoned:
	case how == session.EndRefused:
		c.refused(why)
	default:
		e := &endings[how]
		l.about(&l.endLines, e.level, e.msg, append(c.who(c.s.Session()), "reason", c.reason(why))...)
	}
}

// reason returns why a connection has ended, for the log: the protocol's reason, or else how the transport ended.
func (c *conn) reason(why error) string {
	switch {
	case why != nil:
		return why.Error()
	case c.lost != "":
		return c.lost
	}
	return "the target stops"
}

// refused records that a login was refused.
func (c *conn) refused(why error) {
	l := c.loop
	r := session.RefusalOf(why)
	l.logins.refusals[r]++
	level := slog.LevelWarn
	if r == session.RefusedRedirected || r == session.RefusedShutdown {
		level = slog.LevelInfo
	}
	var e *session.LoginError
	if !errors.As(why, &e) {
		l.about(&l.refusalLines, level, "login refused", "remote", c.name.remote, "local", c.name.local, "reason", why.Error(),
			"refusal", r.String())
		return
	}
	args := []any{"initiator", e.Initiator, "target", e.Target, "tsih", e.TSIH}
	if e.User != "" {
		args = append(args, "account", e.User)
	}
	args = append(args, "remote", c.name.remote, "local", c.name.local, "reason", e.Why, "refusal", r.String(),
		"status", fmt.Sprintf("%#04x", uint16(e.Status)))
	if e.Failed > 0 {
		args = append(args, "failed", e.Failed)
	}
	l.about(&l.refusalLines, level, "login refused", args...)
}

// expired records that a session has ended after its last connection was lost.
func (c *conn) expired(s *session.Session, why error) {
	l := c.loop
	l.logins.expired++
	l.about(&l.endLines, slog.LevelInfo, "session expired", append(c.who(s), "reason", why)...)
}
