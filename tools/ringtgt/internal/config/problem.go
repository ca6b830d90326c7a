package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Where is the origin of a value: a position in the configuration file or in the owned part, or a flag.
type Where struct {
	File      string // "" for a flag
	Line, Col int    // from 1; 0: the file as a whole
	Flag      string // "--lun mem:1G"
	Owned     bool   // in the owned part, which commands edit
}

// Origin is who has the say over an object.
type Origin uint8

// The origins.
const (
	OriginFlag  Origin = iota // a flag, or a default
	OriginFile                // the configuration file
	OriginOwned               // the owned part: a command made it
)

func (o Origin) String() string { return [...]string{"flag", "file", "command"}[o] }

// Origin returns who has the say over what stands at w.
func (w Where) Origin() Origin {
	switch {
	case w.Owned:
		return OriginOwned
	case w.File != "":
		return OriginFile
	}
	return OriginFlag
}

func (w Where) String() string {
	switch {
	case w.Owned:
		return "made by a command" // nobody wrote that file, so its lines tell nobody anything
	case w.File == "":
		return w.Flag
	case w.Line == 0:
		return w.File
	}
	return fmt.Sprintf("%s:%d:%d", w.File, w.Line, w.Col)
}

// Problem is an error or a warning about the configuration.
type Problem struct {
	At      Where
	Warning bool // it can be served nevertheless
	Text    string
}

func (p Problem) String() string {
	if p.Warning {
		p.Text = "warning: " + p.Text
	}
	return p.note()
}

// note is String without the word warning.
func (p Problem) note() string {
	if at := p.At.String(); at != "" {
		return at + ": " + p.Text
	}
	return p.Text
}

// Problems are all problems, in the order of the file. Its error text has one line for each.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Errors and Warnings split ps.
func (ps Problems) Errors() Problems   { return ps.pick(false) }
func (ps Problems) Warnings() Problems { return ps.pick(true) }

// Notes are the texts of the warnings, for where it is said that they are warnings.
func (ps Problems) Notes() (out []string) {
	for _, p := range ps.Warnings() {
		out = append(out, p.note())
	}
	return out
}

func (ps Problems) pick(warning bool) (out Problems) {
	for _, p := range ps {
		if p.Warning == warning {
			out = append(out, p)
		}
	}
	return out
}

func (ps *Problems) add(at Where, format string, args ...any) {
	*ps = append(*ps, Problem{At: at, Text: fmt.Sprintf(format, args...)})
}

func (ps *Problems) warn(at Where, format string, args ...any) {
	*ps = append(*ps, Problem{At: at, Warning: true, Text: fmt.Sprintf(format, args...)})
}

// sort puts problems of the file in its order, and those of flags first.
func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.At.File, b.At.File), cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Col, b.At.Col))
	})
}
