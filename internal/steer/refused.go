package steer

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"
)

// need is what the kernel requires to accept a program.
type need struct {
	major, minor uint32 // kernel
	caps         []capability
}

type capability struct {
	bit  int
	name string
}

var (
	capBPF      = capability{unix.CAP_BPF, "CAP_BPF"}
	capNetAdmin = capability{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}
	capPerfmon  = capability{unix.CAP_PERFMON, "CAP_PERFMON"}
)

// explain returns why something that needs n failed with err, with the missing capability or kernel version.
func (n need) explain(err error) string {
	switch {
	case errors.Is(err, os.ErrPermission):
		if missing := n.missing(); len(missing) > 0 {
			return "missing " + join(missing)
		}
		if errors.Is(err, unix.EPERM) {
			err = unix.EPERM // without the library's advice on RLIMIT_MEMLOCK, which counts before Linux 5.11 only
		}
		return fmt.Sprintf("refused despite %s (a security module, a seccomp filter, or a user namespace): %v",
			join(n.names()), err)
	case n.kernelTooOld():
		return fmt.Sprintf("kernel too old: Linux %d.%d is needed (%v)", n.major, n.minor, err)
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, unix.ENOSYS):
		return fmt.Sprintf("this kernel was built without it: %v", err)
	}
	return err.Error()
}

func (n need) names() []string {
	var out []string
	for _, c := range n.caps {
		out = append(out, c.name)
	}
	return out
}

// missing returns the names of the capabilities that the calling thread lacks. CAP_SYS_ADMIN includes all of them, as it does
// for the kernel (capabilities(7)).
func (n need) missing() []string {
	have, err := effective()
	if err != nil || have&(1<<unix.CAP_SYS_ADMIN) != 0 {
		return nil
	}
	var out []string
	for _, c := range n.caps {
		if have&(1<<c.bit) == 0 {
			out = append(out, c.name)
		}
	}
	return out
}

// effective returns the calling thread's effective capabilities, one bit each.
func effective() (uint64, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // the kernel writes two for version 3
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0, err
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective), nil
}

func (n need) kernelTooOld() bool {
	code, err := features.LinuxVersionCode()
	return err == nil && code < n.major<<16|n.minor<<8
}

// join writes "A", "A and B", "A, B and C".
func join(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
