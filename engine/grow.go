package engine

import (
	"errors"

	"golang.org/x/sys/unix"
)

// A loop's arena grows without delaying the loop. A helper thread makes the kernel allocate and clear the pages of a slab, which
// takes milliseconds. Then the loop registers the slab with its ring, at most one in a turn; by then all its pages are present.
// Requests for which no memory is ready wait in their initiators' lines (share.go), as they do when a share is used up.

// growth is the state of an arena's next slab.
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

// helpers returns the number of helper threads at work for the arena.
func (g growth) helpers() int {
	if g == preparing || g == retrying {
		return 1
	}
	return 0
}

// fails reports whether the kernel has run out of memory. Touching more pages would make it kill a process.
func (g growth) fails() bool { return g == failing || g == retrying }

// grows reports whether more of the arena may become ready soon.
func (a *arena) grows() bool { return a.ready < a.limit && !a.growth.fails() }

// short reports whether the ready memory is nearly used up.
func (a *arena) short() bool { return a.ready < a.limit && a.ready*slabSize-a.inUse < growAhead }

// next starts to prepare the next slab, unless one is being prepared.
func (a *arena) next() {
	if a.growth == idle && a.ready < a.limit {
		a.growth = preparing
		a.prepare(a.slab(a.ready))
	}
}

// prepared adds the slab that is now ready, unless it is in use already, and starts to prepare the next if that is not enough.
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

// openArena maps the arena and registers an empty table for its slabs.
func (l *loop) openArena() (err error) {
	limit := l.engine.cfg.ArenaPerLoop
	if err := l.ring.RegisterSlabs((limit + slabSize - 1) / slabSize); err != nil {
		l.cannotRegister(err)
	}
	l.arena, err = newArena(limit, l.prepareSlab)
	return err
}

// prepareSlab starts a helper that populates a slab.
func (l *loop) prepareSlab(mem []byte) {
	l.Go(&slabWork{l: l, mem: mem})
}

// slabWork makes the kernel allocate a slab's pages.
type slabWork struct {
	l   *loop
	mem []byte
	err error
}

// Do implements lun.Work.
func (w *slabWork) Do() { w.err = w.l.engine.machine.populate(w.mem) }

// Happen implements lun.Work.
func (w *slabWork) Happen() { w.l.slabDone(w.err) }

// slabRetry is the event that tries again after there was no memory.
type slabRetry struct{ a *arena }

// Happen implements lun.Event.
func (r slabRetry) Happen() { r.a.retry() }

// slabDone adds the slab. If the kernel has no memory for it, the requests that wait for it continue to wait. After any other error
// the slab is used nevertheless, and its pages are allocated when they are first touched.
func (l *loop) slabDone(err error) {
	a, log := l.arena, l.engine.log
	if errors.Is(err, unix.ENOMEM) {
		if !a.growth.fails() {
			log.Warn("no memory for more I/O buffers: commands wait until there is", "loop", l.index, "buffers", a.ready*slabSize, "err", err)
		}
		a.failed()
		l.After(int64(growRetry), slabRetry{a})
		l.released = true // growReserve does not apply now: some requests can be served
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
	l.released = true // requests may be waiting for it
}

// cannotRegister records that no more of the arena's slabs are registered as buffers.
func (l *loop) cannotRegister(err error) {
	l.unregistered = true
	l.engine.noteUnregistered(err)
}
