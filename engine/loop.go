package engine

import (
	"net/netip"
	"runtime"
	"time"

	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
	"golang.org/x/sys/unix"
)

// loop is one core's event loop: a locked, pinned thread with a ring that carries the sockets and the disks of its
// connections. Only that thread accesses the fields, except mail.
type loop struct {
	engine *Engine
	index  int
	core   int // CPU it is pinned to, -1 if not
	ring   *uring.Ring
	clock  func() int64 // the machine's
	now    int64        // its value at the last tick
	idle   int64        // when the current wait began

	arena           *arena
	slabsRegistered int
	unregistered    bool // registering a slab failed; no more are tried
	released        bool // memory came back this turn
	poller          poller
	stagedIO        int // operations for the block layer since the last submission of a whole ioBatch
	shares          shares
	freeFlows       *flow
	tasks           taskPool
	orphans         *task  // in taskOrphaned
	batches         *batch // free ones
	allBatches      []*batch
	notifying       int // batches that wait for their notification

	recvBufs *uring.BufRing
	recycled bool

	conns     []*conn
	freeConns []int
	live      int
	dirty     *conn
	rearms    []*conn
	starved   bool        // some of rearms found no receive buffer
	listeners []*listener // nil where there is none any more

	ios    ioTable
	files  fixedFiles
	timers timers
	mail   mailbox
	sweeps []*sweep // requested by this turn's task management
	ev     session.Event
	stats  LoopStats

	paths      map[string]*sendPath // by interface
	interfaces map[netip.Addr]string
	listing    bool // a helper lists them

	room int // connections that the table may hold
	// Limits on log lines that peers can cause.
	loginLines, endLines, refusalLines, noRoom, stuck lines
	logins                                            loginCounts
	lat                                               loopLatency

	stopping bool
	stopped  chan struct{}
}

// Operation kinds, in the top byte of the user data.
const (
	opNone uint8 = iota
	opAccept
	opRecv
	opSend
	opSendZC
	opDisk
)

const recvGroup = 1

func userData(op uint8, index int) uint64 { return uint64(op)<<56 | uint64(uint32(index)) }

// newLoop makes a loop. run starts it, on a goroutine of its own.
func newLoop(e *Engine, index, core int) *loop {
	l := &loop{engine: e, index: index, core: core, clock: e.machine.clock, ios: newIOTable(), stopped: make(chan struct{})}
	l.tasks.loop = l
	l.room = maxConnsPerLoop
	l.loginLines = lines{most: endLines, burst: endBurst}
	l.endLines = l.loginLines
	l.refusalLines = lines{most: refusalLines, burst: refusalBurst}
	l.noRoom = lines{most: noRoomLines, burst: noRoomLines}
	l.stuck = lines{most: stuckLines, burst: stuckLines}
	return l
}

// open sets up the ring and everything registered with it, on the loop's own locked thread (SINGLE_ISSUER).
func (l *loop) open() error {
	if l.core >= 0 {
		var set unix.CPUSet
		set.Set(l.core)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			l.engine.log.Warn("cannot pin the loop to its core", "loop", l.index, "core", l.core, "err", err)
			l.core = -1
		}
	}
	ring, err := uring.New(uring.Config{Entries: ringEntries, CQEntries: ringCQEntries, Kernel: l.engine.machine.kernel})
	if err != nil {
		return err
	}
	l.ring = ring
	if l.recvBufs, err = ring.NewBufRing(recvGroup, recvBuffers, recvBufferSize, false); err != nil {
		return err
	}
	if err := l.openArena(); err != nil {
		return err
	}
	l.files.open(ring)
	l.mail.wake = ring.Notify
	return nil
}

// run runs the loop. It sends on ready once: nil, or the error with which the loop could not start.
func (l *loop) run(ready chan<- error) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its affinity with it
	defer close(l.stopped)
	if err := l.open(); err != nil {
		if l.ring != nil {
			l.ring.Close()
		}
		ready <- err
		return
	}
	ready <- nil
	l.serve()
}

// serve runs turns until the loop is stopped.
func (l *loop) serve() {
	l.tick()
	for !l.stopping {
		l.turn()
		l.wait()
	}
	l.ring.Close()
	for _, c := range l.conns { // those that a stuck backend kept
		if c != nil {
			c.closeSocket()
		}
	}
}

// turn processes completions and the work that follows from them.
func (l *loop) turn() {
	l.tick()
	l.lat.began = l.now
	for {
		cqe, ok := l.ring.Peek()
		if !ok {
			break
		}
		l.dispatch(cqe)
		l.ring.Seen()
	}
	l.answerDisk()
	if !l.mail.empty() {
		l.mail.drain()
		l.mail.takeStirred(l.stir)
	}
	for {
		e, ok := l.timers.due(l.now)
		if !ok {
			break
		}
		if e.conn != nil {
			e.conn.timerDue()
		} else {
			e.event.Happen()
		}
	}
	l.tick()
	// Pumping may cause more pumping: memory is released, tasks finish at once.
	for l.dirty != nil || l.released {
		for l.dirty != nil {
			c := l.dirty
			l.dirty = c.nextD
			c.nextD = nil
			c.dirty = false
			c.pump()
		}
		if l.released {
			l.released = false
			l.serveWaiting()
		}
	}
	if len(l.sweeps) > 0 {
		l.launchSweeps()
	}
	if l.recycled {
		l.recycled = false
		l.recvBufs.Publish()
	}
	l.rearm()
}

// rearm submits the next receives. The kernel hands out buffers in the order of submission, so connections that found none come
// first: otherwise the same connections would get the buffers turn after turn.
func (l *loop) rearm() {
	if l.starved {
		l.starved = false
		for _, c := range l.rearms {
			if c.recv.starved {
				c.recv.starved = false
				c.armRecv()
			}
		}
	}
	for i, c := range l.rearms {
		c.wantRecv = false
		c.armRecv()
		l.rearms[i] = nil
	}
	l.rearms = l.rearms[:0]
}

// wait submits what the turn staged and waits for a completion, a deadline or mail. It polls first, as long as polling has paid off
// lately, then sleeps.
func (l *loop) wait() {
	l.stats.Turns++
	l.stagedIO = 0
	l.turned()
	if l.ios.done.len() > 0 { // there are answers to give: the next turn goes on with them
		l.check(l.ring.Submit())
		return
	}
	l.idle = l.now
	if !l.poll() {
		l.sleep()
	}
	l.poller.waited(l.clock() - l.idle)
}

// sleep blocks until a completion, a deadline or mail.
func (l *loop) sleep() {
	l.mail.sleeping.Store(true)
	if !l.mail.empty() || l.stopping {
		l.mail.sleeping.Store(false)
		l.check(l.ring.Submit())
		return
	}
	timeout := time.Duration(-1)
	if at := l.timers.next(); at != 0 {
		timeout = max(time.Duration(at-l.clock()), 0) // polling took time
	}
	l.check(l.ring.SubmitAndWait(timeout))
	l.mail.sleeping.Store(false)
}

// check panics on an error of the ring: nothing that a peer does can cause one.
func (l *loop) check(err error) {
	if err != nil {
		panic("engine: io_uring_enter: " + err.Error())
	}
}

func (l *loop) dispatch(cqe uring.CQE) {
	i := int(uint32(cqe.UserData))
	switch uint8(cqe.UserData >> 56) {
	case opRecv:
		l.conns[i].received(cqe)
	case opSend:
		l.conns[i].sendDone(cqe)
	case opSendZC:
		l.zeroCopyDone(i, cqe)
	case opDisk:
		l.ios.finished(i, cqe.Res)
	case opAccept:
		l.accepted(i, cqe)
	default:
		l.stats.Wakes++
		l.ring.Woken(cqe)
	}
}

// Index implements lun.Loop.
func (l *loop) Index() int { return l.index }

// Now implements lun.Loop.
func (l *loop) Now() int64 { return l.now }

// Post implements lun.Loop.
func (l *loop) Post(e lun.Event) { l.mail.post(e) }

// Go implements lun.Loop.
func (l *loop) Go(w lun.Work) {
	l.engine.machine.helper(func() {
		w.Do()
		l.Post(w)
	})
}

// After implements lun.Loop.
func (l *loop) After(d int64, e lun.Event) { l.timers.add(timer{at: l.now + d, event: e}) }

// Alloc implements lun.Loop. The memory of commands that work piece by piece counts toward no share. The last part of the arena is
// left to initiators that hold little.
func (l *loop) Alloc(n int) []byte {
	if l.arena.size()-l.arena.inUse-blockSize(n) < l.arena.size()/arenaShares {
		return nil
	}
	return l.arena.alloc(n)
}

// Free implements lun.Loop.
func (l *loop) Free(b []byte) { l.release(b) }
