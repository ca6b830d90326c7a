package backend

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/need"
	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// The holder of a file is reported by PID and name, from /proc/locks.
func TestLocker(t *testing.T) {
	dev := unix.Mkdev(0xFE, 0)
	text := fmt.Sprintf(`1: POSIX  ADVISORY  WRITE 11 fe:00:77 0 EOF
2: FLOCK  ADVISORY  WRITE 12 fe:00:78 0 EOF
3: FLOCK  ADVISORY  WRITE %d fe:00:77 0 EOF
3: -> FLOCK  ADVISORY  WRITE 13 fe:00:77 0 EOF
4: FLOCK  ADVISORY  READ  1 fe:00:79 0 EOF
5: FLOCK  ADVISORY  READ  999999999 fe:00:80 0 EOF
6: FLOCK  ADVISORY  READ  0 fe:00:81 0 EOF
`, os.Getpid())
	for inode, want := range map[uint64]string{
		77: "another unit of this daemon", 79: "process 1 (", 80: "process 999999999, which has ended", 81: "a process that is not seen from here",
		82: "another unit or another process",
	} {
		if who := locker(strings.NewReader(text), dev, inode); !strings.HasPrefix(who, want) {
			t.Errorf("inode %d: %q, want %q", inode, who, want)
		}
	}
	mounts := "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n"
	check.Equal(t, mountPoint(strings.NewReader(mounts), "98:0"), "/mnt2", "mounted at")
}

// The process that has locked a file is named, whether another one or this one.
func TestInUseNamesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	spec := Spec{Kind: KindFile, Path: path, Size: 8 << 20}
	b := must.Get(Open(spec))(t)
	if _, err := Open(spec); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "another unit of this daemon has locked it") {
		t.Errorf("a second time: %v", err)
	}
	b.Close()
	cmd := exec.Command(need.Program(t, "flock", "util-linux"), path, "sh", "-c", "echo locked; read x")
	in := must.Get(cmd.StdinPipe())(t)
	out := must.Get(cmd.StdoutPipe())(t)
	must.OK(t, cmd.Start())
	defer cmd.Wait()
	defer in.Close()
	must.Get(out.Read(make([]byte, 7)))(t)
	want := fmt.Sprintf("process %d (flock) has locked it", cmd.Process.Pid)
	if _, err := Open(spec); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v; want that %s", err, want)
	}
}
