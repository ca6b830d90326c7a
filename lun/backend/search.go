package backend

import (
	"errors"

	"github.com/ringtgt/ringtgt/lun"
)

// A failed direct read of several blocks does not reveal which block is bad, and the INFORMATION field must name the first one
// or be invalid (SBC-4 4.18.1). So the read is repeated in halves until one block is left, within bounds: on a real disk each
// read of a bad block takes seconds.
//
// Writes are not repeated in parts. Initiators treat the blocks before the one in INFORMATION as written (Linux:
// sd_completed_bytes), so a failed write names a block only if the blocks before it were written.
//
// During a search, [r.Moved, low half of r.Scratch[0]) is the range that is known to fail. The high half of r.Scratch[0] is the
// time the search began, in milliseconds, and the high half of r.Scratch[1] counts its steps.

const low32 = 1<<32 - 1

// end returns where the current transfer of r ends, relative to r.Off.
func (d *disk) end(r *lun.Request) int64 {
	bad := int64(r.Scratch[0] & low32)
	if bad == 0 || r.Kind != lun.OpRead {
		return r.Len
	}
	bs := int64(d.geom.BlockSize)
	return r.Moved + ((bad-r.Moved)/bs+1)/2*bs
}

// searches reports whether r is searching for its bad block.
func searches(r *lun.Request) bool { return r.Kind == lun.OpRead && r.Scratch[0] != 0 }

// search continues after a read for r failed with err.
func (d *disk) search(l lun.Loop, r *lun.Request, err *ioError) {
	bs, now := int64(d.geom.BlockSize), uint64(l.Now()/1e6)&low32
	bad := d.end(r)
	if !searches(r) {
		r.Moved = r.Moved / bs * bs
		r.Scratch[0] = now << 32
	}
	r.Scratch[0] = r.Scratch[0]&^low32 | uint64(bad)
	if bad-r.Moved <= bs {
		d.finish(l, r, &ioError{errno: err.errno, kind: lun.ErrBlock})
		return
	}
	r.Scratch[1] += 1 << 32
	if r.Scratch[1]>>32 > maxSearch || (now-r.Scratch[0]>>32)&low32 > searchFor {
		d.finish(l, r, err)
		return
	}
	r.Scratch[1] &^= low32
	d.start(l, r)
}

// readOn ends a search once the whole range that failed has been read successfully in parts.
func readOn(r *lun.Request) {
	if searches(r) && r.Moved >= int64(r.Scratch[0]&low32) {
		r.Scratch[0] = 0 // the error was transient
	}
}

// badBlock reports whether err calls for a search: r is a read, and the medium failed.
func badBlock(r *lun.Request, err *ioError) bool {
	return r.Kind == lun.OpRead && r.Len <= low32 && errors.Is(err, lun.ErrMedium)
}
