package backend

import (
	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
)

// Extents implements lun.Backend with the data and holes that lseek(2) reports. A block that is partly data is mapped.
func (f *File) Extents(dst []lun.Extent, lba uint64, max int) ([]lun.Extent, error) {
	size, bs := f.size.Load(), int64(f.geom.BlockSize)
	blocks := uint64(size / bs)
	if !f.geom.Thin {
		return wholly(dst, lba, blocks, max), nil
	}
	if !f.life.enter(helper) {
		return dst, lun.ErrGone
	}
	defer f.life.leave(helper)
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return dst, failure(-int(err.(unix.Errno)))
	}
	f.ends(st.Size)
	lseek := func(at int64, whence int) (int64, error) { return unix.Seek(f.fd, at, whence) }
	s := seeker{bs: bs, size: size, lseek: f.cut.lseek(lseek)}
	return s.extents(dst, lba, max)
}

// seeker finds data and holes by whole blocks. Its answers are multiples of bs; after an error they are the end.
type seeker struct {
	lseek    func(at int64, whence int) (int64, error)
	bs, size int64
	err      error
}

func (s *seeker) extents(dst []lun.Extent, lba uint64, max int) ([]lun.Extent, error) {
	bs := s.bs
	for blocks := uint64(s.size / bs); max > 0 && lba < blocks && s.err == nil; max-- {
		at := int64(lba) * bs
		mapped, end := false, s.data(at)
		if end == at {
			mapped, end = true, s.mappedEnd(at)
		}
		n := uint64(end-at) / uint64(bs)
		dst = append(dst, lun.Extent{LBA: lba, Blocks: n, Mapped: mapped})
		lba += n
	}
	return dst, s.err
}

// data returns the start of the first block from at (a block's start) on that has any data.
func (s *seeker) data(at int64) int64 {
	d := s.seek(at, unix.SEEK_DATA)
	return max(d/s.bs*s.bs, at)
}

// mappedEnd returns the start of the first block after at without data; the block at at has some.
func (s *seeker) mappedEnd(at int64) int64 {
	for at < s.size {
		hole := s.seek(max(s.seek(at, unix.SEEK_DATA), at), unix.SEEK_HOLE)
		end := min((hole+s.bs-1)/s.bs*s.bs, s.size)
		if end >= s.size || s.data(end) > end {
			return end
		}
		at = end // the hole was smaller than a block, or ended in one
	}
	return s.size
}

// seek is lseek(2), but returns the end of the file where that finds nothing.
func (s *seeker) seek(at int64, whence int) int64 {
	if s.err != nil || at >= s.size {
		return s.size
	}
	to, err := s.lseek(at, whence)
	switch err {
	case nil:
		return min(to, s.size)
	case unix.ENXIO:
		return s.size
	}
	s.err = failure(-int(err.(unix.Errno)))
	return s.size
}
