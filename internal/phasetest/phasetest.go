// Package phasetest checks transition tables of phases in tests.
package phasetest

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Phase is an enumeration that starts at 0.
type Phase interface {
	~uint8
	fmt.Stringer
}

// Table tries every pair of n phases. step makes a thing in phase from take the step to next, and returns its phase afterwards.
// It must do so where legal is true, and otherwise panic with the names of both.
func Table[P Phase](t *testing.T, n int, legal func(from, next P) bool, step func(from, next P) P) {
	t.Helper()
	for i := range n {
		for j := range n {
			from, next := P(i), P(j)
			got, refused := try(func() P { return step(from, next) })
			switch {
			case legal(from, next) && refused != "":
				t.Errorf("%v after %v is refused: %s", next, from, refused)
			case legal(from, next) && got != next:
				t.Errorf("%v after %v: the phase is %v", next, from, got)
			case !legal(from, next) && refused == "":
				t.Errorf("%v after %v is not refused", next, from)
			case !legal(from, next) && !(strings.Contains(refused, from.String()) && strings.Contains(refused, next.String())):
				t.Errorf("%v after %v is refused by %q", next, from, refused)
			}
		}
	}
}

func try[P Phase](step func() P) (got P, refused string) {
	defer func() {
		if r := recover(); r != nil {
			refused = fmt.Sprint(r)
		}
	}()
	return step(), ""
}

// Listed checks that the section of a page under a heading of the second level lists the steps of the table, a line each:
// "- from: next, next". A phase without a next one has the line "- from: the end".
func Listed[P Phase](t *testing.T, page, heading string, n int, legal func(from, next P) bool) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", page, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for i := range n {
		var next []string
		for j := range n {
			if legal(P(i), P(j)) {
				next = append(next, P(j).String())
			}
		}
		if next == nil {
			next = []string{"the end"}
		}
		if line := fmt.Sprintf("- %v: %s", P(i), strings.Join(next, ", ")); !strings.Contains(section+"\n", "\n"+line+"\n") {
			t.Errorf("%s, %s, lacks the line %q", page, heading, line)
		}
	}
}
