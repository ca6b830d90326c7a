package engine

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Every step of taskNext is taken, every other one is refused and named.
func TestTaskPhases(t *testing.T) {
	all := len(taskPhaseNames)
	if len(taskNext) != all {
		t.Fatalf("%d phases have names, %d have successors", all, len(taskNext))
	}
	for from := range taskPhase(all) {
		for next := range taskPhase(all) {
			o := &task{taskState: taskState{phase: from}}
			legal := taskNext[from]>>next&1 == 1
			func() {
				defer func() {
					r := fmt.Sprint(recover())
					if refused := r != "<nil>"; refused == legal {
						t.Errorf("%v after %v: %s", next, from, r)
					} else if refused && !(strings.Contains(r, from.String()) && strings.Contains(r, next.String())) {
						t.Errorf("%v after %v is refused by %q", next, from, r)
					}
				}()
				o.enter(next)
			}()
			if legal && o.phase != next {
				t.Errorf("%v after %v: the phase is %v", next, from, o.phase)
			}
		}
	}
}

// docs/engine.md names every phase.
func TestTaskPhasesAreDrawn(t *testing.T) {
	page, err := os.ReadFile("../docs/engine.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## The phases of a task\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, name := range taskPhaseNames {
		if !strings.Contains(section, name) {
			t.Errorf("the drawing has no %s", name)
		}
	}
}
