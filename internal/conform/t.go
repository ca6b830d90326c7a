package conform

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// T is what a case works with. Its methods that judge end the case.
type T struct {
	Target *Target
	Case   *Case // nil while the run itself tries something
	// FirstCmdSN is what the first login of each session carries; 1 unless the case says otherwise.
	FirstCmdSN uint32

	ctx         context.Context
	deadline    time.Time
	limit       time.Duration
	destructive bool
	variant     Variant
	isids       *uint32 // the run's counter
	random      [3]byte // of the run

	connections int   // made so far
	refused     error // why the last attempt at one failed
	lock        sync.Mutex
	conns       []*Conn
	ended       bool

	trace trace
	pdus  int // received
	bytes int // received
	async []*PDU
	notes []string
	end   *ending
}

// ending is how a case ended before its function returned.
type ending struct {
	verdict Verdict
	due     string
	came    string
}

// Fail ends the case: the target broke the rule. due says what was due, the rest what came instead.
func (t *T) Fail(due, came string, args ...any) {
	t.finish(&ending{verdict: Fail, due: due, came: fmt.Sprintf(came, args...)})
}

// Want fails the case unless ok.
func (t *T) Want(ok bool, due, came string, args ...any) {
	if !ok {
		t.Fail(due, came, args...)
	}
}

// Skip ends the case: it cannot be tried on this target, for the reason given.
func (t *T) Skip(reason string, args ...any) {
	t.finish(&ending{verdict: Skip, came: fmt.Sprintf(reason, args...)})
}

// Note adds a remark to the result.
func (t *T) Note(format string, args ...any) {
	t.notes = append(t.notes, printable(fmt.Sprintf(format, args...)))
}

// broken ends the case: what it needs first did not work, so that nothing was learned about the rule.
func (t *T) broken(format string, args ...any) {
	t.finish(&ending{verdict: Error, came: fmt.Sprintf(format, args...)})
}

func (t *T) finish(e *ending) {
	t.end = e
	panic(e)
}

// Async returns the Asynchronous Messages that came so far.
func (t *T) Async() []*PDU { return t.async }

// ISID returns one that the run has not used: of type random (RFC 7143, 11.12.5).
func (t *T) ISID() (isid [6]byte) {
	*t.isids++
	isid = [6]byte{0x80, t.random[0], t.random[1], t.random[2]}
	binary.BigEndian.PutUint16(isid[4:], uint16(*t.isids))
	return isid
}

// received counts what came, so that a target that sends without end does not keep a case for longer than its bounds.
func (t *T) received(n int) {
	t.pdus++
	t.bytes += n
	if t.pdus > maxPDUs || t.bytes > maxBytes {
		t.Fail("an end of the exchange", "the target has sent %d PDUs with %d bytes", t.pdus, t.bytes)
	}
}

func (t *T) record(c *Conn, k Kind, wire []byte) {
	e := Event{Kind: k, Conn: c.id, At: time.Now(), Wire: wire, Digests: c.Digests}
	if k == Connected {
		e.Local, e.Remote = c.c.LocalAddr().String(), c.c.RemoteAddr().String()
	}
	t.trace.add(e)
}

// own has the connection closed at the end of the case, or of the run.
func (t *T) own(c *Conn) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.conns = append(t.conns, c)
	if t.ended {
		_ = c.c.Close()
	}
}

// interrupt closes what is open, so that nothing waits any more.
func (t *T) interrupt() {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.ended = true
	for _, c := range t.conns {
		_ = c.c.Close()
	}
}
