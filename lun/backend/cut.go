package backend

import (
	"math"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
)

// cut records the blocks that a file lost when it was truncated. A read notices by itself, since it reaches the end of the file. A
// write does not: the kernel extends the file again, with zeroes up to the write, and reports success. So writes check the
// file's size first, at most once in lookEvery: one system call a millisecond, not one for each command.
//
// Lost blocks stay lost while the file is open, even if it gets its old size back, with zeroes in place of data. The owner of
// the file saves the loss for later starts: told (Spec.Lost) is called at once.
type cut struct {
	watched bool         // others can truncate the file, and writes would extend it
	from    atomic.Int64 // the first lost byte; whole: none
	to      atomic.Int64 // the first byte after the lost ones
	looked  atomic.Int64 // time of the last check on the loops' clock
	owed    atomic.Bool  // no sync has reported it yet
	told    func()       // called for each new loss
}

// whole is the value of cut.from for a file that lost nothing.
const whole = math.MaxInt64

func (c *cut) init(watched bool, told func()) {
	c.watched, c.told = watched, told
	if told == nil {
		c.told = func() {}
	}
	c.from.Store(whole)
	c.looked.Store(math.MinInt64 / 2)
}

// lose records that a file of size bytes now ends at end.
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

// lost returns how many of the n bytes at off precede the first lost one; n if none is lost.
func (c *cut) lost(off, n int64) (good int64) {
	from := c.from.Load()
	if off+n <= from || off >= c.to.Load() {
		return n
	}
	return max(from-off, 0)
}

// lseek implements lseek(2) with SEEK_DATA and SEEK_HOLE, but treats lost blocks as data. The system call reports a hole after the
// end of a file, and an initiator would take the deallocated blocks for zeroes and never read them.
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

// due reports whether it is time to check again. All loops read the same clock, each at the start of its turn, so their times may
// differ by a turn.
func (c *cut) due(now int64) bool {
	age := now - c.looked.Load()
	return age >= lookEvery || age <= -lookEvery
}

// there returns how many of the next n bytes of r are on blocks that the medium still has; if that is 0, it has ended r. The part
// before a lost block is executed, because initiators assume that (see search.go). A discard or zeroing is all or nothing.
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
		err = lun.ErrBlock // the next block is the one in error (SBC-4 4.18.1)
	}
	d.finish(l, r, err)
	return 0, false
}

// synced reports whether a sync may succeed; if not, it has ended r. Acknowledged data that was cut off is not on the medium, so
// the first sync after the cut fails, and the unit reports that to every nexus (lun/loss.go).
func (d *disk) synced(l lun.Loop, r *lun.Request) bool {
	d.lookSometimes(l.Now())
	if d.cut.owed.Load() && d.cut.owed.CompareAndSwap(true, false) {
		d.finish(l, r, lun.ErrMedium)
		return false
	}
	return true
}

// lookSometimes checks the size if that is due. It stores the time after the check, so that a loop that sees the time sees the
// loss, too.
func (d *disk) lookSometimes(now int64) {
	if d.cut.watched && d.cut.due(now) {
		d.look()
		d.cut.looked.Store(now)
	}
}

// look compares the size that the kernel has in memory with the served one. It does not block: with AT_STATX_DONT_SYNC a network
// file system answers from its cache.
func (d *disk) look() {
	var st unix.Statx_t
	_, _, e := unix.RawSyscall6(unix.SYS_STATX, uintptr(d.fd), uintptr(unsafe.Pointer(&emptyPath)),
		unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_SIZE, uintptr(unsafe.Pointer(&st)), 0)
	if e == 0 && st.Mask&unix.STATX_SIZE != 0 {
		d.ends(int64(st.Size))
	}
}

var emptyPath [1]byte

// ends records where a file ends.
func (d *disk) ends(at int64) {
	if size := d.size.Load(); at < size {
		d.cut.lose(at/int64(d.geom.BlockSize)*int64(d.geom.BlockSize), size)
	}
}

// behindEnd returns the error of r, which reached the end of the medium at r.Off+r.Moved, or nil for a block device that does not
// end there. For a device nothing is recorded: it may come back with its data.
func (d *disk) behindEnd(r *lun.Request) error {
	if d.regular {
		d.ends(r.Off + r.Moved) // the end that the read met: the file may be longer again by now
		d.look()
		return lun.ErrMedium
	}
	switch size, err := deviceSize(d.fd); {
	case err != nil || size == 0: // a device without a medium has size 0
		return lun.ErrGone
	case r.Kind != lun.OpRead && r.Off+r.Len <= size:
		return nil
	}
	return lun.ErrMedium
}
