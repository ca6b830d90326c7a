package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"os/signal"
	"syscall"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	benchrun "github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/conform/cases"
)

// conformCmd is `ringtgt conform`. docs/conform.md describes each flag.
type conformCmd struct {
	URL    string   `arg:"" optional:"" help:"The target: iscsi://[USER[%SECRET]@]HOST[:PORT][/TARGET[/LUN]]. Without TARGET, the only target of the portal; without LUN, 0."`
	Select []string `arg:"" optional:"" help:"Cases to try: sections (rfc7143/11.12), IDs (rfc7143/6.3/1) or groups (Login, FFP, CHAP, ER, MC, ...). Default: all."`

	List        bool      `group:"Cases:" help:"List the cases, without a target."`
	Strict      bool      `group:"Cases:" help:"A rule with SHOULD counts like one with MUST."`
	Destructive bool      `group:"Cases:" help:"Also try cases that overwrite the LUN. Without it nothing is written."`
	Timeout     benchTime `group:"Cases:" help:"How long a case may take. Default: 5s." placeholder:"TIME"`

	Digests     string     `group:"Sessions:" enum:",none,header,data,both" default:"" help:"CRC32C in the sessions of cases that do not choose: none, header, data or both. Default: none." placeholder:"KIND"`
	Connections benchCount `group:"Sessions:" help:"Connections of sessions whose case does not choose. Default: 1." placeholder:"N"`
	ERL         int        `name:"erl" group:"Sessions:" enum:"0,1,2" default:"0" help:"ErrorRecoveryLevel of sessions whose case does not choose: 0, 1 or 2. Default: 0." placeholder:"N"`
	Initiator   string     `group:"Sessions:" help:"Initiator name. Default: iqn.2026-11.io.ringtgt:conform." placeholder:"IQN"`

	CHAPFile   string `name:"chap-secret-file" group:"Sessions:" help:"File with the secret of the URL's USER." placeholder:"FILE"`
	CHAPEnv    string `name:"chap-secret-env" group:"Sessions:" help:"Environment variable with the secret of the URL's USER." placeholder:"NAME"`
	MutualUser string `name:"mutual-chap-user" group:"Sessions:" help:"CHAP name that the target must prove. Default: any." placeholder:"USER"`
	MutualFile string `name:"mutual-chap-secret-file" group:"Sessions:" help:"File with the secret that the target must prove." placeholder:"FILE"`
	MutualEnv  string `name:"mutual-chap-secret-env" group:"Sessions:" help:"Environment variable with the secret that the target must prove." placeholder:"NAME"`
}

const conformInitiator = "iqn.2026-11.io.ringtgt:conform"

// Run implements the command.
func (c *conformCmd) Run(s streams) error {
	selectors := c.Select
	if c.List && c.URL != "" { // there is no URL
		selectors = append([]string{c.URL}, selectors...)
	}
	chosen, err := conform.Select(cases.All(), selectors)
	if err != nil {
		return fail(exitUsage, err)
	}
	if c.List {
		listCases(s.out, chosen)
		return nil
	}
	target, err := c.target()
	if err != nil {
		return fail(exitUsage, err)
	}
	run := &conform.Run{
		Target: target, Variant: c.variant(), Destructive: c.Destructive, Strict: c.Strict, Timeout: time.Duration(c.Timeout),
		Progress: func(r conform.Result) { printCase(s.out, r) },
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	results, err := run.Do(ctx, chosen)
	if unreachable := new(conform.UnreachableError); errors.As(err, &unreachable) {
		return fail(exitStart, err)
	}
	return verdict(s.out, results)
}

// verdict prints the sum, and is an error if a case failed or could not be tried.
func verdict(out io.Writer, results []conform.Result) error {
	count := map[conform.Verdict]int{}
	for _, r := range results {
		count[r.Verdict]++
	}
	for _, v := range conform.Verdicts {
		fmt.Fprintf(out, "%s: %d  ", v, count[v])
	}
	fmt.Fprintln(out)
	if n := count[conform.Fail] + count[conform.Error]; n > 0 {
		return fail(exitConform, fmt.Errorf("%d of %d cases failed or could not be tried", n, len(results)))
	}
	return nil
}

func (c *conformCmd) variant() conform.Variant {
	return conform.Variant{
		HeaderDigest: c.Digests == "header" || c.Digests == "both", DataDigest: c.Digests == "data" || c.Digests == "both",
		Connections: int(c.Connections), ERL: c.ERL,
	}
}

// target reads the URL and the secrets.
func (c *conformCmd) target() (*conform.Target, error) {
	if c.URL == "" {
		return nil, errors.New("there is no URL: want iscsi://[USER[%SECRET]@]HOST[:PORT][/TARGET[/LUN]]")
	}
	u, err := benchrun.ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	chap, err := benchrun.Credentials(u, benchrun.CHAP{
		SecretFile: c.CHAPFile, SecretEnv: c.CHAPEnv, MutualUser: c.MutualUser, MutualSecretFile: c.MutualFile, MutualSecretEnv: c.MutualEnv,
	})
	if err != nil {
		return nil, err
	}
	name := c.Initiator
	if name == "" {
		name = conformInitiator
	}
	return &conform.Target{
		Portal: u.Portal(), Name: u.Target, LUN: initiator.LUN(u.LUN), Initiator: name,
		User: chap.User, Secret: chap.Secret, MutualUser: chap.MutualUser, MutualSecret: chap.MutualSecret,
	}, nil
}

func listCases(out io.Writer, all []conform.Case) {
	for _, c := range all {
		fmt.Fprintf(out, "%-22s %-6v %v %s\n", c.ID, c.Level, c.Groups, c.Title)
	}
}

func printCase(out io.Writer, r conform.Result) {
	fmt.Fprintf(out, "%-5s %-22s %-6v %s\n", r.Verdict, r.Case.ID, r.Case.Level, r.Case.Title)
	if r.Due != "" {
		fmt.Fprintf(out, "      due:  %s\n", r.Due)
	}
	if r.Came != "" {
		fmt.Fprintf(out, "      came: %s\n", r.Came)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(out, "      note: %s\n", n)
	}
}
