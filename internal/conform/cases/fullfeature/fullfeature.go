// Package fullfeature has the cases of full feature phase: numbering, data, tasks, recovery, and several connections.
package fullfeature

import (
	"slices"

	"github.com/ringtgt/ringtgt/internal/conform"
)

// Cases returns them. Each file has a list of its own.
func Cases() []conform.Case { return slices.Concat(nop(), data()) }
