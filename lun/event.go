package lun

// Event is what Loop.Post and Loop.After carry: a value that says what happens on the loop, with what it needs. It is no
// closure, so that a loop's pending events can be listed, and written down.
type Event interface {
	// Happen is called once, on the loop's thread.
	Happen()
}

// Work is what Loop.Go carries: Do may block, and runs on a helper goroutine; then Happen runs on the loop.
type Work interface {
	Do()
	Event
}

// taskStep is what a task does when a loop comes back to it.
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

// saver is what a command saves in the Store before it has an effect. save blocks, and runs on a helper goroutine; saved carries
// out the effect, or ends t with an error.
type saver interface {
	save()
	saved(t *Task)
}

// saving is a saver under way.
type saving struct {
	t *Task
	s saver
}

func (w saving) Do()     { w.s.save() }
func (w saving) Happen() { w.t.settled(w.s) }
