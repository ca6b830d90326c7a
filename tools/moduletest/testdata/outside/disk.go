package main

import (
	"sync"

	"github.com/ringtgt/ringtgt/lun"
)

const blockSize = 512

// disk keeps its blocks in a slice.
type disk struct {
	mu     sync.Mutex
	data   []byte
	closed bool
}

func (d *disk) Geometry() lun.Geometry {
	return lun.Geometry{Blocks: uint64(len(d.data) / blockSize), BlockSize: blockSize}
}

func (d *disk) Submit(_ lun.Loop, r *lun.Request) { r.Done.RequestDone(r, d.do(r)) }

func (d *disk) do(r *lun.Request) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return lun.ErrGone
	case r.Kind == lun.OpSync:
		return nil
	case r.Off < 0 || r.Len < 0 || r.Len > int64(len(d.data))-r.Off:
		return lun.ErrMedium
	}
	switch at := d.data[r.Off : r.Off+r.Len]; r.Kind {
	case lun.OpRead:
		copy(r.Buf, at)
	case lun.OpWrite:
		copy(at, r.Buf)
	case lun.OpZero, lun.OpDiscard:
		clear(at)
	default:
		return lun.ErrUnsupported
	}
	r.Moved = r.Len
	return nil
}

func (d *disk) Extents(dst []lun.Extent, lba uint64, max int) ([]lun.Extent, error) {
	blocks := d.Geometry().Blocks
	if max < 1 || lba >= blocks {
		return dst, nil
	}
	return append(dst, lun.Extent{LBA: lba, Blocks: blocks - lba, Mapped: true}), nil
}

func (d *disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return nil
}
