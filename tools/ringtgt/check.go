package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// checkCmd is `ringtgt check`.
type checkCmd struct {
	Config string `help:"The configuration file." required:"" placeholder:"FILE"`
}

func (c *checkCmd) Run(s streams) error {
	src, problems := load(config.Flags{Config: c.Config}, true)
	var cfg *config.Config
	var found media
	var refused error
	if src != nil {
		cfg = src.cfg
		problems = append(problems, checkMachine(cfg)...)
		var more config.Problems
		found, more, refused = lookAtMedia(cfg)
		problems = append(problems, more...)
	}
	for _, p := range problems {
		fmt.Fprintln(s.out, p)
	}
	if n := len(problems.Errors()); n > 0 {
		return fail(exitUsage, fmt.Errorf("%s: %s", c.Config, english.Plural(n, "error", "")))
	}
	if refused != nil {
		return fail(exitStart, refused)
	}
	fmt.Fprintf(s.out, "%s: ok\n", c.Config)
	mt := readMounts()
	if dir := cfg.Server.State; dir != "" {
		made := ""
		if _, err := os.Stat(dir); err != nil {
			made = ", which will be created,"
		}
		fmt.Fprintf(s.out, "  state %s%s %s\n", dir, made, mt.describe(dir))
	}
	for _, p := range cfg.Portals {
		fmt.Fprintf(s.out, "  portal %s, group %d%s\n", p.Addr, p.Group, madeBy(p.At))
	}
	for _, t := range cfg.Targets {
		fmt.Fprintf(s.out, "  target %s, CHAP %s%s\n", t.Name, chapName(t.Access), madeBy(t.At))
		if open := openAccounts(t.Access); len(open) > 0 {
			fmt.Fprintf(s.out, "    any initiator name: %s (set initiators to the names that an account is for)\n", strings.Join(open, ", "))
		}
		for i := range t.LUNs {
			l := &t.LUNs[i]
			fmt.Fprintf(s.out, "    lun %d: %s%s\n", l.Number, describeLUN(*l), madeBy(l.At))
			if m := found[l]; m != nil {
				fmt.Fprintf(s.out, "      %s\n      %s\n", m.describe(), m.size(mt))
			}
		}
	}
	for _, w := range checkSpace(cfg) {
		fmt.Fprintf(s.out, "  WARNING: %s\n", w)
	}
	return nil
}

// madeBy marks what is not in the file that is checked.
func madeBy(at config.Where) string {
	if at.Origin() == config.OriginOwned {
		return " (made by a command)"
	}
	return ""
}

// checkMachine checks those parts of a configuration that depend on this machine.
func checkMachine(c *config.Config) (ps config.Problems) {
	if top, err := engine.ReadTopology(); err == nil {
		if _, err := top.ParseCores(c.Server.Cores); err != nil {
			ps = append(ps, config.Problem{At: c.Server.CoresAt, Text: err.Error()})
		}
	}
	l := newLookout()
	for i := range c.Pools {
		l.lookAtPool(&c.Pools[i])
	}
	for _, p := range l.problems {
		p.Warning = true // the rest is served nevertheless
		ps = append(ps, p)
	}
	return append(ps, checkInterfaces(c.Server.XDP)...)
}

// openAccounts returns the accounts with which one host could log in under another host's name, if there are several accounts.
func openAccounts(a config.Access) (users []string) {
	for _, acc := range a.Accounts {
		if len(acc.Initiators) == 0 && len(a.Accounts) > 1 {
			users = append(users, strconv.Quote(acc.User))
		}
	}
	return users
}

// chapName describes which side authenticates.
func chapName(a config.Access) string {
	switch {
	case a.Mutual != nil:
		return "mutual"
	case len(a.Accounts) > 0:
		return "one-way"
	}
	return "none"
}

// describeLUN describes a unit in a few words.
func describeLUN(l config.LUN) string {
	text := string(l.Kind)
	if l.Path != "" {
		text += " " + l.Path
	}
	if l.Size > 0 {
		text += ", " + humanize.IBytes(uint64(l.Size))
	}
	if l.BlockSize != 0 {
		text += fmt.Sprintf(", blocks of %d", l.BlockSize)
	}
	for _, o := range []struct {
		is   bool
		name string
	}{{l.ReadOnly, "read-only"}, {l.Thin, "thin"}, {l.Removable, "removable"}} {
		if o.is {
			text += ", " + o.name
		}
	}
	return text
}
