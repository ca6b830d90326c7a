// Command guest runs inside the emulated machine of the power loss test, as /kt/power. With "write" it puts the logged drives
// below the daemon, starts it, and gives it commands, with an event in the logs before each and after each answer. With "serve" it
// takes the images that cuts of power leave, one by one, starts the daemon on them, and shows the host what it serves. With "names"
// it has two drives change their names under the daemon.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "write":
		var seed uint64
		if seed, err = strconv.ParseUint(os.Args[2], 10, 64); err == nil {
			err = write(ctx, seed)
		}
	case len(os.Args) == 3 && os.Args[1] == "serve":
		var cuts int
		if cuts, err = strconv.Atoi(os.Args[2]); err == nil {
			err = serve(ctx, cuts)
		}
	case len(os.Args) == 2 && os.Args[1] == "names":
		err = names(ctx)
	default:
		err = fmt.Errorf("usage: power write SEED | power serve CUTS | power names")
	}
	if err != nil {
		_ = os.WriteFile("/run/kt/detail", []byte(err.Error()+"\n"), 0o600)
		fmt.Fprintln(os.Stderr, "power:", err)
		os.Exit(1)
	}
}

const (
	// runLimit bounds a run; the host's own bound comes first.
	runLimit = 30 * time.Minute
	// daemonLimit bounds the daemon's start and its stop, under emulation and on a busy machine.
	daemonLimit = 60 * time.Second
)
