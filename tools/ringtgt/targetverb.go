package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// targetCmd is `ringtgt target`.
type targetCmd struct {
	List   targetListCmd   `cmd:"" help:"List the targets."`
	Add    targetAddCmd    `cmd:"" help:"Add a target without LUNs. A target that is there already, with the same values, stays as it is."`
	Set    targetSetCmd    `cmd:"" help:"Change a target while it is in use. What is not given stays."`
	Remove targetRemoveCmd `cmd:"" help:"Log its sessions out, then remove a target with all its LUNs. Files and devices stay."`
}

type targetListCmd struct {
	daemonFlags
}

func (c *targetListCmd) Run(s streams) error {
	return list(&c.daemonFlags, s, "/v1/targets", func(w io.Writer, a *struct {
		Targets []api.Target `json:"target"`
	}) {
		fmt.Fprintln(w, "TARGET\tLUNS\tACCOUNTS\tADMITS")
		for _, t := range a.Targets {
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", t.Name, len(t.LUNs), len(t.Accounts), admits(t.ACL))
		}
	})
}

// admits is an ACL in a few words.
func admits(a *api.ACL) string {
	if a == nil {
		return "all"
	}
	var parts []string
	if n := len(a.Initiators); n > 0 {
		parts = append(parts, fmt.Sprintf("%d initiators", n))
	}
	if n := len(a.Networks); n > 0 {
		parts = append(parts, fmt.Sprintf("%d networks", n))
	}
	return strings.Join(parts, ", ")
}

type targetAddCmd struct {
	daemonFlags
	Name   string   `arg:"" name:"IQN" help:"Name of the target."`
	Alias  string   `help:"Name for people." placeholder:"TEXT"`
	Groups []uint16 `name:"portal-group" help:"Portal group that offers the target; may be repeated. Default: all." placeholder:"N"`
}

func (c *targetAddCmd) Run(s streams) error {
	return c.do(s, "target "+c.Name, admin.AddTarget{Name: c.Name, Alias: c.Alias, Groups: c.Groups})
}

type targetSetCmd struct {
	daemonFlags
	Name           string   `arg:"" name:"IQN" help:"Name of the target."`
	Alias          *string  `help:"Name for people." placeholder:"TEXT"`
	Algorithms     []string `name:"algorithm" help:"CHAP algorithm to accept: sha3-256, sha256, sha1 or md5; may be repeated." placeholder:"NAME"`
	Window         *int     `help:"Commands that a session may have outstanding." placeholder:"N"`
	MaxConnections *int     `help:"Connections per session." placeholder:"N"`
	Initiators     []string `name:"qos-initiator" help:"Bound each of these initiators by the flags below; may be repeated. Replaces the bounds of all initiators." placeholder:"NAME" sep:"none"`
	qosFlags       `embed:""`
	NoInitiatorQoS bool `name:"no-qos" help:"Remove the bounds of all initiators."`
}

func (c *targetSetCmd) Run(s streams) error {
	if c.Alias == nil && len(c.Algorithms) == 0 && c.Window == nil && c.MaxConnections == nil && len(c.Initiators) == 0 && !c.NoInitiatorQoS && !c.given() {
		return fail(exitUsage, fmt.Errorf("nothing to change: give --alias, --algorithm, --window, --max-connections, --qos-initiator or --no-qos"))
	}
	return c.talk(func(ctx context.Context, cl *api.Client) error {
		op := admin.SetTarget{Name: c.Name, Alias: c.Alias, Algorithms: c.Algorithms}
		if c.Window != nil || c.MaxConnections != nil {
			t, err := findTarget(ctx, cl, c.Name)
			if err != nil {
				return err
			}
			l := t.Limits
			set(&l.Window, c.Window)
			set(&l.MaxConnections, c.MaxConnections)
			op.Limits = &l
		}
		switch {
		case c.NoInitiatorQoS:
			op.QoS = []config.InitiatorQoS{}
		case len(c.Initiators) > 0:
			op.QoS = []config.InitiatorQoS{{Initiators: c.Initiators, QoS: c.over(config.QoS{})}}
		case c.given():
			return fail(exitUsage, fmt.Errorf("bounds of a target need --qos-initiator; those of a LUN are set by lun set"))
		}
		return c.do(s, "target "+c.Name, op)
	})
}

type targetRemoveCmd struct {
	daemonFlags
	forceFlag
	Name string `arg:"" name:"IQN" help:"Name of the target."`
}

func (c *targetRemoveCmd) Run(s streams) error {
	return c.do(s, "target "+c.Name, admin.RemoveTarget{Name: c.Name, Force: admin.Force{Force: c.Force}})
}

// targetPath is the path of a target in the API.
func targetPath(name string) string { return "/v1/targets/" + url.PathEscape(name) }

// findTarget returns a target of the configuration in force.
func findTarget(ctx context.Context, c *api.Client, name string) (*config.Target, error) {
	cfg, err := c.ReadConfig(ctx)
	if err != nil {
		return nil, err
	}
	for i := range cfg.Targets {
		if cfg.Targets[i].Name == name {
			return &cfg.Targets[i], nil
		}
	}
	return nil, fail(exitUsage, fmt.Errorf("target %s %w", name, admin.ErrNotFound))
}
