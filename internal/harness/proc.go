package harness

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// RSS is the resident memory of the process now, in bytes (VmRSS of proc(5)).
func (d *Daemon) RSS() (int64, error) { return d.status("VmRSS:") }

// PeakRSS is the highest resident memory so far, in bytes (VmHWM).
func (d *Daemon) PeakRSS() (int64, error) { return d.status("VmHWM:") }

func (d *Daemon) status(key string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.PID()))
	if err != nil {
		return 0, err
	}
	sc := bufio.NewScanner(bytes.NewReader(text))
	for sc.Scan() {
		if rest, ok := strings.CutPrefix(sc.Text(), key); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc/%d/status", key, d.PID())
}

// OpenFiles counts the open descriptors of the process, so that a test can check that closed connections release theirs.
func (d *Daemon) OpenFiles() (int, error) {
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", d.PID()))
	return len(names), err
}

// CPU returns user plus system time in clock ticks (utime and stime of /proc/PID/stat, 100 a second on Linux).
func (d *Daemon) CPU() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.PID()))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(text), ") ") // the command's name may hold spaces
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("cannot read /proc/%d/stat", d.PID())
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return user + system, err
}
