package output

import (
	"fmt"
	"io"
	"strings"

	"github.com/ringtgt/ringtgt/internal/conform"
)

// lastSteps is how much of an exchange a terminal shows.
const lastSteps = 12

// List shows cases, a line each.
func List(w io.Writer, all []conform.Case) {
	for _, c := range all {
		fmt.Fprintf(w, "%-20s %-6v %-18s %s\n", c.ID, c.Level, groups(&c), c.Title)
	}
	fmt.Fprintln(w, plural(len(all)))
}

func groups(c *conform.Case) string {
	var names []string
	for _, g := range c.Groups {
		names = append(names, string(g))
	}
	return strings.Join(names, ",")
}

// Case shows how a case ended. One that did not pass says what was due and what came, and shows the end of the exchange.
func Case(w io.Writer, r conform.Result) {
	c := r.Case
	fmt.Fprintf(w, "%-5s %-20s %-6v %s\n", r.Verdict, c.ID, c.Level, c.Title)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "      %s %s\n", name, strings.ReplaceAll(text, "\n", "\n           "))
		}
	}
	if r.Verdict == conform.Skip {
		line("why: ", r.Came)
		return
	}
	if r.Due != "" {
		line("rule:", c.Rule)
	}
	line("due: ", r.Due)
	line("came:", r.Came)
	for _, n := range r.Notes {
		line("note:", n)
	}
	if r.Verdict == conform.Pass {
		return
	}
	all := steps(r.Trace)
	if n := len(all) - lastSteps; n > 0 {
		fmt.Fprintf(w, "      %d steps before\n", n)
		all = all[n:]
	}
	for _, s := range all {
		fmt.Fprintf(w, "      %d %s %s %s\n", s.Conn, s.Direction, s.What, s.Summary)
	}
}

// Sum shows how many cases ended how.
func Sum(w io.Writer, r *conform.Report) {
	var parts []string
	for _, v := range conform.Verdicts {
		if n := r.Count(v); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	fmt.Fprintf(w, "%s in %.1f s: %s\n", plural(len(r.Results)), r.Time.Seconds(), strings.Join(parts, ", "))
}

func plural(n int) string {
	if n == 1 {
		return "1 case"
	}
	return fmt.Sprintf("%d cases", n)
}
