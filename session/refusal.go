package session

import (
	"errors"
	"fmt"

	"github.com/ringtgt/ringtgt/pdu"
)

// Refusal is why a login was refused, as a small set for counters. LoginError.Why has the details.
type Refusal uint8

const (
	RefusedNotFound       Refusal = iota // no such target, or not at this portal
	RefusedACL                           // the target's access list does not admit the initiator
	RefusedAuthentication                // CHAP failed, or was not offered
	RefusedAuthorization                 // the CHAP account may not do that
	RefusedSession                       // the session to join does not exist, or does not take the connection
	RefusedProtocol                      // the initiator broke the protocol, or wants what is not supported
	RefusedResources                     // too many sessions, connections or CHAP logins
	RefusedUnavailable                   // the target has no device
	RefusedTimeout                       // the login took too long
	RefusedShutdown                      // the target is shutting down
	RefusedRedirected                    // sent to another address
	Refusals
)

var refusalNames = [Refusals]string{
	RefusedNotFound: "not_found", RefusedACL: "acl", RefusedAuthentication: "authentication", RefusedAuthorization: "authorization",
	RefusedSession: "session", RefusedProtocol: "protocol", RefusedResources: "resources", RefusedUnavailable: "unavailable",
	RefusedTimeout: "timeout", RefusedShutdown: "shutdown", RefusedRedirected: "redirected",
}

func (r Refusal) String() string {
	if r < Refusals {
		return refusalNames[r]
	}
	return fmt.Sprintf("refusal %d", uint8(r))
}

// refusalOf returns the reason that usually goes with a status.
func refusalOf(s pdu.LoginStatus) Refusal {
	switch s {
	case pdu.LoginTargetMovedTemporarily, pdu.LoginTargetMovedPermanently:
		return RefusedRedirected
	case pdu.LoginNotFound, pdu.LoginTargetRemoved:
		return RefusedNotFound
	case pdu.LoginAuthenticationFailure:
		return RefusedAuthentication
	case pdu.LoginAuthorizationFailure:
		return RefusedAuthorization
	case pdu.LoginSessionDoesNotExist, pdu.LoginCannotIncludeInSession, pdu.LoginTooManyConnections:
		return RefusedSession
	case pdu.LoginOutOfResources:
		return RefusedResources
	case pdu.LoginServiceUnavailable, pdu.LoginTargetError:
		return RefusedUnavailable
	}
	return RefusedProtocol
}

// Ending is how a connection ended.
type Ending uint8

const (
	EndRefused   Ending = iota // its login was refused
	EndAbandoned               // the initiator closed it before its login was complete
	EndLogout                  // the initiator logged it out, or ended a discovery session
	EndReplaced                // the initiator has logged in again in its place
	EndClosed                  // the administrator closed it, or a TARGET COLD RESET or I_T NEXUS RESET did
	EndLost                    // anything else: the connection failed, or was closed because the initiator broke the protocol
	Endings
)

var endingNames = [Endings]string{
	EndRefused: "refused", EndAbandoned: "abandoned", EndLogout: "logout", EndReplaced: "replaced", EndClosed: "closed", EndLost: "lost",
}

func (e Ending) String() string {
	if e < Endings {
		return endingNames[e]
	}
	return fmt.Sprintf("ending %d", uint8(e))
}

// ErrClosed is in the chain of a reason for Terminate if the administrator ends the connection. Its session may continue.
var ErrClosed = errors.New("closed by the administrator")

// Ending returns how the connection has ended, and why. The reason is nil if the peer has closed it, or the transport failed. It is
// for a connection of which the host has taken Flush or Close, or whose transport is gone.
func (c *Conn) Ending() (Ending, error) {
	e := &c.end
	if c.login != nil {
		if e.reason == nil {
			return EndAbandoned, nil
		}
		return EndRefused, e.reason
	}
	switch e.reason {
	case errLogout:
		return EndLogout, e.reason
	case errReinstated, errConnReinstated:
		return EndReplaced, e.reason
	case errShutdown, errColdReset, errNexusReset:
		return EndClosed, e.reason
	case nil:
		switch {
		case c.sess.Discovery:
			return EndLogout, nil // many initiators just close it
		case e.asking != askedNothing:
			return EndClosed, errShutdown // and the initiator closed it without a logout
		}
	}
	if errors.Is(e.reason, ErrClosed) {
		return EndClosed, e.reason
	}
	return EndLost, e.reason
}

// RefusalOf returns the reason for which a login ended with Ending's EndRefused.
func RefusalOf(reason error) Refusal {
	var e *LoginError
	switch {
	case errors.As(reason, &e):
		return e.Reason
	case reason == errLoginTimeout:
		return RefusedTimeout
	case reason == errShutdown:
		return RefusedShutdown
	}
	return RefusedProtocol
}
