package lun

// Event is the argument of Loop.Post and Loop.After: something that happens on the loop, with the data that it needs. It is a
// value and not a closure, so that a loop's pending events can be listed and stored.
type Event interface {
	// Happen is called once, on the loop's thread.
	Happen()
}

// Work is the argument of Loop.Go: Do may block, and runs on a helper goroutine; then Happen runs on the loop.
type Work interface {
	Do()
	Event
}

// taskStep is what a task does when an event resumes it.
type taskStep uint8

const (
	stepSubmit    taskStep = iota // submit the request that waits for the loop's next turn
	stepVerify                    // compare the next piece
	stepGood                      // end with GOOD
	stepLBAStatus                 // answer with the extents that were found
	stepReserve                   // RESERVE(6) and (10), with the unit's turn
	stepRelease                   // RELEASE(6) and (10), with the unit's turn
	stepPersist                   // PERSISTENT RESERVE OUT, with the unit's turn
)

var taskSteps = [...]func(*Task){
	stepSubmit: (*Task).resubmit, stepVerify: verifyNext, stepGood: (*Task).good, stepLBAStatus: lbaAnswer,
	stepReserve: reserveTurn, stepRelease: releaseTurn, stepPersist: persistTurn,
}

// taskEvent resumes a task.
type taskEvent struct {
	t    *Task
	step taskStep
}

func (e taskEvent) Happen() { e.t.resume(e.step) }

// saver is a change that a command saves in the Store before it takes effect. save blocks, and runs on a helper goroutine; saved
// makes the change effective, or ends t with an error.
type saver interface {
	save()
	saved(t *Task)
}

// saving is a saver at work.
type saving struct {
	t *Task
	s saver
}

func (w saving) Do()     { w.s.save() }
func (w saving) Happen() { w.t.saved(w.s) }
