// Command ringtgt serves disks over iSCSI. docs/configuration.md describes its flags and its configuration file.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/shell"
)

// Exit codes; docs/configuration.md lists them.
const (
	exitOK          = 0
	exitUsage       = 1   // the command line or the configuration is wrong
	exitStart       = 2   // the configuration is valid but cannot be started: a port in use, a file locked
	exitRun         = 3   // a failure while running
	exitNoDaemon    = 4   // status: there is no daemon to ask
	exitConform     = 5   // conform: a case failed
	exitInterrupted = 130 // a second signal ended a drain
)

// exitError is an error with an exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func fail(code int, err error) error { return &exitError{code, err} }

// cli is the command line.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Serve disks until SIGTERM or SIGINT. Without arguments: one persistent disk, on 127.0.0.1:3260."`
	Check   checkCmd   `cmd:"" help:"Check a configuration and report all errors, without serving it."`
	Status  statusCmd  `cmd:"" help:"Show the state of a running daemon."`
	Bench   benchCmd   `cmd:"" help:"Benchmark an iSCSI target: throughput, latency, CPU time per request."`
	Conform conformCmd `cmd:"" help:"Try an iSCSI target against the rules of the RFCs."`
	Version versionCmd `cmd:"" help:"Show the version."`
	Apply   applyCmd   `cmd:"" help:"Carry out what changed in the configuration file of a running daemon, without a restart."`
	Config  configCmd  `cmd:"" help:"Show the configuration in force."`
	Target  targetCmd  `cmd:"" help:"List, add, change and remove targets of a running daemon."`
	LUN     lunCmd     `cmd:"" name:"lun" help:"List, add, change, grow and remove LUNs."`
	Session sessionCmd `cmd:"" help:"List sessions, and end them."`
	Account accountCmd `cmd:"" help:"List, add and remove CHAP accounts, and change their secrets."`
	ACL     aclCmd     `cmd:"" name:"acl" help:"List, add and remove who may log in."`
	Portal  portalCmd  `cmd:"" help:"List, add and remove addresses to listen on."`
	Pool    poolCmd    `cmd:"" help:"List, add and remove directories of volumes."`
	Volume  volumeCmd  `cmd:"" help:"List, make, grow, delete, export and snapshot the volumes of a pool."`
	Adopt   adoptCmd   `cmd:"" help:"Declare that a file or device is a disk that was served before: copied, restored, from another machine, or what is left of one that lost data. Stop the daemon first."`
	Forget  forgetCmd  `cmd:"" help:"Delete the identity and reservations of a disk that was served before. Stop the daemon first."`

	Tgtadm     tgtadmCmd     `cmd:"" help:"Understand the commands of tgt's tgtadm, for Pacemaker's agents, Cinder and tgt-admin."`
	Completion completionCmd `cmd:"" help:"Print a completion script for a shell."`
	Man        manCmd        `cmd:"" hidden:"" help:"Write manual pages into a directory."`

	ShowVersion kong.VersionFlag `name:"version" help:"Show the version."`
}

// streams are the output streams of commands.
type streams struct {
	out, err io.Writer
	program  string // the path typed to run this program: commands in messages begin with it
}

// typed returns a command as the user would type it in the current folder.
func (s streams) typed(args string) string { return shell.Quote(s.program) + " " + args }

func main() { os.Exit(run(os.Args[1:], streams{os.Stdout, os.Stderr, os.Args[0]})) }

// run executes a command line and returns the exit code.
func run(args []string, s streams) int {
	if args, ok := asTgtadm(args, s); ok {
		return runTgtadm(args, s)
	}
	var c cli
	done := -1
	parser := kong.Must(&c,
		kong.Name("ringtgt"),
		kong.Description("ringtgt serves disks over iSCSI, with one io_uring event loop per core."),
		kong.Writers(s.out, s.err),
		kong.Vars{"version": versionLine()},
		kong.Exit(func(code int) { done = code }), // after --help and --version
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	ctx, err := parser.Parse(args)
	if done >= 0 {
		return done
	}
	if err != nil {
		help, shows := helpOf(err)
		fmt.Fprintf(s.err, "ringtgt: %s\n%s %s.\n", usageText(err), s.typed(help), shows)
		return exitUsage
	}
	err = ctx.Run(s)
	if err == nil {
		return exitOK
	}
	complain(s, err)
	var e *exitError
	if errors.As(err, &e) {
		return e.code
	}
	return exitRun
}
