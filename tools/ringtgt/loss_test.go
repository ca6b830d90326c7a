package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/loopdev"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// fullDevice returns a loop device of 64 MiB whose file is on a tmpfs without room for it: writes to the page cache succeed, and
// their write-back fails. skip is the reason why there is none.
func fullDevice(t *testing.T) (path, skip string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return "", "mount and losetup need root"
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		return "", fmt.Sprintf("a tmpfs cannot be mounted: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	file := filepath.Join(dir, "disk")
	must.OK(t, os.WriteFile(file, nil, 0o600))
	must.OK(t, os.Truncate(file, 64<<20))
	d, err := loopdev.Attach(t, file)
	if err != nil {
		return "", err.Error()
	}
	return d.Path, ""
}

// A medium accepts writes into the page cache but cannot write them back. Each session's SYNCHRONIZE CACHE reports it, also when
// repeated at once, whichever session came first (SPC-4 4.5.7); so does that of an initiator that logs in again. Log and status
// report it, and the daemon's exit code does.
func TestLostWritesAreTold(t *testing.T) {
	device, skip := fullDevice(t)
	if device == "" {
		t.Skip(skip)
	}
	s := serve(t, nil, "--listen", "127.0.0.1:0", "--state", t.TempDir(), "--lun", "block:"+device+",direct=off")
	login := func(isid byte) *initiator.Session {
		i, err := initiator.Dial(t.Context(), initiator.Config{
			Portals: []string{s.portal}, TargetName: config.DefaultTarget, InitiatorName: "iqn.2026-11.com.example:loss", ISID: [6]byte{0x80, 0, 0, 0, 0, isid},
		})
		must.OK(t, err)
		t.Cleanup(func() { i.Close() })
		return i
	}
	exec := func(i *initiator.Session, out []byte, cdb ...byte) (status byte, sense []byte) {
		t.Helper()
		c := &initiator.Command{Out: out}
		c.CDB = cdb
		must.OK(t, i.Exec(t.Context(), c))
		return byte(c.Result.Status), c.Result.Sense
	}
	lost := func(i *initiator.Session, who string) {
		t.Helper()
		status, sense := exec(i, nil, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		if status != 2 || len(sense) < 14 || sense[0] != 0x70 || sense[2]&0xF != 4 || sense[12] != 0x0C || sense[13] != 0 {
			t.Errorf("SYNCHRONIZE CACHE of %s: status %#x, sense % x, want HARDWARE ERROR, WRITE ERROR without INFORMATION", who, status, sense)
		}
	}
	a, b, c := login(1), login(2), login(3)
	for _, i := range []*initiator.Session{a, b, c} {
		exec(i, nil, 0, 0, 0, 0, 0, 0) // the unit attention
	}
	for lba := range byte(64) {
		if status, sense := exec(a, make([]byte, 32<<10), 0x2A, 0, 0, 0, lba, 0, 0, 0, 64, 0); status != 0 {
			t.Fatalf("a write into the cache: status %#x, % x", status, sense)
		}
	}
	lost(b, "b, which comes first")
	lost(b, "b, once more")
	lost(a, "a, whose writes they were")
	c.Close()
	c = login(3)
	exec(c, nil, 0, 0, 0, 0, 0, 0)
	lost(c, "c, back from elsewhere")
	until(t, "the log tells of the loss", func() bool { return strings.Contains(s.text(), "data lost") })
	if h := s.status(t).Targets[0].LUNs[0].Health; h.State == "good" {
		t.Errorf("status says that the unit is %+v", h)
	}
	for _, i := range []*initiator.Session{a, b, c} {
		i.Close()
	}
	s.Signal(syscall.SIGTERM)
	<-s.Exited()
	check.Equal(t, s.cmd.ProcessState.ExitCode(), exitRun, "exit code")
}

// A loss found only by the daemon's own last flush is an error, too. No initiator was told of it, so the next start reports it,
// until the device is adopted as it is.
func TestLostAtTheEnd(t *testing.T) {
	device, skip := fullDevice(t)
	if device == "" {
		t.Skip(skip)
	}
	dir := t.TempDir()
	s := serve(t, nil, "--listen", "127.0.0.1:0", "--state", dir, "--lun", "block:"+device+",direct=off")
	i, err := initiator.Dial(t.Context(), initiator.Config{
		Portals: []string{s.portal}, TargetName: config.DefaultTarget, InitiatorName: "iqn.2026-11.com.example:end", ISID: [6]byte{0x80, 0, 0, 0, 0, 1},
	})
	must.OK(t, err)
	write10(t, i, 0) // clears the unit attention
	for lba := range uint32(1024) {
		if status, sense := write10(t, i, lba*8); status != 0 {
			t.Fatalf("a write into the cache: status %#x, % x", status, sense)
		}
	}
	i.Close()
	s.Signal(syscall.SIGTERM)
	<-s.Exited()
	if code := s.cmd.ProcessState.ExitCode(); code != exitRun || !strings.Contains(s.text(), "the last flush failed") {
		t.Errorf("exit code %d, want %d and a line in the log", code, exitRun)
	}
	for _, told := range []bool{true, true, false} {
		if !told {
			if code := run([]string{"adopt", "--state", dir, "block:" + device}, streams{out: io.Discard, err: io.Discard}); code != exitOK {
				t.Fatalf("adopt: exit code %d", code)
			}
		}
		s := serve(t, nil, "--listen", "127.0.0.1:0", "--state", dir, "--lun", "block:"+device+",direct=off")
		h := s.status(t).Targets[0].LUNs[0].Health
		check.Equal(t, h.State == "lost" && strings.Contains(s.text(), "before this start"), told, "after a restart: %+v, told:", h)
		s.stop(t)
	}
}
