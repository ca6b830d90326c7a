// Package engine runs the target: one io_uring event loop per core carries the sockets, the protocol, the device server and
// the disks of its connections. See docs/architecture.md.
package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringtgt/ringtgt/internal/steer"
	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/session"
)

// Config configures an engine. Zero values mean the defaults.
type Config struct {
	Node    *session.Node
	Portals []netip.AddrPort // addresses to listen on; port 0 lets the kernel choose
	Cores   []int            // CPUs to run a loop on, one each; empty: one loop that is not pinned
	// ArenaPerLoop bounds the I/O buffers of a loop in bytes. Memory is allocated slab by slab as it is needed.
	ArenaPerLoop int
	// With NoSteering no eBPF program is loaded, and the kernel distributes connections in its own way. XDP names interfaces
	// whose packets are moved to the cores of their connections. See docs/engine.md.
	NoSteering bool
	XDP        []string
	// Poll is how long a loop may poll for completions before it sleeps, at most maxPoll. 0 means that Start measures what waking
	// a thread takes on this machine and chooses; with a negative value the loop sleeps at once. See poll.go.
	Poll time.Duration
	Log  *slog.Logger
	// LimitHeap sets the Go runtime's memory limit to the heap's part of MemoryBound. Set it only if the process does nothing else.
	LimitHeap bool

	ZeroCopy ZeroCopy // of data of 16 KiB and more; see zerocopy.go

	sendTimeout time.Duration // for tests
	zeroCopyMin int           // for tests

	machine *machine // of a simulation; nil means the real one
}

// Engine is a running target.
type Engine struct {
	cfg      Config
	node     *session.Node
	devices  devices
	nexuses  nexuses
	limits   limits
	log      *slog.Logger
	machine  machine
	loops    []*loop
	portals  portals
	steer    *steer.Steer
	draining atomic.Bool
	started  time.Time
	live     atomic.Int64 // connections
	conns    atomic.Int64 // connections that the memory bound allows for (see room)
	limiting sync.Mutex   // held while the heap's limit is set

	unregistered sync.Once
	shutdown     sync.Once
}

// New checks cfg and returns an engine that is not running yet.
func New(cfg Config) (*Engine, error) {
	if cfg.Node == nil {
		return nil, errors.New("engine: no node")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.ArenaPerLoop == 0 {
		cfg.ArenaPerLoop = defaultArena
	}
	if cfg.ArenaPerLoop < maxBlock || cfg.ArenaPerLoop > maxArena {
		return nil, fmt.Errorf("engine: %d bytes of buffers per loop; between %d and %d are possible", cfg.ArenaPerLoop, maxBlock, maxArena)
	}
	if cfg.Poll > maxPoll {
		return nil, fmt.Errorf("engine: polling for %v; up to %v are possible", cfg.Poll, maxPoll)
	}
	if cfg.sendTimeout == 0 {
		cfg.sendTimeout = defaultSendTimeout
	}
	if cfg.zeroCopyMin == 0 {
		cfg.zeroCopyMin = zeroCopyMin
	}
	if len(cfg.Cores) == 0 {
		cfg.Cores = []int{-1}
	}
	if len(cfg.Cores) > MaxLoops {
		return nil, fmt.Errorf("engine: %d cores; at most %d loops are possible", len(cfg.Cores), MaxLoops)
	}
	e := &Engine{cfg: cfg, node: cfg.Node, log: cfg.Log}
	if cfg.machine != nil {
		e.machine = *cfg.machine
	} else if err := uring.Probe(); err != nil {
		return nil, err
	} else {
		e.machine = linux()
		if cfg.ZeroCopy != ZeroCopyOff {
			var err error
			if e.machine.zeroCopy, err = uring.ProbeZeroCopy(); err != nil {
				cfg.Log.Info("no zero-copy sends", "err", err)
			}
		}
	}
	for i, core := range cfg.Cores {
		e.loops = append(e.loops, newLoop(e, i, core))
	}
	return e, nil
}

// Start starts the loops and listens on the portals. If it returns an error, it has stopped whatever it started.
func (e *Engine) Start() error {
	e.started = time.Now()
	e.room(1)
	poll := e.cfg.Poll
	if poll == 0 {
		cost := e.machine.wakeCost()
		poll = pollFor(cost)
		e.log.Debug("polling time chosen", "poll", poll, "wakeup", cost)
	}
	for i, l := range e.loops {
		l.poller.max = int64(poll)
		ready := make(chan error, 1)
		go l.run(ready)
		if err := <-ready; err != nil {
			e.stopLoops(i)
			return fmt.Errorf("loop %d: %w", i, err)
		}
	}
	cores := make([]int, len(e.loops))
	for i, l := range e.loops {
		cores[i] = l.core // -1 where it could not be pinned
	}
	e.steer = steer.Open(steer.Config{Cores: cores, XDP: e.cfg.XDP, Disable: e.cfg.NoSteering})
	for _, p := range e.cfg.Portals {
		if _, err := e.AddPortal(p); err != nil {
			e.stopLoops(len(e.loops))
			return err
		}
	}
	return nil
}

// Started returns the time at which Start was called.
func (e *Engine) Started() time.Time { return e.started }

// on runs fn on loop l and waits for it. If the loop has stopped, fn does not run. on must not be called on a loop's thread.
func (e *Engine) on(l *loop, fn func()) { l.await(l.ask(fn)) }

// each runs fn on every loop that has not stopped, and waits.
func (e *Engine) each(fn func(l *loop)) {
	done := make([]<-chan struct{}, len(e.loops))
	for i, l := range e.loops {
		done[i] = l.ask(func() { fn(l) })
	}
	for i, l := range e.loops {
		l.await(done[i])
	}
}

// ask posts fn to the loop. The channel that it returns is closed when fn has run.
func (l *loop) ask(fn func()) <-chan struct{} {
	done := make(chan struct{})
	l.Post(query(func() { fn(); close(done) }))
	return done
}

// await waits until done, from ask, is closed or the loop has stopped: a loop that has stopped empties no mailbox.
func (l *loop) await(done <-chan struct{}) {
	select {
	case <-done:
	case <-l.stopped:
	}
}

// stopLoops ends the first n loops and closes the portals.
func (e *Engine) stopLoops(n int) {
	for _, l := range e.loops[:n] {
		l.Post(query(func() {
			l.closeListeners(nil)
			l.stopping = true
		}))
		<-l.stopped
	}
	if e.steer != nil {
		e.steer.Close()
	}
}

// Shutdown drains the target: it accepts no new connection, asks the initiators to log out (Async Message, RFC 7143 11.9), and
// after a grace period closes the connections that are left. Commands in the backend finish first, so that whatever an answer
// promised about the medium holds. Shutdown returns when the loops have stopped; further calls do nothing.
func (e *Engine) Shutdown() { e.shutdown.Do(e.drain) }

func (e *Engine) drain() {
	e.draining.Store(true)
	e.each((*loop).askToLogOut)
	e.waitQuiet(drainGrace)
	e.each((*loop).disconnect)
	if !e.waitQuiet(abortGrace + drainGrace) {
		e.log.Warn("stopping with commands still in a backend")
	}
	e.stopLoops(len(e.loops))
}

// askToLogOut stops accepting connections on this loop and asks its initiators to log out.
func (l *loop) askToLogOut() {
	l.closeListeners(nil)
	for _, c := range l.conns {
		if c != nil {
			c.s.Shutdown(l.now)
			c.mark()
		}
	}
}

// disconnect closes the connections that are left.
func (l *loop) disconnect() {
	for _, c := range l.conns {
		if c != nil {
			c.shutdown()
			c.mark()
		}
	}
}

// waitQuiet waits, for at most d, until no loop has a connection, a disk operation, or a helper that works on its arena.
func (e *Engine) waitQuiet(d time.Duration) bool {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	end := time.Now().Add(d)
	for {
		var busy atomic.Int64
		e.each(func(l *loop) { busy.Add(int64(l.live + l.ios.busy + l.tasks.out + l.arena.growth.helpers())) })
		if busy.Load() == 0 {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		<-tick.C
	}
}

// noteUnregistered logs once that buffers could not be registered with the ring.
func (e *Engine) noteUnregistered(err error) {
	e.unregistered.Do(func() {
		e.log.Warn("I/O buffers are not registered with the ring: every disk operation maps its pages anew; raise the memlock limit", "err", err)
	})
}
