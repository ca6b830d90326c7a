package initiator

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/tgtd"
	"github.com/ringtgt/ringtgt/pdu"
)

const tgtTarget = "iqn.2026-11.io.tgt:disk"

// startTgt serves 16 MiB as LUN 1 by tgtd.
func startTgt(t testing.TB) string {
	t.Helper()
	harness.Need(t, "tgtd", "tgt")
	dir := t.TempDir()
	image := filepath.Join(dir, "disk")
	if err := os.WriteFile(image, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := tgtd.Start(t.Context(), tgtd.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.Kill()
		if t.Failed() {
			t.Logf("tgtd's log:\n%s", d.Log())
		}
	})
	if err := d.Configure(t.Context(),
		tgtd.NewTarget("1", tgtTarget), tgtd.NewLUN("1", "1", image),
		tgtd.Set("1", "HeaderDigest", "CRC32C,None"), tgtd.Set("1", "DataDigest", "CRC32C,None"), tgtd.AdmitAll("1"),
	); err != nil {
		t.Fatal(err)
	}
	return d.Addr
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
