package engine

import (
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

// A disk that completes everything at once is answered in batches that grow, in the order of completion, and begins with a small
// one again after that.
func TestDiskAnswersGrow(t *testing.T) {
	var q doneQueue
	next := int32(0)
	for round := range 40 { // more than twice around the queue
		for i := range int32(100) {
			q.put(ioResult{slot: int32(round)*100 + i})
		}
		for _, want := range []int{4, 8, 16, 32, 32, 8, 0} {
			n := q.next()
			must.Be(t, n == want, "round %d: %d operations are answered, want %d", round, n, want)
			for range n {
				must.Be(t, q.take().slot == next, "round %d: operation %d is not next", round, next)
				next++
			}
		}
	}
	check.Equal(t, q.len(), 0, "operations left")
}

// Operations are submitted early if the disk has nothing to do. Completions that are not answered yet are no work of the disk.
func TestDiskSubmitsEarly(t *testing.T) {
	for _, c := range []struct{ working, answering, staged, want int }{
		{0, 0, 1, ioBatch}, {0, 28, 4, ioBatch}, {4, 0, 4, ioBatch}, {12, 0, 3, 12}, {12, 20, 3, 12}, {900, 0, 1, ioBatchMost},
	} {
		table := ioTable{busy: c.working + c.answering + c.staged}
		for range c.answering {
			table.finished(0, 0)
		}
		check.Equal(t, table.early(c.staged), c.want, "%+v: submitted at", c)
	}
}

// countedOp counts its completions, and tells when the last has come.
type countedOp struct {
	left int
	all  chan struct{}
}

func (o *countedOp) QueueDone(lun.Loop, *lun.Request, int) {
	if o.left--; o.left == 0 {
		close(o.all)
	}
}

// A loop that has completions left to answer goes on without waiting: it needs no other event.
func TestDiskAnswersWaitForNothing(t *testing.T) {
	r := newRig(t, 1, memory(t, 1<<20))
	l := r.e.loops[0]
	op := &countedOp{left: 3 * ioBatch, all: make(chan struct{})}
	r.e.on(l, func() {
		for range op.left {
			i := l.ios.free
			s := &l.ios.slots[i]
			l.ios.free = s.next
			s.op, s.r = op, &lun.Request{}
			l.ios.busy++
			l.ios.finished(int(i), 0)
		}
	})
	select {
	case <-op.all:
	case <-time.After(time.Minute):
		t.Fatal("completions stay unanswered until something else happens")
	}
}
