package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/tgtadm"
)

// controlEnv names the control socket for tgtadm, whose command line is tgt's and has no room for it.
const controlEnv = "RINGTGT_CONTROL"

type tgtadmCmd struct {
	Args []string `arg:"" optional:"" passthrough:"" help:"Options of tgtadm; --help lists them."`
}

// Help implements kong.HelpProvider.
func (c *tgtadmCmd) Help() string {
	return "Scripts find it by the name tgtadm: make a link of that name to ringtgt. docs/day2.md (In place of tgt) says what is understood."
}

// Run is not reached: run passes the command line on before kong reads it, because it is not of kong's kind.
func (c *tgtadmCmd) Run(streams) error { return nil }

// asTgtadm returns the arguments of tgtadm if the program was called by that name, or with it as its command.
func asTgtadm(args []string, s streams) ([]string, bool) {
	if filepath.Base(s.program) == "tgtadm" {
		return args, true
	}
	if len(args) > 0 && args[0] == "tgtadm" {
		return args[1:], true
	}
	return nil, false
}

// runTgtadm carries out a command line of tgtadm on the daemon that runs here, and returns the exit code.
func runTgtadm(args []string, s streams) int {
	path, err := control.Find(control.Where{Control: os.Getenv(controlEnv)}, config.DefaultState, state.SocketFile)
	if err != nil {
		var several *control.AmbiguousError
		if errors.As(err, &several) {
			err = fmt.Errorf("%w; %s names one", err, controlEnv)
		}
		fmt.Fprintf(s.err, "tgtadm: %v\n", err)
		return exitUsage
	}
	node := api.Dial(path)
	defer node.Close()
	return tgtadm.Run(context.Background(), args, tgtadm.Env{Node: node, Out: s.out, Err: s.err})
}
