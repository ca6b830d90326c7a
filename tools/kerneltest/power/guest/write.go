package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/tools/kerneltest/power"
)

// rounds is the number of runs of the workload. Between two runs the daemon is killed with commands under way.
const rounds = 3

// writer is the workload: initiator a writes, initiator b takes part in the reservations. One goroutine writes to each unit;
// copies from another unit go to blocks of their own.
type writer struct {
	ctx  context.Context
	m    *mapper
	a, b *initiator.Session
	// target is the running daemon.
	target *target

	mu    sync.Mutex // guards the following fields
	event int        // the last event's number
	cmd   int        // the last command's
	// held is the acknowledged content of each unit.
	held [power.LUNs][power.Blocks]power.Value

	units [power.LUNs]unit
}

// unit belongs to its goroutine, except wce, which cache guards: a copy from another unit must know it.
type unit struct {
	lun   int
	naa   string
	rng   *rand.Rand
	cache sync.RWMutex
	wce   bool
	pr    prScript
}

func write(ctx context.Context, seed uint64) error {
	m, err := openMapper()
	if err != nil {
		return err
	}
	w := &writer{ctx: ctx, m: m}
	for lun := range w.units {
		w.units[lun] = unit{lun: lun, rng: rand.New(rand.NewPCG(seed, uint64(lun))), wce: true, pr: prScript{lun: lun}}
	}
	if err := mapDisks(m, true); err != nil {
		return err
	}
	if err := formatDisks(); err != nil {
		return err
	}
	if err := mountDisks(); err != nil {
		return err
	}
	unix.Sync()
	if err := w.run(); err != nil {
		return err
	}
	if err := unmountDisks(); err != nil {
		return err
	}
	return unmapDisks(m)
}

// run is the workload between the events begin and end.
func (w *writer) run() (err error) {
	if err := w.mark(power.Event{Op: power.OpBegin}); err != nil {
		return err
	}
	if w.target, err = startTarget(w.ctx, w.tick); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			status(err)
		}
		w.target.kill()
	}()
	if err := w.login(); err != nil {
		return err
	}
	if err := w.each((*writer).fillSource); err != nil {
		return err
	}
	for round := range rounds {
		if round > 0 {
			if err := w.crash(); err != nil {
				return fmt.Errorf("crash %d: %w", round, err)
			}
		}
		if err := w.each((*writer).round); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
	}
	if err := w.each((*writer).sanitize); err != nil {
		return err
	}
	if err := w.target.stop(); err != nil {
		return fmt.Errorf("the daemon's end: %w", err)
	}
	w.logout()
	return w.mark(power.Event{Op: power.OpEnd})
}

// each runs step for every unit at the same time.
func (w *writer) each(step func(*writer, *unit) error) error {
	errs := make([]error, len(w.units))
	var all sync.WaitGroup
	for i := range w.units {
		all.Go(func() { errs[i] = step(w, &w.units[i]) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// mark numbers an event and puts it into the log of every disk.
func (w *writer) mark(e power.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.event++
	e.N = w.event
	text, err := e.Mark()
	if err != nil {
		return err
	}
	for _, d := range power.Disks {
		if err := w.m.message(filepath.Base(d.Mapped()), "mark "+text); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) tick() error { return w.mark(power.Event{Op: power.OpTick}) }

// number returns the number of a new command.
func (w *writer) number() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cmd++
	return w.cmd
}

// login opens both sessions. A designator is promised from the first time that an initiator sees it.
func (w *writer) login() (err error) {
	if w.a, err = dial(w.ctx, "a"); err != nil {
		return err
	}
	if w.b, err = dial(w.ctx, "b"); err != nil {
		return err
	}
	for i := range w.units {
		u := &w.units[i]
		name, err := naa(w.ctx, w.a, i)
		switch {
		case err != nil:
			return err
		case u.naa == "":
			u.naa = name
			if err := w.mark(power.Event{Op: power.OpIdentity, LUN: i, NAA: name}); err != nil {
				return err
			}
		case u.naa != name:
			return fmt.Errorf("LUN %d was %s and is %s", i, u.naa, name)
		}
	}
	return nil
}

func (w *writer) logout() {
	w.a.Close()
	w.b.Close()
}

// crash kills the daemon with commands under way, starts it again, and checks that everything acknowledged is there. The
// machine keeps running, so unsynced writes must survive as well.
func (w *writer) crash() (err error) {
	before := w.held
	var all sync.WaitGroup
	first := make(chan struct{}, len(w.units)*3)
	for i := range w.units {
		u := &w.units[i]
		for _, c := range []change{
			u.change("WRITE", regionCached, 0, 8), u.change("WRITE FUA", regionDurable, 0, 8), u.change("COMPARE AND WRITE", regionDurable, 1, 4),
		} {
			all.Go(func() {
				_ = w.do(u, c) // its answer may be lost with the daemon
				first <- struct{}{}
			})
		}
	}
	<-first
	w.target.kill()
	w.logout()
	all.Wait()
	if w.target, err = startTarget(w.ctx, w.tick); err != nil {
		return err
	}
	if err := w.login(); err != nil {
		return err
	}
	for i := range w.units {
		if err := w.readBack(i, &before); err != nil {
			return err
		}
		if err := w.sync(&w.units[i]); err != nil {
			return err
		}
	}
	return nil
}

// readBack reads a unit after a crash. A block may hold its acknowledged value or what a command under way at the crash
// would have written.
func (w *writer) readBack(lun int, before *[power.LUNs][power.Blocks]power.Value) error {
	data, err := readAll(w.ctx, w.a, lun)
	if err != nil {
		return err
	}
	for lba := range power.Blocks {
		v, ok := power.ValueOf(data[lba*power.BlockSize : (lba+1)*power.BlockSize])
		was, acked := before[lun][lba], w.held[lun][lba]
		if !ok || v != acked && (was != acked || v.Cmd <= was.Cmd) {
			return fmt.Errorf("LUN %d block %d holds %v after the crash; %v was acknowledged", lun, lba, v, acked)
		}
		w.held[lun][lba] = v
	}
	return nil
}

func readAll(ctx context.Context, s *initiator.Session, lun int) ([]byte, error) {
	data := make([]byte, power.Blocks*power.BlockSize)
	_, err := send(ctx, s, lun, cdb16(0x88, 0, 0, power.Blocks), data, nil) // READ(16)
	return data, err
}
