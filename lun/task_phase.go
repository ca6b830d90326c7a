package lun

import "fmt"

// taskPhase is the phase of a command between Start and TaskDone. docs/scsi.md draws the phases.
type taskPhase uint8

const (
	taskIdle      taskPhase = iota // not started
	taskRunning                    // runs a step, or waits for an event of its loop or for commands of its own
	taskAtGate                     // waits until the gate admits it
	taskInBackend                  // the backend has its request
	taskSaving                     // a helper thread saves the unit's state: see save
	taskEnded                      // has its status; only TaskDone follows
)

var taskPhaseNames = [...]string{"idle", "running", "at the gate", "in the backend", "saving", "ended"}

func (p taskPhase) String() string {
	if int(p) < len(taskPhaseNames) {
		return taskPhaseNames[p]
	}
	return fmt.Sprintf("taskPhase(%d)", uint8(p))
}

// taskNext lists the phases that may follow each phase. A command ends only in its own step or at the gate: a request in the backend
// or a change in the Store must complete first.
var taskNext = [...]uint8{
	taskIdle:      1 << taskRunning,
	taskRunning:   1<<taskAtGate | 1<<taskInBackend | 1<<taskSaving | 1<<taskEnded,
	taskAtGate:    1<<taskRunning | 1<<taskEnded,
	taskInBackend: 1 << taskRunning,
	taskSaving:    1 << taskRunning,
	taskEnded:     0, // Reset
}

// phaseIs moves the task to its next phase. A transition that is not in taskNext is a bug.
func (t *Task) phaseIs(next taskPhase) {
	if taskNext[t.phase]>>next&1 == 0 {
		panic(fmt.Sprintf("lun: command %#x: phase %v after %v", t.CDB[0], next, t.phase))
	}
	t.phase = next
}

// taskFate is what the engine has asked for. It never goes back.
type taskFate uint8

const (
	fateWanted    taskFate = iota
	fateAborted            // Abort: no answer is sent
	fateAbandoned          // Abandon: the unit does not wait for it any more
)

// driver is how the task is being carried out on its loop right now.
type driver uint8

const (
	driverOff        driver = iota // drive does not run
	driverStepping                 // a step runs: drive ends the task or submits its request when it returns
	driverSubmitting               // the backend's Submit runs
	driverAnswered                 // the backend's Submit runs, and has completed the request already
)
