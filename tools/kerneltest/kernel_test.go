package kerneltest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
)

func TestMain(m *testing.M) { harness.Main(m) }

// TestKernelInitiator runs every case against a target, in one guest. RINGTGT_KERNEL=1 turns it on;
// RINGTGT_KERNEL_TARGET=tgt runs Debian's tgt instead of ringtgt, RINGTGT_KERNEL_CONSOLE=1 shows the guest's console
// live, RINGTGT_KERNEL_PCAP=1 records the packets.
func TestKernelInitiator(t *testing.T) {
	if os.Getenv("RINGTGT_KERNEL") != "1" {
		t.Skip("boots a virtual machine for some minutes: set RINGTGT_KERNEL=1, or run make test-kernel")
	}
	needMachine(t)
	ctx := t.Context()
	root := must.Get(filepath.Abs("../.."))(t)
	cache := filepath.Join(root, ".cache", "kerneltest")
	must.OK(t, ensureQemu(ctx, t.Logf))
	image := must.Get(prepareImage(ctx, cache, guestContents, t.Logf))(t)
	last := filepath.Join(cache, "last") // what a person looks at afterwards
	must.OK(t, os.RemoveAll(last))
	must.OK(t, os.MkdirAll(last, 0o755))

	tgt := startTarget(t, last)
	g := bootGuest(t, tgt, image, last)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if reason, ok := tgt.kind.omits[c.name]; ok {
				t.Skip(reason)
			}
			limit := c.limit
			if limit == 0 {
				limit = caseLimit
			}
			began := time.Now()
			log := func(text string) { t.Logf("%5.1fs %s", time.Since(began).Seconds(), text) }
			detail, err := g.runCase(c.name, limit, hostActions(t.Context(), tgt, g, log), log)
			if err != nil {
				t.Errorf("%v\n--- the guest's console during this case, last %d lines:\n%s", err, consoleTail, g.console.text())
			} else if detail != "" {
				log(detail)
			}
			if tgt.child.Alive() != nil {
				t.Errorf("the target ended: %v; see %s", tgt.child.Err(), filepath.Join(last, "target.log"))
			}
		})
		// One case that ends target or guest does not hide what the others would show.
		if tgt.child.Alive() != nil {
			must.OK(t, tgt.start(ctx), "starting the target again")
		}
		if g.child.Alive() != nil {
			g = bootGuest(t, tgt, image, last)
		}
	}
	if tgt.kind.ignoresTerm {
		return
	}
	check.OK(t, tgt.child.Terminate(targetLimit), "the target's end after SIGTERM")
}

// needMachine skips the test where the guest cannot be built.
func needMachine(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		need.Missing(t, "the guest is made of Debian's amd64 packages by this machine's own apt")
	}
	for _, program := range []string{"apt-get", "apt-cache", "dpkg"} {
		if _, err := exec.LookPath(program); err != nil {
			need.Missing(t, "the guest is made of Debian packages: ", err)
		}
	}
	if _, err := exec.LookPath(qemuProgram); err != nil && os.Getuid() != 0 {
		need.Missing(t, "package ", qemuPackage, " is not installed: ", err)
	}
}

// startTarget runs the target that RINGTGT_KERNEL_TARGET names, with fresh LUNs.
func startTarget(t *testing.T, last string) *target {
	name := os.Getenv("RINGTGT_KERNEL_TARGET")
	if name == "" {
		name = "ringtgt"
	}
	kind, ok := targetKinds[name]
	must.Be(t, ok, "RINGTGT_KERNEL_TARGET=%s: want ringtgt or tgt", name)
	config := must.Get(newTargetConfig(t.TempDir(), kind.firstLUN))(t)
	tgt := &target{kind: kind, config: config, log: createFile(t, filepath.Join(last, "target.log"))}
	t.Logf("starting %s on %s", name, config.listen)
	if err := tgt.start(t.Context()); err != nil {
		t.Fatalf("%v; see %s", err, filepath.Join(last, "target.log"))
	}
	t.Cleanup(func() { _ = tgt.child.Kill() })
	return tgt
}

// bootGuest boots the virtual machine.
func bootGuest(t *testing.T, tgt *target, image image, last string) *guest {
	env := must.Get(guestEnv(tgt.config, tgt.kind.firstLUN))(t)
	dir, err := os.MkdirTemp("", "ringtgt-kernel-") // t.TempDir's names may be too long for a socket
	must.OK(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	options := guestOptions{
		image: image, initramfs: filepath.Join(dir, "initramfs"), dir: dir,
		console: createFile(t, filepath.Join(last, "console.log")),
	}
	if os.Getenv("RINGTGT_KERNEL_CONSOLE") == "1" {
		options.echo = func(line string) { fmt.Println("    |", line) }
	}
	if os.Getenv("RINGTGT_KERNEL_PCAP") == "1" {
		options.pcap = filepath.Join(last, "packets.pcap")
	}
	must.OK(t, writeInitramfs(options.initramfs, image.base, env, nil))
	began := time.Now()
	g, err := startGuest(t.Context(), options)
	if err != nil {
		t.Fatalf("%v; see %s", err, filepath.Join(last, "console.log"))
	}
	t.Cleanup(g.stop)
	t.Logf("the guest was ready after %.1f s", time.Since(began).Seconds())
	return g
}

func createFile(t *testing.T, path string) *os.File {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644) // a guest or target may be started again
	must.OK(t, err)
	t.Cleanup(func() { file.Close() })
	return file
}

// hostActions are what a case may ask of the host:
//
//	link on|off                          plug the guest's network cable in, or pull it
//	target kill|stop|start               SIGKILL the target, SIGTERM it; start it again on the same files
//	sha256 IQN LUN OFFSET LENGTH SUM     the LUN's file must hold these bytes
//	live INITIATOR                       change everything that INITIATOR does not use
//	elsewhere                            the same at another daemon
//	latency                              begin to measure
//	latency IQN LUN                      show what the target measured since
func hostActions(ctx context.Context, tgt *target, g *guest, log func(string)) func(verb string, args []string) error {
	var before *engine.Latency
	return func(verb string, args []string) (err error) {
		switch {
		case verb == "link" && len(args) == 1:
			return g.monitor.setLink(args[0] == "on")
		case verb == "target" && len(args) == 1 && args[0] == "kill":
			_ = tgt.child.Kill()
			return nil
		case verb == "target" && len(args) == 1 && args[0] == "stop":
			return tgt.child.Terminate(targetLimit)
		case verb == "target" && len(args) == 1 && args[0] == "start":
			return tgt.start(ctx)
		case verb == "sha256" && len(args) == 5:
			return checkLUN(tgt.config, args)
		case verb == "latency" && len(args) == 0:
			before, err = tgt.latency(ctx)
			return err
		case verb == "latency" && len(args) == 2 && before != nil:
			lun, err := strconv.Atoi(args[1])
			if err != nil {
				return err
			}
			text, err := tgt.latencySince(ctx, before, args[0], lun)
			log(text)
			return err
		case verb == "live" && len(args) == 1:
			return runLive(ctx, tgt, args[0], liveRounds, log)
		case verb == "elsewhere" && len(args) == 0:
			return runElsewhere(ctx, tgt, liveRounds, log)
		}
		return fmt.Errorf("the host cannot %s %q", verb, args)
	}
}

// checkLUN compares a part of a LUN's file with the sum that the guest computed of what it wrote.
func checkLUN(config targetConfig, args []string) error {
	var numbers [3]int64
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.ParseInt(args[1+i], 10, 64); err != nil {
			return err
		}
	}
	lun, err := config.lun(args[0], int(numbers[0]))
	if err != nil {
		return err
	}
	sum, err := hashLUN(lun, numbers[1], numbers[2])
	if err != nil {
		return err
	}
	if sum != args[4] {
		return fmt.Errorf("LUN %d holds %s at byte %d, %d bytes long; the guest wrote %s", lun.number, sum, numbers[1], numbers[2], args[4])
	}
	return nil
}
