package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// stateFlags select the state directory of a command. They never create one.
type stateFlags struct {
	State string `help:"State directory of the disk." required:"" placeholder:"DIR"`
}

// change opens the state of a daemon that is not running.
func (f stateFlags) change(do func(*state.State) error) error {
	if disks, err := state.Peek(f.State); err == nil && !disks.Exists() {
		return fail(exitStart, fmt.Errorf("there is no state in %s", f.State))
	}
	s, err := state.Open(f.State, 0)
	switch {
	case errors.Is(err, state.ErrInUse):
		return fail(exitStart, fmt.Errorf("%w; stop that daemon first", err))
	case err != nil:
		return fail(exitStart, err)
	}
	if err := do(s); err != nil {
		s.Close()
		return fail(exitStart, err)
	}
	return s.Close()
}

// adoptCmd implements `ringtgt adopt`.
type adoptCmd struct {
	stateFlags
	ID   string `name:"id" help:"ID of the disk. Default: the one that was last served from this path." placeholder:"ID"`
	Spec string `arg:"" name:"SPEC" help:"file:PATH or block:PATH."`
}

func (c *adoptCmd) Run(s streams) error {
	l, err := config.ParseSpec(c.Spec)
	if err == nil && !l.Persistent() {
		err = fmt.Errorf("%q: want file:PATH or block:PATH", c.Spec)
	}
	if err != nil {
		return fail(exitUsage, err)
	}
	if l.ID == "" {
		l.ID = c.ID
	}
	return c.change(func(st *state.State) error {
		ask, err := askFor(&l)
		if err != nil {
			return err
		}
		k, lost, err := st.Adopt(ask)
		if err != nil {
			return fmt.Errorf("%s: %w", l.Path, err)
		}
		fmt.Fprintf(s.out, "%s is now %s\n", l.Path, k.Describe())
		if !lost.Cut.IsZero() {
			fmt.Fprintf(s.out, "its data from byte %d on was lost: those blocks now read as zeroes or as what was written there since\n", lost.From)
		}
		if !lost.Writes.IsZero() {
			fmt.Fprintf(s.out, "its writes lost at %s are no longer reported\n", lost.Writes.Format(time.RFC3339))
		}
		return nil
	})
}

// forgetCmd implements `ringtgt forget`.
type forgetCmd struct {
	stateFlags
	Disk string `arg:"" name:"DISK" help:"ID of the disk, or the path from which it was last served."`
}

func (c *forgetCmd) Run(s streams) error {
	return c.change(func(st *state.State) error {
		k, err := st.Forget(c.Disk)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "forgot %s and its reservations\n", k.Describe())
		return nil
	})
}
