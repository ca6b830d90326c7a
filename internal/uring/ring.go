package uring

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/ringtgt/ringtgt/engine/giouring"
)

// Config configures a ring. The zero value is a good default.
type Config struct {
	Entries   uint32   // submission entries, rounded up to a power of two; 0: DefaultEntries
	CQEntries uint32   // completion entries, likewise; 0: DefaultCQEntries, or twice Entries if that is more
	Without   Features // what not to use even if the kernel has it

	// SQESize and CQESize are the sizes of the entries. Small is the fastest. New fails with ErrUnsupported where the kernel does
	// not have them. See entries.go.
	SQESize, CQESize EntrySize

	// NoIowait keeps a sleeping loop from being shown as waiting for a disk (iowait, load) while it has nothing to do.
	// The price is the processor's frequency boost for such waits. Without the NoIowait feature it does nothing.
	NoIowait bool

	// Alone says that the ring's thread is the process: a wait without a timeout does not tell the Go scheduler. Its monitor would
	// otherwise take the P away at each wait, and wake up every 20 µs to do so. No other goroutine may be needed meanwhile, and no
	// garbage collection.
	Alone bool

	// Kernel replaces Linux in a simulation (package simkernel); nil: Linux.
	Kernel Kernel
}

// Kernel is what a ring needs from a kernel: the system calls of io_uring, and an eventfd that wakes the ring.
type Kernel interface {
	giouring.Kernel
	// Eventfd makes an eventfd(2), Signal adds 1 to it from any goroutine, CloseEventfd closes it.
	Eventfd() (fd int, err error)
	Signal(fd int)
	CloseEventfd(fd int)
}

// Stats counts what a ring did. Only the ring's thread may read it.
type Stats struct {
	Enters         uint64 // system calls, blocking ones included
	BlockingEnters uint64 // those that may have slept
	SQEs           uint64 // entries the kernel took
	CQEs           uint64 // completions seen
}

// Ring is one thread's io_uring.
type Ring struct {
	g *giouring.Ring

	// Completions: ready were visible at the last look; seen of them have been handled and not yet been returned to the kernel.
	seen, ready uint32
	filler      uint32 // slots among seen that are no completion of their own: padding, second halves
	width       uint32 // slots of the completion that Peek returned; 1 except for a large one in a queue of mixed sizes
	mixed       bool   // completions have mixed sizes

	features  Features
	waitFlags uint32 // for blocking enters
	alone     bool
	err       error // set once, when the kernel refuses the ring itself
	spare     giouring.SubmissionQueueEntry
	stats     Stats

	files, slabs int // table sizes
	fd           int // for messages from other rings; constant
	notify       notifier
	timeout      syscall.Timespec // of the current wait
	closed       bool
}

// notifier is the part of a ring that other goroutines access.
type notifier struct {
	kernel  Kernel      // nil: Linux
	pending atomic.Bool // a signal is on its way and not yet seen
	mu      sync.RWMutex
	fd      int // eventfd; -1 once closed
}

// New makes a ring for the calling thread, which must be locked (runtime.LockOSThread) and stay so until Close. The
// error satisfies errors.Is(err, ErrUnsupported) when the kernel has no usable io_uring.
func New(cfg Config) (_ *Ring, err error) {
	if cfg.Entries == 0 {
		cfg.Entries = DefaultEntries
	}
	if cfg.CQEntries == 0 {
		cfg.CQEntries = max(DefaultCQEntries, 2*cfg.Entries)
	}
	if cfg.Entries > MaxEntries || cfg.CQEntries > MaxCQEntries || cfg.CQEntries < cfg.Entries {
		return nil, fmt.Errorf("uring: %d submission and %d completion entries: want at most %d and %d, and no fewer of the second",
			cfg.Entries, cfg.CQEntries, MaxEntries, MaxCQEntries)
	}
	g, features, err := setup(cfg)
	if err != nil {
		return nil, err
	}
	r := &Ring{g: g, width: 1, mixed: cfg.CQESize == Mixed, features: features, fd: g.RingFd(), alone: cfg.Alone, notify: notifier{kernel: cfg.Kernel, fd: -1}}
	defer func() {
		if err != nil {
			_ = r.Close()
		}
	}()
	if cfg.Without&RegisteredRing == 0 {
		if _, err := g.RegisterRingFd(); err == nil {
			r.features |= RegisteredRing
		}
	}
	if cfg.NoIowait && r.features.Has(NoIowait) {
		r.waitFlags = giouring.EnterNoIowait
	}
	if err := r.openNotify(); err != nil {
		return nil, err
	}
	return r, nil
}

// setup tries the flags from the best set down.
func setup(cfg Config) (*giouring.Ring, Features, error) {
	base := giouring.SetupCQSize | giouring.SetupSubmitAll | sizeFlags(cfg)
	ladder := []struct {
		features Features
		flags    uint32
	}{
		{DeferTaskrun | NoSQArray, giouring.SetupSingleIssuer | giouring.SetupDeferTaskrun | giouring.SetupTaskrunFlag | giouring.SetupNoSQArray},
		{DeferTaskrun, giouring.SetupSingleIssuer | giouring.SetupDeferTaskrun | giouring.SetupTaskrunFlag},
		{CoopTaskrun, giouring.SetupSingleIssuer | giouring.SetupCoopTaskrun | giouring.SetupTaskrunFlag},
		{0, giouring.SetupSingleIssuer},
	}
	err := error(syscall.EINVAL)
	for _, step := range ladder {
		if step.features&cfg.Without != 0 {
			continue
		}
		g := giouring.NewRing()
		if cfg.Kernel != nil {
			g.SetKernel(cfg.Kernel)
		}
		err = g.QueueInitParams(cfg.Entries, &giouring.Params{Flags: base | step.flags, CQEntries: cfg.CQEntries})
		if err == nil {
			return g, (step.features | kernelFeatures(g)) &^ cfg.Without, nil
		}
		if !errors.Is(err, syscall.EINVAL) {
			break
		}
	}
	if err := sizesRefused(cfg, err); err != nil {
		return nil, 0, err
	}
	return nil, 0, setupError(err)
}

// Features returns the optional features that the ring uses.
func (r *Ring) Features() Features { return r.features }

// Stats returns the counters.
func (r *Ring) Stats() Stats { return r.stats }

// FD is the ring's descriptor, the target of MsgRing.
func (r *Ring) FD() int { return r.fd }

// Close cancels what can be cancelled (polls, accepts, receives, sends, timeouts), drops their completions, releases registered
// files and buffers, and closes the ring. Before that, cancel every Accept and handle its last completion: an accepted descriptor
// whose completion was not seen is lost. Close does not wait for disk requests either: drain them first, or keep their memory.
// Call Close on the ring's thread; afterwards only Notify, and Wake by other rings, are allowed.
func (r *Ring) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	r.closeNotify()
	r.cancelAll()
	if r.files > 0 {
		_, _ = r.g.UnregisterFiles()
	}
	if r.slabs > 0 {
		_, _ = r.g.UnregisterBuffers()
	}
	r.g.QueueExit()
	return nil
}

// cancelAll empties the ring. Closing the descriptor alone would leave that to a kernel worker, and sockets would live
// on for a while.
func (r *Ring) cancelAll() {
	drop := func() {
		_ = r.enter(giouring.EnterGetEvents)
		r.g.CQAdvance(r.g.CQReady())
	}
	for range closeRounds {
		drop()
		_, err := r.g.RegisterSyncCancel(&giouring.SyncCancelReg{
			Flags:   giouring.AsyncCancelAny | giouring.AsyncCancelAll,
			Timeout: syscall.NsecToTimespec(int64(closeWait)),
		})
		if err != nil && !errors.Is(err, syscall.EALREADY) && !errors.Is(err, syscall.ETIME) {
			break // ENOENT: nothing is left
		}
	}
	drop() // a request releases its file when it completes
	r.seen, r.ready, r.filler = 0, 0, 0
}
