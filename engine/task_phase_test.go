package engine

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/phasetest"
)

func taskStep(from, next taskPhase) bool { return taskNext[from]>>next&1 == 1 }

// A task takes the steps of taskNext and no others; docs/engine.md lists them.
func TestTaskPhases(t *testing.T) {
	phasetest.Table(t, len(taskPhaseNames), taskStep, func(from, next taskPhase) taskPhase {
		o := &task{taskState: taskState{phase: from}}
		o.enter(next)
		return o.phase
	})
	phasetest.Listed(t, "../docs/engine.md", "The phases of a task", len(taskNext), taskStep)
}
