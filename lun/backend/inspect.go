package backend

import (
	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/lun"
)

// Condition is what Inspect found. The zero Condition means that nothing is wrong.
type Condition struct {
	// Place is the reason if the path no longer leads to the open medium: it was deleted, or something else is there.
	Place error
	// Lost is set if some or all of the unit's blocks from LostLBA on are gone.
	Lost    bool
	LostLBA uint64
	// Err is the reason if the medium could not be inspected.
	Err error
}

// Inspect implements Backend. No other process can change the memory.
func (m *Memory) Inspect() Condition { return Condition{} }

// Inspect implements Backend.
func (b *Null) Inspect() Condition { return Condition{} }

// Inspect implements Backend. Requests for blocks that it finds lost fail, too.
func (f *File) Inspect() (c Condition) {
	if !f.life.enter(helper) {
		return c
	}
	defer f.life.leave(helper)
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		c.Err = err
		return c
	}
	f.ends(st.Size)
	if from := f.cut.from.Load(); from != whole {
		c.Lost, c.LostLBA = true, uint64(from)/uint64(f.geom.BlockSize)
	}
	c.Place = medium.StillAt(f.fd, f.path)
	return c
}

// Inspect implements Backend.
func (b *Block) Inspect() (c Condition) {
	if !b.life.enter(helper) {
		return c
	}
	defer b.life.leave(helper)
	size, err := deviceSize(b.fd)
	if err == nil && size == 0 {
		err = lun.ErrGone
	}
	if err != nil {
		c.Err = err
	} else if size < b.size.Load() {
		c.Lost, c.LostLBA = true, uint64(size)/uint64(b.geom.BlockSize)
	}
	c.Place = medium.StillAt(b.fd, b.path)
	return c
}
