package initiator

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/internal/uring"
	"golang.org/x/sys/unix"
)

// loop is one thread of a run: a ring, and connections that no other thread touches. A turn takes the completions of all of
// them, makes the requests that are due, and sends once on each connection that has something to send. Its cost depends on
// these, not on the number of connections.
type loop struct {
	*run
	index, cpu int
	w          *Workload
	conns      []*loopConn

	ring   *uring.Ring
	arena  *uring.Arena
	bufs   *uring.BufRing
	kicked atomic.Bool // another loop has opened a window that connections here may wait for

	todo []*loopConn // have something to send or to arm
	held []*loopConn // wait for a window that other connections may open
	live int         // requests under way, on connections that are up
	out  int         // sends under way, likewise
	left int         // connections that have not made all of Count

	now       int64
	issuing   bool // new requests are made
	drainBy   int64
	countFrom int64 // when the warm-up ends
	endAt     int64
	measured  int64 // when the measured part ended, after the run
	ended     int   // index of endings
	// lastCounted is when the last request that counts was over.
	lastCounted int64
	report      LoopReport // counts since the run began; of the measured part when it is over
	meter       meter

	pacer  pacer // open loop
	lag    Histogram
	waited uint64 // requests that were due before Depth allowed them

	part  *part // of the interval, if there are any
	slice int   // its index
	// boundary is when it ends.
	boundary int64
}

// User data is the operation and the connection's index in the loop.
const (
	opRecv uint64 = iota << 32
	opSend
	opCancel
)

const opMask uint64 = 0xffffffff << 32

const loopGroup = 1

// endings are the ends of a loop's run; the later ones are the whole run's.
var endings = [...]string{EndedSize, EndedRuntime, EndedInterrupted, EndedError}

const (
	endSize = iota
	endRuntime
	endInterrupted
	endError
)

func (l *loop) clock() int64 { return int64(time.Since(l.started)) }

// life is the loop's thread, which is not unlocked, so that it ends with the goroutine: it may be pinned.
func (l *loop) life(ready *sync.WaitGroup) error {
	runtime.LockOSThread()
	err := l.open()
	ready.Done()
	<-l.begin
	l.setTimes()
	if err == nil {
		err = l.work()
	}
	if l.issuing || err != nil {
		l.meter.stop(l)
	}
	if err != nil {
		l.issuing, l.ended, l.endAt = false, endError, min(l.endAt, l.clock())
		for _, c := range l.conns {
			c.fail(err)
		}
	}
	l.finish()
	l.report = l.meter.report()
	if l.ring != nil {
		_ = l.ring.Close()
	}
	if l.bufs != nil {
		_ = l.bufs.Close()
	}
	if l.arena != nil {
		_ = l.arena.Close()
	}
	return err
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
	ring, err := uring.New(uring.Config{NoIowait: true})
	if err != nil {
		return err
	}
	l.ring = ring
	incremental := ring.Features().Has(uring.BufRingInc)
	if l.bufs, err = ring.NewBufRing(loopGroup, recvRingBuffers, recvRingSize, incremental); err != nil {
		return err
	}
	send, pieces := l.sendMemory()
	data := l.w.BlockSize
	if l.w.Verify {
		data = l.w.BlockSize * l.w.Depth * len(l.conns)
	}
	if l.arena, err = uring.NewArena((send+pieces*16+512)*len(l.conns) + data + 64<<10); err != nil {
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
	l.todo = make([]*loopConn, 0, len(l.conns))
	l.held = make([]*loopConn, 0, len(l.conns))
	for i, c := range l.conns {
		if err := c.open(i, send, pieces, shared); err != nil {
			return err
		}
	}
	return nil
}

// sendMemory returns the bytes and pieces that a connection's send gathers. Where there are many connections each has less
// to send at a time; an idle one has answers to pings.
func (l *loop) sendMemory() (bytes, pieces int) {
	switch {
	case l.w.idle:
		return idleSendBuffer, idleSendPieces
	case len(l.conns) > fewConns:
		return loopSendBufferMany, loopSendPiecesMany
	}
	return loopSendBuffer, loopSendPieces
}

// setTimes sets the times that all loops share.
func (l *loop) setTimes() {
	l.now = l.clock()
	l.countFrom = int64(l.w.Warmup)
	l.lastCounted, l.measured, l.endAt, l.boundary = l.countFrom, l.countFrom, never, never
	if l.w.Duration > 0 {
		l.endAt = l.countFrom + int64(l.w.Duration)
	}
	if l.intervals != nil {
		l.part, l.boundary = l.intervals.take(), l.countFrom+int64(l.intervals.length)
	}
}

// work is the loop itself.
func (l *loop) work() error {
	l.issuing, l.left = true, len(l.conns)
	if l.now >= l.countFrom {
		l.meter.start(l)
	}
	for _, c := range l.conns {
		c.mark()
		c.start()
	}
	for {
		if l.w.Rate > 0 && l.issuing {
			l.now = l.clock()
			l.pace(l.now + 1)
		}
		l.flush()
		if !l.issuing && l.live == 0 && l.out == 0 {
			break
		}
		if err := l.wait(); err != nil {
			return err
		}
		l.turn()
		l.mind()
	}
	return l.quit()
}

// flush sends on the connections with news, and on those whose window another loop or connection may have opened.
func (l *loop) flush() {
	again := l.kicked.Swap(false) // the next kick sees waiters that come from here on
	if len(l.held) > 0 {
		waiting := l.held[:0]
		for _, c := range l.held {
			if again || c.moved() || c.dead != nil {
				c.held = false
				c.mark()
			} else {
				waiting = append(waiting, c)
			}
		}
		l.held = waiting
	}
	for _, c := range l.todo {
		c.marked = false
		if c.dead != nil {
			continue
		}
		if !c.armed {
			c.arm()
		}
		c.flush()
		if c.progress == proto.Window && c.shares && !c.held {
			c.held = true
			l.held = append(l.held, c)
		}
	}
	l.todo = l.todo[:0]
}

// wait submits the queued operations and waits for completions.
func (l *loop) wait() error {
	if l.w.Poll > 0 && l.live > 0 {
		if err := l.ring.Submit(); err != nil {
			return err
		}
		now := l.clock()
		for until := min(now+int64(l.w.Poll), l.due()); !l.ring.Pending() && now < until; now = l.clock() {
			uring.Pause()
		}
		l.now = now
	}
	return l.ring.SubmitAndWait(l.sleep())
}

// sleep returns how long to wait for a completion or a wake-up by another loop or the run's context. Looking at other times too
// would only hide a lost wake-up.
func (l *loop) sleep() time.Duration {
	at := l.due()
	if at == never {
		return -1
	}
	return max(time.Duration(at-l.now), 0)
}

// due returns when the loop's next timer expires.
func (l *loop) due() int64 {
	switch {
	case !l.issuing:
		return min(l.boundary, l.drainBy)
	case l.w.Rate > 0:
		return min(l.boundary, l.endAt, l.pacer.first()-int64(l.w.Spin))
	default:
		return min(l.boundary, l.endAt)
	}
}

// turn takes what the ring has completed.
func (l *loop) turn() {
	l.report.Turns++
	l.now = l.clock()
	if l.now >= l.countFrom {
		l.meter.start(l)
	}
	for l.boundary <= l.now && l.boundary <= l.endAt { // before anything counts that is of the next
		l.nextSlice()
	}
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
}

// mind ends the run when its time is up or something stopped it.
func (l *loop) mind() {
	halted := l.halted.Load()
	if l.issuing {
		switch {
		case l.now >= l.endAt:
			l.pace(l.endAt) // what became due since the last turn
			l.stop(endRuntime, l.endAt, drainTimeout)
		case halted == haltInterrupted:
			l.stop(endInterrupted, l.now, hasteTimeout)
		case halted == haltError:
			l.stop(endError, l.now, hasteTimeout)
		case l.left == 0 && (l.w.Count > 0 || l.w.readBack):
			l.stop(endSize, l.endAt, drainTimeout)
		}
		return
	}
	if halted != haltNone {
		l.drainBy = min(l.drainBy, l.now+int64(hasteTimeout))
	}
	if l.now > l.drainBy {
		for _, c := range l.conns {
			if c.live > 0 && c.dead == nil {
				c.fail(fmt.Errorf("initiator: %d requests did not come back: %v", c.live, c.p))
			}
		}
	}
}

// stop ends the measured part: no more requests are made, and those in flight get some time to complete.
func (l *loop) stop(why int, at int64, patience time.Duration) {
	if l.issuing {
		l.meter.stop(l)
		l.issuing, l.ended, l.endAt = false, why, at
		l.drainBy = l.now + int64(patience)
	}
}

// finish counts what was never sent, and gives the last part of the series.
func (l *loop) finish() {
	if l.measured = l.endAt; l.ended == endSize {
		l.measured = l.lastCounted
	}
	l.measured = max(l.measured, l.countFrom)
	if l.w.Rate > 0 {
		for _, c := range l.conns {
			c.undone()
		}
	}
	if l.part != nil {
		p := l.part
		p.loop, p.upTo, p.end, p.last, p.Behind = l.index, l.slice, time.Duration(l.measured-l.countFrom), true, l.behind(l.measured)
		l.part = l.intervals.give(p)
	}
}

// nextSlice ends an interval.
func (l *loop) nextSlice() {
	p := l.part
	p.loop, p.upTo, p.Behind = l.index, l.slice, l.behind(l.boundary)
	l.part = l.intervals.give(p)
	l.slice++
	l.boundary += int64(l.intervals.length)
}

// quit ends the receives and waits for their last completions, so that no byte is lost to a later run.
func (l *loop) quit() error {
	l.boundary = never
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
		if err := l.ring.SubmitAndWait(quitTimeout); err != nil {
			return err
		}
		l.turn()
	}
}

// kick makes the other loops check their windows: one of their connections is waiting.
func (l *loop) kick() {
	for _, p := range l.loops {
		if p != l && p.ring != nil && !p.kicked.Swap(true) {
			p.ring.Notify()
		}
	}
}
