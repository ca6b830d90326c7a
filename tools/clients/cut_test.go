package clients_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
)

const (
	cutBlocks = 64 // of 4096 bytes
	cutLeft   = 40 // blocks left after the cut
	cutRead   = 8  // blocks per command
)

// cutSession is a session with LUN 0 of d, which is ready.
func cutSession(t *testing.T, d *harness.Daemon) *initiator.Session {
	t.Helper()
	s, err := initiator.Dial(t.Context(), initiator.Config{
		Portals: []string{d.Addr()}, TargetName: d.Target(), InitiatorName: "iqn.2026-11.com.example:cut", ISID: [6]byte{0x80, 0, 0, 0, 0, 1},
	})
	must.OK(t, err)
	t.Cleanup(s.Close)
	must.OK(t, s.Ready(t.Context(), 0, 0))
	return s
}

// cutRange reads (in) or writes cutRead blocks of 4096 bytes and returns status and sense key.
func cutRange(t *testing.T, s *initiator.Session, in, out []byte, lba byte) (status, key byte) {
	t.Helper()
	c := &initiator.Command{In: in, Out: out, CDB: []byte{0x28, 0, 0, 0, 0, lba, 0, 0, cutRead, 0}}
	if out != nil {
		c.CDB[0] = 0x2A
	}
	must.OK(t, s.Exec(t.Context(), c))
	if sense := c.Result.Sense; len(sense) > 2 {
		key = sense[2] & 0xF
	}
	return byte(c.Result.Status), key
}

// pattern returns the content of the blocks from lba on.
func pattern(lba byte) []byte {
	var b []byte
	for i := range byte(cutRead) {
		b = append(b, bytes.Repeat([]byte{lba + i + 1}, 4096)...)
	}
	return b
}

// A file is cut while it is served, and an initiator learns that blocks are lost. From then on no initiator gets zeroes for data:
// not from the running daemon, nor after a stop or a kill, even if the file gets its length back meanwhile. The next start and
// check refuse the disk with exit code 2 until it is adopted.
func TestCutFileOutlivesTheDaemon(t *testing.T) {
	for name, end := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGKILL": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "lun.img")
			o := harness.Options{LUNs: []string{"file:" + path + ":256K,bs=4096"}, State: filepath.Join(dir, "state"), Args: []string{"-q"}}
			d := harness.StartT(t, o)
			s := cutSession(t, d)
			for lba := byte(0); lba < cutBlocks; lba += cutRead {
				if status, key := cutRange(t, s, nil, pattern(lba), lba); status != 0 {
					t.Fatalf("WRITE at %d: status %#x, sense key %d", lba, status, key)
				}
			}
			truncate := func(blocks int64) {
				t.Helper()
				must.OK(t, os.Truncate(path, blocks*4096))
			}
			truncate(cutLeft)
			buf := make([]byte, cutRead*4096)
			if status, key := cutRange(t, s, buf, nil, cutLeft); status != 2 || key != 3 {
				t.Fatalf("READ of lost blocks: status %#x, sense key %d, want MEDIUM ERROR", status, key)
			}
			truncate(cutBlocks)
			if status, key := cutRange(t, s, buf, nil, cutLeft); status != 2 || key != 3 {
				t.Errorf("READ when the file has its length back: status %#x, sense key %d, want MEDIUM ERROR", status, key)
			}
			// Without SIGHUP and before an inspection is due: the state has the loss a moment after an initiator learns of it.
			eventually(t, 60*time.Second, func() (bool, string) {
				return strings.Contains(d.Log(), "the next start refuses the disk until `ringtgt adopt`"), d.Log()
			})
			s.Close()
			if end == syscall.SIGKILL {
				must.OK(t, d.Kill())
			} else if err := d.Terminate(0); err == nil || !strings.Contains(err.Error(), "exit status 3") {
				t.Errorf("the end of a daemon that lost acknowledged data: %v, want exit status 3", err)
			}

			program := must.Get(harness.Build(t.Context()))(t)
			toml := filepath.Join(dir, "cut.toml")
			text := "[server]\nstate = \"state\"\n[[target]]\nname = \"" + d.Target() + "\"\n[[target.lun]]\nlun = 0\nfile = \"lun.img\"\nblock_size = 4096\n"
			must.OK(t, os.WriteFile(toml, []byte(text), 0o600))
			serve := []string{"serve", "-q", "--listen", "127.0.0.1:0", "--lun", o.LUNs[0], "--state", o.State}
			for _, args := range [][]string{serve, {"check", "--config", toml}, serve} {
				out, code := ends(t, program, args...)
				if code != 2 || !strings.Contains(out, "lost its blocks from byte 163840 on") || !strings.Contains(out, "ringtgt adopt --state "+o.State) {
					t.Errorf("ringtgt %s: exit code %d, want 2 and what to do\n%s", args[0], code, out)
				}
			}
			if out, code := ends(t, program, "adopt", "--state", o.State, "file:"+path); code != 0 || !strings.Contains(out, "data from byte 163840 on was lost") {
				t.Fatalf("adopt: exit code %d\n%s", code, out)
			}
			s = cutSession(t, harness.StartT(t, o))
			for lba := byte(0); lba < cutBlocks; lba += cutRead {
				want := pattern(lba)
				if lba >= cutLeft {
					want = make([]byte, len(buf)) // the content when it was adopted
				}
				if status, key := cutRange(t, s, buf, nil, lba); status != 0 || !bytes.Equal(buf, want) {
					t.Errorf("READ at %d of the adopted disk: status %#x, sense key %d, or other data", lba, status, key)
				}
			}
		})
	}
}

// ends runs ringtgt to its end. A daemon that serves a disk that it should refuse is killed after a while.
func ends(t *testing.T, program string, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("ringtgt %s: %v", strings.Join(args, " "), err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}
