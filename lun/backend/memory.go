package backend

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
)

// Memory keeps blocks in anonymous memory, whose pages are allocated when they are written. It is lun.Mapped: reads are sent
// directly from it. Nothing survives the process.
//
// If it is thin, it records for each block whether it was written since it was last discarded. A discard frees whole pages; in
// a page that it covers partly it clears its blocks, and the page stays allocated until a discard covers it completely.
type Memory struct {
	mem   []byte
	geom  lun.Geometry
	bits  bitmap // thin only
	notes []string
	life  lifetime
}

var _ interface {
	Backend
	lun.Mapped
} = (*Memory)(nil)

// NewMemory makes a memory backend of s.Size zeroes.
func NewMemory(s Spec) (*Memory, error) {
	mem, err := unix.Mmap(-1, 0, int(s.Size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("mmap of %d bytes: %w", s.Size, err)
	}
	m := &Memory{mem: mem, geom: lun.Geometry{
		Blocks: uint64(s.Size) / uint64(s.BlockSize), BlockSize: s.BlockSize, ReadOnly: s.ReadOnly, Thin: s.Thin,
		AtomicBlocks: lun.MaxTransfer / s.BlockSize, // a power loss leaves nothing that could be half written
	}}
	m.life.release = m.release
	if s.Thin {
		if m.bits, err = newBitmap(m.geom.Blocks); err != nil {
			unix.Munmap(mem)
			return nil, fmt.Errorf("mmap of the allocation bitmap: %w", err)
		}
		// Huge pages would make a thin unit take 2 MiB for each block written, and keep it until all of it is discarded.
		unix.Madvise(mem, unix.MADV_NOHUGEPAGE)
	} else {
		unix.Madvise(mem, unix.MADV_HUGEPAGE)
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		if ram := uint64(info.Totalram) * uint64(info.Unit); uint64(s.Size) > ram {
			m.notes = append(m.notes, fmt.Sprintf("mem:%d is larger than this machine's memory, %d bytes: writing it full will end in the out-of-memory killer", s.Size, ram))
		}
	}
	return m, nil
}

// Geometry implements lun.Backend.
func (m *Memory) Geometry() lun.Geometry { return m.geom }

// Notes implements Backend.
func (m *Memory) Notes() []string { return m.notes }

// Sync implements Backend. Memory needs no flush.
func (m *Memory) Sync() error { return nil }

// Refresh implements Backend: memory keeps its size.
func (m *Memory) Refresh() (bool, error) { return false, nil }

// Bytes implements lun.Mapped.
func (m *Memory) Bytes(off int64, n int) []byte { return m.mem[off : off+int64(n) : off+int64(n)] }

// Memory implements lun.Mapped.
func (m *Memory) Memory() []byte { return m.mem }

// Submit implements lun.Backend. Reads, writes and small ranges complete before it returns.
func (m *Memory) Submit(l lun.Loop, r *lun.Request) {
	i := l.Index()
	if !m.life.enter(i) {
		r.Done.RequestDone(r, lun.ErrGone)
		return
	}
	err := m.admit(r)
	if err == nil && (r.Kind == lun.OpDiscard || r.Kind == lun.OpZero) && r.Len > inlineZero {
		l.Go(&memoryWork{m: m, r: r, loop: i})
		return
	}
	if err == nil {
		err = m.do(r)
	}
	m.finish(i, r, err)
}

// memoryWork is a request that takes long.
type memoryWork struct {
	m    *Memory
	r    *lun.Request
	loop int
	err  error
}

// Do implements lun.Work.
func (w *memoryWork) Do() { w.err = w.m.do(w.r) }

// Happen implements lun.Work.
func (w *memoryWork) Happen() { w.m.finish(w.loop, w.r, w.err) }

func (m *Memory) finish(i int, r *lun.Request, err error) {
	m.life.leave(i)
	r.Done.RequestDone(r, err)
}

func (m *Memory) admit(r *lun.Request) error {
	switch {
	case r.Kind == lun.OpSync:
		return nil
	case !inside(r, int64(len(m.mem))):
		return lun.ErrMedium
	case m.geom.ReadOnly && r.Kind != lun.OpRead:
		return lun.ErrReadOnly
	}
	return nil
}

// do carries out r. A write copies first and marks the blocks as allocated afterwards; a discard marks them as not allocated
// first and clears them afterwards. So however two overlapping requests interleave, a block that is reported as deallocated
// reads as zeroes.
func (m *Memory) do(r *lun.Request) error {
	bs := uint64(m.geom.BlockSize)
	first, end := uint64(r.Off)/bs, uint64(r.Off+r.Len)/bs
	switch r.Kind {
	case lun.OpRead:
		copy(r.Buf, m.mem[r.Off:r.Off+r.Len])
	case lun.OpWrite:
		copy(m.mem[r.Off:r.Off+r.Len], r.Buf)
		if m.geom.Thin {
			m.bits.set(first, end)
		}
	case lun.OpZero:
		m.clear(r.Off, r.Len)
		if m.geom.Thin {
			m.bits.set(first, end)
		}
	case lun.OpDiscard:
		if m.geom.Thin {
			m.bits.reset(first, end)
		}
		m.clear(r.Off, r.Len)
	case lun.OpSync:
		return nil
	default:
		return lun.ErrUnsupported
	}
	r.Moved = r.Len
	return nil
}

// clear makes n bytes at off zero: whole pages by freeing them, the rest by writing.
func (m *Memory) clear(off, n int64) {
	page := int64(os.Getpagesize())
	from, to := (off+page-1)/page*page, (off+n)/page*page
	if from >= to {
		clear(m.mem[off : off+n])
		return
	}
	clear(m.mem[off:from])
	clear(m.mem[to : off+n])
	if unix.Madvise(m.mem[from:to], unix.MADV_DONTNEED) != nil {
		clear(m.mem[from:to]) // locked memory (mlockall) cannot be given back
	}
}

// Extents implements lun.Backend.
func (m *Memory) Extents(dst []lun.Extent, lba uint64, max int) ([]lun.Extent, error) {
	if !m.geom.Thin {
		return wholly(dst, lba, m.geom.Blocks, max), nil
	}
	if !m.life.enter(helper) {
		return dst, lun.ErrGone
	}
	defer m.life.leave(helper)
	return m.bits.extents(dst, lba, max), nil
}

// wholly returns the extents of a medium on which every block is allocated.
func wholly(dst []lun.Extent, lba, blocks uint64, max int) []lun.Extent {
	if lba < blocks && max > 0 {
		dst = append(dst, lun.Extent{LBA: lba, Blocks: blocks - lba, Mapped: true})
	}
	return dst
}

// Close implements lun.Backend. The memory is freed when the last request is done. Its address range stays reserved, so that
// a send that is still in flight reads zeroes and never memory that was mapped there later.
func (m *Memory) Close() error { return m.life.close() }

func (m *Memory) release() error {
	if m.bits.mem != nil {
		unix.Munmap(m.bits.mem)
		m.bits = bitmap{}
	}
	return unix.Madvise(m.mem, unix.MADV_DONTNEED)
}
