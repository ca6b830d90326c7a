package session

import (
	"crypto/subtle"
	"net/netip"
	"strings"

	"github.com/ringtgt/ringtgt/internal/iscsiname"
	"github.com/ringtgt/ringtgt/pdu"
)

// admit returns the portal group of the address local, or why an initiator may not log in to t there. It is checked when a login
// names its target, and again when the login is granted.
func (t *Target) admit(initiator string, local netip.AddrPort, remote netip.Addr) (uint16, *LoginError) {
	group, ok := t.group(local)
	if !ok {
		return 0, refuse(pdu.LoginNotFound, "target "+t.Name+" is not at this portal")
	}
	if !t.ACL.Admits(initiator, remote) {
		// The same status as for an unknown target, so that an initiator cannot find out about targets that it may not use.
		return 0, refuseAs(RefusedACL, pdu.LoginNotFound, "not on the access list of "+t.Name)
	}
	if r := t.Redirect; r != nil {
		status := pdu.LoginTargetMovedTemporarily
		if r.Permanent {
			status = pdu.LoginTargetMovedPermanently
		}
		// 11.13.5: a redirection carries TargetAddress, of which "the comma and portal-group-tag MUST be omitted" (13.8).
		addr, _, _ := strings.Cut(r.Addr, ",")
		err := refuse(status, "redirected to "+addr)
		err.moved = addr
		return 0, err
	}
	return group, nil
}

// admitted checks a login again before it is granted: targets or accounts may have changed since it began. The caller holds the
// registry's lock, as SetTargets and Configure do. So either the login sees the new configuration, or its session is in the registry
// when they return. The login keeps the alias and the limits that it has negotiated.
func (l *login) admitted() *LoginError {
	if l.discovery {
		if cfg := l.node.config(); cfg != l.settings {
			return l.proves(&cfg.DiscoveryAuth)
		}
		return nil
	}
	t := l.node.Target(l.target.Name)
	switch t {
	case l.target:
		return nil
	case nil:
		return refuse(pdu.LoginNotFound, "target "+l.target.Name+" was removed")
	}
	group, err := t.admit(l.initiator, l.cfg.Local, l.cfg.Remote.Addr())
	switch {
	case err != nil:
		return err
	case group != l.tpgt:
		return refuse(pdu.LoginNotFound, "the portal group of target "+t.Name+" has changed here")
	}
	return l.proves(&t.Auth)
}

// proves checks the result of a login's authentication against accounts that have changed since. The account must still exist, for
// that initiator and with the same secret.
func (l *login) proves(a *Auth) *LoginError {
	if !a.Required() {
		return nil
	}
	old := l.chap.account
	if old == nil {
		return refuse(pdu.LoginAuthenticationFailure, "authentication is required now")
	}
	acc := a.account(old.User)
	if acc == nil || subtle.ConstantTimeCompare(acc.Secret, old.Secret) != 1 {
		return refuse(pdu.LoginAuthenticationFailure, "CHAP account "+quoted(old.User)+" was removed or has a new secret")
	}
	if !iscsiname.Listed(acc.Initiators, l.initiator) {
		return refuse(pdu.LoginAuthorizationFailure, "CHAP account "+quoted(acc.User)+" is not for that initiator name")
	}
	return nil
}

// account returns the account of that name, or nil.
func (a *Auth) account(user string) *Account {
	for i := range a.Accounts {
		if a.Accounts[i].User == user {
			return &a.Accounts[i]
		}
	}
	return nil
}

// StillAdmits reports whether t admits connection m of session s, which an older version of t admitted: the portal is in the same
// portal group, the access list admits the initiator from its address, and the CHAP account exists for that initiator. A new secret
// or a redirection concerns later logins only.
func (t *Target) StillAdmits(s *Session, m Member) bool {
	if group, ok := t.group(m.Local); !ok || group != s.TPGT || !t.ACL.Admits(s.InitiatorName, m.Remote.Addr()) {
		return false
	}
	if !t.Auth.Required() {
		return true
	}
	acc := t.Auth.account(s.Account)
	return acc != nil && iscsiname.Listed(acc.Initiators, s.InitiatorName)
}
