package peer

import (
	"context"

	"github.com/ringtgt/ringtgt/internal/bench/peer/cold"
)

// Cold is the name of the bare responder that answers from memory, see package cold.
const Cold = "cold"

// coldIQN is any name: the responder takes all.
const coldIQN = "iqn.2026-11.io.ringtgt.peer:cold"

// StartCold starts the responder as a process bound to cpus. argv is a program that calls cold.Main with the arguments after its
// own: this one, told so by a word of its own.
func StartCold(ctx context.Context, argv []string, o cold.Options, cpus []int) (*Target, error) {
	return startResponder(ctx, Cold, coldIQN, append(argv[:len(argv):len(argv)], o.Args()...), cpus)
}
