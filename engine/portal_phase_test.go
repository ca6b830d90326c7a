package engine

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/phasetest"
)

// A portal and its listeners take the steps of their tables and no others; docs/engine.md lists them.
func TestPortalPhases(t *testing.T) {
	step := func(from, next portalPhase) bool { return portalNext[from]>>next&1 == 1 }
	phasetest.Table(t, len(portalPhaseNames), step, func(from, next portalPhase) portalPhase {
		p := &portal{}
		p.phase.Store(uint32(from))
		p.enter(next)
		return p.in()
	})
	phasetest.Listed(t, "../docs/engine.md", "The phases of a portal", len(portalNext), step)
}

func TestListenerPhases(t *testing.T) {
	step := func(from, next listenerPhase) bool { return listenerNext[from]>>next&1 == 1 }
	phasetest.Table(t, len(listenerPhaseNames), step, func(from, next listenerPhase) listenerPhase {
		ln := &listener{portal: &portal{}, phase: from}
		ln.enter(next)
		return ln.phase
	})
	phasetest.Listed(t, "../docs/engine.md", "The phases of a listener", len(listenerNext), step)
}
