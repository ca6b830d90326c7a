package kerneltest

import "time"

// Every bound of the harness stands here, with its reason.
const (
	// bootLimit bounds kernel boot to the guest's READY line. It takes about 10 s on an idle core under emulation; ten
	// times that leaves room for a machine that compiles at the same time.
	bootLimit = 120 * time.Second

	// caseLimit is how long a case may run in the guest unless its row says otherwise. Most take 2 to 10 s; up to 45 s were
	// seen while other work kept both cores busy.
	caseLimit = 120 * time.Second

	// liveLimit bounds the script of case live, of liveRounds rounds with liveLUNs LUNs. A round takes 10 to 20 s: each of its graceful
	// ends of a session that does not log out takes 3 s.
	liveLimit  = 5 * time.Minute
	liveRounds = 3
	liveLUNs   = 5
	// neighbourPace is the time between the neighbour's commands: they find every state of a LUN, and leave the processor to the guest.
	neighbourPace = 5 * time.Millisecond

	// caseMargin is what the host waits beyond a case's own limit: the guest kills the case, logs out and unmounts first.
	caseMargin = 60 * time.Second

	// targetLimit bounds the target's start (to its first accepted connection) and its orderly stop.
	targetLimit = 20 * time.Second

	// qmpLimit bounds one monitor command; qemu answers in well under a second.
	qmpLimit = 10 * time.Second

	// maxControlLine bounds a line from the guest: a CASE line carries a detail of at most a few hundred bytes.
	maxControlLine = 8 << 10

	// maxSymlinks bounds the links followed while a path of the unpacked packages is resolved; Linux uses 40.
	maxSymlinks = 40

	// consoleTail is how many console lines are shown for a case that failed: its trace and the kernel's last words.
	consoleTail = 150

	// powerLimit bounds each half of the power loss test: the commands, and the starts after cuts. Each takes one to two minutes.
	powerLimit = 8 * time.Minute

	// powerCuts is the smallest number of cuts that a run must have. powerParts is how many different parts of the cached data
	// are tried before each flush. powerServed is the number of cuts after which a daemon is started, which takes 3 s each.
	powerCuts   = 200
	powerParts  = 1
	powerServed = 24

	// guestMemory in MiB and guestCPUs are the guest's size: fio's libraries make an initramfs of about 90 MiB.
	guestMemory = 1024
	guestCPUs   = 2
)
