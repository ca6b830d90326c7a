package steer

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
)

// Without a capability the next level serves, and what is missing is named. The child really lacks it.
func TestMissingCapabilitiesAreNamed(t *testing.T) {
	needs(t, capBPF, capNetAdmin, capPerfmon)
	s := newSpace(t)
	for _, tt := range []struct {
		keep   string
		level  Level
		why    string
		xdp    bool
		xdpWhy string
	}{
		{
			keep: "", level: IncomingCPU, why: "sk_reuseport program: missing CAP_BPF",
			xdpWhy: "missing CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
		},
		{
			keep: "CAP_NET_ADMIN CAP_PERFMON", level: IncomingCPU, why: "sk_reuseport program: missing CAP_BPF",
			xdpWhy: "missing CAP_BPF",
		},
		{keep: "CAP_BPF", level: Program, xdpWhy: "missing CAP_NET_ADMIN and CAP_PERFMON"},
		{keep: "CAP_BPF CAP_NET_ADMIN", level: Program, xdpWhy: "missing CAP_PERFMON"},
		{keep: "CAP_BPF CAP_PERFMON", level: Program, xdpWhy: "missing CAP_NET_ADMIN"},
		{keep: "CAP_BPF CAP_NET_ADMIN CAP_PERFMON", level: Program, xdp: true},
	} {
		var st Status
		s.in(func() error {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"=status", "STEER_KEEP="+tt.keep, "STEER_XDP=lo")
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				return err
			}
			return json.Unmarshal(out, &st)
		})
		why, _, _ := strings.Cut(st.Why, "; ") // what an old kernel adds
		if st.Level != tt.level || why != tt.why {
			t.Errorf("with %q: level %v, why %q; want %v, %q", tt.keep, st.Level, st.Why, tt.level, tt.why)
		}
		if st.XDP != tt.xdp || st.XDPWhy != tt.xdpWhy {
			t.Errorf("with %q: XDP %v, why %q; want %v, %q", tt.keep, st.XDP, st.XDPWhy, tt.xdp, tt.xdpWhy)
		}
	}
}

// What is said of a refusal that no capability explains.
func TestRefusalsAreExplained(t *testing.T) {
	for _, tt := range []struct {
		name string
		need need
		err  error
		want []string
	}{
		{"permission, nothing missing", need{5, 14, nil}, os.ErrPermission, []string{"refused", "seccomp", "permission"}},
		{"kernel too old", need{99, 1, []capability{capBPF}}, os.ErrInvalid, []string{"kernel too old", "Linux 99.1", "invalid"}},
		{"no bpf in the kernel", need{5, 14, nil}, os.NewSyscallError("bpf", unix.ENOSYS), []string{"built without"}},
		{"anything else", need{5, 14, nil}, os.ErrDeadlineExceeded, []string{"timeout"}},
	} {
		got := tt.need.explain(tt.err)
		for _, want := range tt.want {
			check.That(t, strings.Contains(got, want), "%s: %q does not say %q", tt.name, got, want)
		}
	}
}
