package engine

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Every step of connNext is taken, every other one is refused and named.
func TestConnPhases(t *testing.T) {
	all := len(connPhaseNames)
	if len(connNext) != all {
		t.Fatalf("%d phases have names, %d have successors", all, len(connNext))
	}
	for from := range connPhase(all) {
		for next := range connPhase(all) {
			c := &conn{phase: from}
			legal := connNext[from]>>next&1 == 1
			func() {
				defer func() {
					r := fmt.Sprint(recover())
					if refused := r != "<nil>"; refused == legal {
						t.Errorf("%v after %v: %s", next, from, r)
					} else if refused && !(strings.Contains(r, from.String()) && strings.Contains(r, next.String())) {
						t.Errorf("%v after %v is refused by %q", next, from, r)
					}
				}()
				c.enter(next)
			}()
			if legal && c.phase != next {
				t.Errorf("%v after %v: the phase is %v", next, from, c.phase)
			}
		}
	}
}

// A connection that serves can reach its end from every phase, and no phase follows the end.
func TestConnPhasesEnd(t *testing.T) {
	ends := func(p connPhase) bool {
		seen := uint16(0)
		for todo := uint16(1 << p); todo != 0; {
			for q := range connPhase(len(connNext)) {
				if todo>>q&1 == 1 {
					todo, seen = todo&^(1<<q), seen|1<<q
					todo |= connNext[q] &^ seen
				}
			}
		}
		return seen>>connDropped&1 == 1
	}
	for p := range connPhase(len(connNext)) {
		if !ends(p) {
			t.Errorf("%v cannot reach %v", p, connDropped)
		}
	}
}

// docs/engine.md names every phase.
func TestConnPhasesAreDrawn(t *testing.T) {
	page, err := os.ReadFile("../docs/engine.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## The phases of a connection\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, name := range connPhaseNames {
		if !strings.Contains(section, name) {
			t.Errorf("the drawing has no %s", name)
		}
	}
}
