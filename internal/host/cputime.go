package host

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime returns the CPU time that a process has used since it started, user and system together.
//
// It reads the process's CPU clock (clock_getcpuclockid(3)), which needs no privilege for other users' processes. The sum of
// /proc/PID/task/*/schedstat has the same resolution but loses the time of a thread that ends between two readings; utime and
// stime of /proc/PID/stat keep it, but count in 1/100 s. The clock includes io_uring's worker threads and the interrupts that a
// CPU serves while the process runs on it.
//
// The time of a running thread is accounted up to its last tick or context switch. So each end of an interval may miss up to
// 1/CONFIG_HZ (1 to 10 ms, 4 on Debian) for each running thread.
func CPUTime(pid int) (time.Duration, error) {
	if pid <= 0 || pid > maxPID {
		return 0, fmt.Errorf("host: no process %d", pid)
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(cpuClock(pid), &ts); err != nil {
		return 0, fmt.Errorf("host: processor time of process %d: %w", pid, err) // EINVAL: no such process
	}
	return time.Duration(ts.Nano()), nil
}

// cpuClock is MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of the kernel's include/linux/posix-timers_types.h: the scheduler's
// account of a whole process.
func cpuClock(pid int) int32 {
	const sched = 2
	return ^int32(pid)<<3 | sched
}
