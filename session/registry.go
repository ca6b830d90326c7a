package session

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/ringtgt/ringtgt/pdu"
)

var (
	errReinstated     = errors.New("session reinstated: the initiator logged in again with the same ISID")
	errConnReinstated = errors.New("connection reinstated: the initiator logged in again with the same CID")
)

// registry finds the sessions of a node by TSIH and by I_T nexus. A session is listed from the moment it is complete, with its
// nexus and its leading connection, until it is over. So any session that is found can be joined and replaced, and can execute
// commands.
type registry struct {
	mu       sync.Mutex
	sessions map[uint16]*Session
	nexuses  map[nexusName]*Session // without named discovery sessions
	kept     []*Conn                // connections that keep their sessions (kept.go), oldest first
}

// nexusName identifies an I_T nexus (RFC 7143, 4.4.2).
type nexusName struct {
	initiator string
	isid      [6]byte
	target    string
	tpgt      uint16
}

// nexus returns the name of the session's nexus. An unnamed discovery session is none, but of those, too, there is one for an
// initiator port at a portal: "<InitiatorName, ISID, NULL, TargetAddress>" is unique (7.4.2.1). No target's name begins with a space.
func (s *Session) nexus() nexusName {
	if s.Discovery {
		return nexusName{initiator: s.InitiatorName, isid: s.ISID, target: " " + s.portal}
	}
	return nexusName{s.InitiatorName, s.ISID, s.Target.Name, s.TPGT}
}

// replaces reports whether a login with the same nexus ends the session.
func (s *Session) replaces() bool { return !s.Discovery || s.portal != "" }

// auth returns what the session had to authenticate with.
func (n *Node) auth(s *Session) *Auth {
	if s.Discovery {
		return &n.config().DiscoveryAuth
	}
	return &n.Target(s.Target.Name).Auth
}

func newRegistry() registry {
	return registry{sessions: make(map[uint16]*Session), nexuses: make(map[nexusName]*Session)}
}

// entry is the result of registering a session, or of joining one.
type entry uint8

const (
	entryMade entry = iota // it has its TSIH
	entryWait              // an older one has to end first; messageResumeLogin follows
)

// enter registers s with its first connection. If a session of the same I_T nexus exists, this login is "implicitly
// logging out the session" (RFC 7143, 6.3.5): its connections are closed, and c receives messageResumeLogin when they have ended; enter is
// then called again. The registry is locked.
//
// With CHAP an initiator's name alone proves nothing: only the account that logged a session in may replace it. Once the target no
// longer has that account, any account may.
func (n *Node) enter(s *Session, c *Conn) (entry, *LoginError) {
	r := &n.reg
	if s.replaces() {
		if o := r.nexuses[s.nexus()]; o != nil {
			if o.Account != s.Account && n.auth(s).Knows(o.Account) {
				return 0, refuse(pdu.LoginAuthorizationFailure, "the session of that initiator port was logged in by another CHAP account")
			}
			o.ended = append(o.ended, waiter{why: waitReinstate, who: c})
			o.replace()
			return entryWait, nil
		}
	}
	if len(r.sessions) >= maxSessions {
		return 0, refuse(pdu.LoginOutOfResources, "too many sessions")
	}
	if !s.Discovery {
		if err := c.host.NewNexus(s); err != nil {
			return 0, refuseNexus(err)
		}
	}
	if s.replaces() {
		r.nexuses[s.nexus()] = s
	}
	s.TSIH = r.newTSIH(c.cfg.Rand)
	s.mu.Lock()
	s.enroll(c) // at once: a login that replaces s must find its connection
	s.mu.Unlock()
	r.sessions[s.TSIH] = s
	return entryMade, nil
}

// newTSIH draws a random free TSIH, under mu; there is always one. Only a peer that has seen the session's final Login Response
// knows it. 0 stands for a new session (RFC 7143, 11.12.6).
func (r *registry) newTSIH(random func([]byte)) uint16 {
	var b [2]byte
	random(b[:])
	for t := binary.BigEndian.Uint16(b[:]); ; t++ {
		if t != 0 && r.sessions[t] == nil {
			return t
		}
	}
}

// replace ends a session that is being reinstated: its initiator has begun another in its place.
func (s *Session) replace() {
	s.close()
	s.each(nil, Message{kind: messageFail, reason: errReinstated})
	s.mu.Lock()
	if k := s.keep; k != nil {
		k.host.Post(Message{kind: messageExpire, reason: errReinstated})
	}
	s.mu.Unlock()
}

// find returns the session that a login with a TSIH wants to join, or why it may not (11.13.5).
func (r *registry) find(tsih uint16, n nexusName, discovery bool) (*Session, *LoginError) {
	r.mu.Lock()
	s := r.sessions[tsih]
	r.mu.Unlock()
	switch {
	case s == nil:
		return nil, refuse(pdu.LoginSessionDoesNotExist, "no session with that TSIH")
	case s.ISID != n.isid || s.InitiatorName != n.initiator:
		// The answer is the same as for a session that does not exist, so that an initiator cannot find out about others' sessions.
		return nil, refuse(pdu.LoginSessionDoesNotExist, "the session with that TSIH is another initiator port's")
	case s.Discovery || discovery:
		return nil, refuse(pdu.LoginCannotIncludeInSession, "a discovery session has one connection") // 13.21
	case s.Target.Name != n.target:
		return nil, refuse(pdu.LoginCannotIncludeInSession, "the session is with another target")
	case s.TPGT != n.tpgt:
		return nil, refuse(pdu.LoginCannotIncludeInSession, "this portal is of another portal group than the session's") // 4.4.1
	}
	return s, nil
}

// leave removes a session that is over, and resumes the logins that waited for that.
func (r *registry) leave(s *Session) {
	r.mu.Lock()
	delete(r.sessions, s.TSIH)
	if s.replaces() {
		delete(r.nexuses, s.nexus())
	}
	ended := s.ended
	s.ended = nil
	s.mu.Lock()
	s.move(sessionGone)
	if s.over != nil {
		close(s.over)
	}
	s.mu.Unlock()
	r.mu.Unlock()
	tell(ended)
}

// forgetWaiter removes a login that ended while it waited for another session of its I_T nexus to end. That may take long, and
// many logins may come and go meanwhile.
func (r *registry) forgetWaiter(s *Session, login *Conn) {
	if !s.replaces() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if o := r.nexuses[s.nexus()]; o != nil {
		o.ended = slices.DeleteFunc(o.ended, func(w waiter) bool { return w.login(login) })
	}
}

func (r *registry) all() []*Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	ss := make([]*Session, 0, len(r.sessions))
	for _, s := range r.sessions {
		ss = append(ss, s)
	}
	slices.SortFunc(ss, func(a, b *Session) int { return int(a.TSIH) - int(b.TSIH) }) // a simulation repeats itself
	return ss
}
