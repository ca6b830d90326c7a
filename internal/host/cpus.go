package host

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// CPUs returns the CPUs that this process may run on, in ascending order: the union over its threads, because a goroutine locked to
// a thread may have bound it, even the main thread.
func CPUs() []int {
	all, err := threads(os.Getpid())
	if err != nil {
		return nil
	}
	var set, one unix.CPUSet
	for _, tid := range all {
		if unix.SchedGetaffinity(tid, &one) == nil {
			for i := range set {
				set[i] |= one[i]
			}
		}
	}
	var list []int
	for cpu := range 64 * len(set) {
		if set.IsSet(cpu) {
			list = append(list, cpu)
		}
	}
	return list
}

// Pin binds all threads of a process to some CPUs (sched_setaffinity(2)); later threads inherit the binding.
func Pin(pid int, cpus []int) error {
	var set unix.CPUSet
	for _, cpu := range cpus {
		if cpu < 0 || cpu >= 64*len(set) {
			return fmt.Errorf("host: there is no CPU %d", cpu)
		}
		set.Set(cpu)
	}
	if len(cpus) == 0 {
		return errors.New("host: pin to no CPU at all")
	}
	// A thread created meanwhile has its parent's old CPUs: repeat until no new thread appears.
	var done []int
	for range maxLooks {
		all, err := threads(pid)
		if err != nil {
			return err
		}
		fresh := false
		for _, tid := range all {
			if slices.Contains(done, tid) {
				continue
			}
			fresh = true
			if err := unix.SchedSetaffinity(tid, &set); err != nil && !errors.Is(err, unix.ESRCH) { // ESRCH: it has ended
				return fmt.Errorf("host: pin process %d to CPUs %v: %w", pid, cpus, err)
			}
			done = append(done, tid)
		}
		if !fresh {
			return nil
		}
	}
	return fmt.Errorf("host: process %d makes threads faster than they can be pinned", pid)
}

// threads lists the threads of a process.
func threads(pid int) ([]int, error) {
	dir, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil {
		return nil, fmt.Errorf("host: no process %d: %w", pid, err)
	}
	var list []int
	for _, e := range dir {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			list = append(list, tid)
		}
	}
	return list, nil
}

// parseList parses a kernel CPU list such as "0-3,8"; nil if s is not one.
func parseList(s string) (list []int) {
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, err := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err != nil || err2 != nil || a < 0 || b > maxCPU {
			return nil
		}
		for cpu := a; cpu <= b; cpu++ {
			list = append(list, cpu)
		}
	}
	return list
}
