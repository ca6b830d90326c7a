package session

import "github.com/ringtgt/ringtgt/pdu"

// tmConn is the interface between task management and its connection: everything that tmf.go, barrier.go, part.go, fence.go,
// fence_command.go and order.go use of a Conn, besides the methods of tasks. A test ensures that those files use nothing else.
type tmConn struct{ c *Conn }

// The connection itself.

func (k tmConn) self() *Conn       { return k.c } // to compare with a barrier's origin
func (k tmConn) session() *Session { return k.c.sess }
func (k tmConn) loop() int         { return k.c.cfg.Loop }

// fullFeature reports whether the connection has left the login phase.
func (k tmConn) fullFeature() bool { return k.c.fullFeature() }

// deaf reports whether input is ignored: then no acknowledgement and no data are received any more.
func (k tmConn) deaf() bool { return k.c.end.deaf() }

// mute reports whether nothing is sent any more.
func (k tmConn) mute() bool { return k.c.end.mute() }

// closed reports whether the transport is gone.
func (k tmConn) closed() bool { return k.c.end.closed() }

// fail closes the connection at once.
func (k tmConn) fail(err error) { k.c.fail(err) }

// finish closes the connection once everything that is queued has been sent.
func (k tmConn) finish(now int64, err error) { k.c.finish(now, err) }

// Its tasks.

func (k tmConn) each(fn func(*Task))   { k.c.tags.each(fn) }
func (k tmConn) find(itt uint32) *Task { return k.c.tags.find(itt) }
func (k tmConn) tasksEnded()           { k.c.tasksEnded() } // tasks have ended without an answer
func (k tmConn) toHost(t *Task)        { t.move(phaseReady); k.c.todo.push(t) }
func (k tmConn) answers() *Task        { return k.c.answers.head } // the first of those whose response is queued
func (k tmConn) queueAnswer(t *Task)   { t.move(phaseAnswer); k.c.answers.push(t) }
func (k tmConn) plug(sn uint32) bool   { return k.c.turns.plug(sn) }
func (k tmConn) watch(on bool) bool    { return k.c.turns.watch(on) }
func (k tmConn) watching() bool        { return k.c.turns.watching }
func (k tmConn) stirred() bool         { return k.c.turns.stirred.Swap(false) }

// What it sends.

// ping sends a NOP-In, whose answer acknowledges what was sent.
func (k tmConn) ping() { k.c.nopIn(k.c.ttt.next()) }

// terminated tells the initiator that all tasks of a logical unit are being terminated.
func (k tmConn) terminated(lun uint64) {
	if !k.deaf() {
		k.c.reply(asyncTerminated(lun), nil)
	}
}

// statSN is the number of the next response.
func (k tmConn) statSN() uint32 { return k.c.sn.statSN }

// queuedSN is the number of the next response once the queued replies, which have no task, were sent.
func (k tmConn) queuedSN() uint32 { return k.c.sn.statSN + k.c.replies.numbered() }

// acknowledged reports whether the initiator has acknowledged all responses before the StatSN mark, or never will.
func (k tmConn) acknowledged(mark uint32) bool {
	return k.deaf() || pdu.SNLessEq(mark, k.c.sn.expStatSN)
}
