package engine

import (
	"encoding/binary"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// pollFor returns how long a loop may poll where waking a thread takes cost.
func pollFor(cost time.Duration) time.Duration {
	return min(max(pollWakeUps*cost, leastAutoPoll), mostAutoPoll)
}

// wakeCost measures how long a sleeping thread takes to run again once another thread wakes it: the median of some tries. A few
// microseconds on a bare machine, tens on a virtual one, whose processors leave the host when they are idle. It returns 0 if it
// cannot be measured. It takes some milliseconds and sleeps meanwhile.
func wakeCost() time.Duration {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	awake := make(chan int64)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var b [8]byte
		for range wakeTries {
			for {
				if _, err := unix.Read(fd, b[:]); err != unix.EINTR {
					break
				}
			}
			awake <- monotonic()
		}
	}()
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], 1)
	var took []int64
	for range wakeTries {
		time.Sleep(wakeSettle) // lets the other thread, and its processor, fall asleep
		from := monotonic()
		unix.Write(fd, b[:])
		took = append(took, <-awake-from)
	}
	slices.Sort(took)
	return time.Duration(took[len(took)/2])
}
