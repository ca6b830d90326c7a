package lun

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
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
		check.That(t, s.String() != "" && !names[s.String()], "step %d has no name of its own: %q", i, s)
		names[s.String()] = true
		check.That(t, !refused(s), "%v is not carried out", s)
	}
	check.That(t, len(requestStepNames) == int(stepProbed)+1, "%d names for %d steps", len(requestStepNames), stepProbed+1)
	if beyond := stepProbed + 1; !refused(beyond) {
		t.Errorf("%v is carried out", beyond)
	}
}
