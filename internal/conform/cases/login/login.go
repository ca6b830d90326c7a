// Package login has the cases of the login phase, of CHAP and of discovery.
package login

import (
	"slices"

	"github.com/ringtgt/ringtgt/internal/conform"
)

// Cases returns them. Each file has a list of its own.
func Cases() []conform.Case {
	return slices.Concat(first(), stages(), header(), identity(), values(), repeats(), text(), keys(), joins(), discovery(), chap())
}
