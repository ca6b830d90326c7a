package engine

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
)

// Near initiators get a small send buffer, others the kernel's own tuning.
func TestSendBufferFollowsTheRoundTrip(t *testing.T) {
	for rtt, want := range map[time.Duration]int{
		0: 0, time.Microsecond: nearSendBuffer, nearRTT: nearSendBuffer, nearRTT + time.Microsecond: 0, 30 * time.Millisecond: 0,
	} {
		check.Equal(t, sendBuffer(rtt), want, "at a round trip of %v:", rtt)
	}
}

// A connection over loopback is near. On a machine that is busy enough the first round trips of one may say otherwise, those of twenty do
// not.
func TestSendBufferIsSetAtLogin(t *testing.T) {
	r := newRig(t, 1, memory(t, 1<<20))
	l := r.e.loops[0]
	for isid := range byte(20) {
		r.login(isid)
		near := 0
		r.e.on(l, func() {
			for _, c := range l.conns {
				if c == nil {
					continue
				}
				if n, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUF); err != nil {
					t.Error(err)
				} else if n == 2*nearSendBuffer {
					near++
				}
			}
		})
		if near > 0 {
			return
		}
	}
	t.Error("no connection has the send buffer of a near one")
}
