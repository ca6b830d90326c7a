package engine

import "fmt"

// taskPhase is which part of the program has a task, and what the session waits for. docs/engine.md draws the phases.
type taskPhase uint8

const (
	taskCollecting taskPhase = iota // the session has it: data-out arrives
	taskWaitingOut                  // waits for data-out memory
	taskHeld                        // was executed; a limit does not allow it to start yet
	taskWaitingIn                   // was executed; waits for data-in memory
	taskRunning                     // the device server has it
	taskAborting                    // the device server has it; the session waits for Conn.Aborted
	taskAbandoned                   // the device server still has it, but Conn.Aborted was called
	taskEvicted                     // the device server still has it, but its unit was removed and the session has its answer
	taskOrphaned                    // the session has freed it; the device server's answer releases its blocks
	taskAnswering                   // the session has it again
)

var taskPhaseNames = [...]string{"collecting", "waiting-out", "held", "waiting-in", "running", "aborting", "abandoned", "evicted", "orphaned", "answering"}

func (p taskPhase) String() string {
	if int(p) < len(taskPhaseNames) {
		return taskPhaseNames[p]
	}
	return fmt.Sprintf("taskPhase(%d)", uint8(p))
}

// taskNext lists the phases that may follow each phase. Only the device server's answer takes a task away from the device server,
// so that no block is reused while a backend may access it. In any phase in which the session has the task, the task may be freed;
// the pool then resets it.
var taskNext = [...]uint16{
	taskCollecting: 1<<taskWaitingOut | 1<<taskHeld | 1<<taskWaitingIn | 1<<taskRunning | 1<<taskAnswering,
	taskWaitingOut: 1<<taskCollecting | 1<<taskAnswering,
	taskHeld:       1<<taskWaitingIn | 1<<taskRunning | 1<<taskAnswering,
	taskWaitingIn:  1<<taskRunning | 1<<taskAnswering,
	taskRunning:    1<<taskAborting | 1<<taskEvicted | 1<<taskOrphaned | 1<<taskAnswering,
	taskAborting:   1<<taskAbandoned | 1<<taskOrphaned | 1<<taskAnswering,
	taskAbandoned:  1<<taskOrphaned | 1<<taskAnswering,
	taskEvicted:    1<<taskOrphaned | 1<<taskAnswering,
	taskOrphaned:   1 << taskAnswering,
	taskAnswering:  0, // taskPool.put
}

// enter moves the task to its next phase. A transition that is not in taskNext is a bug.
func (t *task) enter(next taskPhase) {
	if taskNext[t.phase]>>next&1 == 0 {
		t.misstep(next)
	}
	t.phase = next
}

// misstep keeps the formatting of the message out of enter.
func (t *task) misstep(next taskPhase) {
	panic(fmt.Sprintf("engine: task %#x: phase %v after %v", t.s.ITT, next, t.phase))
}

// inServer reports whether the device server has the task.
func (t *task) inServer() bool { return t.phase >= taskRunning && t.phase <= taskOrphaned }
