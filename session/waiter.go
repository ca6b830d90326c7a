package session

import (
	"fmt"
	"slices"
)

// waiter is a connection that waits for another connection or a session to end. It is a value, like the message that the connection
// receives when the wait is over.
type waiter struct {
	why  waitReason
	who  *Conn  // the connection that waits
	of   *Conn  // the connection that it waits for; nil in waitReinstate
	turn uint32 // waitQuiet, waitDropped: the logout that waits
}

// waitReason is what waits, and for what.
type waitReason uint8

const (
	waitJoin      waitReason = iota // a login, for the connection whose CID it takes over (RFC 7143, 6.3.4)
	waitReinstate                   // a login, for the session whose I_T nexus it takes over (6.3.5)
	waitQuiet                       // a session's logout, until the host has no task of a member
	waitDropped                     // a logout of another connection, until that is gone
	waitReasons
)

var waitReasonNames = [waitReasons]string{
	waitJoin: "join", waitReinstate: "reinstatement", waitQuiet: "session logout", waitDropped: "connection logout",
}

func (r waitReason) String() string {
	if r < waitReasons {
		return waitReasonNames[r]
	}
	return fmt.Sprintf("wait %d", uint8(r))
}

// message returns the message that the waiter receives.
func (w waiter) message() Message {
	switch w.why {
	case waitJoin, waitReinstate:
		return Message{kind: messageResumeLogin}
	case waitQuiet, waitDropped:
		return Message{kind: messageLogoutReport, turn: w.turn}
	}
	panic("session: " + w.why.String() + " has no message")
}

// login reports whether w is the login of c.
func (w waiter) login(c *Conn) bool {
	return w.who == c && (w.why == waitJoin || w.why == waitReinstate)
}

// tell ends waits: it posts each waiter its message.
func tell(ws []waiter) {
	for _, w := range ws {
		w.who.host.Post(w.message())
	}
}

// take removes the waiters that match from the list, and returns them.
func take(ws *[]waiter, match func(waiter) bool) (taken []waiter) {
	*ws = slices.DeleteFunc(*ws, func(w waiter) bool {
		if match(w) {
			taken = append(taken, w)
			return true
		}
		return false
	})
	return taken
}
