package backend

import (
	"errors"

	"github.com/ringtgt/ringtgt/lun"
)

// A direct read of several blocks that fails does not say which of them is bad, and the INFORMATION field must name the
// first one or nothing (SBC-4 4.18.1). So the read is repeated in halves until one block is left, within bounds: a bad block
// of a real disk takes seconds each time it is tried.
//
// Writes are not repeated in parts. Initiators take the blocks before the one that INFORMATION names for written (Linux:
// sd_completed_bytes), so for a write it is named only when the blocks before it really were.
//
// While a read searches, the low half of r.Scratch[0] is where the range that is known to fail ends, and the high half when
// the search began, in milliseconds; the high half of r.Scratch[1] counts the steps. r.Moved is where the range begins.

const low32 = 1<<32 - 1

// end is where the transfer under way for r ends, from r.Off on.
func (d *disk) end(r *lun.Request) int64 {
	bad := int64(r.Scratch[0] & low32)
	if bad == 0 || r.Kind != lun.OpRead {
		return r.Len
	}
	bs := int64(d.geom.BlockSize)
	return r.Moved + ((bad-r.Moved)/bs+1)/2*bs
}

// searches says whether r looks for the block that makes it fail.
func searches(r *lun.Request) bool { return r.Kind == lun.OpRead && r.Scratch[0] != 0 }

// search goes on after the read under way failed with err.
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

// readOn goes on after a part of a search could be read.
func readOn(r *lun.Request) {
	if searches(r) && r.Moved >= int64(r.Scratch[0]&low32) {
		r.Scratch[0] = 0 // what failed as a whole could be read in parts: it has passed
	}
}

// badBlock is err when r can search for the block behind it: a failed read of a medium.
func badBlock(r *lun.Request, err *ioError) bool {
	return r.Kind == lun.OpRead && r.Len <= low32 && errors.Is(err, lun.ErrMedium)
}
