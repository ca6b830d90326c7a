// Package host provides what a benchmark must know about the machine and its processes: hardware and kernel, the process that
// listens at a portal, and the CPU time of a process. It works on Linux only, and reads /proc and a few system calls.
package host

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"golang.org/x/sys/unix"
)

// Describe returns what this machine is, and its load averages at this moment.
func Describe(ringtgtVersion string) result.Host {
	return result.Host{
		Kernel: Kernel(), CPU: cpuid.CPU.BrandName, CPUs: online(),
		Ringtgt: ringtgtVersion, Go: runtime.Version(), Load: load(),
	}
}

// Kernel returns the release of the running kernel, "6.18.2".
func Kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// online returns how many CPUs the machine has in use, allowed to this process or not.
func online() int {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err == nil {
		if list := parseList(strings.TrimSpace(string(text))); len(list) > 0 {
			return len(list)
		}
	}
	return runtime.NumCPU()
}

// load returns the load averages of the last 1, 5 and 15 minutes (proc_loadavg(5)), zeroes where they cannot be had.
func load() (l [3]float64) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return l
	}
	fields := strings.Fields(string(text))
	for i := range l {
		if i < len(fields) {
			l[i], _ = strconv.ParseFloat(fields[i], 64)
		}
	}
	return l
}

// Name returns what the kernel calls a process: its program's name, cut off after 15 bytes (proc_pid_comm(5)). It is empty
// for a process that is not there.
func Name(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}
