package backend

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/lun"
)

// disk is the data path that a file and a block device share: one descriptor, and calls of the loop's Queue.
//
// A request is a sequence of calls. r.Scratch[0] is its step, r.Scratch[1] counts the retries of that step, and r.Moved is its
// progress. All state is in the request, so the backend needs no memory for it.
type disk struct {
	fd int
	// regular is set for a file, as opposed to a block device. Other processes can truncate a file, and a write beyond its end
	// extends it.
	regular bool
	geom    lun.Geometry // Blocks is derived from size
	size    atomic.Int64 // bytes, a multiple of the block size
	cut     cut          // the lost blocks
	// A transfer's offset and length must be multiples of align, and its memory's address of memAlign: the alignment that
	// O_DIRECT requires, otherwise 1.
	align, memAlign int64
	zeros           []byte              // zeroChunk zeroes off the Go heap, page-aligned
	ask             func(fd int) traits // reads the traits of the medium; may block
	traits          atomic.Uint32       // as last read
	canPunch        atomic.Bool         // fallocate(PUNCH_HOLE) has not been refused
	canZero         atomic.Bool         // fallocate(ZERO_RANGE) has not been refused
	notes           []string
	life            lifetime
	lost            func() // Spec.Lost
}

// Steps of OpDiscard and OpZero, in the order in which each falls back on the next.
const (
	stepTrim  = iota // BLKDISCARD: a hint that does not promise zeroes afterwards
	stepPunch        // fallocate(PUNCH_HOLE): deallocated where the medium can, and zero in any case
	stepZero         // fallocate(ZERO_RANGE): zero in any case
	stepFill         // zeroes are written
)

func (d *disk) init(fd int) error {
	zeros, err := unix.Mmap(-1, 0, zeroChunk, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	d.fd, d.zeros = fd, zeros
	d.traits.Store(uint32(d.ask(fd)))
	d.geom.Buffered = d.align == 1 // without O_DIRECT
	d.life.release = d.release
	d.cut.init(d.regular && !d.geom.ReadOnly, d.lost)
	d.canPunch.Store(d.geom.Thin)
	d.canZero.Store(true)
	return nil
}

func (d *disk) release() error {
	unix.Munmap(d.zeros)
	return unix.Close(d.fd)
}

// Geometry implements lun.Backend.
func (d *disk) Geometry() lun.Geometry {
	g := d.geom
	d.traitsNow(&g)
	g.Blocks = uint64(d.size.Load()) / uint64(g.BlockSize)
	return g
}

// Medium implements Located.
func (d *disk) Medium() (medium.Fingerprint, error) {
	if !d.life.enter(helper) {
		return medium.Fingerprint{}, lun.ErrGone
	}
	defer d.life.leave(helper)
	return medium.OfFD(d.fd)
}

// isStill compares the medium open as fd with s.Is: the path may have changed between inspection and opening.
func isStill(fd int, s Spec) error {
	if s.Is.IsZero() {
		return nil
	}
	seen, err := medium.OfFD(fd)
	if err != nil {
		return err
	}
	if why := medium.Differs(s.Is, seen); why != "" {
		return fmt.Errorf("%w than a moment ago: %s", ErrAnother, why)
	}
	return nil
}

// Notes implements Backend.
func (d *disk) Notes() []string { return d.notes }

// Sync implements Backend.
func (d *disk) Sync() error {
	if !d.life.enter(helper) {
		return lun.ErrGone
	}
	defer d.life.leave(helper)
	if d.geom.ReadOnly {
		return nil
	}
	for {
		switch err := unix.Fdatasync(d.fd); err {
		case nil:
			if d.cut.watched {
				d.look()
			}
			if d.cut.owed.CompareAndSwap(true, false) {
				return lun.ErrMedium // blocks were cut off, and that has not been reported yet: see synced
			}
			return nil
		case unix.EINTR:
		default:
			return failure(-int(err.(unix.Errno)))
		}
	}
}

// Close implements lun.Backend. The descriptor is closed, and the lock released, when the last request is done.
func (d *disk) Close() error { return d.life.close() }

// Submit implements lun.Backend.
func (d *disk) Submit(l lun.Loop, r *lun.Request) {
	i := l.Index()
	if !d.life.enter(i) {
		r.Done.RequestDone(r, lun.ErrGone)
		return
	}
	r.Moved, r.Scratch = 0, [2]uint64{}
	switch {
	case r.Kind == lun.OpSync:
		if d.geom.ReadOnly {
			d.finish(l, r, nil) // nothing can be dirty
			return
		}
	case !inside(r, d.size.Load()):
		d.finish(l, r, lun.ErrMedium)
		return
	case r.Kind != lun.OpRead && (d.geom.ReadOnly || d.is(traitReadOnly)):
		d.finish(l, r, lun.ErrReadOnly)
		return
	case r.Len == 0:
		d.finish(l, r, nil)
		return
	case r.Kind == lun.OpDiscard:
		r.Scratch[0] = d.firstStep(r)
	case r.Kind == lun.OpZero:
		r.Scratch[0] = stepZero
	case !d.aligned(r.Buf):
		d.bounce(l, r)
		return
	}
	d.start(l, r)
}

// firstStep returns the step with which r begins. A disk that is not thin only guarantees that a discarded range reads as zeroes.
func (d *disk) firstStep(r *lun.Request) uint64 {
	switch {
	case !d.geom.Thin:
		return stepZero
	case d.is(traitTrimFirst):
		return stepTrim
	}
	return stepPunch
}

// finish completes r; the backend does not use it afterwards.
func (d *disk) finish(l lun.Loop, r *lun.Request, err error) {
	d.life.leave(l.Index())
	r.Done.RequestDone(r, err)
}

// start makes the next call for r.
func (d *disk) start(l lun.Loop, r *lun.Request) {
	end := d.end(r)
	if r.Kind == lun.OpSync {
		if !d.synced(l, r) {
			return
		}
	} else {
		good, ok := d.there(l, r, end-r.Moved)
		if !ok {
			return
		}
		end = r.Moved + good
	}
	switch r.Kind {
	case lun.OpRead:
		l.PRead(d.fd, r.Buf[r.Moved:end], r.Off+r.Moved, d, r)
	case lun.OpWrite:
		l.PWrite(d.fd, r.Buf[r.Moved:end], r.Off+r.Moved, r.FUA, d, r)
	case lun.OpSync:
		l.FSync(d.fd, d, r)
	case lun.OpDiscard, lun.OpZero:
		d.startRange(l, r)
	default:
		d.finish(l, r, lun.ErrUnsupported)
	}
}

func (d *disk) startRange(l lun.Loop, r *lun.Request) {
	if r.Scratch[0] == stepPunch && !d.canPunch.Load() {
		r.Scratch[0] = stepZero
	}
	if r.Scratch[0] == stepZero && !d.canZero.Load() {
		r.Scratch[0] = stepFill
	}
	switch r.Scratch[0] {
	case stepTrim:
		l.Discard(d.fd, r.Off, r.Len, d, r)
	case stepPunch:
		l.FAllocate(d.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, r.Off, r.Len, d, r)
	case stepZero:
		l.FAllocate(d.fd, unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE, r.Off, r.Len, d, r)
	case stepFill:
		n := min(r.Len-r.Moved, zeroChunk)
		l.PWrite(d.fd, d.zeros[:n], r.Off+r.Moved, r.FUA, d, r)
	}
}

// QueueOp implements lun.OnQueue.
func (d *disk) QueueOp() lun.QueueOp { return d }

// QueueDone implements lun.QueueOp: a call for r has result n.
func (d *disk) QueueDone(l lun.Loop, r *lun.Request, n int) {
	transfer := r.Kind == lun.OpRead || r.Kind == lun.OpWrite ||
		(r.Kind == lun.OpDiscard || r.Kind == lun.OpZero) && r.Scratch[0] == stepFill
	switch {
	case n < 0:
		d.refused(l, r, n)
	case transfer:
		d.moved(l, r, int64(n))
	case r.Kind == lun.OpDiscard && r.Scratch[0] == stepTrim:
		// The device accepted the hint; the next step makes the range zero.
		r.Scratch[0], r.Scratch[1] = stepPunch, 0
		d.start(l, r)
	default:
		r.Moved = r.Len
		d.finish(l, r, nil)
	}
}

// moved continues after a transfer of n bytes, all or a part.
func (d *disk) moved(l lun.Loop, r *lun.Request, n int64) {
	if n == r.Len-r.Moved {
		r.Moved = r.Len
		d.finish(l, r, nil)
		return
	}
	// O_DIRECT can only continue at an aligned offset; bytes that a short transfer moved beyond it are moved again.
	unit := d.align
	if searches(r) {
		unit = int64(d.geom.BlockSize)
	}
	next := (r.Off+r.Moved+n)/unit*unit - r.Off
	if n == 0 && r.Kind == lun.OpRead { // end of file: it was truncated
		d.finish(l, r, d.behindEnd(r))
		return
	}
	if next <= r.Moved {
		d.again(l, r, lun.ErrMedium)
		return
	}
	r.Moved = next
	r.Scratch[1] &^= low32
	readOn(r)
	d.start(l, r)
}

// again repeats a step that had no effect, a bounded number of times.
func (d *disk) again(l lun.Loop, r *lun.Request, err error) {
	if r.Scratch[1]++; r.Scratch[1]&low32 > maxRetries {
		d.finish(l, r, err)
		return
	}
	d.start(l, r)
}

// refused continues after errno -n.
func (d *disk) refused(l lun.Loop, r *lun.Request, n int) {
	ranged := r.Kind == lun.OpDiscard || r.Kind == lun.OpZero
	switch e := unix.Errno(-n); {
	case e == unix.EINTR, (e == unix.EAGAIN || e == unix.ECANCELED) && r.Kind != lun.OpSync: // fdatasync reports an error once: see lun/flush.go
		d.again(l, r, failure(n))
	case ranged && r.Scratch[0] != stepFill && (e == unix.EOPNOTSUPP || e == unix.ENOSYS || e == unix.EINVAL):
		// fallocate(2) documents the first two for a medium that lacks the operation. EINVAL means a range below its granularity,
		// and does not mean that the next one fails.
		if e != unix.EINVAL {
			switch r.Scratch[0] {
			case stepPunch:
				d.canPunch.Store(false)
			case stepZero:
				d.canZero.Store(false)
			}
		}
		r.Scratch[0]++
		r.Scratch[1] = 0
		d.start(l, r)
	case e == unix.ENOSPC && !d.regular && r.Kind != lun.OpRead && r.Kind != lun.OpSync:
		// A block device returns this for a write beyond its end and for a write that its pool has no space for.
		if err := d.behindEnd(r); err != nil {
			d.finish(l, r, err)
			return
		}
		d.finish(l, r, failure(n))
	default:
		err := failure(n)
		if badBlock(r, err) {
			d.search(l, r, err)
			return
		}
		d.finish(l, r, err)
	}
}

// bounce executes r through aligned memory. A loop's arena buffers are always aligned; this is for callers that use other
// memory.
func (d *disk) bounce(l lun.Loop, r *lun.Request) {
	buf := l.Alloc(len(r.Buf))
	if buf == nil {
		d.finish(l, r, lun.ErrBusy)
		return
	}
	b := &bounced{owner: r, loop: l, Request: lun.Request{Kind: r.Kind, FUA: r.FUA, Off: r.Off, Len: r.Len, Buf: buf}}
	b.Done = b
	if r.Kind == lun.OpWrite {
		copy(buf, r.Buf)
	}
	d.start(l, &b.Request)
}

type bounced struct {
	lun.Request
	owner *lun.Request
	loop  lun.Loop
}

// RequestDone implements lun.Completion for the aligned request.
func (b *bounced) RequestDone(_ *lun.Request, err error) {
	r := b.owner
	if r.Kind == lun.OpRead {
		copy(r.Buf, b.Buf[:b.Moved])
	}
	r.Moved = b.Moved
	b.loop.Free(b.Buf)
	r.Done.RequestDone(r, err)
}
