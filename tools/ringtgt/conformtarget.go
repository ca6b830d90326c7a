package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/signal"
	"strings"
	"syscall"
	"time"

	benchrun "github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/conform/astarget"
	"github.com/ringtgt/ringtgt/internal/conform/output"
)

// conformTarget are the flags of `ringtgt conform --as-target`.
type conformTarget struct {
	AsTarget string    `name:"as-target" group:"Initiators:" help:"Serve a disk in memory here and judge each initiator that logs in, instead of a target." placeholder:"HOST:PORT"`
	Duration benchTime `group:"Initiators:" help:"With --as-target: end after this time. Default: at Ctrl-C, or when every scenario was played." placeholder:"TIME"`
	Gentle   bool      `group:"Initiators:" help:"With --as-target: leave out the scenarios at which an initiator may give up: BUSY, a Reject, a cut connection."`
	CHAPUser string    `name:"chap-user" group:"Initiators:" help:"With --as-target: CHAP name that initiators must prove, with the secret of --chap-secret-file or --chap-secret-env." placeholder:"USER"`
}

const (
	servedName = "iqn.2026-11.io.ringtgt:conform-target"
	servedSize = 64 << 20
)

// serve judges initiators until the end, and returns what came of it.
func (c *conformCmd) serve(s streams) error {
	chap, err := benchrun.Credentials(benchrun.URL{User: c.CHAPUser}, benchrun.CHAP{
		SecretFile: c.CHAPFile, SecretEnv: c.CHAPEnv, MutualUser: c.MutualUser, MutualSecretFile: c.MutualFile, MutualSecretEnv: c.MutualEnv,
	})
	if err != nil {
		return fail(exitUsage, err)
	}
	if chap.MutualSecret != "" && chap.MutualUser == "" {
		chap.MutualUser = "ringtgt"
	}
	target, err := astarget.New(astarget.Config{
		Name: servedName, Size: servedSize, Strict: c.Strict, Gentle: c.Gentle,
		User: chap.User, Secret: chap.Secret, MutualUser: chap.MutualUser, MutualSecret: chap.MutualSecret,
		Said: func(line string) { fmt.Fprintln(s.out, line) },
	})
	if err != nil {
		return err
	}
	files, err := c.files()
	if err != nil {
		return fail(exitUsage, err)
	}
	defer files.close()
	l, err := net.Listen("tcp", c.AsTarget)
	if err != nil {
		return fail(exitStart, fmt.Errorf("--as-target: %w", err))
	}
	fmt.Fprintf(s.out, "serving iscsi://%s/%s/0\n", l.Addr(), servedName)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.Duration))
		defer cancel()
	}
	report := &conform.Report{
		Target: &conform.Target{Portal: l.Addr().String(), Name: "the initiator"}, Strict: c.Strict, Started: time.Now(),
	}
	if err := target.Serve(ctx, l); err != nil {
		return fail(exitRun, err)
	}
	report.Results, report.Time = target.Results(), time.Since(report.Started)
	show(s.out, target, report)
	capture, err := c.capture()
	if err != nil {
		return fail(exitRun, err)
	}
	for _, r := range report.Results {
		capture.add(r)
	}
	if err := errors.Join(files.save(report), capture.close()); err != nil {
		return fail(exitRun, err)
	}
	if report.Count(conform.Skip) == len(report.Results) {
		return fail(exitConform, errors.New("no initiator came"))
	}
	return judge(context.Background(), report) // Ctrl-C is how it ends
}

// show prints the verdicts and which scenarios were played.
func show(out io.Writer, target *astarget.Target, r *conform.Report) {
	for _, res := range r.Results {
		output.Case(out, res)
	}
	played, left := target.Scenarios()
	fmt.Fprintf(out, "scenarios played: %s\n", listed(played))
	fmt.Fprintf(out, "scenarios not played: %s\n", listed(left))
	output.Sum(out, r)
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
