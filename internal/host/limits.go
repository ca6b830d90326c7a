package host

import "time"

const (
	// maxLooks is how often /proc is read again: the socket table misses sockets while others come and go, and threads appear
	// while a process is being pinned.
	maxLooks = 5
	// lookAgain is the interval between two reads of the socket table.
	lookAgain = 5 * time.Millisecond
	// maxPID is PID_MAX_LIMIT of a 64-bit kernel (proc_sys_kernel(5)); a larger number would encode another clock ID.
	maxPID = 1 << 22
	// maxCPU is the highest CPU number that the kernel can be built for on amd64 (CONFIG_NR_CPUS).
	maxCPU = 8191
)
