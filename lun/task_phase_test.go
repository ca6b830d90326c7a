package lun

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/phasetest"
)

func phaseStep(from, next taskPhase) bool { return taskNext[from]>>next&1 == 1 }

// A command takes the steps of taskNext and no others; docs/scsi.md lists them.
func TestTaskPhases(t *testing.T) {
	phasetest.Table(t, len(taskPhaseNames), phaseStep, func(from, next taskPhase) taskPhase {
		task := &Task{phase: from}
		task.phaseIs(next)
		return task.phase
	})
	phasetest.Listed(t, "../docs/scsi.md", "The phases of a command", len(taskNext), phaseStep)
}
