package steer

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// With RFS the kernel follows the thread that reads, with no program.
func TestRFSFollowsTheReader(t *testing.T) {
	cpus := needCPUs(t, 2)
	n := newNetwork(t)
	n.followReaders()
	p := n.listen(target4, 1)
	n.initiator.in(func() error { return pin(cpus[0]) })
	client := n.connect(from4(0), p.addr)
	c := p.accept(1)[0]
	for _, cpu := range []int{cpus[1], cpus[0], cpus[1]} {
		b := make([]byte, 512)
		for i := range 20 {
			n.initiator.in(func() error { _, err := write(client, b); return err })
			n.target.in(func() error {
				if err := pin(cpu); err != nil {
					return err
				}
				if k, err := read(c.fd, b); k != len(b) || err != nil {
					return fmt.Errorf("read %d bytes, %w", k, err)
				}
				return nil
			})
			// The first message comes before the kernel knows of the reader.
			if got, err := IncomingCPUOf(c.fd); err != nil || i > 0 && got != cpu {
				t.Fatalf("message %d received on CPU %d (%v), want %d", i, got, err, cpu)
			}
		}
	}
}

// followReaders switches RFS on for the target's interface. The number of entries is the machine's: it is only looked
// at, and the test skipped without.
func (n *network) followReaders() {
	n.t.Helper()
	if b, err := os.ReadFile("/proc/sys/net/core/rps_sock_flow_entries"); err != nil || strings.TrimSpace(string(b)) == "0" {
		n.t.Skip("RFS is off: sysctl net.core.rps_sock_flow_entries=32768")
	}
	n.target.in(func() error {
		// The thread's own /sys shows the interfaces of its own network namespace.
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return err
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return err
		}
		if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
			return err
		}
		return os.WriteFile("/sys/class/net/san0/queues/rx-0/rps_flow_cnt", []byte("4096"), 0)
	})
}
