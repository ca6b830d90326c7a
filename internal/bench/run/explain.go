package run

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/pdu"
)

// explain translates the refusal of a login into terms of the options (RFC 7143 11.13.5).
func (p *plan) explain(err error) error {
	var key *initiator.KeyError
	if errors.As(err, &key) && (key.Key == "HeaderDigest" || key.Key == "DataDigest") {
		return fmt.Errorf("--digests %s: the target does not grant it: %s=%s", p.Digests, key.Key, key.Value)
	}
	if errors.Is(err, proto.ErrMutualCHAP) {
		return fmt.Errorf("%s: the target failed to prove the mutual CHAP secret", p.url)
	}
	var login *initiator.LoginError
	if !errors.As(err, &login) {
		return fmt.Errorf("%s: %s", p.url, strings.TrimPrefix(err.Error(), "initiator: "))
	}
	why := cmp.Or(refusals[login.Status], "refused")
	if login.Status == pdu.LoginTargetMovedTemporarily || login.Status == pdu.LoginTargetMovedPermanently {
		why = "the target is elsewhere: " + cmp.Or(login.Address, "it does not say where")
	}
	return fmt.Errorf("%s: login: %s (status 0x%04x)", p.url, why, uint16(login.Status))
}

var refusals = map[pdu.LoginStatus]string{
	pdu.LoginAuthenticationFailure:  "the secret is wrong, or CHAP is wanted and the URL has no USER%SECRET",
	pdu.LoginAuthorizationFailure:   "this initiator is not admitted: --initiator NAME sets its name",
	pdu.LoginNotFound:               "there is no such target",
	pdu.LoginTooManyConnections:     "it takes no more connections of a session",
	pdu.LoginCannotIncludeInSession: "it takes no more connections of a session",
	pdu.LoginServiceUnavailable:     "it cannot take another session now",
	pdu.LoginOutOfResources:         "it cannot take another session now",
}

// plain removes the prefixes of an error of the initiator.
func plain(err error) string { return strings.ReplaceAll(err.Error(), "initiator: ", "") }
