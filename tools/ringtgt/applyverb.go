package main

import (
	"context"
	"net/http"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
)

// applyCmd is `ringtgt apply`.
type applyCmd struct {
	daemonFlags
	DryRun bool `help:"Only show what would change."`
	Force  bool `help:"End commands in progress and sessions of what is removed at once, instead of letting them end."`
}

func (c *applyCmd) Run(s streams) error {
	return c.talk(func(ctx context.Context, cl *api.Client) error {
		p, err := cl.Apply(ctx, c.DryRun, c.Force)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.out, api.ResultOf(p))
		}
		p.Print(s.out)
		return nil
	})
}

// configCmd is `ringtgt config`.
type configCmd struct {
	Export configExportCmd `cmd:"" help:"Print the configuration in force as one TOML file, without secrets: the file's part and what commands made."`
	Prune  configPruneCmd  `cmd:"" help:"Drop what commands made and does not count any more, because the configuration file names it too. What is in force stays as it is."`
}

type configExportCmd struct {
	daemonFlags
}

func (c *configExportCmd) Run(s streams) error {
	return c.talk(func(ctx context.Context, cl *api.Client) error {
		if c.JSON {
			var raw any
			if err := cl.Request(ctx, "GET", "/v1/config", nil, &raw); err != nil {
				return err
			}
			return printJSON(s.out, raw)
		}
		text, err := cl.Export(ctx)
		if err != nil {
			return err
		}
		_, err = s.out.Write(text)
		return err
	})
}

type configPruneCmd struct {
	daemonFlags
}

func (c *configPruneCmd) Run(s streams) error {
	return c.request(s, "what the configuration file names too", http.MethodPost, "/v1/prune", nil)
}
