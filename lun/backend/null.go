package backend

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
)

// Null discards writes and reads as zeroes, to measure the cost of a command without a medium.
type Null struct {
	geom  lun.Geometry
	zeros []byte // nullRegion bytes, never written: the kernel backs all of it with one page
}

var _ interface {
	Backend
	lun.Mapped
} = (*Null)(nil)

// NewNull makes a null backend of s.Size bytes.
func NewNull(s Spec) (*Null, error) {
	zeros, err := unix.Mmap(-1, 0, nullRegion, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	return &Null{zeros: zeros, geom: lun.Geometry{
		Blocks: uint64(s.Size) / uint64(s.BlockSize), BlockSize: s.BlockSize, ReadOnly: s.ReadOnly, Thin: s.Thin,
		AtomicBlocks: lun.MaxTransfer / s.BlockSize, // a power loss leaves nothing that could be half written
	}}, nil
}

// Geometry implements lun.Backend.
func (b *Null) Geometry() lun.Geometry { return b.geom }

// Notes implements Backend.
func (b *Null) Notes() []string { return []string{"null keeps nothing: what is written is lost"} }

// Sync implements Backend.
func (b *Null) Sync() error { return nil }

// Refresh implements Backend.
func (b *Null) Refresh() (bool, error) { return false, nil }

// Bytes implements lun.Mapped. n is at most lun.MaxTransfer.
func (b *Null) Bytes(_ int64, n int) []byte { return b.zeros[:n:n] }

// Memory implements lun.Mapped.
func (b *Null) Memory() []byte { return b.zeros }

// Submit implements lun.Backend. The request completes before Submit returns.
func (b *Null) Submit(_ lun.Loop, r *lun.Request) {
	switch {
	case r.Kind != lun.OpSync && !inside(r, int64(b.geom.Blocks)*int64(b.geom.BlockSize)):
		r.Done.RequestDone(r, lun.ErrMedium)
		return
	case r.Kind == lun.OpRead:
		clear(r.Buf)
	case r.Kind != lun.OpSync && b.geom.ReadOnly:
		r.Done.RequestDone(r, lun.ErrReadOnly)
		return
	}
	r.Moved = r.Len
	r.Done.RequestDone(r, nil)
}

// Extents implements lun.Backend: a thin one never has anything allocated.
func (b *Null) Extents(dst []lun.Extent, lba uint64, max int) ([]lun.Extent, error) {
	n := len(dst)
	dst = wholly(dst, lba, b.geom.Blocks, max)
	if len(dst) > n {
		dst[n].Mapped = !b.geom.Thin
	}
	return dst, nil
}

// Close implements lun.Backend. The zeroes stay: a send may still be in flight.
func (b *Null) Close() error { return nil }
