package tgtadm

import (
	"fmt"
	"os"
	"slices"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// newAccount keeps an account until it is bound to a target. tgt accepts a secret of any length; here the daemon would refuse it when
// it is bound, which is too late to tell who chose it.
func newAccount(c *call) error {
	if slices.Contains(c.accounts(), c.user) {
		return userExists
	}
	if err := config.CheckSecret([]byte(c.password)); err != nil {
		return err
	}
	return c.note.addAccount(c.user, c.password)
}

// accounts lists all accounts: those of tgtadm and those that targets have otherwise.
func (c *call) accounts() []string {
	list := slices.Clone(c.note.data.Accounts)
	each := func(a *config.Access) {
		for i := range a.Accounts {
			list = append(list, a.Accounts[i].User)
		}
		if a.Mutual != nil {
			list = append(list, a.Mutual.User)
		}
	}
	each(&c.cfg.Discovery)
	for i := range c.cfg.Targets {
		each(&c.cfg.Targets[i].Access)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// access returns where accounts of --tid are, and the name of the target. Without --tid they are for discovery.
func (c *call) access() (*config.Access, string, error) {
	if c.tid == unset {
		return &c.cfg.Discovery, "", nil
	}
	t, err := c.target()
	if err != nil {
		return nil, "", err
	}
	return &t.Access, t.Name, nil
}

func bound(a *config.Access, user string, outgoing bool) bool {
	if outgoing {
		return a.Mutual != nil && a.Mutual.User == user
	}
	return slices.ContainsFunc(a.Accounts, func(acc config.Account) bool { return acc.User == user })
}

func bindAccount(c *call) error {
	a, target, err := c.access()
	switch {
	case err != nil:
		return err
	case !c.note.has(c.user):
		return noUser
	case bound(a, c.user, c.outgoing):
		return userExists
	case c.outgoing && a.Mutual != nil:
		return outExists
	}
	secret, err := os.ReadFile(c.note.secret(c.user))
	if err != nil {
		return err
	}
	return c.do(map[error]failure{admin.ErrExists: userExists}, admin.AddAccount{Target: target, User: c.user, Secret: string(secret), Mutual: c.outgoing})
}

// unbindAccount lets initiators in without CHAP when it was the last account, as tgt does.
func unbindAccount(c *call) error {
	a, target, err := c.access()
	if err != nil {
		return err
	}
	if !bound(a, c.user, c.outgoing) {
		return noUser
	}
	return c.do(map[error]failure{admin.ErrNotFound: noUser}, admin.RemoveAccount{Target: target, User: c.user, Mutual: c.outgoing, Open: true})
}

// deleteAccount deletes an account and unbinds it from all targets.
func deleteAccount(c *call) error {
	if !c.note.has(c.user) {
		return noUser
	}
	var ops []admin.Op
	unbind := func(a *config.Access, target string) {
		for _, outgoing := range []bool{false, true} {
			if bound(a, c.user, outgoing) {
				ops = append(ops, admin.RemoveAccount{Target: target, User: c.user, Mutual: outgoing, Open: true})
			}
		}
	}
	unbind(&c.cfg.Discovery, "")
	for i := range c.cfg.Targets {
		unbind(&c.cfg.Targets[i].Access, c.cfg.Targets[i].Name)
	}
	if len(ops) > 0 {
		if err := c.do(nil, ops...); err != nil {
			return err
		}
	}
	return c.note.dropAccount(c.user)
}

func showAccounts(c *call) error {
	list := c.accounts()
	if len(list) > 0 {
		fmt.Fprintln(c.out, "Account list:")
	}
	for _, user := range list {
		fmt.Fprintf(c.out, "    %s\n", user)
	}
	return nil
}
