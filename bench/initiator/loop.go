package initiator

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/engine/uring"
	"golang.org/x/sys/unix"
)

// loop is one thread of a run: a ring, and connections that nobody else touches. A turn takes what has arrived on all
// of them, and then sends on each what that has made due, in one send each.
type loop struct {
	index, cpu int
	w          *Workload
	conns      []*loopConn
	peers      []*loop
	stop       *atomic.Bool
	begin      <-chan struct{}
	started    time.Time // of the clock

	ring   *uring.Ring
	arena  *uring.Arena
	bufs   *uring.BufRing
	kicked atomic.Bool // another loop has opened a window that connections here may wait for

	now       int64
	issuing   bool // new requests are made
	drainBy   int64
	countFrom int64 // when the warm-up ends
	endAt     int64
	// lastCounted is when the last request that counts was over.
	lastCounted int64
	report      LoopReport
}

// User data is the operation and the connection's index in the loop.
const (
	opRecv uint64 = iota << 32
	opSend
	opCancel
)

const opMask uint64 = 0xffffffff << 32

const loopGroup = 1

func (l *loop) clock() int64 { return int64(time.Since(l.started)) }

// run is the whole life of the loop's thread. The thread is not unlocked, so it ends with the goroutine: it may be
// pinned.
func (l *loop) run(ready *sync.WaitGroup) error {
	runtime.LockOSThread()
	err := l.open()
	ready.Done()
	<-l.begin
	if l.ring == nil {
		l.giveUp(err)
		return err
	}
	var before unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &before)
	if err == nil {
		err = l.work()
	}
	var after unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &after)
	l.report.CPU = l.cpu
	l.report.User = time.Duration(after.Utime.Nano() - before.Utime.Nano())
	l.report.System = time.Duration(after.Stime.Nano() - before.Stime.Nano())
	st := l.ring.Stats()
	l.report.Enters, l.report.Blocking = st.Enters, st.BlockingEnters
	if err != nil {
		l.giveUp(err)
	}
	_ = l.ring.Close()
	if l.bufs != nil {
		_ = l.bufs.Close()
	}
	if l.arena != nil {
		_ = l.arena.Close()
	}
	return err
}

// giveUp marks the connections of a loop that failed.
func (l *loop) giveUp(err error) {
	for _, c := range l.conns {
		if c.dead == nil {
			c.fail(err)
		}
	}
}

// open makes the ring and the memory that the kernel sees.
func (l *loop) open() error {
	if l.cpu >= 0 {
		var set unix.CPUSet
		set.Set(l.cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("initiator: loop %d: pinning to CPU %d: %w", l.index, l.cpu, err)
		}
	}
	ring, err := uring.New(uring.Config{})
	if err != nil {
		return err
	}
	l.ring = ring
	incremental := ring.Features().Has(uring.BufRingInc)
	if l.bufs, err = ring.NewBufRing(loopGroup, recvRingBuffers, recvRingSize, incremental); err != nil {
		return err
	}
	perConn := loopSendBuffer + loopSendPieces*16 + 4096
	data := l.w.BlockSize
	if l.w.Verify {
		data = l.w.BlockSize * l.w.Depth * len(l.conns)
	}
	if l.arena, err = uring.NewArena(perConn*len(l.conns) + data + 64<<10); err != nil {
		return err
	}
	if err := ring.RegisterFiles(max(1, len(l.conns))); err != nil {
		return err
	}
	var shared []byte
	if !l.w.Verify {
		if shared, err = l.arena.Bytes(l.w.BlockSize, 4096); err != nil {
			return err
		}
		stamp(shared, 0, l.w.Seed)
	}
	for i, c := range l.conns {
		if err := c.open(l, i, shared); err != nil {
			return err
		}
	}
	return nil
}

// work is the loop itself.
func (l *loop) work() error {
	l.now = l.clock()
	l.issuing = true
	l.countFrom = l.now + int64(l.w.Warmup)
	l.lastCounted = l.countFrom
	l.endAt = l.countFrom + int64(l.w.Duration)
	for _, c := range l.conns {
		c.arm()
		for i := range c.requests {
			c.issue(&c.requests[i])
		}
	}
	for {
		busy := false
		again := l.kicked.Swap(false)
		for _, c := range l.conns {
			if c.dead != nil {
				continue
			}
			if c.dirty || c.progress == proto.Window && (again || c.moved()) {
				c.flush()
			}
			if !c.armed {
				c.arm()
			}
			busy = busy || c.live > 0 || c.sending
		}
		if !busy {
			break
		}
		if err := l.ring.SubmitAndWait(turnTimeout); err != nil {
			return err
		}
		l.turn()
	}
	return l.quit()
}

// turn takes what the ring has completed.
func (l *loop) turn() {
	l.report.Turns++
	l.now = l.clock()
	for {
		cqe, ok := l.ring.Peek()
		if !ok {
			break
		}
		l.ring.Seen()
		if l.ring.Woken(cqe) {
			continue
		}
		c := l.conns[uint32(cqe.UserData)]
		switch cqe.UserData & opMask {
		case opRecv:
			c.received(cqe)
		case opSend:
			c.sent(cqe)
		}
	}
	l.bufs.Publish()
	switch {
	case l.issuing && (l.stop.Load() || l.w.Duration > 0 && l.now >= l.endAt):
		l.issuing = false
		l.drainBy = l.now + int64(drainTimeout)
	case l.issuing && l.w.Count > 0 && l.drainBy == 0 && l.issued():
		l.drainBy = l.now + int64(drainTimeout)
	case l.drainBy != 0 && l.now > l.drainBy:
		for _, c := range l.conns {
			if c.live > 0 && c.dead == nil {
				c.fail(fmt.Errorf("initiator: %d requests did not come back: %v", c.live, c.p))
			}
		}
	}
}

// issued reports whether every connection has made all its requests.
func (l *loop) issued() bool {
	for _, c := range l.conns {
		if c.made < l.w.Count {
			return false
		}
	}
	return true
}

// quit ends the receives and waits for their last completions, so that no byte is lost to a later run.
func (l *loop) quit() error {
	for i, c := range l.conns {
		if c.armed && c.dead == nil {
			l.ring.CancelFD(uring.Slot(i), opCancel|uint64(i))
		}
	}
	for by := l.clock() + int64(drainTimeout); ; {
		armed := false
		for _, c := range l.conns {
			armed = armed || c.armed && c.dead == nil
		}
		if !armed {
			return nil
		}
		if l.clock() > by {
			return fmt.Errorf("initiator: loop %d: receives do not end", l.index)
		}
		if err := l.ring.SubmitAndWait(turnTimeout); err != nil {
			return err
		}
		l.turn()
	}
}

// kick has the other loops look at the windows: one of their connections waits.
func (l *loop) kick() {
	for _, p := range l.peers {
		if p != l && p.ring != nil && !p.kicked.Swap(true) {
			p.ring.Notify()
		}
	}
}
