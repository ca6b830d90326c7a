package backend

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
)

// traits are properties of a medium that may change while it is open: `blockdev --setro`, a write cache that is turned on, a
// file system that remounts itself read-only after an error. If a property cannot be read (a container without /sys), the
// conservative value is assumed: the write cache is volatile, and the medium may rotate.
type traits uint32

const (
	traitReadOnly  traits = 1 << iota // it cannot be written now
	traitVolatile                     // a volatile cache may hold written data
	traitRotating                     // it rotates, or may
	traitTrimFirst                    // a discard begins with BLKDISCARD, because writing zeroes may not deallocate
)

func (t *traits) set(bit traits, on bool) {
	*t &^= bit
	if on {
		*t |= bit
	}
}

// is reports whether the medium had t when its traits were last read.
func (d *disk) is(t traits) bool { return traits(d.traits.Load())&t != 0 }

// deviceTraits reads the traits of a block device. q is its queue directory in sysfs.
func deviceTraits(fd int, q queueDir, direct bool) (t traits) {
	readOnly, err := unix.IoctlGetInt(fd, unix.BLKROGET)
	t.set(traitReadOnly, err == nil && readOnly != 0)
	// The page cache is volatile, whatever cache the drive has.
	t.set(traitVolatile, !direct || q.text("write_cache") != "write through")
	t.set(traitRotating, q.number("rotational") != 0)
	t.set(traitTrimFirst, q.number("write_zeroes_unmap_max_bytes") <= 0)
	return t
}

// fileTraits reads the traits of a file's file system and of the device below it.
func fileTraits(fd int) (t traits) {
	var fs unix.Statfs_t
	t.set(traitReadOnly, unix.Fstatfs(fd, &fs) == nil && fs.Flags&unix.ST_RDONLY != 0)
	var st unix.Stat_t
	t.set(traitRotating, unix.Fstat(fd, &st) != nil || queueOf(st.Dev).number("rotational") != 0)
	return t | traitVolatile
}

// Look implements Backend.
func (d *disk) Look() (changed bool) {
	if !d.life.enter(helper) {
		return false
	}
	defer d.life.leave(helper)
	// The kernel may now accept what it refused before: a mapping has another device below, or a limit was raised.
	d.canPunch.Store(d.geom.Thin)
	d.canZero.Store(true)
	t := d.ask(d.fd)
	return traits(d.traits.Swap(uint32(t))) != t
}

// Look implements Backend.
func (m *Memory) Look() bool { return false }

// Look implements Backend.
func (b *Null) Look() bool { return false }

// traitsNow copies the current traits into g.
func (d *disk) traitsNow(g *lun.Geometry) {
	t := traits(d.traits.Load())
	g.ReadOnly = g.ReadOnly || t&traitReadOnly != 0
	g.Volatile = t&traitVolatile != 0
	g.Rotating = t&traitRotating != 0
}

// protected adds a note if a medium that should be writable is not.
func (d *disk) protected(name string) {
	if d.is(traitReadOnly) && !d.geom.ReadOnly {
		d.notes = append(d.notes, fmt.Sprintf("%s is write-protected by the kernel: it is served read-only for as long as that is so", name))
	}
}
