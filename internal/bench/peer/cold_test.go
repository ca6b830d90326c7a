package peer

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/peer/cold"
	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/host"
	"github.com/ringtgt/ringtgt/internal/must"
)

func startCold(t *testing.T, o cold.Options) *Target {
	t.Helper()
	o.Memory = 8 << 20
	p := must.Get(StartCold(t.Context(), []string{must.Get(os.Executable())(t), Cold}, o, host.CPUs()[:1]))(t)
	t.Cleanup(func() {
		_ = p.Stop()
		if t.Failed() {
			t.Log(p.Log())
		}
	})
	return p
}

// The responder is a disk: what the benchmark's initiator writes it reads again, in PDUs of every size, whole and in pieces, with and
// without digests, through every kind of receive.
func TestColdKeepsData(t *testing.T) {
	for _, recv := range []string{cold.Multishot, cold.Single} {
		p := startCold(t, cold.Options{Pages: cold.Small, Recv: recv, Poll: 20 * time.Microsecond})
		for _, bs := range []string{"512", "4k", "20k", "256k"} {
			for _, digests := range []string{"none", "both"} {
				o := run.Options{URL: p.URL, TargetPID: p.PID, RW: "randrw", BlockSize: bs, IODepth: 16, Sessions: 2, Digests: digests, Verify: true} // once the size of the disk
				if digests == "both" {
					o.IODepth, o.Sessions = 1, 1 // data may change under a digest, see package cold
				}
				r, err := run.Do(t.Context(), o)
				if err != nil {
					t.Fatalf("%s, %s, digests %s: %v\n%s", recv, bs, digests, err, p.Log())
				}
				want := map[string]string{"none": "None", "both": "CRC32C"}[digests]
				if r.Total.Requests == 0 || r.Total.Errors > 0 || r.Target.Capacity != 8<<20 || r.Target.Negotiated["DataDigest"] != want {
					t.Errorf("%s, %s, digests %s: %+v, %+v", recv, bs, digests, r.Total, r.Target)
				}
			}
		}
	}
}

// It serves several sessions at once, keeps to the CPUs that it is given, and no process is left.
func TestColdIsMeasured(t *testing.T) {
	p := startCold(t, cold.Options{Pages: cold.Huge, Recv: cold.Multishot})
	r := must.Get(run.Do(t.Context(), run.Options{URL: p.URL, TargetPID: p.PID, RW: "randread", Sessions: 20, IODepth: 32}))(t)
	check.That(t, r.Total.Requests > 0 && r.Total.Errors == 0, "%+v", r.Total)
	check.That(t, !strings.Contains(strings.Join(r.Notes, " "), "violated"), "%q", r.Notes)
	bound(t, p.PID, host.CPUs()[0])
	check.OK(t, p.Stop())
	gone(t, p.PID, p.Portal)
}

// What it does not expect ends the connection, and no other one.
func TestColdEndsWhatItDoesNotKnow(t *testing.T) {
	p := startCold(t, cold.Options{Pages: cold.Small, Recv: cold.Multishot})
	command := func(flags, op byte, n uint32, lba byte) []byte {
		h := make([]byte, 48)
		h[0], h[1], h[32], h[41] = 0x01, flags, op, lba
		h[20], h[21], h[22], h[23] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
		return h
	}
	for i, first := range [][]byte{
		make([]byte, 48), // NOP-Out
		append([]byte{0x03, 0x87, 0, 0, 0xff, 0xff, 0xff, 0xff}, make([]byte, 40)...), // a login with 16 MiB of text
		command(0xa0, 0x8a, 4096, 0),  // a write without its data
		command(0xc0, 0x88, 1<<20, 0), // a read of more than a PDU
		append(command(0xc0, 0x88, 4096, 0)[:34], append([]byte{0xff}, make([]byte, 13)...)...), // beyond the disk
	} {
		nc := must.Get(net.Dial("tcp", p.Portal))(t)
		_ = nc.SetDeadline(time.Now().Add(patience))
		must.Get(nc.Write(first))(t)
		if n, err := nc.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			t.Errorf("%d: %d bytes, %v", i, n, err)
		}
		nc.Close()
	}
	if _, err := run.Do(t.Context(), run.Options{URL: p.URL, TargetPID: p.PID, RW: "randread"}); err != nil {
		t.Error(fmt.Errorf("after that: %w", err))
	}
}
