package main

import (
	"fmt"
	"io"
	"net/netip"

	"github.com/dustin/go-humanize"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// portalCmd is `ringtgt portal`.
type portalCmd struct {
	List   portalListCmd   `cmd:"" help:"List the addresses to listen on."`
	Add    portalAddCmd    `cmd:"" help:"Listen on one more address."`
	Remove portalRemoveCmd `cmd:"" help:"Log out the connections of an address, and stop listening on it."`
}

type portalListCmd struct {
	daemonFlags
}

func (c *portalListCmd) Run(s streams) error {
	return list(&c.daemonFlags, s, "/v1/portals", func(w io.Writer, a *struct {
		Portals []api.Portal `json:"portal"`
	}) {
		fmt.Fprintln(w, "ADDRESS\tGROUP")
		for _, p := range a.Portals {
			fmt.Fprintf(w, "%s\t%d\n", p.Listen, p.Group)
		}
	})
}

// listenFlag is the address of a portal.
type listenFlag netip.AddrPort

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *listenFlag) UnmarshalText(text []byte) error {
	a, err := config.ParseListen(string(text))
	*f = listenFlag(a)
	return err
}

type portalAddCmd struct {
	daemonFlags
	Addr  listenFlag `arg:"" name:"ADDRESS" help:"HOST:PORT. The default port is 3260."`
	Group uint16     `help:"Portal group tag: portals of one group can share a session." default:"1" placeholder:"N"`
}

func (c *portalAddCmd) Run(s streams) error {
	a := netip.AddrPort(c.Addr)
	return c.do(s, "portal "+a.String(), admin.AddPortal{Addr: a, Group: c.Group})
}

type portalRemoveCmd struct {
	daemonFlags
	forceFlag
	Addr listenFlag `arg:"" name:"ADDRESS" help:"HOST:PORT. The default port is 3260."`
}

func (c *portalRemoveCmd) Run(s streams) error {
	a := netip.AddrPort(c.Addr)
	return c.do(s, "portal "+a.String(), admin.RemovePortal{Addr: a, Force: admin.Force{Force: c.Force}})
}

// poolCmd is `ringtgt pool`.
type poolCmd struct {
	List   poolListCmd   `cmd:"" help:"List the pools."`
	Add    poolAddCmd    `cmd:"" help:"Name a directory that holds volumes."`
	Remove poolRemoveCmd `cmd:"" help:"Forget a pool. Its files stay."`
}

type poolListCmd struct {
	daemonFlags
}

func (c *poolListCmd) Run(s streams) error {
	return list(&c.daemonFlags, s, "/v1/pools", func(w io.Writer, a *struct {
		Pools []api.Pool `json:"pool"`
	}) {
		fmt.Fprintln(w, "POOL\tFREE\tOF\tPATH")
		for _, p := range a.Pools {
			free, of := "-", "-"
			if p.Total > 0 {
				free, of = humanize.IBytes(uint64(p.Available)), humanize.IBytes(uint64(p.Total))
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Name, free, of, p.Path)
		}
	})
}

type poolAddCmd struct {
	daemonFlags
	Name string `arg:"" name:"NAME" help:"Name of the pool."`
	Path string `arg:"" name:"DIR" help:"Its directory, which must exist."`
}

func (c *poolAddCmd) Run(s streams) error {
	path, err := absolute(c.Path)
	if err != nil {
		return fail(exitUsage, err)
	}
	return c.do(s, "pool "+c.Name, admin.AddPool{Name: c.Name, Path: path})
}

type poolRemoveCmd struct {
	daemonFlags
	forceFlag
	Name string `arg:"" name:"NAME" help:"Name of the pool."`
}

func (c *poolRemoveCmd) Run(s streams) error {
	return c.do(s, "pool "+c.Name, admin.RemovePool{Name: c.Name, Force: admin.Force{Force: c.Force}})
}
