package main

import (
	"sync"

	"github.com/ringtgt/ringtgt/tools/kerneltest/power"
)

// fillSource writes the unit's source region.
func (w *writer) fillSource(u *unit) error {
	return w.do(u, change{"WRITE FUA", regionSource.first, regionSource.blocks})
}

// sanitize wipes the unit.
func (w *writer) sanitize(u *unit) error {
	kind := "SANITIZE BLOCK ERASE"
	if u.lun == 0 { // a fully provisioned unit has no block erase
		kind = "SANITIZE OVERWRITE"
	}
	return w.do(u, change{kind, 0, power.Blocks})
}

// The commands that a round's bursts draw from.
var (
	cachedKinds  = []string{"WRITE", "WRITE", "COMPARE AND WRITE", "WRITE SAME", "WRITE SAME ZERO"}
	thinKinds    = []string{"UNMAP", "WRITE SAME UNMAP"}
	durableKinds = []string{"WRITE FUA", "WRITE FUA", "WRITE AND VERIFY", "COMPARE AND WRITE FUA"}
	throughKinds = []string{"WRITE", "WRITE", "COMPARE AND WRITE", "WRITE SAME", "WRITE SAME ZERO"}
)

func (w *writer) round(u *unit) error {
	cached, through := cachedKinds, throughKinds
	if u.lun > 0 { // the files are thin
		cached, through = append(cached[:len(cached):len(cached)], thinKinds...), append(through[:len(through):len(through)], thinKinds...)
	}
	steps := []func() error{
		func() error { return w.burst(u, durableKinds, regionDurable) },
		func() error { return w.burst(u, cached, regionCached) },
		func() error { return w.sync(u) },
		func() error { return w.reserve(u) },
		func() error { return w.copyTo(u) },
		func() error { return w.burst(u, cached, regionCached) },
		func() error { return w.burst(u, durableKinds, regionDurable) },
		func() error { return w.do(u, u.change("WRITE", regionCached, 0, 128)) },
		func() error { return w.sync(u) },
		func() error { return w.reserve(u) },
		func() error { return w.burst(u, cached, regionCached) },
		func() error { return w.readThrough(u) },
		func() error { return w.burst(u, cached, regionCached) },
		func() error { return w.startStop(u) },
		func() error { return w.copyTo(u) },
		func() error { return w.burst(u, cached, regionCached) },
		func() error { return w.setCache(u, false) },
		func() error { return w.burst(u, through, regionCached) },
		func() error { return w.copyTo(u) },
		func() error { return w.burst(u, through, regionDurable) },
		func() error { return w.reserve(u) },
		func() error { return w.burst(u, through, regionCached) },
		func() error { return w.setCache(u, true) },
		func() error { return w.reserve(u) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// burst runs up to three commands at a time.
func (w *writer) burst(u *unit, kinds []string, r region) error {
	n := 1 + u.rng.IntN(3)
	errs := make([]error, n)
	var all sync.WaitGroup
	for part := range n {
		c := u.change(kinds[u.rng.IntN(len(kinds))], r, part, 24)
		all.Go(func() { errs[part] = w.do(u, c) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// sync sends a SYNCHRONIZE CACHE(16) for all blocks.
func (w *writer) sync(u *unit) error {
	return w.promise(u, power.Event{Op: power.OpSync, Kind: "SYNCHRONIZE CACHE"}, func() error {
		_, err := send(w.ctx, w.a, u.lun, cdb16(0x91, 0, 0, 0), nil, nil)
		return err
	})
}

// readThrough sends a READ(16) with FUA: the blocks it returns are on the medium.
func (w *writer) readThrough(u *unit) error {
	r := regionCached
	return w.promise(u, power.Event{Op: power.OpSync, Kind: "READ FUA", LBA: r.first, Blocks: r.blocks}, func() error {
		_, err := send(w.ctx, w.a, u.lun, cdb16(0x88, 0x08, r.first, r.blocks), make([]byte, r.blocks*power.BlockSize), nil)
		return err
	})
}

// startStop stops the unit, which flushes, and starts it again.
func (w *writer) startStop(u *unit) error {
	err := w.promise(u, power.Event{Op: power.OpSync, Kind: "START STOP UNIT"}, func() error {
		_, err := send(w.ctx, w.a, u.lun, []byte{0x1B, 0, 0, 0, 0, 0}, nil, nil)
		return err
	})
	if err == nil {
		_, err = send(w.ctx, w.a, u.lun, []byte{0x1B, 0, 0, 0, 1, 0}, nil, nil)
	}
	return err
}

// setCache changes WCE in the current and the saved page. Turning it off promises all earlier writes.
func (w *writer) setCache(u *unit, on bool) error {
	u.cache.Lock() // no copy is under way to this unit
	defer u.cache.Unlock()
	page, err := caching(w.ctx, w.a, u.lun)
	if err != nil {
		return err
	}
	cdb, list := modeSelect(page, on)
	change := func() error {
		_, err := send(w.ctx, w.a, u.lun, cdb, nil, list)
		return err
	}
	saved := func() error {
		return w.promise(u, power.Event{Op: power.OpMode, Kind: "MODE SELECT", WCE: on}, change)
	}
	if on {
		err = saved()
	} else {
		err = w.promise(u, power.Event{Op: power.OpSync, Kind: "MODE SELECT"}, saved)
	}
	if err == nil {
		u.wce = on
	}
	return err
}

// reserve executes the next step of the unit's reservation script.
func (w *writer) reserve(u *unit) error {
	step := u.pr.next()
	s := w.a
	if step.who == 'b' {
		s = w.b
	}
	return w.promise(u, power.Event{Op: power.OpReserve, Kind: step.name, Reservations: u.pr.state()}, func() error {
		_, err := send(w.ctx, s, u.lun, step.cdb, nil, step.list)
		return err
	})
}

// promise runs act, whose success is a promise, between its two events.
func (w *writer) promise(u *unit, e power.Event, act func() error) error {
	e.Cmd, e.LUN = w.number(), u.lun
	if err := w.mark(e); err != nil {
		return err
	}
	if err := act(); err != nil {
		return err
	}
	return w.mark(power.Event{Op: power.OpAck, Cmd: e.Cmd, LUN: u.lun, Durable: true})
}
