package engine

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/unix"
)

// Topology describes the machine's processors.
type Topology struct {
	Brand          string // of the processor
	Allowed        []int  // CPUs this process may run on
	FirstSiblings  []int  // of Allowed, one per physical core
	ThreadsPerCore int
	CacheLine      int  // bytes
	CRC32C         bool // the processor has the CRC32 instruction that header and data digests use
}

// ReadTopology reads the processors' topology. If the machine reports no siblings, each CPU counts as a core.
func ReadTopology() (Topology, error) {
	t := Topology{
		Brand: cpuid.CPU.BrandName, ThreadsPerCore: max(cpuid.CPU.ThreadsPerCore, 1),
		CacheLine: cpuid.CPU.CacheLine, CRC32C: cpuid.CPU.Has(cpuid.SSE42),
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return t, fmt.Errorf("read CPU affinity: %w", err)
	}
	seen := map[string]bool{}
	for cpu := range len(set) * 64 {
		if !set.IsSet(cpu) {
			continue
		}
		t.Allowed = append(t.Allowed, cpu)
		b, err := os.ReadFile(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu))
		siblings := strings.TrimSpace(string(b))
		if err != nil || !seen[siblings] {
			t.FirstSiblings = append(t.FirstSiblings, cpu)
			seen[siblings] = err == nil
		}
	}
	return t, nil
}

// DefaultCores returns the CPUs for loops if none are configured: one per physical core, because a second thread of a core
// would slow the first one's loop more than it adds.
func (t Topology) DefaultCores() []int { return t.FirstSiblings }

// ParseCores parses a CPU list such as "0-3,8" and checks it against the CPUs that the process may use. "all" is every allowed CPU.
func (t Topology) ParseCores(s string) ([]int, error) {
	if s == "" {
		return t.DefaultCores(), nil
	}
	if s == "all" {
		return t.Allowed, nil
	}
	var out []int
	for part := range strings.SplitSeq(s, ",") {
		a, b, isRange := strings.Cut(strings.TrimSpace(part), "-")
		lo, err := strconv.Atoi(a)
		hi := lo
		if err == nil && isRange {
			hi, err = strconv.Atoi(b)
		}
		if err != nil || lo < 0 || hi < lo || hi >= 8192 {
			return nil, fmt.Errorf("cores %q: want a list such as 0-3,8", s)
		}
		for cpu := lo; cpu <= hi; cpu++ {
			if !slices.Contains(t.Allowed, cpu) {
				return nil, fmt.Errorf("cores %q: this process may not run on CPU %d (allowed: %v)", s, cpu, t.Allowed)
			}
			if slices.Contains(out, cpu) {
				return nil, fmt.Errorf("cores %q: CPU %d is named twice", s, cpu)
			}
			out = append(out, cpu)
		}
	}
	return out, nil
}
