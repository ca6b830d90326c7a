package backend

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
)

// Block is a block device, opened exclusively (O_EXCL refuses a device that is mounted or part of an array).
type Block struct {
	disk
	path string
}

var _ Backend = (*Block)(nil)

// OpenBlock opens the device of s.
func OpenBlock(s Spec) (*Block, error) {
	var st unix.Stat_t
	if err := unix.Stat(s.Path, &st); err != nil {
		return nil, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
	case unix.S_IFREG:
		return nil, errors.New("is a regular file: use file:" + s.Path)
	default:
		return nil, errors.New("is not a block device")
	}
	b := &Block{path: s.Path}
	flags := unix.O_RDWR | unix.O_EXCL
	if s.ReadOnly {
		flags = unix.O_RDONLY | unix.O_EXCL
	}
	blockSize := func(fd int) (int64, error) {
		logical, err := unix.IoctlGetInt(fd, unix.BLKSSZGET)
		if err != nil {
			return 0, fmt.Errorf("BLKSSZGET: %w", err)
		}
		bs := int64(s.BlockSize)
		if bs == 0 {
			bs = int64(logical)
		}
		if bs < int64(logical) {
			return 0, fmt.Errorf("has logical blocks of %d bytes, and bs=%d is smaller", logical, bs)
		}
		if bs != 512 && bs != 4096 {
			return 0, fmt.Errorf("has logical blocks of %d bytes; 512 and 4096 can be served", logical)
		}
		return bs, nil
	}
	fd, why, err := b.openDirect(s.Path, flags, s.Direct, blockSize)
	switch {
	case err == unix.EBUSY:
		return nil, inUse{func() string { return deviceHolder(uint64(st.Rdev)) }}
	case err != nil:
		return nil, err
	}
	if why != "" {
		b.notes = append(b.notes, fmt.Sprintf("block:%s is served through the page cache: %s", s.Path, why))
	}
	bs, err := blockSize(fd)
	if err == nil {
		err = isStill(fd, s)
	}
	if err == nil {
		direct := s.Direct != DirectOff && why == ""
		b.ask = func(fd int) traits { return deviceTraits(fd, queueOf(uint64(st.Rdev)), direct) }
		err = b.open(fd, s, uint32(bs), queueOf(uint64(st.Rdev)))
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return b, nil
}

func (b *Block) open(fd int, s Spec, bs uint32, q queueDir) error {
	phys, err := unix.IoctlGetInt(fd, unix.BLKPBSZGET)
	if err != nil {
		return fmt.Errorf("BLKPBSZGET: %w", err)
	}
	b.geom = lun.Geometry{
		BlockSize: bs,
		ReadOnly:  s.ReadOnly,
	}
	if ratio := uint32(phys) / bs; ratio > 1 {
		b.geom.PhysShift = uint8(min(bits.Len32(ratio)-1, 15)) // READ CAPACITY(16) has four bits for it
	}
	size, err := deviceSize(fd)
	if err != nil {
		return err
	}
	if b.setSize(size) == 0 {
		return errors.New("has no medium, or no whole block")
	}
	if s.Thin {
		if err := b.thin(q); err != nil {
			return err
		}
	}
	if err := b.init(fd); err != nil {
		return err
	}
	b.protected("block:" + s.Path)
	return nil
}

// thin decides how to discard. BLKDISCARD does not guarantee zeroes afterwards, but LBPRZ does: the device must support
// write zeroes as well. If write zeroes also deallocates (Linux 6.17 reports that), nothing else is needed.
func (b *Block) thin(q queueDir) error {
	discard, zeroes := q.number("discard_max_bytes"), q.number("write_zeroes_max_bytes")
	switch {
	case discard < 0 || zeroes < 0 && discard > 0:
		return errors.New("thin: what the device can discard cannot be read: is /sys mounted here?")
	case discard == 0:
		return errors.New("thin: the device has no discard")
	case zeroes <= 0:
		return errors.New("thin: the device has discard, but no write zeroes, and cannot promise that a discarded block reads as zeroes")
	}
	b.geom.Thin = true
	b.notes = append(b.notes, fmt.Sprintf("block:%s does not tell which blocks are allocated: GET LBA STATUS says all are mapped", b.path))
	return nil
}

func deviceSize(fd int) (int64, error) {
	var n uint64
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.BLKGETSIZE64, uintptr(unsafe.Pointer(&n))); e != 0 {
		return 0, fmt.Errorf("BLKGETSIZE64: %w", e)
	}
	return int64(min(n, maxSize)), nil
}

// Extents implements lun.Backend.
func (b *Block) Extents(dst []lun.Extent, lba uint64, max int) ([]lun.Extent, error) {
	return wholly(dst, lba, uint64(b.size.Load())/uint64(b.geom.BlockSize), max), nil
}

// Refresh implements Backend.
func (b *Block) Refresh() (changed bool, err error) {
	if !b.life.enter(helper) {
		return false, lun.ErrGone
	}
	defer b.life.leave(helper)
	size, err := deviceSize(b.fd)
	if err != nil {
		return false, err
	}
	before := b.size.Load()
	return b.setSize(size) != before, nil
}

// queueDir is a block device's queue folder in sysfs, "" if it was not found.
type queueDir string

// queueOf finds it. A partition has the queue of its disk.
func queueOf(rdev uint64) queueDir {
	dev := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(rdev), unix.Minor(rdev))
	if _, err := os.Stat(filepath.Join(dev, "partition")); err == nil {
		if dev, err = filepath.EvalSymlinks(dev); err != nil {
			return ""
		}
		dev = filepath.Dir(dev)
	}
	return queueDir(filepath.Join(dev, "queue"))
}

// text returns an attribute, "" if the kernel does not have it.
func (q queueDir) text(name string) string {
	if q == "" {
		return ""
	}
	b, err := os.ReadFile(filepath.Join(string(q), name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// number returns a numeric attribute, -1 if the kernel does not have it.
func (q queueDir) number(name string) int64 {
	n, err := strconv.ParseInt(q.text(name), 10, 64)
	if err != nil {
		return -1
	}
	return n
}
