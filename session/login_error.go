package session

import (
	"fmt"

	"github.com/ringtgt/ringtgt/pdu"
)

// LoginError is why a login was refused: the status that the initiator gets, and more for the log.
type LoginError struct {
	Status    pdu.LoginStatus
	Initiator string // "" if unknown
	Why       string
	// Failed is the number of failed CHAP logins from the initiator's address, including this one; 0 if it was refused for another
	// reason. User is the name that it gave, made safe for a log.
	Failed int
	User   string
}

func (e *LoginError) Error() string {
	who := e.Initiator
	if who == "" {
		who = "initiator without a name"
	}
	return fmt.Sprintf("login of %s refused with status %#04x: %s", who, uint16(e.Status), e.Why)
}

func refuse(status pdu.LoginStatus, why string) *LoginError {
	return &LoginError{Status: status, Why: why}
}

// refuseForeign answers a login to another account's session as if the session did not exist: see registry.find.
func refuseForeign() *LoginError {
	return refuse(pdu.LoginSessionDoesNotExist, "the session with that TSIH was logged in by another CHAP account")
}
