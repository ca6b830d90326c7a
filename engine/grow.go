package engine

import (
	"errors"

	"golang.org/x/sys/unix"
)

// A loop's arena grows while the loop works, and does not hold it up. A helper has the kernel find and clear the pages of a slab,
// which takes milliseconds. The loop then registers the slab with its ring, which finds all pages there: one slab a turn at the
// most. Requests for which no memory is ready wait in their initiators' lines (share.go), as when a share is used up.

// growth is what becomes of the next slab of an arena.
//
//	idle      -> preparing   next: little of the arena is ready and free
//	preparing -> idle        prepared
//	preparing -> failing     failed: there is no memory for it
//	failing   -> retrying    retry: growRetry later
//	retrying  -> idle        prepared
//	retrying  -> failing     failed
type growth uint8

const (
	idle growth = iota
	preparing
	failing
	retrying
)

// helpers is how many helpers work for the arena.
func (g growth) helpers() int {
	if g == preparing || g == retrying {
		return 1
	}
	return 0
}

// fails: there is no memory. Touching some would have the kernel end a process to find it.
func (g growth) fails() bool { return g == failing || g == retrying }

// grows tells whether there will soon be more of the arena that is ready.
func (a *arena) grows() bool { return a.ready < a.limit && !a.growth.fails() }

// short tells whether what is ready will soon be used up.
func (a *arena) short() bool { return a.ready < a.limit && a.ready*slabSize-a.inUse < growAhead }

// next begins to make the next slab ready.
func (a *arena) next() {
	if a.growth == idle && a.ready < a.limit {
		a.growth = preparing
		a.prepare(a.slab(a.ready))
	}
}

// prepared takes the slab that is ready into use, if it is not yet, and begins with the next if that is not enough.
func (a *arena) prepared() {
	a.growth = idle
	if a.slabs == a.ready {
		a.grow()
	}
	a.ready++
	if a.short() {
		a.next()
	}
}

func (a *arena) failed() { a.growth = failing }

func (a *arena) retry() {
	a.growth = retrying
	a.prepare(a.slab(a.ready))
}

// openArena makes the arena and an empty table for its slabs.
func (l *loop) openArena() (err error) {
	limit := l.engine.cfg.ArenaPerLoop
	if err := l.ring.RegisterSlabs((limit + slabSize - 1) / slabSize); err != nil {
		l.cannotRegister(err)
	}
	l.arena, err = newArena(limit, l.prepareSlab)
	return err
}

// prepareSlab has a helper find the pages of a slab.
func (l *loop) prepareSlab(mem []byte) {
	var err error
	l.Go(func() { err = l.engine.machine.populate(mem) }, func() { l.slabDone(err) })
}

// slabDone takes the slab into use. When there is no memory for it, the requests that wait for it go on waiting; other errors mean
// that its pages come as they are touched.
func (l *loop) slabDone(err error) {
	a, log := l.arena, l.engine.log
	if errors.Is(err, unix.ENOMEM) {
		if !a.growth.fails() {
			log.Warn("no memory for more I/O buffers: commands wait until there is", "loop", l.index, "buffers", a.ready*slabSize, "err", err)
		}
		a.failed()
		l.After(int64(growRetry), a.retry)
		l.released = true // to requests that need not leave anything for others now
		return
	}
	if a.growth.fails() {
		log.Info("there is memory for more I/O buffers again", "loop", l.index)
	}
	i := a.ready
	if !l.unregistered {
		if err := l.ring.SetSlab(i, a.slab(i)); err != nil {
			l.cannotRegister(err)
		} else {
			l.slabsRegistered = i + 1
		}
	}
	a.prepared()
	l.released = true // to the requests that wait for it
}

// cannotRegister: the arena is used without.
func (l *loop) cannotRegister(err error) {
	l.unregistered = true
	l.engine.noteUnregistered(err)
}
