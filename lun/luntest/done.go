package luntest

import "github.com/ringtgt/ringtgt/lun"

// Done is a task's owner that is a function. It fails the test if the task ends out of its loop's turn.
type Done func(t *lun.Task)

// TaskDone implements lun.TaskOwner.
func (d Done) TaskDone(t *lun.Task) {
	if l, ok := t.Loop.(*Loop); ok {
		l.mine("TaskDone")
	}
	d(t)
}

// Ended is a task's owner that is a channel, for a goroutine that waits for the end. It needs room for one element.
type Ended chan struct{}

// TaskDone implements lun.TaskOwner.
func (e Ended) TaskDone(*lun.Task) { e <- struct{}{} }
