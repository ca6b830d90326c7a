// Command guest runs inside the emulated machine of the power loss test, as /kt/power. "write" starts the daemon on logged
// drives and sends it commands, with an event in the logs before each command and after each answer. "serve" starts the daemon
// on the images that power cuts leave, one by one, and shows the host what it serves. "names" swaps the names of two drives
// while the daemon is stopped.
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
	// runLimit bounds a run. The host's limit is shorter.
	runLimit = 30 * time.Minute
	// daemonLimit bounds the start and the stop of the daemon, under emulation on a busy machine.
	daemonLimit = 60 * time.Second
)
