package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"text/tabwriter"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// daemonFlags select the running daemon that a command talks to.
type daemonFlags struct {
	JSON    bool   `name:"json" help:"Print one JSON object, for programs."`
	State   string `help:"State directory of the daemon." placeholder:"DIR"`
	Control string `help:"Control socket of the daemon." placeholder:"PATH"`
	PID     int    `name:"pid" help:"Process ID of the daemon." placeholder:"N"`
}

// forceFlag is for commands that remove something.
type forceFlag struct {
	Force bool `help:"End commands in progress and sessions at once, instead of letting them end."`
}

// find returns the socket of the daemon.
func (f *daemonFlags) find() (string, error) {
	path, err := control.Find(control.Where{Control: f.Control, State: f.State, PID: f.PID}, config.DefaultState, state.SocketFile)
	var several *control.AmbiguousError
	if errors.As(err, &several) {
		return "", fail(exitUsage, err)
	}
	return path, err
}

// talk calls fn with a client of the daemon, and turns its error into one with an exit code.
func (f *daemonFlags) talk(fn func(ctx context.Context, c *api.Client) error) error {
	path, err := f.find()
	if err != nil {
		return err
	}
	c := api.Dial(path)
	defer c.Close()
	return f.explain(path, fn(context.Background(), c))
}

// explain gives an error of a request its exit code: the daemon is not there, refused, or failed.
func (f *daemonFlags) explain(path string, err error) error {
	var code *exitError
	var refused *api.Problem
	switch {
	case err == nil, errors.As(err, &code):
		return err
	case errors.As(err, &refused) && refused.Code == api.CodeNoRoute:
		return fail(exitRun, fmt.Errorf("%s: the daemon is older and does not support that", path))
	case errors.As(err, &refused) && refused.Status < http.StatusInternalServerError:
		return fail(exitUsage, err)
	case errors.As(err, &refused):
		return fail(exitRun, err)
	}
	return noDaemon(path, f.Control == "" && f.State == "" && f.PID == 0, err)
}

// noDaemon explains why no daemon answered at path; found reports that nobody named the path.
func noDaemon(path string, found bool, err error) error {
	switch {
	case control.Absent(err) && found:
		err = fmt.Errorf("no daemon runs here: nothing answers at %s, and %s lists none; use --state DIR, --control PATH or --pid N", path, control.RuntimeDir())
	case control.Absent(err):
		err = fmt.Errorf("no daemon answers at %s", path)
	case errors.Is(err, os.ErrPermission):
		err = fmt.Errorf("%s: only root, the user that runs the daemon and the members of its groups may use it: %w", path, err)
	default:
		return err
	}
	return fail(exitNoDaemon, err)
}

// change sends a change and says what was done: each step on a line, or that there was nothing to do. what names the object.
func (f *daemonFlags) change(s streams, what string, send func(ctx context.Context, c *api.Client) (*api.Result, error)) error {
	return f.talk(func(ctx context.Context, c *api.Client) error {
		r, err := send(ctx, c)
		if err != nil {
			return err
		}
		if f.JSON {
			return printJSON(s.out, r)
		}
		printResult(s.out, what, r)
		return nil
	})
}

// do sends ops, as change does.
func (f *daemonFlags) do(s streams, what string, ops ...admin.Op) error {
	return f.change(s, what, func(ctx context.Context, c *api.Client) (*api.Result, error) { return c.Change(ctx, ops...) })
}

// request sends one request whose answer is a Result.
func (f *daemonFlags) request(s streams, what, method, path string, body any) error {
	return f.change(s, what, func(ctx context.Context, c *api.Client) (*api.Result, error) {
		r := &api.Result{}
		return r, c.Request(ctx, method, path, body, r)
	})
}

// list requests path and prints the answer: as it is with --json, otherwise by print.
func list[T any](f *daemonFlags, s streams, path string, print func(w io.Writer, answer *T)) error {
	return f.talk(func(ctx context.Context, c *api.Client) error {
		var raw json.RawMessage
		if err := c.Request(ctx, http.MethodGet, path, nil, &raw); err != nil {
			return err
		}
		if f.JSON {
			return printJSON(s.out, raw)
		}
		answer := new(T)
		if err := json.Unmarshal(raw, answer); err != nil {
			return err
		}
		w := tabwriter.NewWriter(s.out, 0, 8, 2, ' ', 0)
		print(w, answer)
		return w.Flush()
	})
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// done are the verbs of a plan in the past.
var done = map[admin.Verb]string{admin.Add: "added", admin.Change: "changed", admin.Replace: "replaced", admin.Remove: "removed"}

func printResult(out io.Writer, what string, r *api.Result) {
	for _, w := range r.Warnings {
		fmt.Fprintf(out, "warning: %s\n", w)
	}
	for _, st := range r.Steps {
		fmt.Fprintf(out, "%s %s\n", done[st.Verb], st.Text())
	}
	for _, name := range r.Restart {
		fmt.Fprintf(out, "%s takes effect when the daemon starts again\n", name)
	}
	for _, name := range r.Dropped {
		fmt.Fprintf(out, "dropped %s, as a command had made it\n", name)
	}
	if e := r.Export; e != nil {
		fmt.Fprintf(out, "%s: %s sees it as lun %d of %s\n", what, e.Initiator, e.LUN, e.Target)
		return
	}
	switch {
	case len(r.Steps)+len(r.Restart)+len(r.Dropped) > 0:
	case r.Changed:
		fmt.Fprintf(out, "%s: done\n", what)
	default:
		fmt.Fprintf(out, "%s: nothing to do\n", what)
	}
}

// sizeFlag is a size on the command line.
type sizeFlag int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *sizeFlag) UnmarshalText(text []byte) error {
	n, err := config.ParseSize(string(text))
	*f = sizeFlag(n)
	return err
}
