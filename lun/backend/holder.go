package backend

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// inUse is an ErrInUse whose text names the holder. Finding the holder is slow, so it is done only when the text is needed.
type inUse struct{ who func() string }

func (e inUse) Error() string        { return ErrInUse.Error() + ": " + e.who() }
func (e inUse) Is(target error) bool { return target == ErrInUse }

// locked returns the error for a file, open as fd, whose lock (flock) is held elsewhere.
func locked(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	return inUse{func() string {
		f, err := os.Open("/proc/locks")
		if err != nil {
			return "another unit or another process has locked it"
		}
		defer f.Close()
		return locker(f, uint64(st.Dev), st.Ino) + " has locked it"
	}}
}

// locker finds a lock in the text of /proc/locks:
//
//	1: FLOCK  ADVISORY  WRITE 4242 fe:00:9978680 0 EOF
func locker(text io.Reader, dev, inode uint64) string {
	at := fmt.Sprintf("%02x:%02x:%d", unix.Major(dev), unix.Minor(dev), inode)
	for lines := bufio.NewScanner(text); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 6 || f[1] != "FLOCK" || f[5] != at {
			continue
		}
		pid, err := strconv.Atoi(f[4])
		switch {
		case err != nil || pid <= 0: // the holder is in another PID namespace
			return "a process that is not seen from here"
		case pid == os.Getpid():
			return "another unit of this daemon"
		}
		return process(pid)
	}
	return "another unit or another process"
}

// process returns a process's name and PID.
func process(pid int) string {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return fmt.Sprintf("process %d, which has ended but is not taken apart yet,", pid)
	}
	return fmt.Sprintf("process %d (%s)", pid, strings.ToValidUTF8(strings.TrimSpace(string(comm)), "?"))
}

// deviceHolder returns why a block device cannot be opened exclusively: a mount, a device on top or a process, whichever is found
// first.
func deviceHolder(rdev uint64) string {
	number := fmt.Sprintf("%d:%d", unix.Major(rdev), unix.Minor(rdev))
	if f, err := os.Open("/proc/self/mountinfo"); err == nil {
		defer f.Close()
		if at := mountPoint(f, number); at != "" {
			return "it is mounted at " + at
		}
	}
	if on, err := os.ReadDir(filepath.Join("/sys/dev/block", number, "holders")); err == nil && len(on) > 0 {
		return "it is a part of " + on[0].Name()
	}
	if pid := opener(rdev); pid == os.Getpid() {
		return "it is served already"
	} else if pid > 0 {
		return process(pid) + " has it open"
	}
	return "it is mounted, a part of another device, or served already"
}

// mountPoint finds a device in the text of /proc/self/mountinfo (proc_pid_mountinfo(5)).
func mountPoint(text io.Reader, number string) string {
	for lines := bufio.NewScanner(text); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) > 4 && f[2] == number {
			return f[4]
		}
	}
	return ""
}

// opener returns a process that has a block device open, preferably not this one, or 0 if there is none that we may inspect.
func opener(rdev uint64) (pid int) {
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is valid
	for _, fd := range fds {
		var st unix.Stat_t
		if unix.Stat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK || uint64(st.Rdev) != rdev {
			continue
		}
		pid, _ = strconv.Atoi(strings.Split(fd, "/")[2])
		if pid != os.Getpid() {
			return pid
		}
	}
	return pid
}
