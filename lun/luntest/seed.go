package luntest

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// SeedVariable names the environment variable that makes Seeds run one seed alone.
const SeedVariable = "RINGTGT_SEED"

// Seeds runs fn as a subtest for seeds 1..n and for a new random one. A failure prints the command that repeats it; with
// SeedVariable set only that seed runs.
func Seeds(t *testing.T, n int, fn func(t *testing.T, seed uint64)) {
	t.Helper()
	var seeds []uint64
	if v := os.Getenv(SeedVariable); v != "" {
		seed, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", SeedVariable, err)
		}
		seeds = append(seeds, seed)
	} else {
		for i := range n {
			seeds = append(seeds, uint64(i)+1)
		}
		seeds = append(seeds, uint64(time.Now().UnixNano()))
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("repeat with: %s=%d go test -count=1 -run '^%s$' .", SeedVariable, seed, parent(t.Name()))
				}
			})
			fn(t, seed)
		})
	}
}

// parent is the pattern of the test above the seed's subtest: the seed's own name differs from run to run.
func parent(name string) string {
	out := []byte{}
	last := 0
	for i := range len(name) {
		if name[i] == '/' {
			last = len(out)
			out = append(out, '$', '/', '^')
			continue
		}
		out = append(out, name[i])
	}
	if last > 0 {
		out = out[:last]
	}
	return string(out)
}
