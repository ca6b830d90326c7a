package admin

import (
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// columns is the width of what people read.
const columns = 80

// signs are the signs of the verbs.
var signs = map[Verb]string{Add: "+", Change: "~", Replace: "±", Remove: "-"}

// Print writes the plan for people, a line for each step.
func (p *Plan) Print(w io.Writer) {
	if len(p.Steps) == 0 {
		fmt.Fprintln(w, "nothing changes")
	}
	for _, s := range p.Steps {
		wrap(w, s.String())
	}
	if len(p.Restart) > 0 {
		wrap(w, "needs a restart: "+strings.Join(p.Restart, ", "))
	}
	for _, text := range p.Warnings {
		wrap(w, "warning: "+text)
	}
}

// String describes a step in one line: + lun 0 of iqn.2026-11.com.example:vm: memory, 1.0 GiB.
func (s Step) String() string { return signs[s.Verb] + " " + s.Text() }

// Text is String without the sign.
func (s Step) Text() string {
	text := s.object()
	switch s.Verb {
	case Add:
		if d := describe(s.New); d != "" {
			text += ": " + d
		}
	case Change:
		text += ": " + s.fields()
	case Replace:
		text += ": " + s.fields() + "; it is removed and added again"
	case Remove:
		if t, ok := s.Old.(*config.Target); ok && len(t.LUNs) > 0 {
			text += " with " + english.Plural(len(t.LUNs), "LUN", "")
		}
	}
	return text
}

func (s Step) object() string {
	switch s.Kind {
	case KindServer, KindDiscovery:
		return s.Name
	case KindLUN:
		return "lun " + s.Name + " of " + s.Target
	}
	return string(s.Kind) + " " + s.Name
}

// fields names what changes, with the values before and after where they are short.
func (s Step) fields() string {
	out := make([]string, len(s.Fields))
	for i, name := range s.Fields {
		out[i] = name
		if before, after, ok := valuesOf(name, s.Old, s.New); ok && before != after {
			out[i] = fmt.Sprintf("%s %s to %s", name, before, after)
		}
	}
	return strings.Join(out, ", ")
}

// describe describes an object that is added in a few words.
func describe(object any) string {
	switch o := object.(type) {
	case *config.LUN:
		text := kinds[o.Kind]
		if o.Path != "" {
			text += " " + o.Path
		}
		if o.Size > 0 {
			text += ", " + humanize.IBytes(uint64(o.Size))
		}
		if o.ReadOnly {
			text += ", read-only"
		}
		if o.Thin {
			text += ", thin"
		}
		return text
	case *config.Portal:
		return fmt.Sprintf("group %d", o.Group)
	case *config.Pool:
		return o.Path
	}
	return ""
}

// wrap writes a text in lines of at most 80 columns, where its words allow that.
func wrap(w io.Writer, text string) {
	line, width := "", 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
			line, width = word, n
		case width+1+n > columns:
			fmt.Fprintln(w, line)
			line, width = "    "+word, 4+n
		default:
			line, width = line+" "+word, width+1+n
		}
	}
	fmt.Fprintln(w, line)
}
