package backend

import (
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

// TestExtentsOfSmallHoles: on a filesystem whose blocks are smaller than the unit's, a block that is data in part is
// mapped, however small the holes beside it.
func TestExtentsOfSmallHoles(t *testing.T) {
	const bs, part, blocks = 4096, 512, 40
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		parts := make([]bool, blocks*bs/part) // which parts are data
		for i := range parts {
			parts[i] = rng.IntN(8) == 0
			if i > 0 && rng.IntN(3) != 0 {
				parts[i] = parts[i-1]
			}
		}
		s := seeker{bs: bs, size: blocks * bs, lseek: func(at int64, whence int) (int64, error) {
			for i := at / part; i < int64(len(parts)); i++ {
				if parts[i] == (whence == unix.SEEK_DATA) {
					return max(at, i*part), nil
				}
			}
			if whence == unix.SEEK_DATA {
				return 0, unix.ENXIO
			}
			return blocks * bs, nil
		}}
		from := rng.Uint64N(blocks)
		var want []lun.Extent
		for b := from; b < blocks; b++ {
			mapped := slices.Contains(parts[b*bs/part:(b+1)*bs/part], true)
			if n := len(want); n > 0 && want[n-1].Mapped == mapped {
				want[n-1].Blocks++
				continue
			}
			want = append(want, lun.Extent{LBA: b, Blocks: 1, Mapped: mapped})
		}
		got, err := s.extents(nil, from, 100)
		must.Be(t, err == nil && slices.Equal(got, want), "from block %d: %v, %v, want %v", from, got, err, want)
	}
	s := seeker{bs: bs, size: bs, lseek: func(int64, int) (int64, error) { return 0, unix.EIO }}
	if _, err := s.extents(nil, 0, 1); err == nil || !slices.Contains(err.(*ioError).Unwrap(), error(lun.ErrMedium)) {
		t.Errorf("after EIO: %v, want ErrMedium", err)
	}
}
