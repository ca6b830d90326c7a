package clients_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// manyTargets returns a configuration of n targets whose names differ in a number.
func manyTargets(n int) string {
	var b strings.Builder
	b.WriteString("[[portal]]\nlisten = \"{{ADDR}}\"\n")
	for i := range n {
		fmt.Fprintf(&b, "[[target]]\nname = \"iqn.2026-11.io.ringtgt:many.%04d\"\n", i)
		if i%500 == 0 {
			b.WriteString("[[target.lun]]\nlun = 0\nmemory = \"1MiB\"\n")
		}
	}
	return b.String()
}

// libiscsi accepts only answers of one PDU: all targets come in one, up to the length that it declares (RFC 7143 13.12,
// appendix C).
func TestManyTargets(t *testing.T) {
	harness.Need(t, "iscsi-ls", pkgLibiscsi)
	for _, n := range []int{73, 200, 1500} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			d := harness.StartT(t, harness.Options{Config: manyTargets(n)})
			out := run(t, "iscsi-ls", d.Portal())
			if got := strings.Count(out, "Target:iqn.2026-11.io.ringtgt:many."); got != n {
				t.Errorf("iscsi-ls finds %d targets of %d:\n%s", got, n, clip(out))
			}
			mustContain(t, out, fmt.Sprintf("many.%04d", n-1))
		})
	}
}

// A user in the URL makes libiscsi offer CHAP; a target without it answers None, and libiscsi declares its names again. Only a
// strict node rejects that (docs/conformance.md).
func TestUserWithoutCHAP(t *testing.T) {
	harness.Need(t, "iscsi-ls", pkgLibiscsi)
	harness.Need(t, "iscsi-inq", pkgLibiscsi)
	needQemu(t)
	config := func(server string) string {
		return server + `
[[portal]]
listen = "{{ADDR}}"

[[target]]
name = "` + chapTarget + `"
[[target.lun]]
lun = 0
memory = "16MiB"
`
	}
	d := harness.StartT(t, harness.Options{Config: config(""), Target: chapTarget})
	mustContain(t, run(t, "iscsi-ls", "iscsi://"+chapUser+"%"+chapSecret+"@"+d.Addr()), "Target:"+chapTarget)
	run(t, "iscsi-inq", d.AuthURL(chapUser, chapSecret, 0))
	qemuIO(t, d.AuthURL(chapUser, chapSecret, 0), "write -P 0x17 0 1M", "read -P 0x17 0 1M")

	strict := harness.StartT(t, harness.Options{Config: config("[server]\nstrict_login = true"), Target: chapTarget})
	run(t, "iscsi-inq", strict.URL(0))
	if out, err := try(t, "", "iscsi-inq", strict.AuthURL(chapUser, chapSecret, 0)); err == nil {
		t.Errorf("a strict node accepts names that are declared again:\n%s", out)
	}
	eventually(t, clientTime, func() (bool, string) { // the line may come after the client's end
		return strings.Contains(strict.Log(), "a second time"), strict.Log()
	})
}

// The configuration sets one or two limits of bursts and segments. qemu keeps to the values that the target answers, and the
// target enforces the same values (RFC 7143 13.14).
func TestLimits(t *testing.T) {
	needQemu(t)
	for _, limits := range []string{
		"max_burst_length = 65536", "max_burst_length = 4096", "first_burst_length = 8192",
		"max_burst_length = 65536\nfirst_burst_length = 65536", "max_recv_data_segment_length = 8192",
		"max_recv_data_segment_length = 8192\nmax_burst_length = 16384", "immediate_data = false\nmax_burst_length = 65536",
		"initial_r2t = true\nmax_burst_length = 65536", "initial_r2t = true\nimmediate_data = false\nmax_burst_length = 65536",
	} {
		t.Run(strings.ReplaceAll(limits, "\n", ", "), func(t *testing.T) {
			d := harness.StartT(t, harness.Options{Target: chapTarget, Config: `
[[portal]]
listen = "{{ADDR}}"

[[target]]
name = "` + chapTarget + `"
[target.limits]
` + limits + `
[[target.lun]]
lun = 0
memory = "16MiB"
`})
			image := randomFile(t, 16<<20, 11)
			run(t, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "-t", "none", image, d.URL(0))
			mustContain(t, run(t, "qemu-img", "compare", "-f", "raw", "-F", "raw", image, d.URL(0)), "Images are identical.")
		})
	}
}

// A ping of the length that the target declares comes back whole (RFC 7143 11.18, 13.12).
func TestLongestPing(t *testing.T) {
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:1M"}})
	r := dialRaw(t, d.Addr())
	r.login(loginRequest{target: d.Target(), keys: []string{"MaxRecvDataSegmentLength", "16777215"}})
	data := bytes.Repeat([]byte("0123456789abcdef"), 262144/16)
	for _, n := range []int{8192, 8193, 100000, 262144} {
		must.OK(t, r.Send(r.Next(pdu.OpNOPOut, false), data[:n]))
		must.OK(t, r.Recv())
		if h := &r.Header; h.Opcode() != pdu.OpNOPIn || h.ITT() != r.ITT || !bytes.Equal(r.Data, data[:n]) {
			t.Fatalf("%v for a ping of %d bytes, with %d", h.Opcode(), n, len(r.Data))
		}
		r.ExpStatSN = (*pdu.NOPIn)(&r.Header).StatSN() + 1
	}
}
