package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// complain prints an error: one line for each fault and, indented below it, the advice.
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

// each splits an error of errors.Join.
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
	if strings.Join(text, "\n") != err.Error() { // wrapped by fmt.Errorf, with text of its own
		return []error{err}
	}
	return out
}
