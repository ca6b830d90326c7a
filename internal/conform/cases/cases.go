// Package cases has all cases of ringtgt conform.
package cases

import (
	"slices"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/conform/cases/fullfeature"
	"github.com/ringtgt/ringtgt/internal/conform/cases/login"
)

// All returns the cases in the order of a run.
func All() []conform.Case { return slices.Concat(login.Cases(), fullfeature.Cases()) }
