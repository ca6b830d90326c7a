package main

import (
	"errors"
	"fmt"
	"sync"

	"github.com/ringtgt/ringtgt/lun"
)

// flushers bounds the threads that flush media at the end. Most media have nothing left to write, so a few threads suffice for a
// thousand media.
const flushers = 16

// flushMedia flushes all units' caches after the loops have stopped, and returns an error if data was lost by this flush or an
// earlier one. Closing a file discards nothing, but a later write-back failure would go unnoticed.
func (d *daemon) flushMedia() error {
	slots := make(chan struct{}, flushers)
	var all sync.WaitGroup
	d.now().each(func(t *servedTarget, u *servedUnit) {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			d.flushUnit(t, u)
		})
	})
	all.Wait()
	var errs []error
	d.now().each(func(t *servedTarget, u *servedUnit) {
		if u.unit.Health().Count(lun.FaultDataLost) > 0 {
			errs = append(errs, fmt.Errorf("target %s lun %d: writes that were answered GOOD may be lost; the log says when", t.cfg.Name, u.cfg.Number))
		}
	})
	return errors.Join(errs...)
}

// flushUnit flushes a unit that no loop uses any more.
func (d *daemon) flushUnit(t *servedTarget, u *servedUnit) {
	if err := u.backend.Sync(); err != nil {
		u.unit.FlushFailed(err, 0)
		d.log.Error("the last flush failed: writes that were answered GOOD may be lost", "target", t.cfg.Name, "lun", u.cfg.Number, "err", err)
	}
}
