package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/tools/kerneltest/power"
)

// mapDisks maps each drive to its device, with a log or without.
func mapDisks(m *mapper, logged bool) error {
	for _, d := range power.Disks {
		below, err := drive("kt-" + d.Name)
		if err != nil {
			return err
		}
		target, params := "linear", below+" 0"
		if logged {
			log, err := drive("kt-log-" + d.Name)
			if err != nil {
				return err
			}
			target, params = "log-writes", below+" "+log
		}
		name := filepath.Base(d.Mapped())
		if err := m.create(name, power.DiskSize, target, params); err != nil {
			return err
		}
		if err := cached(d.Mapped()); err != nil {
			return err
		}
	}
	return nil
}

// cached fails unless the kernel considers the device's cache volatile. Otherwise it would send no flush, and the test would
// prove nothing.
func cached(path string) error {
	node, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(node), "queue/write_cache"))
	if err == nil && strings.TrimSpace(string(text)) != "write back" {
		err = fmt.Errorf("%s: the write cache is %q", path, strings.TrimSpace(string(text)))
	}
	return err
}

func unmapDisks(m *mapper) error {
	for _, d := range power.Disks {
		if err := m.remove(filepath.Base(d.Mapped())); err != nil {
			return err
		}
	}
	return nil
}

// formatDisks makes the file systems completely, so that no kernel thread finishes them later.
func formatDisks() error {
	for _, d := range power.Disks {
		if !d.Mount {
			continue
		}
		out, err := exec.Command("/usr/bin/mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-J", "size=4",
			"-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", d.Mapped()).CombinedOutput()
		if err != nil {
			return fmt.Errorf("mke2fs %s: %w: %s", d.Mapped(), err, out)
		}
	}
	return nil
}

func mountDisks() error {
	for _, d := range power.Disks {
		if !d.Mount {
			continue
		}
		at := "/mnt/" + d.Name
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(d.Mapped(), at, "ext4", 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", d.Mapped(), err)
		}
	}
	return nil
}

func unmountDisks() error {
	for _, d := range power.Disks {
		if !d.Mount {
			continue
		}
		if err := unix.Unmount("/mnt/"+d.Name, 0); err != nil {
			return fmt.Errorf("umount /mnt/%s: %w", d.Name, err)
		}
	}
	return nil
}
