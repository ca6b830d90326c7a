package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// lunCmd is `ringtgt lun`.
type lunCmd struct {
	List   lunListCmd   `cmd:"" help:"List the LUNs of a target, or of all."`
	Add    lunAddCmd    `cmd:"" help:"Add a LUN. Initiators of the target learn of it at once. A LUN that is there already, with the same values, stays as it is."`
	Set    lunSetCmd    `cmd:"" help:"Change a LUN while it is in use. What is not given stays."`
	Resize lunResizeCmd `cmd:"" help:"Grow the file of a LUN. Initiators learn of the new size."`
	Remove lunRemoveCmd `cmd:"" help:"Remove a LUN. New commands are refused, those in progress end within 30 s. Its file or device stays."`
}

type lunListCmd struct {
	daemonFlags
	Target string `arg:"" optional:"" name:"IQN" help:"Name of the target. Default: all targets."`
}

func (c *lunListCmd) Run(s streams) error {
	if c.Target == "" {
		return list(&c.daemonFlags, s, "/v1/targets", func(w io.Writer, a *struct {
			Targets []api.Target `json:"target"`
		}) {
			printLUNList(w, a.Targets)
		})
	}
	return list(&c.daemonFlags, s, targetPath(c.Target)+"/luns", func(w io.Writer, a *struct {
		LUNs []api.LUN `json:"lun"`
	}) {
		printLUNList(w, []api.Target{{Name: c.Target, LUNs: a.LUNs}})
	})
}

func printLUNList(w io.Writer, targets []api.Target) {
	fmt.Fprintln(w, "TARGET\tLUN\tSIZE\tMEDIUM\tOPTIONS\tSEEN BY")
	for _, t := range targets {
		for i := range t.LUNs {
			l := &t.LUNs[i]
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", t.Name, *l.LUN, sizeOf(l), mediumText(l), optionsText(l), seenBy(l.Exports))
		}
	}
}

// sizeOf is the size that a LUN has, or was configured with.
func sizeOf(l *api.LUN) string {
	if n := cmp.Or(l.Bytes, int64(l.Size), int64(l.Memory), int64(l.Null)); n > 0 {
		return humanize.IBytes(uint64(n))
	}
	return "-"
}

// seenBy lists who sees a LUN and as which number, in the words of --export.
func seenBy(rules []api.Export) string {
	if len(rules) == 0 {
		return "all"
	}
	var out []string
	for _, e := range rules {
		var who []string
		if len(e.Initiators) > 0 {
			who = append(who, strings.Join(e.Initiators, ","))
		}
		for _, user := range e.Accounts {
			who = append(who, "account:"+user)
		}
		out = append(out, fmt.Sprintf("%s=%d", cmp.Or(strings.Join(who, "+"), "all"), e.LUN))
	}
	return strings.Join(out, " ")
}

// mediumText is the kind of a LUN's medium and its path.
func mediumText(l *api.LUN) string {
	switch {
	case l.File != "":
		return "file " + l.File
	case l.Block != "":
		return "block " + l.Block
	case l.Memory != 0:
		return "memory"
	}
	return "null"
}

func optionsText(l *api.LUN) string {
	var parts []string
	for _, o := range []struct {
		on   bool
		text string
	}{{l.ReadOnly, "read-only"}, {l.Thin, "thin"}, {l.Removable, "removable"}, {l.QoS != nil, "bounded"}} {
		if o.on {
			parts = append(parts, o.text)
		}
	}
	return cmp.Or(strings.Join(parts, ","), "-")
}

type lunAddCmd struct {
	daemonFlags
	Target        string   `arg:"" optional:"" name:"IQN" help:"Name of the target. Default: the only one."`
	LUN           *int     `name:"lun" help:"Number. Default: the lowest free one." placeholder:"N"`
	File          string   `help:"Serve this file; with --size it is created or extended. Default, with --size: a new volume of the only pool, or a new file beside the default disk." xor:"medium" placeholder:"PATH"`
	Block         string   `help:"Serve this block device." xor:"medium" placeholder:"PATH"`
	Memory        sizeFlag `help:"Serve this much memory." xor:"medium" placeholder:"SIZE"`
	Null          sizeFlag `help:"Serve nothing, of this size: for measurements." xor:"medium" placeholder:"SIZE"`
	Size          sizeFlag `help:"Size of the file." placeholder:"SIZE"`
	Thin          bool     `help:"Initiators may release space."`
	ReadOnly      bool     `name:"read-only" help:"Refuse writes."`
	Removable     bool     `help:"A removable medium."`
	BlockSize     sizeFlag `name:"block-size" help:"512 or 4096." placeholder:"SIZE"`
	PhysicalBlock sizeFlag `name:"physical-block-size" help:"Physical block size to report." placeholder:"SIZE"`
	Direct        string   `help:"O_DIRECT: auto, on or off." placeholder:"WHEN"`
	Serial        string   `help:"Unit serial number." placeholder:"TEXT"`
	ID            string   `name:"id" help:"Identity of the disk. Default: its own, or a new one." placeholder:"ID"`
	SanitizeRate  sizeFlag `help:"Bytes a second that SANITIZE may write." placeholder:"SIZE"`
	Exports       []string `name:"export" help:"Only this initiator sees the LUN, as this number; may be repeated. account:USER=LUN is for a CHAP account." placeholder:"INITIATOR=LUN" sep:"none"`
	qosFlags      `embed:""`
}

func (c *lunAddCmd) Run(s streams) error {
	l, err := c.lun()
	if err != nil {
		return fail(exitUsage, err)
	}
	if c.Target == "" {
		if err := c.talk(c.onlyTarget); err != nil {
			return err
		}
	}
	what := "the LUN of " + c.Target
	if c.LUN != nil {
		what = fmt.Sprintf("lun %d of %s", *c.LUN, c.Target)
	}
	return c.request(s, what, http.MethodPost, targetPath(c.Target)+"/luns", l)
}

// onlyTarget takes the target if there is one alone.
func (c *lunAddCmd) onlyTarget(ctx context.Context, cl *api.Client) error {
	cfg, err := cl.ReadConfig(ctx)
	if err != nil {
		return err
	}
	switch n := len(cfg.Targets); n {
	case 0:
		return fail(exitUsage, fmt.Errorf("there is no target yet: `ringtgt target add IQN` makes one"))
	case 1:
		c.Target = cfg.Targets[0].Name
		return nil
	default:
		return fail(exitUsage, fmt.Errorf("there are %d targets: name the one that gets the LUN (`ringtgt target list`)", n))
	}
}

// lun is the body of the request.
func (c *lunAddCmd) lun() (*api.LUN, error) {
	l := &api.LUN{
		LUN: c.LUN, Memory: api.Size(c.Memory), Null: api.Size(c.Null), Size: api.Size(c.Size), Thin: c.Thin, ReadOnly: c.ReadOnly,
		Removable: c.Removable, BlockSize: api.Size(c.BlockSize), PhysicalBlock: api.Size(c.PhysicalBlock), Direct: c.Direct, Serial: c.Serial,
		ID: c.ID, SanitizeRate: api.Size(c.SanitizeRate),
	}
	if c.File == "" && c.Block == "" && c.Memory == 0 && c.Null == 0 && c.Size == 0 {
		return nil, fmt.Errorf("a LUN needs --size for a new file, or one of --file, --block, --memory and --null")
	}
	var err error
	if l.File, err = absolute(c.File); err != nil {
		return nil, err
	}
	if l.Block, err = absolute(c.Block); err != nil {
		return nil, err
	}
	exports, err := parseExports(c.Exports)
	if err != nil {
		return nil, err
	}
	for _, e := range exports {
		l.Exports = append(l.Exports, api.Export{Initiators: e.Initiators, Accounts: e.Accounts, LUN: e.Number})
	}
	if q := c.over(config.QoS{}); c.given() {
		l.QoS = api.QoSOf(q)
	}
	return l, nil
}

// absolute makes a path independent of this process's directory, which is not the daemon's.
func absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}

// parseExports reads INITIATOR=LUN and account:USER=LUN.
func parseExports(list []string) (out []config.Export, err error) {
	for _, text := range list {
		i := strings.LastIndexByte(text, '=')
		n := -1
		if i > 0 {
			if n, err = strconv.Atoi(text[i+1:]); err != nil {
				n = -1
			}
		}
		if n < 0 {
			return nil, fmt.Errorf("--export %q: want INITIATOR=LUN or account:USER=LUN", text)
		}
		e := config.Export{Number: n}
		if user, ok := strings.CutPrefix(text[:i], "account:"); ok {
			e.Accounts = []string{user}
		} else {
			e.Initiators = []string{text[:i]}
		}
		out = append(out, e)
	}
	return out, nil
}

type lunSetCmd struct {
	daemonFlags
	Target   string   `arg:"" name:"IQN" help:"Name of the target."`
	Number   int      `arg:"" name:"LUN" help:"Number."`
	ReadOnly *bool    `name:"read-only" negatable:"" help:"Refuse writes, or accept them again."`
	Exports  []string `name:"export" help:"Only this initiator sees the LUN, as this number; may be repeated. account:USER=LUN is for a CHAP account. Replaces all earlier ones." placeholder:"INITIATOR=LUN" sep:"none"`
	Unmask   bool     `name:"export-all" help:"Every initiator of the target sees the LUN."`
	qosFlags `embed:""`
	NoQoS    bool `name:"no-qos" help:"Remove all bounds."`
}

func (c *lunSetCmd) Run(s streams) error {
	exports, err := parseExports(c.Exports)
	switch {
	case err != nil:
	case c.Unmask && len(exports) > 0:
		err = fmt.Errorf("--export and --export-all exclude each other")
	case c.NoQoS && c.given():
		err = fmt.Errorf("--no-qos excludes bounds")
	case c.ReadOnly == nil && !c.Unmask && len(exports) == 0 && !c.NoQoS && !c.given():
		err = fmt.Errorf("nothing to change: give --read-only, --export or a bound")
	}
	if err != nil {
		return fail(exitUsage, err)
	}
	return c.talk(func(ctx context.Context, cl *api.Client) error {
		op := admin.SetLUN{Target: c.Target, Number: c.Number, ReadOnly: c.ReadOnly, Exports: exports}
		if c.Unmask {
			op.Exports = []config.Export{}
		}
		switch {
		case c.NoQoS:
			op.QoS = &config.QoS{}
		case c.given():
			l, err := findLUN(ctx, cl, c.Target, c.Number)
			if err != nil {
				return err
			}
			q := c.over(l.QoS)
			op.QoS = &q
		}
		return c.do(s, fmt.Sprintf("lun %d of %s", c.Number, c.Target), op)
	})
}

// findLUN returns a unit of the configuration in force.
func findLUN(ctx context.Context, c *api.Client, target string, number int) (*config.LUN, error) {
	t, err := findTarget(ctx, c, target)
	if err != nil {
		return nil, err
	}
	for i := range t.LUNs {
		if t.LUNs[i].Number == number {
			return &t.LUNs[i], nil
		}
	}
	return nil, fail(exitUsage, fmt.Errorf("lun %d of target %s %w", number, target, admin.ErrNotFound))
}

type lunResizeCmd struct {
	daemonFlags
	Target string   `arg:"" name:"IQN" help:"Name of the target."`
	Number int      `arg:"" name:"LUN" help:"Number."`
	Size   sizeFlag `arg:"" name:"SIZE" help:"New size, such as 20G."`
}

func (c *lunResizeCmd) Run(s streams) error {
	return c.do(s, fmt.Sprintf("lun %d of %s", c.Number, c.Target), admin.ResizeLUN{Target: c.Target, Number: c.Number, Size: int64(c.Size)})
}

type lunRemoveCmd struct {
	daemonFlags
	forceFlag
	Target string `arg:"" name:"IQN" help:"Name of the target."`
	Number int    `arg:"" name:"LUN" help:"Number."`
}

func (c *lunRemoveCmd) Run(s streams) error {
	op := admin.RemoveLUN{Target: c.Target, Number: c.Number, Force: admin.Force{Force: c.Force}}
	return c.do(s, fmt.Sprintf("lun %d of %s", c.Number, c.Target), op)
}
