package admin

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// accesses returns the settings of a target in both parts, or with an empty name those of discovery. files is nil where the file
// has no such target.
func accesses(owned, file *config.Config, name string) (ours, files *config.Access, err error) {
	if name == "" {
		return &owned.Discovery, &file.Discovery, nil
	}
	mine, theirs, err := target(owned, file, name)
	if err != nil {
		return nil, nil, err
	}
	if theirs != nil {
		files = &theirs.Access
	}
	return &mine.Access, files, nil
}

func accountName(user, target string, mutual bool) string {
	of := "target " + target
	if target == "" {
		of = "discovery"
	}
	if mutual {
		return fmt.Sprintf("mutual account %q of %s", user, of)
	}
	return fmt.Sprintf("account %q of %s", user, of)
}

// Edit implements Op.
func (o AddAccount) Edit(owned, file *config.Config) (bool, error) {
	object := accountName(o.User, o.Target, o.Mutual)
	if err := config.CheckUser(o.User); err != nil {
		return false, invalid(object, "user: %v", err)
	}
	if o.SecretFile == "" {
		return false, invalid(object, "it needs a secret")
	}
	for _, n := range o.Initiators {
		if err := config.CheckPattern(n); err != nil {
			return false, invalid(object, "initiator %q: %v", n, err)
		}
	}
	ours, files, err := accesses(owned, file, o.Target)
	if err != nil {
		return false, err
	}
	defer tidy(owned, o.Target)
	if o.Mutual {
		return o.mutual(object, ours, files, made(owned))
	}
	is := func(a *config.Account) bool { return a.User == o.User }
	if files != nil {
		if a := inFile(files.Accounts, accountAt, is); a != nil {
			if o.agrees(a) {
				return false, nil
			}
			return false, fileOwned(object, a.At)
		}
	}
	a := find(ours.Accounts, is)
	if a == nil {
		ours.Accounts = append(ours.Accounts, config.Account{
			User: o.User, SecretFile: o.SecretFile, Initiators: slices.Clone(o.Initiators), At: made(owned),
		})
		return true, nil
	}
	if o.agrees(a) {
		return false, nil
	}
	if o.Initiators != nil {
		a.Initiators = slices.Clone(o.Initiators)
	}
	a.Secret, a.SecretFile, a.SecretEnv, a.At = nil, o.SecretFile, "", made(owned)
	return true, nil
}

// agrees reports whether the account that exists is the one to be added. Two secrets are known to be the same if they are in one
// file.
func (o AddAccount) agrees(a *config.Account) bool {
	return o.User == a.User && o.SecretFile == a.SecretFile && (o.Initiators == nil || slices.Equal(o.Initiators, a.Initiators))
}

func (o AddAccount) mutual(object string, ours, files *config.Access, at config.Where) (bool, error) {
	if files != nil && files.Mutual != nil && !files.Mutual.At.Owned {
		if o.agrees(files.Mutual) {
			return false, nil
		}
		return false, fileOwned(object, files.Mutual.At)
	}
	if ours.Mutual != nil && o.agrees(ours.Mutual) {
		return false, nil
	}
	ours.Mutual = &config.Account{User: o.User, SecretFile: o.SecretFile, At: at}
	return true, nil
}

// Edit implements Op.
func (o RemoveAccount) Edit(owned, file *config.Config) (bool, error) {
	object := accountName(o.User, o.Target, o.Mutual)
	ours, files, err := accesses(owned, file, o.Target)
	if err != nil {
		return false, nil // there is no such target, and so no account
	}
	defer tidy(owned, o.Target)
	if files == nil {
		files = &config.Access{}
	}
	is := func(a *config.Account) bool { return a.User == o.User }
	if o.Mutual {
		switch {
		case files.Mutual != nil && is(files.Mutual) && !files.Mutual.At.Owned:
			return false, fileOwned(object, files.Mutual.At)
		case ours.Mutual == nil || !is(ours.Mutual):
			return false, nil
		}
		ours.Mutual = nil
		return true, nil
	}
	if a := inFile(files.Accounts, accountAt, is); a != nil {
		return false, fileOwned(object, a.At)
	}
	if find(ours.Accounts, is) == nil {
		return false, nil
	}
	if len(ours.Accounts) == 1 && len(files.Accounts) == 0 && !o.Open {
		return false, &refused{object: object, why: ErrInUse, detail: errors.New(
			"it is the last account: without it every initiator may log in without CHAP; if that is meant, repeat it with --open (in the API: open=true)")}
	}
	ours.Accounts = slices.DeleteFunc(ours.Accounts, func(a config.Account) bool { return is(&a) })
	if len(ours.Accounts) == 0 {
		ours.Accounts = nil
	}
	return true, nil
}

// Edit implements Op.
func (o AddACL) Edit(owned, file *config.Config) (bool, error) {
	for _, n := range o.Initiators {
		if err := config.CheckPattern(n); err != nil {
			return false, invalid("ACL of target "+o.Target, "initiator %q: %v", n, err)
		}
	}
	for _, n := range o.Networks {
		if !n.IsValid() || n != n.Masked() {
			return false, invalid("ACL of target "+o.Target, "%s is not a network", n)
		}
	}
	ours, files, err := target(owned, file, o.Target)
	if err != nil {
		return false, err
	}
	defer tidy(owned, o.Target)
	theirs := filesAccess(files)
	a := &ours.Access
	before := len(a.Initiators) + len(a.Networks)
	a.Initiators = added(a.Initiators, theirs.Initiators, o.Initiators)
	a.Networks = added(a.Networks, theirs.Networks, o.Networks)
	return len(a.Initiators)+len(a.Networks) > before, nil
}

func filesAccess(files *config.Target) *config.Access {
	if files == nil {
		return &config.Access{}
	}
	return &files.Access
}

// added returns ours and those of more that neither list has.
func added[T comparable](ours, theirs, more []T) []T {
	for _, v := range more {
		if !slices.Contains(ours, v) && !slices.Contains(theirs, v) {
			ours = append(ours, v)
		}
	}
	return ours
}

// Edit implements Op.
func (o RemoveACL) Edit(owned, file *config.Config) (bool, error) {
	ours, files, err := target(owned, file, o.Target)
	if err != nil {
		return false, nil // there is no such target, and so no entry
	}
	defer tidy(owned, o.Target)
	theirs := filesAccess(files)
	a := &ours.Access
	initiators, err := without(o, a.Initiators, theirs.Initiators, o.Initiators, theirs.ACLAt, "initiator")
	if err != nil {
		return false, err
	}
	networks, err := without(o, a.Networks, theirs.Networks, o.Networks, theirs.ACLAt, "network")
	if err != nil {
		return false, err
	}
	if len(initiators)+len(networks) == len(a.Initiators)+len(a.Networks) {
		return false, nil
	}
	a.Initiators, a.Networks = initiators, networks
	return true, nil
}

// without returns ours without the entries of less. An entry of the file, and the last of a list, cannot be removed.
func without[T string | netip.Prefix](o RemoveACL, ours, theirs, less []T, at config.Where, what string) (out []T, err error) {
	for _, v := range less {
		if slices.Contains(theirs, v) && !slices.Contains(ours, v) {
			return nil, fileOwned(fmt.Sprintf("%s %v of target %s", what, v, o.Target), at)
		}
	}
	for _, v := range ours {
		if !slices.Contains(less, v) {
			out = append(out, v)
		}
	}
	if len(out) == 0 && len(ours) > 0 && len(theirs) == 0 && !o.Open {
		return nil, &refused{object: fmt.Sprintf("%s %v of target %s", what, ours[len(ours)-1], o.Target), why: ErrInUse, detail: fmt.Errorf(
			"it is the last %s in the ACL: without it the target admits every %s; if that is meant, repeat it with --open (in the API: open=true)", what, what)}
	}
	return out, nil
}
