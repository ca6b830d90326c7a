package steer

import "fmt"

// Level is how a new connection is assigned to a loop.
type Level int

const (
	// Hash is SO_REUSEPORT's default: a hash of addresses and ports.
	Hash Level = iota
	// IncomingCPU prefers the loop on the CPU that received the SYN (SO_INCOMING_CPU of each listener).
	IncomingCPU
	// Program assigns the connections of an initiator address to the loops in turn.
	Program
)

var levelNames = [...]string{Hash: "hash", IncomingCPU: "incoming-cpu", Program: "program"}

func (l Level) String() string {
	if l < 0 || int(l) >= len(levelNames) {
		return fmt.Sprintf("Level(%d)", int(l))
	}
	return levelNames[l]
}

// MarshalText writes the level's name; one that does not exist is an error.
func (l Level) MarshalText() ([]byte, error) {
	if l < 0 || int(l) >= len(levelNames) {
		return nil, fmt.Errorf("steer: no level %d", int(l))
	}
	return []byte(levelNames[l]), nil
}

// UnmarshalText reads a level's name.
func (l *Level) UnmarshalText(b []byte) error {
	for i, name := range levelNames {
		if name == string(b) {
			*l = Level(i)
			return nil
		}
	}
	return fmt.Errorf("steer: no level %q", b)
}
