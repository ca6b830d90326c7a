// Package fullfeature has the cases of full feature phase: numbering, data, tasks, recovery, and several connections.
package fullfeature

import (
	"slices"

	"github.com/ringtgt/ringtgt/internal/conform"
)

// maxWindow is the largest command window that a case fills.
const maxWindow = 2048

// Cases returns them. Each file has a list of its own.
func Cases() []conform.Case {
	all := slices.Concat(numbering(), status(), nop(), luns(), read(), residual(), writes(), badWrites(), strays(), texts(), logouts(), rejects(),
		functions(), others(), digests(), ignored(), zeros(), opcodes(), ahs(), connections(), level2(), robustness(), segments())
	for i := range all {
		all[i].Groups = append([]conform.Group{conform.FFP}, all[i].Groups...)
	}
	return all
}
