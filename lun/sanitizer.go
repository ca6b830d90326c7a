package lun

import (
	"encoding/binary"
	"sync/atomic"
)

// sanitizer is a sanitize operation (SBC-3 4.11). It belongs to the loop that started it, and not to a task: neither an abort
// nor a reset nor the end of the session stops it.
type sanitizer struct {
	u            *Unit
	loop         Loop
	waiter       *Task // the command that waits for the end (IMMED zero); nil once it was aborted
	unrestricted bool  // AUSE
	kind         OpKind
	passes       int
	invert       bool
	buf          []byte // OpWrite: one piece of the pattern
	pass         int
	off          int64 // in this pass
	total        int64 // bytes of all passes
	began        int64
	moved        atomic.Int64  // bytes done; read by any loop
	ended        chan struct{} // closed at the end
	req          Request
}

// sanitizeNap bounds how long a paced operation sleeps before it checks again whether to go on, in nanoseconds.
const sanitizeNap = 1e9

// begin records in the Store that the medium is being sanitized, so that after a restart it counts neither as intact nor as clean.
func (s *sanitizer) begin() {
	s.began = s.loop.Now()
	mark := []byte{'r'}
	if s.unrestricted {
		mark[0] = 'u'
	}
	s.loop.Go(&sanitizeMark{s: s, mark: mark})
}

// sanitizeMark saves that an operation has begun, or with no mark that it has ended.
type sanitizeMark struct {
	s    *sanitizer
	mark []byte
	err  error
}

// Do implements Work.
func (m *sanitizeMark) Do() { m.err = m.s.u.markSanitize(m.mark) }

// Happen implements Work.
func (m *sanitizeMark) Happen() {
	if m.err != nil || m.mark == nil {
		m.s.end(m.err)
		return
	}
	m.s.next()
}

// sanitizeNext is the event that continues with the next piece.
type sanitizeNext struct{ s *sanitizer }

func (e sanitizeNext) Happen() { e.s.next() }

// sanitizeFailure is the event that ends the operation with an error.
type sanitizeFailure struct {
	s   *sanitizer
	err error
}

func (e sanitizeFailure) Happen() { e.s.end(e.err) }

// next submits the next piece, once the rate permits.
func (s *sanitizer) next() {
	u := s.u
	if u.removed.Load() { // the Store keeps the mark: the operation has not ended
		t := s.waiter
		s.stop()
		if t != nil {
			t.sanitizer = nil
			t.end(StatusTaskAborted)
		}
		return
	}
	size := int64(u.blocks()) * int64(u.blockSize())
	if s.off >= size {
		s.req = Request{Kind: OpSync, Done: s}
		u.submit(s.loop, &s.req)
		return
	}
	if r := u.cfg.SanitizeRate; r > 0 {
		due := s.began + int64(float64(s.moved.Load())/float64(r)*1e9)
		if wait := due - s.loop.Now(); wait > 0 {
			s.loop.After(min(wait, sanitizeNap), sanitizeNext{s})
			return
		}
	}
	s.req = Request{Kind: s.kind, Off: s.off, Done: s}
	if s.kind == OpWrite {
		s.req.Buf = s.buf[:min(int64(len(s.buf)), size-s.off)]
		s.req.Len = int64(len(s.req.Buf))
	} else {
		s.req.Len = min(discardPiece, size-s.off)
	}
	u.backend.Submit(s.loop, &s.req)
}

// RequestDone implements Completion. It continues through Post, so that a backend that completes inside Submit does not cause
// recursion, and other tasks get the loop.
func (s *sanitizer) RequestDone(r *Request, err error) {
	if err != nil {
		if r.Kind != OpSync { // the flusher records the errors of flushes
			s.u.faulted(s.loop, r, err)
		}
		s.loop.Post(sanitizeFailure{s, err})
		return
	}
	if r.Kind != OpSync {
		s.off += r.Len
		s.moved.Add(r.Len)
		s.loop.Post(sanitizeNext{s})
		return
	}
	if s.pass++; s.pass < s.passes {
		s.off = 0
		if s.invert { // SBC-3 5.21.2: the pattern is inverted between passes
			for i := range s.buf {
				s.buf[i] ^= 0xFF
			}
		}
		s.loop.Post(sanitizeNext{s})
		return
	}
	s.loop.Go(&sanitizeMark{s: s})
}

// end ends the operation, with success or failure.
func (s *sanitizer) end(err error) {
	u := s.u
	if err != nil {
		u.mu.Lock()
		u.restrictedSanitize = !s.unrestricted
		u.mu.Unlock()
		u.set(stateSanitizeFailed)
	}
	u.clear(stateSanitizing)
	t := s.waiter
	s.stop()
	if t == nil {
		return
	}
	t.sanitizer = nil
	if err != nil {
		t.check(MediumError, ascSanitizeFailed)
	} else {
		t.good()
	}
}

// stop releases the resources of the operation.
func (s *sanitizer) stop() {
	if s.buf != nil {
		s.loop.Free(s.buf)
		s.buf = nil
	}
	s.u.sanitizing.Store(nil)
	close(s.ended)
}

// sanitizeSense returns the sense data of a unit that is being sanitized, with its progress in 65536ths (SPC-4 4.5.2.4.4).
func (u *Unit) sanitizeSense() sense {
	v := sense{key: NotReady, asc: ascSanitizeInProgressSense, specific: [3]byte{0x80, 0xFF, 0xFF}}
	if s := u.sanitizing.Load(); s != nil {
		progress := float64(s.moved.Load()) / float64(max(s.total, 1)) * 65536
		binary.BigEndian.PutUint16(v.specific[1:], uint16(min(progress, 65535)))
	}
	return v
}

func (u *Unit) sanitizeKey() string { return "sanitize/" + u.cfg.ID }

// markSanitize saves the state of the sanitize operation, nil if there is none. It blocks.
func (u *Unit) markSanitize(mark []byte) error {
	if u.target.cfg.Store == nil || u.cfg.ID == "" {
		return nil
	}
	return u.target.cfg.Store.Save(u.sanitizeKey(), mark)
}

// restoreSanitize checks for an operation that a restart interrupted: it has failed (SBC-3 4.11.1).
func (u *Unit) restoreSanitize() error {
	if u.target.cfg.Store == nil || u.cfg.ID == "" {
		return nil
	}
	mark, err := u.target.cfg.Store.Load(u.sanitizeKey())
	if err == nil && len(mark) != 0 {
		u.restrictedSanitize = mark[0] != 'u'
		u.set(stateSanitizeFailed)
	}
	return err
}
