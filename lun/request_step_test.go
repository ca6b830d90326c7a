package lun

import (
	"fmt"
	"strings"
	"testing"
)

// Every step has a name of its own and is carried out; any other value is refused by its number.
func TestRequestSteps(t *testing.T) {
	refused := func(s requestStep) (refused bool) {
		defer func() { // most steps panic without a unit, too
			refused = strings.HasPrefix(fmt.Sprint(recover()), "lun: no step "+s.String())
		}()
		s.take(&Task{}, nil)
		return false
	}
	names := map[string]bool{}
	for i := range requestStepNames {
		s := requestStep(i)
		if s.String() == "" || names[s.String()] {
			t.Errorf("step %d has no name of its own: %q", i, s)
		}
		names[s.String()] = true
		if refused(s) {
			t.Errorf("%v is not carried out", s)
		}
	}
	if len(requestStepNames) != int(stepProbed)+1 {
		t.Errorf("%d names for %d steps", len(requestStepNames), stepProbed+1)
	}
	if beyond := stepProbed + 1; !refused(beyond) {
		t.Errorf("%v is carried out", beyond)
	}
}
