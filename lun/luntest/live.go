package luntest

import (
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/lun"
)

// Live is a set of loops that really run at the same time, a goroutine each, for the race detector. Block I/O runs on
// goroutines of its own. Nothing is repeatable; repeatable tests use a World.
type Live struct {
	// NoSync is that of Config; set it before the loops have anything to do.
	NoSync bool

	loops []*LiveLoop
	stop  sync.WaitGroup
}

// NewLive starts n loops; they end with the test.
func NewLive(t testing.TB, n int) *Live {
	v := &Live{}
	epoch := time.Now()
	for i := range n {
		l := &LiveLoop{v: v, t: t, index: i, epoch: epoch, arena: newArena(t, 256<<20)}
		l.more.L = &l.mu
		v.loops = append(v.loops, l)
		v.stop.Add(1)
		go func() {
			defer v.stop.Done()
			l.run()
		}()
	}
	t.Cleanup(func() {
		for _, l := range v.loops {
			l.mu.Lock()
			l.closed = true
			l.more.Broadcast()
			l.mu.Unlock()
		}
		v.stop.Wait()
		for _, l := range v.loops {
			l.arena.close()
		}
	})
	return v
}

// Loop returns loop i.
func (v *Live) Loop(i int) *LiveLoop { return v.loops[i] }

// Call runs fn on the loop and waits for it to return. It must not be called on the loop itself.
func (l *LiveLoop) Call(fn func()) {
	done := make(chan struct{})
	l.Post(Func(func() {
		fn()
		close(done)
	}))
	<-done
}

// LiveLoop is one event loop of a Live.
type LiveLoop struct {
	v     *Live
	t     testing.TB
	index int
	epoch time.Time
	arena *arena // of the loop's goroutine

	mu     sync.Mutex
	more   sync.Cond
	todo   []lun.Event
	closed bool
}

var _ lun.Loop = (*LiveLoop)(nil)

func (l *LiveLoop) run() {
	var batch []lun.Event
	for {
		l.mu.Lock()
		for len(l.todo) == 0 && !l.closed {
			l.more.Wait()
		}
		if len(l.todo) == 0 {
			l.mu.Unlock()
			return
		}
		batch, l.todo = l.todo, batch[:0]
		l.mu.Unlock()
		for i, e := range batch {
			e.Happen()
			batch[i] = nil
		}
	}
}

// Index numbers the loop.
func (l *LiveLoop) Index() int { return l.index }

// Now is the real monotonic clock in nanoseconds.
func (l *LiveLoop) Now() int64 { return int64(time.Since(l.epoch)) }

// Post calls e.Happen on this loop.
func (l *LiveLoop) Post(e lun.Event) {
	l.mu.Lock()
	l.todo = append(l.todo, e)
	l.more.Signal()
	l.mu.Unlock()
}

// Go calls w.Do on a goroutine, and then w.Happen on this loop.
func (l *LiveLoop) Go(w lun.Work) {
	go func() {
		w.Do()
		l.Post(w)
	}()
}

// After calls e.Happen on this loop in d nanoseconds.
func (l *LiveLoop) After(d int64, e lun.Event) {
	time.AfterFunc(time.Duration(d), func() { l.Post(e) })
}

// Alloc allocates n bytes of poisoned memory.
func (l *LiveLoop) Alloc(n int) []byte { return l.arena.alloc(n) }

// Free frees them.
func (l *LiveLoop) Free(b []byte) { l.arena.free(b) }

func (l *LiveLoop) submit(c *Call) {
	go func() {
		n := c.perform(l.v.NoSync)
		l.Post(Func(func() { c.op.QueueDone(l, c.req, n) }))
	}()
}

// PRead is pread(2).
func (l *LiveLoop) PRead(fd int, buf []byte, off int64, op lun.QueueOp, r *lun.Request) {
	l.submit(&Call{Kind: CallRead, FD: fd, Buf: buf, Off: off, op: op, req: r})
}

// PWrite is pwrite(2), with RWF_DSYNC if dsync.
func (l *LiveLoop) PWrite(fd int, buf []byte, off int64, dsync bool, op lun.QueueOp, r *lun.Request) {
	l.submit(&Call{Kind: CallWrite, FD: fd, Buf: buf, Off: off, DSync: dsync, op: op, req: r})
}

// FSync is fdatasync(2).
func (l *LiveLoop) FSync(fd int, op lun.QueueOp, r *lun.Request) {
	l.submit(&Call{Kind: CallSync, FD: fd, op: op, req: r})
}

// FAllocate is fallocate(2).
func (l *LiveLoop) FAllocate(fd int, mode uint32, off, n int64, op lun.QueueOp, r *lun.Request) {
	l.submit(&Call{Kind: CallAllocate, FD: fd, Mode: mode, Off: off, Len: n, op: op, req: r})
}

// Discard is BLKDISCARD.
func (l *LiveLoop) Discard(fd int, off, n int64, op lun.QueueOp, r *lun.Request) {
	l.submit(&Call{Kind: CallDiscard, FD: fd, Off: off, Len: n, op: op, req: r})
}
