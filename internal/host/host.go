// Package host provides what a benchmark needs to know about the machine and its processes: hardware and kernel, the process
// that listens at a portal, and the CPU time of a process. It works on Linux only, by /proc and a few system calls.
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

// Describe describes this machine, including its current load averages.
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

// online returns the number of the machine's online CPUs, whether or not this process may use them.
func online() int {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err == nil {
		if list := parseList(strings.TrimSpace(string(text))); len(list) > 0 {
			return len(list)
		}
	}
	return runtime.NumCPU()
}

// load returns the load averages of the last 1, 5 and 15 minutes (proc_loadavg(5)), or zeroes if they cannot be read.
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

// Name returns the kernel's name of a process: its program's name, truncated to 15 bytes (proc_pid_comm(5)). It is empty if there
// is no such process.
func Name(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}
