package kerneltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
	"github.com/ringtgt/ringtgt/tools/kerneltest/power"
)

// TestPowerLoss runs the target in the guest, on drives whose writes dm-log-writes logs, and judges the disks after each power
// cut that the logs allow. RINGTGT_KERNEL=1 turns it on. RINGTGT_POWER_SEED chooses commands and cuts.
// RINGTGT_POWER_LOGS=DIR judges the logs of an earlier run without a guest; the last run's are in .cache/kerneltest/power.
func TestPowerLoss(t *testing.T) {
	if os.Getenv("RINGTGT_KERNEL") != "1" {
		t.Skip("boots a virtual machine for some minutes: set RINGTGT_KERNEL=1, or run make test-kernel")
	}
	for _, program := range []string{"e2fsck", "debugfs"} {
		if _, err := exec.LookPath(program); err != nil {
			need.Missing(t, "the file systems of cuts are read by package e2fsprogs: ", err)
		}
	}
	seed := uint64(1)
	if text := os.Getenv("RINGTGT_POWER_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal("RINGTGT_POWER_SEED: ", err)
		}
	}
	if dir := os.Getenv("RINGTGT_POWER_LOGS"); dir != "" {
		checkCuts(t, dir, seed)
		return
	}
	image, dir := powerImage(t, "power")
	var drives []drive
	for _, d := range power.Disks {
		drives = append(drives, makeDrive(t, dir, d.Name, power.DiskSize, d.NVMe), makeDrive(t, dir, "log-"+d.Name, power.LogSize, false))
	}
	drives = append(drives, makeDrive(t, dir, "seen", power.SeenAt+power.SeenSize, false))
	g := bootPowerGuest(t, image, dir, drives, map[string]string{"SEED": strconv.FormatUint(seed, 10), "CUTS": strconv.Itoa(powerServed)})
	began := time.Now()
	log := func(text string) { t.Logf("%5.1fs %s", time.Since(began).Seconds(), text) }
	nothing := func(verb string, args []string) error { return fmt.Errorf("the host cannot %s %q", verb, args) }
	if _, err := g.runCase("power-write", powerLimit, nothing, log); err != nil {
		t.Fatalf("%v\n--- the guest's console, last %d lines:\n%s", err, consoleTail, g.console.text())
	}
	log("the commands are done")
	cuts, logs, oracle := checkCuts(t, dir, seed)

	log("starting the daemon after some cuts")
	served := servedCuts(cuts, oracle, logs)
	host := func(verb string, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s takes the number of a cut", verb)
		}
		i, err := strconv.Atoi(args[0])
		if err != nil || i < 0 || i >= len(served) {
			return fmt.Errorf("no cut %s", args[0])
		}
		switch verb {
		case "cut":
			return layCut(dir, served[i], logs)
		case "seen":
			return judgeSeen(t, dir, served[i], oracle)
		}
		return fmt.Errorf("the host cannot %s", verb)
	}
	if _, err := g.runCase("power-serve", powerLimit, host, log); err != nil {
		t.Errorf("%v\n--- the guest's console, last %d lines:\n%s", err, consoleTail, g.console.text())
	}
	log(fmt.Sprintf("a daemon was started after %d cuts", len(served)))
}

// TestDeviceNames swaps the kernel names of two NVMe drives between two starts of the daemon: identities stay with the drives.
// RINGTGT_KERNEL=1 turns it on.
func TestDeviceNames(t *testing.T) {
	if os.Getenv("RINGTGT_KERNEL") != "1" {
		t.Skip("boots a virtual machine: set RINGTGT_KERNEL=1, or run make test-kernel")
	}
	image, dir := powerImage(t, "names")
	drives := []drive{makeDrive(t, dir, "first", power.DiskSize, true), makeDrive(t, dir, "second", power.DiskSize, true)}
	g := bootPowerGuest(t, image, dir, drives, nil)
	nothing := func(verb string, args []string) error { return fmt.Errorf("the host cannot %s %q", verb, args) }
	if _, err := g.runCase("device-names", caseLimit, nothing, func(text string) { t.Log(text) }); err != nil {
		t.Errorf("%v\n--- the guest's console, last %d lines:\n%s", err, consoleTail, g.console.text())
	}
}

// powerImage builds the guest's image, and empties the folder where a test leaves its logs.
func powerImage(t *testing.T, name string) (image, string) {
	needMachine(t)
	cache := must.Get(filepath.Abs("../../.cache/kerneltest"))(t)
	must.OK(t, ensureQemu(t.Context(), t.Logf))
	made := must.Get(prepareImage(t.Context(), cache, guestContents, t.Logf))(t)
	dir := filepath.Join(cache, name)
	must.OK(t, os.RemoveAll(dir))
	must.OK(t, os.MkdirAll(dir, 0o755))
	return made, dir
}

// makeDrive creates a drive of zeroes.
func makeDrive(t *testing.T, dir, name string, size int64, nvme bool) drive {
	path := powerDrive(dir, name)
	file, err := os.Create(path)
	if err == nil {
		err = file.Truncate(size)
	}
	must.OK(t, err)
	file.Close()
	return drive{serial: "kt-" + name, path: path, nvme: nvme}
}

// bootPowerGuest boots the guest with drives, the daemon and the program power. The console's log is in dir.
func bootPowerGuest(t *testing.T, image image, dir string, drives []drive, env map[string]string) *guest {
	sockets := must.Get(os.MkdirTemp("", "ringtgt-power-"))(t)
	t.Cleanup(func() { os.RemoveAll(sockets) })
	options := guestOptions{
		image: image, initramfs: filepath.Join(sockets, "initramfs"), dir: sockets, drives: drives,
		console: createFile(t, filepath.Join(dir, "console.log")),
	}
	if os.Getenv("RINGTGT_KERNEL_CONSOLE") == "1" {
		options.echo = func(line string) { fmt.Println("    |", line) }
	}
	programs := map[string]string{}
	for name, pkg := range map[string]string{"ringtgt": "./tools/ringtgt", "power": "./tools/kerneltest/power/guest"} {
		if path := os.Getenv(harness.BinaryEnv); path != "" && name == "ringtgt" { // must be statically linked
			programs[name] = path
			continue
		}
		programs[name] = filepath.Join(sockets, name)
		build := exec.CommandContext(t.Context(), "go", "build", "-o", programs[name], pkg)
		build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0") // the guest does not have the host's C library
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", build, err, out)
		}
	}
	all := map[string]string{"MODE": "power"} // the target is in the guest
	maps.Copy(all, env)
	must.OK(t, writeInitramfs(options.initramfs, image.base, all, programs))
	g, err := startGuest(t.Context(), options)
	if err != nil {
		t.Fatalf("%v; see %s", err, filepath.Join(dir, "console.log"))
	}
	t.Cleanup(g.stop)
	return g
}

func powerDrive(dir, name string) string { return filepath.Join(dir, name+".img") }

// checkCuts judges the disks after every cut.
func checkCuts(t *testing.T, dir string, seed uint64) ([]power.Cut, []*power.Log, *power.Oracle) {
	began := time.Now()
	var logs []*power.Log
	for _, d := range power.Disks {
		file := must.Get(os.Open(powerDrive(dir, "log-"+d.Name)))(t)
		t.Cleanup(func() { file.Close() })
		log, err := power.ReadLog(file, power.DiskSize)
		must.OK(t, err, "log of %s", d.Name)
		logs = append(logs, log)
	}
	cuts, events, err := power.Cuts(logs, seed, powerParts)
	must.OK(t, err)
	oracle, err := power.NewOracle(events)
	must.OK(t, err)
	scratch := t.TempDir()
	made := make([]int, len(logs))
	faults := make([][]powerFault, len(logs))
	errs := make([]error, len(logs))
	var all sync.WaitGroup
	for i, log := range logs {
		all.Go(func() { faults[i], made[i], errs[i] = checkDisk(t.Context(), scratch, i, log, cuts, oracle) })
	}
	all.Wait()
	for i, err := range errs {
		must.OK(t, err, "%s", power.Disks[i].Name)
	}
	t.Logf("seed %d: %d events, %d cuts, %v images of %d disks, judged in %.1f s", seed, len(events), len(cuts), made, len(logs), time.Since(began).Seconds())
	check.That(t, len(cuts) >= powerCuts, "%d cuts, want %d at least", len(cuts), powerCuts)
	wrong := slices.Concat(faults...)
	slices.SortStableFunc(wrong, func(a, b powerFault) int { return a.cut - b.cut })
	for i, f := range wrong {
		if i == 20 {
			t.Errorf("and %d faults more", len(wrong)-i)
			break
		}
		c := cuts[f.cut]
		t.Errorf("cut %d (%s; the last events: %s): %s", f.cut, c.Name, lastEvents(events, c.Event), f.what)
	}
	if len(wrong) > 0 {
		t.Logf("the same cuts again: RINGTGT_KERNEL=1 RINGTGT_POWER_SEED=%d RINGTGT_POWER_LOGS=%s go test -count=1 -v ./tools/kerneltest -run TestPowerLoss", seed, dir)
	}
	return cuts, logs, oracle
}

// lastEvents returns the events just before a cut.
func lastEvents(events []power.Event, n int) string {
	var text bytes.Buffer
	for _, e := range events[max(0, n-3):n] {
		line, _ := json.Marshal(e)
		text.Write(line)
		text.WriteByte(' ')
	}
	return string(bytes.TrimSpace(text.Bytes()))
}

// servedCuts chooses the cuts after which a daemon is started: a third from before the first login, while the daemon creates its
// state, the rest from the whole run.
func servedCuts(cuts []power.Cut, oracle *power.Oracle, logs []*power.Log) (served []power.Cut) {
	first := slices.IndexFunc(cuts, func(c power.Cut) bool { return oracle.Promised(0, c.Event) != "" })
	// Most cuts before it leave the same disks: the daemon is still being loaded.
	var early []power.Cut
	for i, c := range cuts[:first] {
		for d, log := range logs {
			if i == 0 || log.Changed(cuts[i-1].Disks[d], c.Disks[d]) {
				early = append(early, c)
				break
			}
		}
	}
	spread := func(from []power.Cut, n int) {
		for i := range n {
			served = append(served, from[i*(len(from)-1)/(n-1)])
		}
	}
	spread(early, powerServed/3)
	spread(cuts[first:], powerServed-powerServed/3)
	return served
}

// layCut writes the disks after a cut to the guest's drives, which the guest has closed.
func layCut(dir string, cut power.Cut, logs []*power.Log) error {
	image := make([]byte, power.DiskSize)
	for i, d := range power.Disks {
		if err := power.NewReplayer(logs[i], power.DiskSize).Image(cut.Disks[i], image); err != nil {
			return err
		}
		file, err := os.OpenFile(powerDrive(dir, d.Name), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = file.WriteAt(image, 0)
		if err := file.Close(); err != nil {
			return err
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// judgeSeen judges what an initiator sees after a cut.
func judgeSeen(t *testing.T, dir string, cut power.Cut, oracle *power.Oracle) error {
	data, err := os.ReadFile(powerDrive(dir, "seen"))
	if err != nil {
		return err
	}
	var seen power.Seen
	text, _, _ := bytes.Cut(data[power.SeenAt:], []byte{0})
	if err := json.Unmarshal(text, &seen); err != nil {
		return err
	}
	for lun, u := range seen.Units {
		blocks := data[lun*power.Blocks*power.BlockSize:][:power.Blocks*power.BlockSize]
		wrong := []string{oracle.Identity(lun, cut.Event, u.NAA)}
		if u.Failed {
			wrong = append(wrong, oracle.Failed(lun, cut.Event))
		} else {
			wrong = append(wrong, oracle.Unit(lun, cut.Event, blocks), oracle.Reserved(lun, cut.Event, u.Reservations),
				oracle.WriteCache(lun, cut.Event, u.WCE))
		}
		for _, what := range wrong {
			check.That(t, what == "", "the daemon after the cut %s: %s", cut.Name, what)
		}
	}
	return nil
}
