package engine

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/phasetest"
)

func connStep(from, next connPhase) bool { return connNext[from]>>next&1 == 1 }

// A connection takes the steps of connNext and no others; docs/engine.md lists them.
func TestConnPhases(t *testing.T) {
	phasetest.Table(t, len(connPhaseNames), connStep, func(from, next connPhase) connPhase {
		c := &conn{phase: from}
		c.enter(next)
		return c.phase
	})
	phasetest.Listed(t, "../docs/engine.md", "The phases of a connection", len(connNext), connStep)
}
