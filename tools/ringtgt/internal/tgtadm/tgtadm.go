// Package tgtadm understands the command line of tgt's tgtadm, as far as Pacemaker's agents, Cinder and tgt-admin use it, and carries
// it out on a running ringtgt. Its output, messages and exit codes are tgt's, because scripts match them. docs/day2.md (In place of tgt)
// says what maps to what.
package tgtadm

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// Exit codes of tgtadm.
const (
	exitOK       = 0
	exitWord     = 1   // an unknown mode or operation
	exitInvalid  = 22  // EINVAL: whatever the daemon or the command line refuses
	exitNoDaemon = 107 // ENOTCONN
)

// failure is an error of tgt's management protocol (usr/tgtadm_error.h), in the words that tgtadm prints.
type failure string

func (f failure) Error() string { return string(f) }

const (
	noTarget      failure = "can't find the target"
	noLUN         failure = "can't find the logical unit"
	noSession     failure = "can't find the session"
	noConnection  failure = "can't find the connection"
	targetExists  failure = "this target already exists"
	lunExists     failure = "this logical unit number already exists"
	ruleExists    failure = "this access control rule already exists"
	noRule        failure = "this access control rule does not exist"
	userExists    failure = "this account already exists"
	noUser        failure = "can't find the account"
	outExists     failure = "this target already has an outgoing account"
	targetActive  failure = "this target is still active"
	lunActive     failure = "this logical unit is still active"
	driverBusy    failure = "this driver is busy"
	noDriver      failure = "can't find the driver"
	invalid       failure = "invalid request"
	unsupported   failure = "this operation isn't supported"
	unknownParam  failure = "unknown parameter"
	notConnected  failure = "failed to send request hdr to tgt daemon, Transport endpoint is not connected"
	closedNetwork         = "0.0.0.0/32" // see access.go
)

// Env is what a command works with.
type Env struct {
	Node admin.Node
	Dir  string // where target numbers and accounts are kept; "": in the daemon's state directory
	Out  io.Writer
	Err  io.Writer
}

// Run carries out a command line and returns its exit code.
func Run(ctx context.Context, args []string, e Env) int {
	o, err := parse(args)
	if err == nil {
		switch {
		case o.help:
			fmt.Fprint(e.Out, usage)
			return exitOK
		case o.version:
			fmt.Fprintln(e.Out, imitated)
			return exitOK
		}
		err = dispatch(ctx, e, o)
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(e.Err, "tgtadm: %v\n", err)
	var word *unknownWord
	switch {
	case errors.As(err, &word):
		return exitWord
	case errors.Is(err, notConnected):
		return exitNoDaemon
	}
	return exitInvalid
}

// call is one command under way.
type call struct {
	*options
	ctx  context.Context
	node admin.Node
	cfg  *config.Config
	note *notebook
	out  io.Writer
	err  io.Writer
}

func dispatch(ctx context.Context, e Env, o *options) error {
	run, ok := commands[o.mode][o.op]
	if !ok {
		return fmt.Errorf("operation %s not supported in %s mode", o.op, o.mode)
	}
	if o.lld != "" && o.lld != "iscsi" {
		return noDriver
	}
	if err := o.check(); err != nil {
		return err
	}
	cfg, err := configOf(ctx, e.Node)
	if err != nil {
		return err
	}
	dir := e.Dir
	if dir == "" {
		dir = cfg.Server.State
	}
	note, err := openNotebook(dir)
	if err != nil {
		return err
	}
	defer note.close()
	if note.locked() { // another tgtadm may have changed it meanwhile
		if cfg, err = configOf(ctx, e.Node); err != nil {
			return err
		}
	}
	if err := note.follow(cfg); err != nil {
		return err
	}
	return run(&call{options: o, ctx: ctx, node: e.Node, cfg: cfg, note: note, out: e.Out, err: e.Err})
}

// configOf returns the daemon's configuration. A client says why it has none.
func configOf(ctx context.Context, n admin.Node) (*config.Config, error) {
	if r, ok := n.(interface {
		ReadConfig(context.Context) (*config.Config, error)
	}); ok {
		cfg, err := r.ReadConfig(ctx)
		if control.Absent(err) {
			return nil, notConnected
		}
		return cfg, err
	}
	return n.Config(), nil
}

// commands are all commands by mode and operation.
var commands = map[string]map[string]func(*call) error{
	"target": {
		"new": newTarget, "delete": deleteTarget, "show": showTarget, "update": updateTarget, "bind": bindInitiator, "unbind": unbindInitiator,
	},
	"logicalunit": {"new": newUnit, "delete": deleteUnit, "update": updateUnit},
	"account":     {"new": newAccount, "delete": deleteAccount, "show": showAccounts, "bind": bindAccount, "unbind": unbindAccount},
	"connection":  {"delete": deleteConnection, "show": showConnections},
	"portal":      {"new": newPortal, "delete": deletePortal, "show": showPortals},
	"system":      {"show": showSystem, "update": func(*call) error { return unsupported }, "delete": func(*call) error { return unsupported }},
	"lld":         {"start": func(*call) error { return nil }},
}

// do carries out ops as one change. kind is what an error of each kind means to tgt; others are an invalid request, with the reason on a
// line of its own.
func (c *call) do(kind map[error]failure, ops ...admin.Op) error {
	_, err := c.node.Do(c.ctx, ops...)
	if err == nil {
		return nil
	}
	for is, f := range kind {
		if errors.Is(err, is) {
			return f
		}
	}
	if errors.Is(err, admin.ErrBusy) {
		return driverBusy
	}
	fmt.Fprintf(c.err, "ringtgt: %v\n", err)
	return invalid
}

// target finds the target of --tid.
func (c *call) target() (*config.Target, error) {
	name := c.note.name(c.tid)
	for i := range c.cfg.Targets {
		if t := &c.cfg.Targets[i]; name != "" && t.Name == name {
			return t, nil
		}
	}
	return nil, noTarget
}

// remark tells the user, not scripts, about something that is accepted without effect.
func (c *call) remark(format string, args ...any) {
	fmt.Fprintf(c.err, "ringtgt: "+format+"\n", args...)
}
