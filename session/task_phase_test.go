package session

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// tryMove reports whether a task may move, and the panic if it may not.
func tryMove(from, to taskPhase) (ok bool, why any) {
	t := &Task{}
	t.st.phase = from
	defer func() {
		if why = recover(); why != nil {
			ok = false
		}
	}()
	t.move(to)
	return t.st.phase == to, nil
}

// Every pair of phases: a move in the table happens, any other panics and names both phases.
func TestTaskPhaseTable(t *testing.T) {
	for from := range phases {
		for to := range phases {
			ok, why := tryMove(from, to)
			if legal := phaseNext[from].has(to); ok != legal {
				t.Errorf("%v -> %v: moved %v, want %v", from, to, ok, legal)
			}
			if want := "session: a task cannot move from " + from.String() + " to " + to.String(); !ok && why != want {
				t.Errorf("%v -> %v panics with %v, want %q", from, to, why, want)
			}
		}
	}
}

// Each phase is reached from arriving, and leads to freed, which is the end.
func TestTaskPhasesAreReached(t *testing.T) {
	reached := setOf(phaseArriving)
	for range phases {
		for from := range phases {
			if reached.has(from) {
				reached |= phaseNext[from]
			}
		}
	}
	for p := range phases {
		check.That(t, reached.has(p), "%v is never reached", p)
		if p != phaseFreed && p != phaseHeldDraining && !phaseNext[p].has(phaseFreed) {
			t.Errorf("%v cannot be freed; the end of a connection has to free every task", p)
		}
		// What is stopped never gets an answer.
		if p.stopped() && (phaseNext[p].has(phaseAnswer) || phaseNext[p].has(phaseRunning) || phaseNext[p].has(phaseReady)) {
			t.Errorf("%v is stopped and goes on", p)
		}
	}
	check.Equal(t, phaseNext[phaseFreed], 0, "the phases after freed")
}

// The drawing in docs/session.md has exactly the phases of the table, and its list exactly the transitions.
func TestTaskPhaseDrawing(t *testing.T) {
	b := must.Get(os.ReadFile("../docs/session.md"))(t)
	_, doc, ok := strings.Cut(string(b), "## The life of a task\n")
	must.Be(t, ok, "no section on the life of a task")
	doc, _, _ = strings.Cut(doc, "\n## ")
	_, drawing, _ := strings.Cut(doc, "```\n")
	drawing, list, _ := strings.Cut(drawing, "```\n")
	byName := map[string]taskPhase{}
	for p := range phases {
		byName[p.String()] = p
		check.That(t, regexp.MustCompile(`(^|[ \n])`+p.String()+`([ ,\n]|$)`).MatchString(drawing), "%v is not in the drawing", p)
	}
	for _, name := range regexp.MustCompile(`[a-z]{2,}(-[a-z]+)*`).FindAllString(drawing, -1) {
		if _, ok := byName[name]; !ok {
			t.Errorf("the drawing has %q, which is no phase", name)
		}
	}
	var got [phases]phaseSet
	for _, m := range regexp.MustCompile(`(?s)- \*\*([a-z-]+)\*\*:[^*]*?Then: ([a-z, \n-]+)\.\n`).FindAllStringSubmatch(list, -1) {
		from, ok := byName[m[1]]
		if !ok {
			t.Errorf("the list has %q, which is no phase", m[1])
			continue
		}
		for _, name := range strings.Split(m[2], ",") {
			to, ok := byName[strings.TrimSpace(name)]
			check.That(t, ok, "%v leads to %q, which is no phase", from, name)
			got[from] |= setOf(to)
		}
	}
	for from := range phases {
		for to := range phases {
			if got[from].has(to) != phaseNext[from].has(to) {
				t.Errorf("%v -> %v: docs/session.md says %v, the table %v", from, to, got[from].has(to), phaseNext[from].has(to))
			}
		}
	}
}
