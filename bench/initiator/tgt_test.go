package initiator

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

const tgtTarget = "iqn.2026-11.io.tgt:disk"

// startTgt serves 16 MiB as LUN 1 by tgtd, with a control number of its own.
func startTgt(t testing.TB) string {
	t.Helper()
	tgtd, tgtadm := need(t, "tgtd", "tgt"), need(t, "tgtadm", "tgt")
	addr := freePort(t)
	_, port, _ := net.SplitHostPort(addr)
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	control := strconv.Itoa(1000 + n/4) // tgtd takes a number of 15 bits; nobody else is likely to have this one
	image := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(image, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	startServer(t, exec.Command(tgtd, "-f", "--iscsi", "portal="+addr, "-C", control), &log, addr)
	for _, args := range [][]string{
		{"--op", "new", "--mode", "target", "--tid", "1", "-T", tgtTarget},
		{"--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", image},
		{"--op", "update", "--mode", "target", "--tid", "1", "--name", "HeaderDigest", "--value", "CRC32C,None"},
		{"--op", "update", "--mode", "target", "--tid", "1", "--name", "DataDigest", "--value", "CRC32C,None"},
		{"--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL"},
	} {
		if out, err := exec.Command(tgtadm, append([]string{"-C", control, "--lld", "iscsi"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("tgtadm %v: %v\n%s", args, err, out)
		}
	}
	return addr
}

// A target of other hands: what this initiator takes for the standard is not what the project's own target does only.
func TestTgt(t *testing.T) {
	addr := startTgt(t)
	for i, digests := range []bool{false, true} {
		t.Run(fmt.Sprintf("digests=%v", digests), func(t *testing.T) {
			cfg := Config{
				Portals: []string{addr}, TargetName: tgtTarget, InitiatorName: "iqn.2026-11.io.ringtgt:initiator", ISID: [6]byte{0x80, 0, 0, 0, 1, byte(i)},
				Connections: 2, Keys: Keys{HeaderDigest: digests, DataDigest: digests}, FirstCmdSN: 0xfffffff0,
			}
			s, err := Dial(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if s.Granted != 1 {
				t.Errorf("tgt grants %d connections: it never did", s.Granted)
			}
			if err := s.Ready(t.Context(), 0, LUN(1)); err != nil {
				t.Fatal(err)
			}
			blocks, size, err := s.Capacity(t.Context(), 0, LUN(1))
			if err != nil || blocks != 32768 || size != 512 {
				t.Errorf("capacity %d blocks of %d, %v", blocks, size, err)
			}
			for _, n := range []int{1, 9, 128, 1024, 2048} {
				data, got := pattern(n*512), make([]byte, n*512)
				if err := s.Write(t.Context(), 0, LUN(1), 100, uint32(n), data); err != nil {
					t.Fatalf("write of %d blocks: %v", n, err)
				}
				if err := s.Read(t.Context(), 0, LUN(1), 100, uint32(n), got); err != nil {
					t.Fatalf("read of %d blocks: %v", n, err)
				}
				if !bytes.Equal(got, data) {
					t.Errorf("%d blocks come back changed", n)
				}
			}
			if err := s.Ping(t.Context(), 0, pattern(100), false); err != nil {
				t.Error(err)
			}
			if r, err := s.TMF(t.Context(), 0, pdu.TMFLogicalUnitReset, LUN(1), pdu.ReservedTag, 0, true); err != nil || r != pdu.TMFResponseComplete {
				t.Errorf("LOGICAL UNIT RESET: %v, %v", r, err)
			}
			if err := s.Logout(t.Context()); err != nil {
				t.Error(err)
			}
			for _, v := range s.Violations() {
				// tgt does not cut Data-In into sequences of MaxBurstLength (13.13).
				if !strings.Contains(v.Text, "MaxBurstLength") {
					t.Errorf("tgt: %v", v)
				}
			}
		})
	}
}
