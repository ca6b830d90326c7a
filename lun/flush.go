package lun

import "sync/atomic"

// flusher carries out a unit's flushes one at a time. A flush serves all that were asked for before it began; those that are
// asked for meanwhile share the next one.
//
// That is not only cheaper. The kernel tells a failed write-back once for each open file, to the first fdatasync that looks
// (errseq_t), and a drive tells a lost cache to whichever flush meets it. Were two flushes under way, one could fetch the
// error and the other be answered GOOD before the first one's answer is seen. So no flush is answered while another one
// knows more than it.
//
// Requests that wait are a stack, linked by Request.Retry. busy is the right to everything else; who has it is the loop that
// the flush under way is on.
type flusher struct {
	unit    *Unit
	waiting atomic.Pointer[Request]
	busy    atomic.Bool

	loop     Loop
	batch    *Request // what the flush under way answers, oldest first
	req      Request
	inSubmit bool
	answered bool
	err      error
}

// flushed is what waits for a flush: where its request came from.
type flushed interface {
	Completion
	flushLoop() Loop
}

// join asks for a flush of everything that was answered before. r is answered on l, maybe before join returns.
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

// run carries out flushes until one does not end at once, or nobody waits. The caller has busy.
func (f *flusher) run(l Loop) {
	for {
		f.batch = oldestFirst(f.waiting.Swap(nil))
		if f.batch == nil {
			f.busy.Store(false)
			if f.waiting.Load() == nil || !f.busy.CompareAndSwap(false, true) {
				return // whoever comes now begins the next one
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

// RequestDone implements Completion for the flush under way.
func (f *flusher) RequestDone(_ *Request, err error) {
	if f.inSubmit {
		f.answered, f.err = true, err
		return
	}
	l := f.loop
	f.answer(err)
	f.run(l)
}

// answer tells everybody how the flush ended. A loss is noted before anybody is told.
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
			answerOn(l, r, err)
		}
		r = next
	}
	f.batch = nil
}

// answerOn is apart so that its closure costs a flush on one loop nothing.
func answerOn(l Loop, r *Request, err error) {
	l.Post(func() { r.Done.RequestDone(r, err) })
}

// submit starts r on l: flushes by the flusher, all else by the backend itself.
func (u *Unit) submit(l Loop, r *Request) {
	if r.Kind == OpSync {
		u.flusher.join(l, r)
		return
	}
	u.backend.Submit(l, r)
}

func (d *taskIO) flushLoop() Loop { return d.Loop }

func (s *sanitizer) flushLoop() Loop { return s.loop }
