// Command ringtgt serves disks over iSCSI.
package main

import (
	"os"

	"github.com/alecthomas/kong"
)

// cli is the command line.
type cli struct {
	Serve serveCmd `cmd:"" help:"Serve disks until SIGTERM or SIGINT."`
}

func main() {
	var c cli
	p := kong.Must(&c, kong.Name("ringtgt"), kong.Description("An iSCSI target on io_uring."))
	ctx, err := p.Parse(os.Args[1:])
	if err != nil {
		p.Errorf("%s", err)
		os.Exit(1)
	}
	if err := ctx.Run(); err != nil {
		p.Errorf("%s", err)
		os.Exit(2)
	}
}
