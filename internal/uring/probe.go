package uring

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/ringtgt/ringtgt/engine/giouring"
)

// MinKernel is the oldest kernel with everything that this package requires: SINGLE_ISSUER with DEFER_TASKRUN,
// multishot receives (6.0), SENDMSG_ZC and the fixes of both (6.1).
const MinKernel = "6.1"

// ErrUnsupported is wrapped by the error of New and Probe when the kernel has no usable io_uring.
var ErrUnsupported = errors.New("io_uring is not usable")

// required are the newest operations that are used without a further check.
var required = []struct {
	op   uint8
	name string
}{
	{giouring.OpMsgRing, "MSG_RING"},
	{giouring.OpUringCmd, "URING_CMD"},
	{giouring.OpSendMsgZC, "SENDMSG_ZC"},
}

// Probe checks whether this process can use io_uring on this machine. The error wraps ErrUnsupported, states what is missing
// or forbids it, and names the minimum kernel. It may be called on any goroutine.
func Probe() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := New(Config{Entries: 4, CQEntries: 8})
	if err != nil {
		return err
	}
	defer r.Close()
	probe, err := r.g.GetProbeRing()
	if err != nil {
		return fmt.Errorf("uring: asking the kernel for its operations: %w", err)
	}
	for _, op := range required {
		if !probe.IsSupported(op.op) {
			return fmt.Errorf("%w: the kernel has no %s; Linux %s or newer is needed", ErrUnsupported, op.name, MinKernel)
		}
	}
	b, err := r.NewBufRing(0, 1, 4096, false)
	if err != nil {
		return fmt.Errorf("%w: no provided buffer rings (%v); Linux %s or newer is needed", ErrUnsupported, err, MinKernel)
	}
	return b.Close()
}

// setupError explains why io_uring_setup(2) failed.
func setupError(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSYS):
		return fmt.Errorf("%w: this kernel has none, or a sandbox hides it; Linux %s or newer is needed: %w", ErrUnsupported, MinKernel, err)
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: %s; Linux %s or newer with io_uring allowed is needed: %w", ErrUnsupported, whoForbids(disabledSysctl()), MinKernel, err)
	case errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("%w: the kernel refuses every way to set it up; Linux %s or newer is needed: %w", ErrUnsupported, MinKernel, err)
	case errors.Is(err, syscall.ENOMEM):
		return fmt.Errorf("uring: set-up: no memory for the ring (RLIMIT_MEMLOCK counts it on kernels before 5.12): %w", err)
	}
	return fmt.Errorf("uring: set-up: %w", err)
}

// disabledSysctl reads kernel.io_uring_disabled (6.6), "" when there is none.
func disabledSysctl() string {
	b, err := os.ReadFile("/proc/sys/kernel/io_uring_disabled")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func whoForbids(sysctl string) string {
	switch sysctl {
	case "1":
		return "forbidden by sysctl kernel.io_uring_disabled=1 to processes without CAP_SYS_ADMIN that are not in kernel.io_uring_group"
	case "2":
		return "forbidden by sysctl kernel.io_uring_disabled=2"
	}
	return "forbidden, most likely by a seccomp filter of the container or the service"
}
