package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/loopdev"
	"github.com/ringtgt/ringtgt/internal/must"
)

// loopDevices attaches files to loop devices, or skips the test if there are none.
func loopDevices(t *testing.T, files ...string) (devices []*loopdev.Device) {
	t.Helper()
	for _, file := range files {
		must.OK(t, errors.Join(os.WriteFile(file, []byte(file), 0o600), os.Truncate(file, 8<<20)))
		devices = append(devices, attach(t, file))
	}
	return devices
}

func attach(t *testing.T, file string) *loopdev.Device {
	t.Helper()
	d, err := loopdev.Attach(t, file)
	if err != nil {
		t.Skip(err)
	}
	return d
}

// refusedStart runs serve, checks that it ends with the exit code, and returns its output.
func refusedStart(t *testing.T, code int, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ringtgt", append([]string{"serve", "--quiet", "--listen", "127.0.0.1:0"}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	must.Be(t, cmd.ProcessState.ExitCode() == code, "ended with %v, want code %d\n%s", err, code, said.String())
	return said.String()
}

// The targets of two device names are swapped: no disk gets the other's identity or reservations. Under other names each disk has
// its old identity.
func TestDeviceNamesSwapped(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	loops := loopDevices(t, at("a.img"), at("b.img"))
	devices := []string{loops[0].Path, loops[1].Path}
	link := func(target, name string) {
		t.Helper()
		os.Remove(at(name))
		must.OK(t, os.Symlink(target, at(name)))
	}
	link(devices[0], "one")
	link(devices[1], "two")
	state := at("state")
	ids := func(one, two string) [2]string {
		t.Helper()
		d := serve(t, nil, "--listen", "127.0.0.1:0", "--state", state, "--lun", "block:"+one, "--lun", "block:"+two)
		luns := d.status(t).Targets[0].LUNs
		d.stop(t)
		return [2]string{luns[0].ID, luns[1].ID}
	}
	first := ids(at("one"), at("two"))
	if again := ids(at("one"), at("two")); again != first || first[0] == first[1] {
		t.Fatalf("after a restart the disks are %v, and were %v", again, first)
	}
	link(devices[1], "one")
	link(devices[0], "two")
	said := refusedStart(t, exitStart, "--state", state, "--lun", "block:"+at("one"), "--lun", "block:"+at("two"))
	for _, want := range []string{
		at("one") + " is not disk " + first[0], at("two") + " is not disk " + first[1], "backing.inode is",
		"ringtgt adopt --state " + state + " block:" + at("one"),
	} {
		if !strings.Contains(said, want) {
			t.Errorf("said\n%s\nwant %q in it", said, want)
		}
	}
	// the kernel names are other spellings of the same devices, with a warning that they may move
	check.Equal(t, ids(devices[0], devices[1]), first, "by their own names they are")
	check := at("c.toml")
	text := "[server]\nstate = \"" + state + "\"\n[[target]]\nname = \"iqn.2026-11.io.ringtgt:swap\"\n[[target.lun]]\nlun = 0\nblock = \"" + devices[0] + "\"\n"
	must.OK(t, os.WriteFile(check, []byte(text), 0o600))
	out, err := exec.Command("ringtgt", "check", "--config", check).CombinedOutput()
	for _, want := range []string{"warning: " + devices[0] + " may be another device after a restart", "file:" + at("a.img") + " is what is behind it", "disk " + first[0] + ": block backing."} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("check says %v\n%s\nwant %q in it", err, out, want)
		}
	}
	// the file behind a loop device is the same disk
	said = refusedStart(t, exitUsage, "--state", state, "--lun", "block:"+devices[0], "--lun", "file:"+at("a.img"))
	if !strings.Contains(said, "is served already") {
		t.Errorf("a loop device and the file behind it:\n%s", said)
	}
	// another file behind the same device
	for _, dev := range loops {
		must.OK(t, dev.Detach())
	}
	if dev := attach(t, at("b.img")); dev.Path == devices[0] {
		if said := refusedStart(t, exitStart, "--state", state, "--lun", "block:"+dev.Path); !strings.Contains(said, dev.Path+" is not disk "+first[0]) || !strings.Contains(said, "assigns such names again") {
			t.Errorf("another file behind the device:\n%s", said)
		}
	} else {
		t.Logf("%s is in use by another process now: not tried with another file behind it", devices[0])
	}
}

// A bind mount is another spelling of the same disk: the identity is the same, and the disk is not served twice.
func TestBindMount(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	must.OK(t, errors.Join(os.Mkdir(from, 0o755), os.Mkdir(to, 0o755)))
	if out, err := exec.Command("mount", "--bind", from, to).CombinedOutput(); err != nil {
		t.Skipf("no bind mount can be made: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", to).Run() })
	var ids []string
	for _, d := range []string{from, to} {
		s := serve(t, nil, "--listen", "127.0.0.1:0", "--state", filepath.Join(dir, "state"), "--lun", "file:"+d+"/disk.img:8M")
		ids = append(ids, s.status(t).Targets[0].LUNs[0].ID)
		s.stop(t)
	}
	if ids[0] != ids[1] {
		t.Errorf("by the bind mount the disk is %s, and it is %s", ids[1], ids[0])
	}
	said := refusedStart(t, exitUsage, "--state", filepath.Join(dir, "state"), "--lun", "file:"+from+"/disk.img,ro", "--lun", "file:"+to+"/disk.img,ro")
	if !strings.Contains(said, "is served already") {
		t.Errorf("twice:\n%s", said)
	}
}
