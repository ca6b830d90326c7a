package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// complain writes an error for people: a line for each thing that is wrong, and below it, indented, what to do.
func complain(s streams, err error) {
	for _, err := range each(err) {
		fmt.Fprintf(s.err, "ringtgt: %v\n", err)
		var r *state.Refusal
		if !errors.As(err, &r) {
			continue
		}
		for _, line := range r.Advice(s.program) {
			fmt.Fprintf(s.err, "  %s\n", line)
		}
	}
}

// each takes errors.Join apart.
func each(err error) []error {
	var code *exitError
	if errors.As(err, &code) && code.Error() == err.Error() {
		err = code.err
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var out []error
	var text []string
	for _, e := range joined.Unwrap() {
		out, text = append(out, each(e)...), append(text, e.Error())
	}
	if strings.Join(text, "\n") != err.Error() { // made by fmt.Errorf: it has words of its own
		return []error{err}
	}
	return out
}
