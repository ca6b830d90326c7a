package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/tools/kerneltest/power"
)

// names serves two NVMe drives, first under their kernel names and then through stable links such as udev makes in
// /dev/disk/by-id. Then it makes the kernel swap the two names. The daemon must refuse the kernel names, and through the links
// the drives must show their old designators.
func names(ctx context.Context) error {
	serials := []string{"kt-first", "kt-second"}
	var before []string
	for _, serial := range serials {
		path, err := drive(serial)
		if err != nil {
			return err
		}
		before = append(before, path)
	}
	links, err := link(serials, before)
	if err != nil {
		return err
	}
	const byName, byLink = "/run/by-name", "/run/by-link"
	if _, err := showDrives(ctx, byName, before, true); err != nil {
		return err
	}
	was, err := showDrives(ctx, byLink, links, false)
	if err != nil {
		return err
	}
	after, err := swapNames(ctx, serials, before)
	if err != nil {
		return err
	}
	// The old command lines now name the other drives. The links are still the old ones.
	for state, paths := range map[string][]string{byName: before, byLink: links} {
		if err := refused(ctx, state, paths); err != nil {
			return err
		}
	}
	if links, err = link(serials, after); err != nil {
		return err
	}
	is, err := showDrives(ctx, byLink, links, false)
	if err == nil && !slices.Equal(is, was) {
		err = fmt.Errorf("the drives were %v and are %v", was, is)
	}
	return err
}

// link makes a stable link for each drive.
func link(serials, paths []string) (links []string, err error) {
	for i, serial := range serials {
		at := "/run/disk-" + serial
		if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err := os.Symlink(paths[i], at); err != nil {
			return nil, err
		}
		links = append(links, at)
	}
	return links, nil
}

// shown is what an initiator sees of a drive: its designator and its first block.
type shown struct {
	naa  string
	held power.Value
}

// showDrives serves drives and returns what an initiator sees. With mark it first writes each unit's LUN to its first block.
func showDrives(ctx context.Context, state string, paths []string, mark bool) (all []shown, err error) {
	t, err := start(ctx, driveArgs(state, paths), func() error { return nil })
	if err != nil {
		return nil, err
	}
	defer t.kill()
	s, err := dialUnits(ctx, "a", len(paths))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for lun := range paths {
		block := make([]byte, power.BlockSize)
		if mark {
			power.Value{Cmd: 1, Index: lun}.Put(block)
			if _, err := send(ctx, s, lun, cdb16(0x8A, 0x08, 0, 1), nil, block); err != nil {
				return nil, err
			}
		}
		if _, err := send(ctx, s, lun, cdb16(0x88, 0, 0, 1), block, nil); err != nil {
			return nil, err
		}
		v, ok := power.ValueOf(block)
		if want := (power.Value{Cmd: 1, Index: lun}); !ok || v != want {
			return nil, fmt.Errorf("LUN %d at %s holds %v, want %v", lun, paths[lun], v, want)
		}
		id, err := naa(ctx, s, lun)
		if err != nil {
			return nil, err
		}
		all = append(all, shown{id, v})
	}
	return all, t.stop()
}

// refused checks that the daemon refuses these paths and names the wrong one.
func refused(ctx context.Context, state string, paths []string) error {
	ctx, cancel := context.WithTimeout(ctx, daemonLimit) // a daemon that serves them would run on
	defer cancel()
	out, err := exec.CommandContext(ctx, "/kt/ringtgt", driveArgs(state, paths)...).CombinedOutput()
	fmt.Fprintf(os.Stderr, "%v: %v\n%s", paths, err, out)
	var exit *exec.ExitError
	switch {
	case !errors.As(err, &exit) || exit.ExitCode() != 2:
		return fmt.Errorf("names that lead to each other's drive: %v, want exit code 2", err)
	case !bytes.Contains(out, []byte(paths[0]+" is not disk")):
		return fmt.Errorf("the refusal does not name %s: %s", paths[0], out)
	}
	return nil
}

// swapNames unbinds both drives from the kernel's driver and binds them in the other order, which decides their names.
func swapNames(ctx context.Context, serials, before []string) (after []string, err error) {
	var addresses []string
	for _, path := range before {
		at, err := filepath.EvalSymlinks(filepath.Join("/sys/block", filepath.Base(path), "device/device"))
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, filepath.Base(at))
	}
	const driver = "/sys/bus/pci/drivers/nvme/"
	for _, address := range addresses {
		if err := os.WriteFile(driver+"unbind", []byte(address), 0); err != nil {
			return nil, err
		}
	}
	// The drive that was nvme0 comes last.
	first, second := 0, 1
	if before[0] < before[1] {
		first, second = 1, 0
	}
	for _, i := range []int{first, second} {
		if err := os.WriteFile(driver+"bind", []byte(addresses[i]), 0); err != nil {
			return nil, err
		}
	}
	for _, serial := range serials {
		path, err := drive(serial)
		for again := time.NewTicker(50 * time.Millisecond); err != nil; path, err = drive(serial) { // the kernel probes asynchronously
			select {
			case <-again.C:
			case <-ctx.Done():
				return nil, err
			}
		}
		after = append(after, path)
	}
	if after[0] != before[1] || after[1] != before[0] {
		return nil, fmt.Errorf("the drives were %v and are %v", before, after)
	}
	return after, nil
}

// driveArgs is the command line that serves drives.
func driveArgs(state string, paths []string) []string {
	args := serveArgs(state)
	for _, path := range paths {
		args = append(args, "--lun", "block:"+path)
	}
	return args
}
