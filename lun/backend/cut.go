package backend

import (
	"math"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
)

// cut remembers which blocks a file lost when somebody made it shorter. A read finds out by itself: it meets the end of the
// file. A write does not: the kernel would make the file longer again, with zeroes between the old end and the write, and
// say that all is well. So a write looks at the file's size first, at most once in lookEvery: one system call in a
// millisecond at most, none for each command.
//
// What was lost stays lost while the file is open, also when the file gets its old size back: there are zeroes then where
// data was. Whoever opens it keeps that for the next time: told is called at once (Spec.Lost).
type cut struct {
	watched bool         // somebody else can make the file shorter, and writes would make it longer
	from    atomic.Int64 // the first byte that was lost; whole: none
	to      atomic.Int64 // the first byte behind them
	looked  atomic.Int64 // by the loops' clock
	owed    atomic.Bool  // no sync has failed for it yet
	told    func()       // of each new loss
}

// whole is cut.from of a file that lost nothing.
const whole = math.MaxInt64

func (c *cut) init(watched bool, told func()) {
	c.watched, c.told = watched, told
	if told == nil {
		c.told = func() {}
	}
	c.from.Store(whole)
	c.looked.Store(math.MinInt64 / 2)
}

// lose remembers that a file of size bytes ends at end now.
func (c *cut) lose(end, size int64) {
	for to := c.to.Load(); to < size && !c.to.CompareAndSwap(to, size); to = c.to.Load() {
	}
	for from := c.from.Load(); end < from; from = c.from.Load() {
		if c.from.CompareAndSwap(from, end) {
			c.owed.Store(true)
			c.told()
			return
		}
	}
}

// lost says how many of the n bytes at off come before the first one that was lost; n: none of them was.
func (c *cut) lost(off, n int64) (good int64) {
	from := c.from.Load()
	if off+n <= from || off >= c.to.Load() {
		return n
	}
	return max(from-off, 0)
}

// lseek is lseek(2) with SEEK_DATA and SEEK_HOLE, and lost blocks as data. lseek itself finds a hole behind the end of a file:
// whoever asks which blocks are deallocated would take them for zeroes, and never read them.
func (c *cut) lseek(lseek func(at int64, whence int) (int64, error)) func(int64, int) (int64, error) {
	from, to := c.from.Load(), c.to.Load()
	if from == whole {
		return lseek
	}
	return func(at int64, whence int) (int64, error) {
		if at < from {
			found, err := lseek(at, whence)
			if err == nil && found < from || err != nil && err != unix.ENXIO {
				return found, err
			}
			at = from
		}
		if at < to {
			if whence == unix.SEEK_DATA {
				return at, nil
			}
			at = to
		}
		return lseek(at, whence)
	}
}

// due reports whether it is time to look again. Loops read one clock, each at the start of its turn: they differ by a turn.
func (c *cut) due(now int64) bool {
	age := now - c.looked.Load()
	return age >= lookEvery || age <= -lookEvery
}

// there says how many of the next n bytes of r are on blocks that the medium still has. None: it has ended r. What comes before
// a lost block is carried out, for initiators take it for done (see search.go); but not of ranges, which are done in one go.
func (d *disk) there(l lun.Loop, r *lun.Request, n int64) (good int64, ok bool) {
	if r.Kind != lun.OpRead {
		d.lookSometimes(l.Now())
	}
	good = d.cut.lost(r.Off+r.Moved, n)
	if good == n {
		return n, true
	}
	bs := int64(d.geom.BlockSize)
	good = good / bs * bs
	transfer := r.Kind == lun.OpRead || r.Kind == lun.OpWrite
	if good > 0 && transfer {
		return good, true
	}
	r.Moved += good
	err := lun.ErrMedium
	if transfer {
		err = lun.ErrBlock // the block in error is the one behind (SBC-4 4.18.1)
	}
	d.finish(l, r, err)
	return 0, false
}

// synced says whether a sync may say that everything is on the medium. What was acknowledged and cut off is not: the first
// sync after the cut fails, and the unit tells every nexus (lun/loss.go); if not, it has ended r.
func (d *disk) synced(l lun.Loop, r *lun.Request) bool {
	d.lookSometimes(l.Now())
	if d.cut.owed.Load() && d.cut.owed.CompareAndSwap(true, false) {
		d.finish(l, r, lun.ErrMedium)
		return false
	}
	return true
}

// lookSometimes looks when it is time to. That it was is noted afterwards: a loop that finds it noted finds what was lost too.
func (d *disk) lookSometimes(now int64) {
	if d.cut.watched && d.cut.due(now) {
		d.look()
		d.cut.looked.Store(now)
	}
}

// look compares the size that the kernel has in memory with the one that is served. It does not block: with
// AT_STATX_DONT_SYNC a network filesystem answers from what it knows.
func (d *disk) look() {
	var st unix.Statx_t
	_, _, e := unix.RawSyscall6(unix.SYS_STATX, uintptr(d.fd), uintptr(unsafe.Pointer(&emptyPath)),
		unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_SIZE, uintptr(unsafe.Pointer(&st)), 0)
	if e == 0 && st.Mask&unix.STATX_SIZE != 0 {
		d.ends(int64(st.Size))
	}
}

var emptyPath [1]byte

// ends records where a file was found to end.
func (d *disk) ends(at int64) {
	if size := d.size.Load(); at < size {
		d.cut.lose(at/int64(d.geom.BlockSize)*int64(d.geom.BlockSize), size)
	}
}

// behindEnd is the error of r, which met the end of the medium at r.Off+r.Moved; nil for a block device that does not end
// there. Of a device nothing is remembered: it may come back with what it had.
func (d *disk) behindEnd(r *lun.Request) error {
	if d.regular {
		d.ends(r.Off + r.Moved) // as the read found it: it may be longer again by now
		d.look()
		return lun.ErrMedium
	}
	switch size, err := deviceSize(d.fd); {
	case err != nil || size == 0: // without a medium a device has no size
		return lun.ErrGone
	case r.Kind != lun.OpRead && r.Off+r.Len <= size:
		return nil
	}
	return lun.ErrMedium
}
