package backend

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

// TestBitmap: runs of a bitmap are those of a slice of bools with the same history.
func TestBitmap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []uint64{1, 63, 64, 65, 1000, 4096} {
		b := must.Get(newBitmap(n))(t)
		model := make([]bool, n)
		for range 300 {
			from := rng.Uint64N(n)
			to := from + 1 + rng.Uint64N(min(n-from, 1+rng.Uint64N(200)))
			on := rng.IntN(2) == 0
			if on {
				b.set(from, to)
			} else {
				b.reset(from, to)
			}
			for i := from; i < to; i++ {
				model[i] = on
			}
			start, most := rng.Uint64N(n), rng.IntN(5)
			var want []lun.Extent
			for at := start; at < n && len(want) < most; {
				end := at
				for end < n && model[end] == model[at] {
					end++
				}
				want = append(want, lun.Extent{LBA: at, Blocks: end - at, Mapped: model[at]})
				at = end
			}
			if got := b.extents(nil, start, most); !slices.Equal(got, want) {
				t.Fatalf("of %d bits, from %d at most %d: %v, want %v", n, start, most, got, want)
			}
		}
	}
}
