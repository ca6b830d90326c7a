package engine

import (
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
)

// task is one command in the engine: the session's task, the device server's task, and the arena blocks that they use. It
// belongs to a loop and comes from the loop's pool.
type task struct {
	s session.Task
	l lun.Task
	// use counts the uses of this structure, so that code that returns to a task later can tell whether it is still the same task.
	use uint64
	taskState
}

// taskState is the part of a task that is reset at each use.
type taskState struct {
	conn *conn

	out  []byte // arena block of the data-out
	buf  []byte // arena block of the data-in
	in   int    // bytes of data-in that Plan asked for
	need int    // bytes of memory that it waits for; in taskHeld, the bytes that it costs

	times     taskTimes
	phase     taskPhase
	abandonAt int64 // in taskAborting: when it is abandoned if the backend still has it

	// Tasks of a connection are on its list from NewTask to FreeTask, those in taskOrphaned on their loop's; prev/next are the links.
	prev, next *task
	// A task that waits for memory is on line; ahead and behind are its links there. held is what it took of its initiator's
	// share.
	line          *line
	ahead, behind *task
	held          int
	flow          *flow // in taskHeld: the line is its; heldAt is since when
	heldAt        int64
	watched       *watched // nil: nobody waits for its end
}

// watched has who waits for a task's end. Few tasks have one: all that is in taskState is written for each command.
type watched struct {
	groups      []*abortGroup // management functions, until the task is freed
	withdrawals []*withdrawal // changes that take its unit away, until the device server has done with it
}

// watch returns the task's list of those who wait for its end.
func (t *task) watch() *watched {
	if t.watched == nil {
		t.watched = &watched{}
	}
	return t.watched
}

// taskPool has a loop's tasks. Their index is the ID by which session names them.
type taskPool struct {
	loop *loop
	all  []*task
	free *task
	out  int // tasks in use
}

// of returns the task whose protocol half is st.
func (p *taskPool) of(st *session.Task) *task { return p.all[st.ID] }

func (p *taskPool) get() *task {
	t := p.free
	if t == nil {
		if len(p.all) >= maxTasks {
			return nil
		}
		// Grows to the most that was ever in flight at once, and allocates nothing after that.
		t = &task{}
		t.s.ID = uint32(len(p.all))
		t.l.Owner, t.l.Loop = t, p.loop
		p.all = append(p.all, t)
	} else {
		p.free = t.next
		t.next = nil
	}
	p.out++
	return t
}

func (p *taskPool) put(t *task) {
	t.s.Reset()
	t.l.Reset()
	t.use++
	t.taskState = taskState{next: p.free}
	p.free = t
	p.out--
}
