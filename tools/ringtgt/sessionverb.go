package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
)

// sessionCmd is `ringtgt session`.
type sessionCmd struct {
	List sessionListCmd `cmd:"" help:"List the sessions of initiators."`
	Kick sessionKickCmd `cmd:"" help:"Ask the initiators of the sessions that match to log out, and close the sessions that are left after a grace period. An initiator may log in again: acl remove keeps it out."`
}

// sessionFilter selects sessions.
type sessionFilter struct {
	Target    string  `help:"Sessions of this target." placeholder:"IQN"`
	Initiator string  `help:"Sessions of this initiator." placeholder:"NAME"`
	Account   string  `help:"Sessions of this CHAP account." placeholder:"USER"`
	TSIH      uint16  `name:"tsih" help:"The session with this handle, as status shows it." placeholder:"N"`
	CID       *uint16 `name:"cid" help:"With --tsih: only this connection of the session." placeholder:"N"`
}

func (f *sessionFilter) filter() admin.SessionFilter {
	return admin.SessionFilter{Target: f.Target, Initiator: f.Initiator, Account: f.Account, TSIH: f.TSIH, CID: f.CID}
}

type sessionListCmd struct {
	daemonFlags
	sessionFilter
}

func (c *sessionListCmd) Run(s streams) error {
	return c.talk(func(ctx context.Context, cl *api.Client) error {
		l, err := cl.Sessions(ctx, c.filter())
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.out, api.Sessions{Sessions: l})
		}
		printSessionList(s.out, l)
		return nil
	})
}

// printSessionList prints a block for each session: names have up to 223 bytes, so that columns would not fit.
func printSessionList(w io.Writer, l []admin.Session) {
	if len(l) == 0 {
		fmt.Fprintln(w, "no sessions")
	}
	for _, x := range l {
		target := x.Target
		if target == "" {
			target = "discovery"
		}
		fmt.Fprintf(w, "session %d: %s\n  initiator %s, ISID %s, since %s\n", x.TSIH, target, x.Initiator, x.ISID, x.Since.Local().Format(time.DateTime))
		if x.Account != "" {
			fmt.Fprintf(w, "  account %s\n", x.Account)
		}
		for _, k := range x.Connections {
			fmt.Fprintf(w, "  connection %d from %s to %s, loop %d\n", k.CID, k.Remote, k.Local, k.Loop)
		}
	}
}

type sessionKickCmd struct {
	daemonFlags
	forceFlag
	sessionFilter
}

func (c *sessionKickCmd) Run(s streams) error {
	f := c.filter()
	switch {
	case f == (admin.SessionFilter{}):
		return fail(exitUsage, fmt.Errorf("name the sessions: --target, --initiator, --account or --tsih"))
	case f.CID != nil && f.TSIH == 0:
		return fail(exitUsage, fmt.Errorf("--cid needs --tsih"))
	}
	return c.talk(func(ctx context.Context, cl *api.Client) error {
		l, err := cl.Kick(ctx, f, c.Force)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.out, api.Sessions{Sessions: l})
		}
		for _, x := range l {
			fmt.Fprintf(s.out, "ended session %d of %s with %s\n", x.TSIH, x.Initiator, x.Target)
		}
		if len(l) == 0 {
			fmt.Fprintln(s.out, "no session matches")
		}
		return nil
	})
}
