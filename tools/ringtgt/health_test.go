package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/loopdev"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"golang.org/x/sys/unix"
)

// until waits for a condition that another process establishes.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(10 * time.Millisecond) {
		must.Be(t, !time.Now().After(end), "not within %v: %s", patience, what)
	}
}

// dial opens a session of an initiator port.
func (s *served) dial(t *testing.T, port byte) *initiator.Session {
	t.Helper()
	i, err := initiator.Dial(t.Context(), initiator.Config{
		Portals: []string{s.portal}, TargetName: config.DefaultTarget, InitiatorName: "iqn.2026-11.com.example:media", ISID: [6]byte{0x80, 0, 0, 0, 0, port},
	})
	must.OK(t, err)
	t.Cleanup(i.Close)
	return i
}

// write10 sends a WRITE(10) of one block.
func write10(t *testing.T, s *initiator.Session, lba uint32) (status byte, sense []byte) {
	t.Helper()
	c := &initiator.Command{Out: make([]byte, 512)}
	c.CDB = []byte{0x2A, 0, byte(lba >> 24), byte(lba >> 16), byte(lba >> 8), byte(lba), 0, 0, 1}
	must.OK(t, s.Exec(t.Context(), c))
	return byte(c.Result.Status), c.Result.Sense
}

// A file is truncated while an initiator writes to it. Each write beyond its new end is a medium error (SBC-4 4.18.1) and does not
// extend the file again. Sense data, log, status and metrics all report it.
func TestFileCutUnderAnInitiator(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.img")
	s := serve(t, nil, "--listen", "127.0.0.1:0", "--lun", "file:"+path+":8M", "--metrics", "127.0.0.1:0")
	i, other := s.dial(t, 1), s.dial(t, 2)
	write10(t, i, 0) // clears the unit attention
	write10(t, other, 0)
	if status, sense := write10(t, i, 16383); status != 0 {
		t.Fatalf("a write to the last block: status %#x, % x", status, sense)
	}
	// Writes check the file's size once a millisecond. An earlier write extends the file again, and is repeated.
	until(t, "a write behind the new end fails", func() bool {
		must.OK(t, os.Truncate(path, 4<<20))
		status, _ := write10(t, i, 8192)
		return status != 0
	})
	const n = 100
	for range n - 1 {
		status, sense := write10(t, i, 8192)
		if status != 2 || len(sense) < 14 || sense[2]&0xF != 3 || sense[12] != 0x0C {
			t.Fatalf("a write behind the end: status %#x, sense % x, want MEDIUM ERROR, WRITE ERROR", status, sense)
		}
	}
	if st, err := os.Stat(path); err != nil || st.Size() != 4<<20 {
		t.Errorf("the file has %d bytes (%v), want the 4 MiB that were left of it", st.Size(), err)
	}
	until(t, "the log tells of the writes", func() bool { return strings.Contains(s.text(), `msg="medium: write error"`) })
	log := s.text()
	check.That(t, strings.Contains(log, "lun=0 medium=file:"+path+" lba=8192"), "the line does not say which unit and block")
	if got := strings.Count(log, `msg="medium: write error"`); got > 2 {
		t.Errorf("%d lines for %d errors of one kind in a moment", got, n)
	}
	until(t, "the log tells of the blocks", func() bool {
		return strings.Contains(s.text(), `msg="medium: it was truncated, and blocks are lost"`)
	})
	l := s.status(t).Targets[0].LUNs[0].Health
	if l.State != "lost" || l.Since == nil || len(l.Faults) != 2 || l.Faults[0].Count != n || l.Faults[1].Count != 1 ||
		l.Faults[0].LBA == nil || *l.Faults[0].LBA != 8192 || l.Faults[1].LBA == nil || *l.Faults[1].LBA != 8192 {
		t.Errorf("status: %+v", l)
	}
	m := s.metrics(t)
	unit := `lun="0",target="` + config.DefaultTarget + `"}`
	if m[`ringtgt_lun_faults_total{kind="write error",`+unit] != n || m["ringtgt_lun_health{"+unit] == 0 {
		t.Errorf("metrics: %v faults, health %v", m[`ringtgt_lun_faults_total{kind="write error",`+unit], m["ringtgt_lun_health{"+unit])
	}
	// Acknowledged data is not on the medium: the next SYNCHRONIZE CACHE of each nexus reports it (SBC-4 5.31).
	for n, i := range []*initiator.Session{i, other} {
		c := &initiator.Command{CDB: []byte{0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}}
		must.OK(t, i.Exec(t.Context(), c))
		if c.Result.Status != 2 || len(c.Result.Sense) < 14 || c.Result.Sense[12] != 0x0C {
			t.Errorf("session %d: SYNCHRONIZE CACHE has status %#x, sense % x, want WRITE ERROR", n, c.Result.Status, c.Result.Sense)
		}
	}
	if l := s.status(t).Targets[0].LUNs[0].Health; l.State != "lost" {
		t.Errorf("status after acknowledged data was lost: %+v", l)
	}
}

// Files on a full file system, thin or not (SBC-4 4.7.3.6: SPACE ALLOCATION FAILED WRITE PROTECT), and a device that fails. The
// command's sense data and the log report the fault.
func TestRealFaultsAreTold(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small filesystem and making a loop device need root")
	}
	dir := t.TempDir()
	full := filepath.Join(dir, "full")
	must.OK(t, os.Mkdir(full, 0o700))
	if err := unix.Mount("tmpfs", full, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount tmpfs here: %v", err)
	}
	defer unix.Unmount(full, unix.MNT_DETACH)
	image := filepath.Join(dir, "image")
	must.OK(t, os.WriteFile(image, make([]byte, 4<<20), 0o600))
	loop, err := loopdev.Attach(t, image)
	if err != nil {
		t.Skip(err)
	}
	device := loop.Path

	s := serve(t, nil, "--listen", "127.0.0.1:0", "--lun", "file:"+full+"/thick.img:8M", "--lun", "file:"+full+"/thin.img:8M,thin",
		"--lun", "block:"+device, "--metrics", "127.0.0.1:0")
	defer s.stop(t)
	i := s.dial(t, 1)
	// The loop device's file loses its second half: reads there fail with EIO.
	must.OK(t, os.Truncate(image, 2<<20))
	for lun, want := range []struct {
		kind, errno string
		sense       string // key, ASC, ASCQ
	}{{"no space", "ENOSPC", "7/27/07"}, {"no space", "ENOSPC", "7/27/07"}, {"read error", "EIO", "3/11/00"}} {
		got := ""
		for n := uint32(0); n < 60 && got == ""; n++ { // until it is full
			c := &initiator.Command{LUN: uint64(lun) << 48, Out: make([]byte, 64<<10), CDB: []byte{0x2A, 0, 0, 0, byte(n * 128 >> 8), byte(n * 128), 0, 0, 128, 0}}
			if lun == 2 {
				c.In, c.Out = c.Out, nil
				c.CDB[0] = 0x28
			}
			must.OK(t, i.Exec(t.Context(), c))
			if s := c.Result.Sense; c.Result.Status == 2 && len(s) >= 14 && s[2]&0xF != 6 {
				got = fmt.Sprintf("%X/%02X/%02X", s[2]&0xF, s[12], s[13])
			}
		}
		check.Equal(t, got, want.sense, "lun %d: sense", lun)
		line := fmt.Sprintf(`level=ERROR msg="medium: %s" target=%s lun=%d `, want.kind, config.DefaultTarget, lun)
		until(t, "the log has "+line, func() bool {
			_, rest, ok := strings.Cut(s.text(), line)
			rest, _, _ = strings.Cut(rest, "\n")
			return ok && strings.Contains(rest, " lba=") && strings.Contains(rest, " errno="+want.errno+" ")
		})
		if h := s.status(t).Targets[0].LUNs[lun].Health; h.State != "degraded" || len(h.Faults) == 0 || h.Faults[0].Errno != want.errno {
			t.Errorf("lun %d: status %+v", lun, h)
		}
		name := fmt.Sprintf(`ringtgt_lun_faults_total{kind="%s",lun="%d",target="%s"}`, want.kind, lun, config.DefaultTarget)
		check.That(t, s.metrics(t)[name] != 0, "%s is zero", name)
	}
}
