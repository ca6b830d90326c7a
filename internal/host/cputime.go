package host

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime returns the processor time that a process has taken since it began, user and system together, in nanoseconds.
//
// It is the process's CPU clock (clock_getcpuclockid(3)), which needs no privilege for other users' processes. The sum of
// /proc/PID/task/*/schedstat is the same account without the threads that have ended, so a thread that ends between two looks
// would take its time with it; utime and stime of /proc/PID/stat have those, but count in 1/100 s. What the kernel does for the
// process in io_uring's worker threads is in it, and so are the interrupts that its CPU serves while it runs.
//
// A thread that is running at the moment is accounted up to the last tick or switch: at most 1/CONFIG_HZ too little (1 to 10 ms, 4 on
// Debian) for each running thread, at the beginning as well as at the end of an interval.
func CPUTime(pid int) (time.Duration, error) {
	if pid <= 0 || pid > maxPID {
		return 0, fmt.Errorf("host: no process %d", pid)
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(cpuClock(pid), &ts); err != nil {
		return 0, fmt.Errorf("host: processor time of process %d: %w", pid, err) // EINVAL: there is none
	}
	return time.Duration(ts.Nano()), nil
}

// cpuClock is MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of the kernel's include/linux/posix-timers_types.h: the scheduler's
// account of a whole process.
func cpuClock(pid int) int32 {
	const sched = 2
	return ^int32(pid)<<3 | sched
}
