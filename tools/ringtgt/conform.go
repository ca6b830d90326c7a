package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	benchrun "github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/conform/cases"
	"github.com/ringtgt/ringtgt/internal/conform/output"
)

// conformCmd is `ringtgt conform`. docs/conform.md describes each flag.
type conformCmd struct {
	URL    string   `arg:"" optional:"" help:"The target: iscsi://[USER[%SECRET]@]HOST[:PORT][/TARGET[/LUN]]. Without TARGET, the only target of the portal; without LUN, 0."`
	Select []string `arg:"" optional:"" help:"Cases to try: sections (rfc7143/11.12), IDs (rfc7143/6.3/5) or groups (Login, FFP, CHAP, ER, MC, ...). Default: all."`

	List        bool      `group:"Cases:" help:"List the cases, without a target."`
	Strict      bool      `group:"Cases:" help:"A rule with SHOULD counts like one with MUST."`
	Destructive bool      `group:"Cases:" help:"Also try cases that overwrite the LUN. Without it nothing is written."`
	Timeout     benchTime `group:"Cases:" help:"How long a case may take. Default: 5s." placeholder:"TIME"`

	Restart string `group:"Cases:" help:"Shell command that starts the target again after a case that ended it. Default: the run ends there." placeholder:"COMMAND"`

	Digests     string     `group:"Sessions:" enum:",none,header,data,both" default:"" help:"CRC32C in the sessions of cases that do not choose: none, header, data or both. Default: none." placeholder:"KIND"`
	Connections benchCount `group:"Sessions:" help:"Connections of sessions whose case does not choose. Default: 1." placeholder:"N"`
	ERL         int        `name:"erl" group:"Sessions:" enum:"0,1,2" default:"0" help:"ErrorRecoveryLevel of sessions whose case does not choose: 0, 1 or 2. Default: 0." placeholder:"N"`
	Initiator   string     `group:"Sessions:" help:"Initiator name. Default: iqn.2026-11.io.ringtgt:conform." placeholder:"IQN"`

	JUnit  string `name:"junit" group:"Output:" help:"Write the results as JUnit's XML to this file." placeholder:"FILE"`
	JSON   string `name:"json" group:"Output:" help:"Write the results as JSON to this file." placeholder:"FILE"`
	Report string `group:"Output:" help:"Write a self-contained HTML page to this file." placeholder:"FILE"`
	PCAP   string `name:"pcap" group:"Output:" help:"Write all that was exchanged as a capture for wireshark to this file." placeholder:"FILE"`

	CHAPFile   string `name:"chap-secret-file" group:"Sessions:" help:"File with the secret of the URL's USER." placeholder:"FILE"`
	CHAPEnv    string `name:"chap-secret-env" group:"Sessions:" help:"Environment variable with the secret of the URL's USER." placeholder:"NAME"`
	MutualUser string `name:"mutual-chap-user" group:"Sessions:" help:"CHAP name that the target must prove. Default: any." placeholder:"USER"`
	MutualFile string `name:"mutual-chap-secret-file" group:"Sessions:" help:"File with the secret that the target must prove." placeholder:"FILE"`
	MutualEnv  string `name:"mutual-chap-secret-env" group:"Sessions:" help:"Environment variable with the secret that the target must prove." placeholder:"NAME"`

	conformTarget `embed:""`
}

const conformInitiator = "iqn.2026-11.io.ringtgt:conform"

// Run implements the command.
func (c *conformCmd) Run(s streams) error {
	if c.AsTarget != "" {
		return c.serve(s)
	}
	selectors := c.Select
	if c.List && c.URL != "" { // there is no URL
		selectors = append([]string{c.URL}, selectors...)
	}
	chosen, err := conform.Select(cases.All(), selectors)
	if err != nil {
		return fail(exitUsage, err)
	}
	if c.List {
		output.List(s.out, chosen)
		return nil
	}
	target, err := c.target()
	if err == nil {
		err = c.checkTimeout()
	}
	if err != nil {
		return fail(exitUsage, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return c.try(ctx, s.out, target, chosen)
}

// try runs the cases and writes what came of it.
func (c *conformCmd) try(ctx context.Context, out io.Writer, target *conform.Target, chosen []conform.Case) error {
	files, err := c.files()
	if err != nil {
		return fail(exitUsage, err)
	}
	defer files.close()
	capture, err := c.capture()
	if err != nil {
		return fail(exitUsage, err)
	}
	run := &conform.Run{
		Target: target, Variant: c.variant(), Destructive: c.Destructive, Strict: c.Strict, Timeout: time.Duration(c.Timeout),
		Progress: func(r conform.Result) {
			output.Case(out, r)
			capture.add(r)
		},
	}
	if c.Restart != "" {
		run.Restart = c.restart
	}
	report, err := run.Do(ctx, chosen)
	if err != nil {
		return errors.Join(fail(exitStart, err), capture.close())
	}
	output.Sum(out, report)
	if err := errors.Join(files.save(report), capture.close()); err != nil {
		return fail(exitRun, err)
	}
	return judge(ctx, report)
}

// restart runs the command of --restart. What it starts in the background outlives it.
func (c *conformCmd) restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, maxRestart)
	defer cancel()
	if err := exec.CommandContext(ctx, "/bin/sh", "-c", c.Restart).Run(); err != nil {
		return fmt.Errorf("--restart: %w", err)
	}
	return nil
}

// files opens the files of the results.
func (c *conformCmd) files() (outFiles[*conform.Report], error) {
	return openFiles([]outFile[*conform.Report]{
		{flag: "--junit ", path: c.JUnit, write: output.JUnit},
		{flag: "--json ", path: c.JSON, write: func(w io.Writer, r *conform.Report) error { return output.JSON(w, r, version()) }},
		{flag: "--report ", path: c.Report, write: func(w io.Writer, r *conform.Report) error { return output.HTML(w, r, version()) }},
	})
}

// judge turns a report into an exit code.
func judge(ctx context.Context, r *conform.Report) error {
	switch {
	case ctx.Err() != nil:
		return fail(exitInterrupted, errors.New("interrupted"))
	case !r.Conforms():
		return fail(exitConform, fmt.Errorf("%s does not conform: %d failed, %d could not be tried", r.Target.Name, r.Count(conform.Fail), r.Count(conform.Error)))
	}
	return nil
}

// captureFile is the file of --pcap, if there is one.
type captureFile struct {
	f   *os.File
	c   *output.Capture
	err error
}

func (c *conformCmd) capture() (*captureFile, error) {
	if c.PCAP == "" {
		return &captureFile{}, nil
	}
	f, err := os.Create(c.PCAP)
	if err != nil {
		return nil, fmt.Errorf("--pcap %s: %w", c.PCAP, err)
	}
	k := &captureFile{f: f}
	k.c, k.err = output.NewCapture(f, version())
	return k, nil
}

func (k *captureFile) add(r conform.Result) {
	if k.f != nil && k.err == nil {
		k.err = k.c.Add(r)
	}
}

func (k *captureFile) close() error {
	if k.f == nil {
		return nil
	}
	if k.err == nil {
		k.err = k.c.Close()
	}
	return errors.Join(k.err, k.f.Close())
}

// Bounds of --timeout, and of the command of --restart.
const (
	minCaseTime = 100 * time.Millisecond
	maxCaseTime = 5 * time.Minute
	maxRestart  = time.Minute
)

func (c *conformCmd) checkTimeout() error {
	if d := time.Duration(c.Timeout); d != 0 && (d < minCaseTime || d > maxCaseTime) {
		return fmt.Errorf("--timeout %v: want %v to %v", d, minCaseTime, maxCaseTime)
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
