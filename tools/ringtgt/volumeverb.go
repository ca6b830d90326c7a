package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
)

// volumeCmd is `ringtgt volume`.
type volumeCmd struct {
	List     volumeListCmd     `cmd:"" help:"List the volumes of a pool."`
	Add      volumeAddCmd      `cmd:"" help:"Make a volume, or a snapshot of another."`
	Resize   volumeResizeCmd   `cmd:"" help:"Make a volume larger. Initiators that see it learn of the new size."`
	Remove   volumeRemoveCmd   `cmd:"" help:"Delete a volume and its data. One that is served is refused."`
	Export   volumeExportCmd   `cmd:"" help:"Show a volume to an initiator, as a LUN of a target."`
	Unexport volumeUnexportCmd `cmd:"" help:"Hide a volume from an initiator."`
}

// volumeArg names a volume.
type volumeArg struct {
	Volume string `arg:"" name:"POOL/VOLUME" help:"Pool and volume."`
}

// path is the path of the volume in the API.
func (a *volumeArg) path() (string, error) {
	pool, name, ok := strings.Cut(a.Volume, "/")
	if !ok || pool == "" || name == "" {
		return "", fail(exitUsage, fmt.Errorf("%q is not POOL/VOLUME, such as fast/disk-1", a.Volume))
	}
	return "/v1/pools/" + url.PathEscape(pool) + "/volumes/" + url.PathEscape(name), nil
}

// ask sends one request about the volume and says what was done.
func (a *volumeArg) ask(f *daemonFlags, s streams, method, rest string, body any) error {
	path, err := a.path()
	if err != nil {
		return err
	}
	return f.request(s, "volume "+a.Volume, method, path+rest, body)
}

type volumeListCmd struct {
	daemonFlags
	Pool string `arg:"" name:"POOL" help:"Name of the pool."`
}

func (c *volumeListCmd) Run(s streams) error {
	return list(&c.daemonFlags, s, "/v1/pools/"+url.PathEscape(c.Pool)+"/volumes", func(w io.Writer, a *struct {
		Volumes []api.Volume `json:"volume"`
	}) {
		fmt.Fprintln(w, "VOLUME\tSIZE\tALLOCATED\tSEEN BY")
		for _, v := range a.Volumes {
			var by []string
			for _, e := range v.Exports {
				by = append(by, fmt.Sprintf("%s=%d", e.Initiator, e.LUN))
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", v.Name, humanize.IBytes(uint64(v.Size)), humanize.IBytes(uint64(v.Allocated)), strings.Join(by, " "))
		}
	})
}

type volumeAddCmd struct {
	daemonFlags
	volumeArg
	Size sizeFlag `help:"Size." placeholder:"SIZE"`
	Thin bool     `help:"Take space as it is written, instead of reserving all."`
	From string   `help:"Make a snapshot of this volume of the pool, which shares its blocks; the file system must have reflinks." placeholder:"VOLUME"`
}

func (c *volumeAddCmd) Run(s streams) error {
	switch {
	case c.Size == 0 && c.From == "":
		return fail(exitUsage, fmt.Errorf("a volume needs --size, or --from for a snapshot of another"))
	case c.Size != 0 && c.From != "":
		return fail(exitUsage, fmt.Errorf("--size and --from exclude each other: a snapshot has the size of its source"))
	case c.Thin && c.From != "":
		return fail(exitUsage, fmt.Errorf("--thin and --from exclude each other: a snapshot is as thin as its source"))
	}
	from := c.From
	if pool, name, ok := strings.Cut(from, "/"); ok { // as the other arguments name volumes
		if own, _, _ := strings.Cut(c.Volume, "/"); pool != own {
			return fail(exitUsage, fmt.Errorf("--from %s: a snapshot is in the pool of its source, and %s is in another", from, c.Volume))
		}
		from = name
	}
	return c.ask(&c.daemonFlags, s, http.MethodPut, "", api.NewVolume{Size: api.Size(c.Size), Thin: c.Thin, From: from})
}

type volumeResizeCmd struct {
	daemonFlags
	volumeArg
	Size sizeFlag `arg:"" name:"SIZE" help:"New size, such as 20G."`
}

func (c *volumeResizeCmd) Run(s streams) error {
	return c.ask(&c.daemonFlags, s, http.MethodPatch, "", api.VolumeChange{Size: api.Size(c.Size)})
}

type volumeRemoveCmd struct {
	daemonFlags
	volumeArg
}

func (c *volumeRemoveCmd) Run(s streams) error {
	return c.ask(&c.daemonFlags, s, http.MethodDelete, "", nil)
}

type volumeExportCmd struct {
	daemonFlags
	volumeArg
	Target    string `arg:"" name:"IQN" help:"Name of the target."`
	Initiator string `arg:"" name:"INITIATOR" help:"Name of the initiator."`
	Account   string `help:"CHAP account of the target with which the initiator must have logged in." placeholder:"USER"`
	LUN       *int   `name:"lun" help:"Number that the initiator sees. Default: the lowest that it does not see yet." placeholder:"N"`
	ReadOnly  bool   `name:"read-only" help:"Refuse writes."`
}

func (c *volumeExportCmd) Run(s streams) error {
	return c.ask(&c.daemonFlags, s, http.MethodPut, "/exports/"+url.PathEscape(c.Initiator),
		api.NewExport{Target: c.Target, Account: c.Account, LUN: c.LUN, ReadOnly: c.ReadOnly})
}

type volumeUnexportCmd struct {
	daemonFlags
	forceFlag
	volumeArg
	Initiator string `arg:"" name:"INITIATOR" help:"Name of the initiator."`
	Target    string `help:"Only as a LUN of this target." placeholder:"IQN"`
}

func (c *volumeUnexportCmd) Run(s streams) error {
	q := url.Values{}
	if c.Target != "" {
		q.Set("target", c.Target)
	}
	if c.Force {
		q.Set("force", "true")
	}
	rest := "/exports/" + url.PathEscape(c.Initiator)
	if len(q) > 0 {
		rest += "?" + q.Encode()
	}
	return c.ask(&c.daemonFlags, s, http.MethodDelete, rest, nil)
}
