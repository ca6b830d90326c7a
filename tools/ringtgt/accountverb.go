package main

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
)

// accountCmd is `ringtgt account`.
type accountCmd struct {
	List   accountListCmd   `cmd:"" help:"List the CHAP accounts of a target."`
	Add    accountAddCmd    `cmd:"" help:"Add a CHAP account, or give it a new secret. Sessions that are up stay."`
	Remove accountRemoveCmd `cmd:"" help:"Remove a CHAP account."`
}

// accountOf is the target of an account.
type accountOf struct {
	Target string `arg:"" name:"IQN" help:"Name of the target, or discovery: for the list of targets."`
}

// name is the target as the API has it: "" for discovery.
func (a *accountOf) name() string {
	if a.Target == "discovery" {
		return ""
	}
	return a.Target
}

type accountListCmd struct {
	daemonFlags
	accountOf
}

func (c *accountListCmd) Run(s streams) error {
	path := "/v1/discovery/accounts"
	if c.name() != "" {
		path = targetPath(c.Target) + "/accounts"
	}
	return list(&c.daemonFlags, s, path, func(w io.Writer, a *api.Access) {
		fmt.Fprintln(w, "USER\tOF\tINITIATORS")
		for _, acc := range a.Accounts {
			names := "any"
			if len(acc.Initiators) > 0 {
				names = strings.Join(acc.Initiators, " ")
			}
			fmt.Fprintf(w, "%s\tinitiators\t%s\n", acc.User, names)
		}
		if a.Mutual != nil {
			fmt.Fprintf(w, "%s\tthe target (mutual)\t\n", a.Mutual.User)
		}
	})
}

type accountAddCmd struct {
	daemonFlags
	accountOf
	User       string   `arg:"" name:"USER" help:"Name in CHAP."`
	SecretFile string   `help:"File that has the secret; one line end is ignored. Default: standard input." placeholder:"FILE"`
	Initiators []string `name:"initiator" help:"Initiator name that may use the account; may be repeated. Default: any." placeholder:"NAME" sep:"none"`
	Mutual     bool     `help:"The account by which the target proves itself to initiators."`
}

// maxSecretFile is more than any secret has: 255 bytes and a line end.
const maxSecretFile = 1024

func (c *accountAddCmd) Run(s streams) error {
	in := io.Reader(os.Stdin)
	if c.SecretFile != "" && c.SecretFile != "-" {
		f, err := os.Open(c.SecretFile)
		if err != nil {
			return fail(exitUsage, err)
		}
		defer f.Close()
		in = f
	}
	secret, err := io.ReadAll(io.LimitReader(in, maxSecretFile))
	if err != nil {
		return fail(exitUsage, err)
	}
	secret = bytes.TrimSuffix(bytes.TrimSuffix(secret, []byte("\n")), []byte("\r"))
	if len(secret) == 0 {
		return fail(exitUsage, fmt.Errorf("the secret is empty: give --secret-file FILE, or write it to standard input"))
	}
	return c.do(s, "account "+c.User, admin.AddAccount{
		Target: c.name(), User: c.User, Secret: string(secret), Initiators: c.Initiators, Mutual: c.Mutual,
	})
}

type accountRemoveCmd struct {
	daemonFlags
	forceFlag
	accountOf
	User   string `arg:"" name:"USER" help:"Name in CHAP."`
	Mutual bool   `help:"The target's own account."`
	Open   bool   `help:"Remove the last account too: then initiators log in without CHAP."`
}

func (c *accountRemoveCmd) Run(s streams) error {
	return c.do(s, "account "+c.User, admin.RemoveAccount{Target: c.name(), User: c.User, Mutual: c.Mutual, Open: c.Open, Force: admin.Force{Force: c.Force}})
}

// aclCmd is `ringtgt acl`.
type aclCmd struct {
	List   aclListCmd   `cmd:"" help:"List who may log in to a target."`
	Add    aclAddCmd    `cmd:"" help:"Admit initiators or networks. The first entry shuts out all others."`
	Remove aclRemoveCmd `cmd:"" help:"Remove entries, and log out the sessions that are not admitted any more."`
}

type aclListCmd struct {
	daemonFlags
	Target string `arg:"" name:"IQN" help:"Name of the target."`
}

func (c *aclListCmd) Run(s streams) error {
	return list(&c.daemonFlags, s, targetPath(c.Target)+"/acl", func(w io.Writer, a *api.ACL) {
		if len(a.Initiators)+len(a.Networks) == 0 {
			fmt.Fprintln(w, "every initiator may log in")
		}
		for _, n := range a.Initiators {
			fmt.Fprintln(w, "initiator", n)
		}
		for _, n := range a.Networks {
			fmt.Fprintln(w, "network", n.Prefix)
		}
	})
}

// aclEntries are entries of an ACL.
type aclEntries struct {
	Target     string        `arg:"" name:"IQN" help:"Name of the target."`
	Initiators []string      `name:"initiator" help:"Initiator name, a * at the end stands for the rest; may be repeated." placeholder:"NAME" sep:"none"`
	Networks   []api.Network `name:"network" help:"Address or prefix; may be repeated." placeholder:"ADDRESS[/N]"`
}

func (e *aclEntries) networks() (out []netip.Prefix) {
	for _, n := range e.Networks {
		out = append(out, n.Prefix)
	}
	return out
}

func (e *aclEntries) check() error {
	if len(e.Initiators)+len(e.Networks) == 0 {
		return fail(exitUsage, fmt.Errorf("name an --initiator or a --network"))
	}
	return nil
}

type aclAddCmd struct {
	daemonFlags
	aclEntries
}

func (c *aclAddCmd) Run(s streams) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.do(s, "acl of "+c.Target, admin.AddACL{Target: c.Target, Initiators: c.Initiators, Networks: c.networks()})
}

type aclRemoveCmd struct {
	daemonFlags
	forceFlag
	aclEntries
	Open bool `help:"Remove the last entry too, which admits every initiator."`
}

func (c *aclRemoveCmd) Run(s streams) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.do(s, "acl of "+c.Target, admin.RemoveACL{
		Target: c.Target, Initiators: c.Initiators, Networks: c.networks(), Open: c.Open, Force: admin.Force{Force: c.Force},
	})
}
