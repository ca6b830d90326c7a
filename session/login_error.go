package session

import (
	"errors"
	"fmt"

	"github.com/ringtgt/ringtgt/pdu"
)

// LoginError is why a login was refused: the status that the initiator gets, and more for the log. Names that a peer chose are safe
// for a log.
type LoginError struct {
	Status    pdu.LoginStatus
	Reason    Refusal
	Initiator string // "" if unknown
	Target    string // "" if unknown, or for discovery
	TSIH      uint16 // of the session to join; 0: a new one
	Why       string
	// Failed is the number of failed CHAP logins from the initiator's address, including this one; 0 if it was refused for another
	// reason. User is the CHAP name that it gave, or that it authenticated with.
	Failed int
	User   string

	moved string // the address that a redirection leads to
}

func (e *LoginError) Error() string {
	who := e.Initiator
	if who == "" {
		who = "initiator without a name"
	}
	return fmt.Sprintf("login of %s refused with status %#04x: %s", who, uint16(e.Status), e.Why)
}

func refuse(status pdu.LoginStatus, why string) *LoginError {
	return refuseAs(refusalOf(status), status, why)
}

// refuseAs is for a status that several reasons share.
func refuseAs(reason Refusal, status pdu.LoginStatus, why string) *LoginError {
	return &LoginError{Reason: reason, Status: status, Why: why}
}

// refuseForeign answers a login to another account's session as if the session did not exist: see registry.find.
func refuseForeign() *LoginError {
	return refuse(pdu.LoginSessionDoesNotExist, "the session with that TSIH was logged in by another CHAP account")
}

// ErrNoDevice is in the chain of an error of Host.NewNexus if the target has no device: "the target sees no errors in the initiator's
// Login Request but is currently incapable of fulfilling the request. The initiator may retry" (11.13.5, class 3).
var ErrNoDevice = errors.New("the target has no device")

// refuseNexus answers a login whose nexus the host does not make.
func refuseNexus(err error) *LoginError {
	if errors.Is(err, ErrNoDevice) {
		return refuse(pdu.LoginServiceUnavailable, err.Error())
	}
	return refuse(pdu.LoginAuthorizationFailure, err.Error())
}

// about adds who logs in to an error.
func (l *login) about(e *LoginError) {
	e.Initiator, e.Target, e.TSIH = l.initiator, l.named, l.tsih
	if e.User == "" && l.chap.account != nil {
		e.User = l.chap.account.User
	}
}
