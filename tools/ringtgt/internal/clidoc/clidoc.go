// Package clidoc writes manual pages and shell completion from the model of a command line.
package clidoc

import (
	"strings"

	"github.com/alecthomas/kong"
)

// command is a command of the line, the program itself included.
type command struct {
	node  *kong.Node
	words []string // "ringtgt", "lun", "add"
}

// commands returns all commands that are not hidden, parents before children.
func commands(app *kong.Application) (all []command) {
	var walk func(n *kong.Node, words []string)
	walk = func(n *kong.Node, words []string) {
		words = append(words[:len(words):len(words)], n.Name)
		all = append(all, command{n, words})
		for _, c := range n.Children {
			if !c.Hidden {
				walk(c, words)
			}
		}
	}
	walk(app.Node, nil)
	return all
}

// path is the command as it is typed.
func (c command) path() string { return strings.Join(c.words, " ") }

// children are the visible commands below.
func (c command) children() (all []*kong.Node) {
	for _, n := range c.node.Children {
		if !n.Hidden {
			all = append(all, n)
		}
	}
	return all
}

// flags are those of the command and of all above it.
func (c command) flags() (all []*kong.Flag) {
	for _, group := range c.node.AllFlags(true) {
		all = append(all, group...)
	}
	return all
}

// positional are the arguments.
func (c command) positional() []*kong.Positional { return c.node.Positional }

// values is what may follow a flag or be an argument.
type values struct {
	words       []string
	files, dirs bool
}

// valuesOf derives them from the enumeration, or from the placeholder: a|b|c are words, FILE and PATH are files, DIR is a directory.
func valuesOf(v *kong.Value, placeholder string) (out values) {
	if v.Enum != "" {
		for _, w := range v.EnumSlice() {
			if w != "" {
				out.words = append(out.words, w)
			}
		}
		return out
	}
	switch p := strings.ToUpper(placeholder); {
	case strings.Contains(placeholder, "|") && placeholder == strings.ToLower(placeholder):
		out.words = strings.Split(placeholder, "|")
	case strings.Contains(p, "FILE"), strings.Contains(p, "PATH"):
		out.files = true
	case strings.Contains(p, "DIR"):
		out.dirs = true
	}
	return out
}

func flagValues(f *kong.Flag) values { return valuesOf(f.Value, f.PlaceHolder) }

func argValues(p *kong.Positional) values {
	if v := valuesOf(p, p.Tag.PlaceHolder); len(v.words) > 0 || v.files || v.dirs {
		return v
	}
	return valuesOf(p, p.Name)
}

// names are the spellings of a flag.
func names(f *kong.Flag) (all []string) {
	all = append(all, "--"+f.Name)
	for _, a := range f.Aliases {
		if !strings.Contains(a, "_") { // fio's spelling of the same word
			all = append(all, "--"+a)
		}
	}
	if f.Short != 0 {
		all = append(all, "-"+string(f.Short))
	}
	if f.Tag.Negatable != "" {
		all = append(all, "--no-"+f.Name)
	}
	return all
}

// takesValue reports whether a word follows the flag.
func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

// first returns the first sentence of a help text.
func first(help string) string {
	help = strings.Join(strings.Fields(help), " ")
	if i := strings.Index(help, ". "); i >= 0 {
		help = help[:i]
	}
	return strings.TrimSuffix(help, ".")
}
