package lun

import "sync/atomic"

// flusher executes a unit's flushes one at a time. A flush serves all requests made before it began; requests made meanwhile
// share the next flush.
//
// That is cheaper, but it is also needed for correctness. The kernel reports a failed write-back once for each open file, to
// the first fdatasync after it (errseq_t), and a drive reports a lost cache to one flush only. With two flushes in flight, one
// could get the error while the other is answered GOOD before the error is seen.
//
// Waiting requests form a stack, linked by Request.Retry. busy guards all other fields; the loop of the current flush holds it.
type flusher struct {
	unit    *Unit
	waiting atomic.Pointer[Request]
	busy    atomic.Bool

	loop     Loop
	batch    *Request // the requests that the current flush serves, oldest first
	req      Request
	inSubmit bool
	answered bool
	err      error
}

// flushed is a Completion of a flush: it names the loop that the request belongs to.
type flushed interface {
	Completion
	flushLoop() Loop
}

// join requests a flush of everything answered so far. r is answered on l, possibly before join returns.
func (f *flusher) join(l Loop, r *Request) {
	for {
		head := f.waiting.Load()
		r.Retry = head
		if f.waiting.CompareAndSwap(head, r) {
			break
		}
	}
	if f.busy.CompareAndSwap(false, true) {
		f.run(l)
	}
}

// run executes flushes until one does not complete at once or no request waits. The caller holds busy.
func (f *flusher) run(l Loop) {
	for {
		f.batch = oldestFirst(f.waiting.Swap(nil))
		if f.batch == nil {
			f.busy.Store(false)
			if f.waiting.Load() == nil || !f.busy.CompareAndSwap(false, true) {
				return // a request that comes now starts the next flush
			}
			continue
		}
		f.loop = l
		f.req = Request{Kind: OpSync, Done: f}
		f.inSubmit, f.answered = true, false
		f.unit.backend.Submit(l, &f.req)
		f.inSubmit = false
		if !f.answered {
			return
		}
		f.answer(f.err)
	}
}

func oldestFirst(r *Request) (first *Request) {
	for r != nil {
		r, r.Retry, first = r.Retry, first, r
	}
	return first
}

// RequestDone implements Completion for the current flush.
func (f *flusher) RequestDone(_ *Request, err error) {
	if f.inSubmit {
		f.answered, f.err = true, err
		return
	}
	l := f.loop
	f.answer(err)
	f.run(l)
}

// answer ends all requests of the flush. A loss is recorded before the first of them is answered.
func (f *flusher) answer(err error) {
	if err != nil {
		f.unit.FlushFailed(err, f.loop.Now())
	}
	here := f.loop.Index()
	for r := f.batch; r != nil; {
		next := r.Retry
		r.Retry = nil
		if l := r.Done.(flushed).flushLoop(); l.Index() == here {
			r.Done.RequestDone(r, err)
		} else {
			l.Post(flushAnswer{r, err})
		}
		r = next
	}
	f.batch = nil
}

// flushAnswer answers a flush on the loop of its task.
type flushAnswer struct {
	r   *Request
	err error
}

func (a flushAnswer) Happen() { a.r.Done.RequestDone(a.r, a.err) }

// submit starts r on l: flushes go to the flusher, all other requests to the backend.
func (u *Unit) submit(l Loop, r *Request) {
	if r.Kind == OpSync {
		u.flusher.join(l, r)
		return
	}
	u.backend.Submit(l, r)
}

func (d *taskIO) flushLoop() Loop { return d.Loop }

func (s *sanitizer) flushLoop() Loop { return s.loop }
