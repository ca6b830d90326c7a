// Command daemonfuzz attacks a running daemon with hostile sessions of several connections. A seed decides their logins,
// commands, data, task management and ends. A well-behaved initiator works beside them, and its data must stay intact. The
// daemon runs under the race detector.
//
//	daemonfuzz [-duration 10m] [-seed N] [-actors 12] [-race=false]
//
// It prints its seed. An actor's behaviour follows from the seed, but its timing depends on the machine: the same seed makes
// a failure likely again, not certain. The daemon's log shows what happened.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/internal/harness"
)

func main() {
	duration := flag.Duration("duration", 10*time.Minute, "how long to run")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of all random choices")
	actors := flag.Int("actors", 12, "number of hostile initiators at a time")
	race := flag.Bool("race", true, "build the daemon with the race detector")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fmt.Printf("daemonfuzz: seed %d: go run ./tools/daemonfuzz -seed %d -actors %d -duration %v -race=%t\n", *seed, *seed, *actors, *duration, *race)
	if err := run(ctx, *duration, *seed, *actors, *race); err != nil {
		fmt.Fprintf(os.Stderr, "daemonfuzz: seed %d: %v\n", *seed, err)
		os.Exit(1)
	}
}

const (
	hostileTarget = "iqn.2026-11.io.ringtgt:hostile"
	quietTarget   = "iqn.2026-11.io.ringtgt:quiet"
)

// config is the daemon's configuration: a target for the actors and one for the witness.
const config = `
[server]
state = "%[1]s/state"
buffers = "64MiB"
cores = "%[2]s"
log_level = "warn"

[[portal]]
listen = "{{ADDR}}"

[[target]]
name = "` + hostileTarget + `"
[[target.lun]]
lun = 0
memory = "16MiB"
[[target.lun]]
lun = 1
file = "%[1]s/hostile.img"
size = "32MiB"
thin = true

[[target]]
name = "` + quietTarget + `"
[[target.lun]]
lun = 0
file = "%[1]s/quiet.img"
size = "32MiB"
`

func run(ctx context.Context, duration time.Duration, seed uint64, actors int, race bool) error {
	dir, err := os.MkdirTemp("", "ringtgt-daemonfuzz-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "ringtgt")
	args := []string{"build", "-o", binary}
	if race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "./tools/ringtgt")...).CombinedOutput(); err != nil {
		return fmt.Errorf("build: %v\n%s", err, out)
	}
	d, err := harness.Start(ctx, harness.Options{
		Binary: binary, Config: fmt.Sprintf(config, dir, cores()), Ready: time.Minute,
		Env: []string{"GORACE=halt_on_error=1 exitcode=66"},
	})
	if err != nil {
		return err
	}
	defer d.Kill()

	end, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	w := &world{addr: d.Addr(), tsihs: map[byte]uint16{}}
	var wg sync.WaitGroup
	failed := make(chan error, actors+1)
	for i := range actors {
		wg.Go(func() { newActor(w, seed, i).play(end) })
	}
	wg.Go(func() {
		if err := witness(end, d.Addr(), seed); err != nil {
			failed <- fmt.Errorf("the working initiator: %w", err)
			cancel()
		}
	})
	select {
	case <-end.Done():
	case <-d.Exited():
		cancel()
	}
	wg.Wait()
	fmt.Printf("daemonfuzz: %d connections, %d sessions, %d PDUs sent, %d received\n", w.conns.Load(), w.sessions.Load(), w.sent.Load(), w.received.Load())
	if err := d.Alive(); err != nil {
		return fmt.Errorf("the daemon ended: %v\n%s", err, d.Log())
	}
	select {
	case err := <-failed:
		return fmt.Errorf("%w\n%s", err, d.Log())
	default:
	}
	if err := d.Terminate(time.Minute); err != nil {
		return fmt.Errorf("the end: %v\n%s", err, d.Log())
	}
	if log := d.Log(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic:") {
		return fmt.Errorf("in the log:\n%s", log)
	}
	return nil
}

// cores returns the CPUs for the daemon's loops: two where the machine has two.
func cores() string {
	if runtime.NumCPU() < 2 {
		return "0"
	}
	return "0,1"
}
