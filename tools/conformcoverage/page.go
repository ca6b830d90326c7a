package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/conform/rules"
)

// tried has the IDs of the cases that try each rule.
type tried map[string][]string

// idsOf sorts cases by the rules that they try. Those of a rule try the rules that repeat it as well.
func idsOf(all []rules.Rule, cases []conform.Case) tried {
	m := tried{}
	for _, c := range cases {
		for _, id := range append([]string{rules.Of(c.ID)}, c.Also...) {
			m[id] = append(m[id], c.ID)
		}
	}
	for _, r := range all {
		if r.Same != "" && len(m[r.ID]) == 0 {
			m[r.ID] = m[r.Same]
		}
	}
	return m
}

// total counts the rules of a chapter that bind one side.
type total struct{ rules, tried, cannot, open int }

func (n *total) add(r *rules.Rule, ids []string) {
	n.rules++
	switch {
	case len(ids) > 0:
		n.tried++
	case r.WhyNot != "":
		n.cannot++
	default:
		n.open++
	}
}

// chapter is a chapter of an RFC with its totals.
type chapter struct {
	name                    string
	must, should, initiator total
}

const head = `# Coverage of ringtgt conform

This page is for people who want to know what a run of [ringtgt conform](conform.md) says about a
target, and what it does not. ` + "`make conform-coverage`" + ` writes it; a test fails if it is out of date.

It lists every MUST and SHOULD of chapters 4, 6, 7, 9, 11, 12 and 13 of RFC 7143, and of RFC 7144,
in words of our own: read the RFC for its own. SHALL and REQUIRED count as MUST, RECOMMENDED as
SHOULD. The number of a rule is its place among these words in the text of its section, sections
below it not counted. Cases have the ID of their rule, with a letter where several try one. Number 0
is for what a section says without such a word.

`

// page writes the page. targets are the cases that try a target, initiators the checks of --as-target.
func page(all []rules.Rule, targets, initiators tried) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	var chapters []*chapter
	for i := range all {
		r := &all[i]
		name := chapterOf(r)
		if len(chapters) == 0 || chapters[len(chapters)-1].name != name {
			chapters = append(chapters, &chapter{name: name})
		}
		c := chapters[len(chapters)-1]
		switch {
		case r.BindsTarget() && (r.Level == rules.Must || r.Level == rules.MustNot):
			c.must.add(r, targets[r.ID])
		case r.BindsTarget():
			c.should.add(r, targets[r.ID])
		}
		if r.BindsInitiator() {
			c.initiator.add(r, initiators[r.ID])
		}
	}
	summary(&b, chapters)
	section := ""
	for i := range all {
		r := &all[i]
		if s := r.Section(); s != section {
			section = s
			rfc, number, _ := strings.Cut(strings.TrimPrefix(s, "rfc"), "/")
			fmt.Fprintf(&b, "\n## RFC %s, %s: %s\n\n", rfc, number, rules.Title(s))
		}
		item(&b, fmt.Sprintf("**%s %s** (%s): %s %s", r.ID[len(section)+1:], r.Level, r.Binds, r.Text, answer(r, targets[r.ID], initiators[r.ID])))
	}
	return b.Bytes()
}

// item writes an item of a list, in lines of at most 100 bytes.
func item(b *bytes.Buffer, text string) {
	line := "-"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > 100 {
			fmt.Fprintln(b, line)
			line = " "
		}
		line += " " + word
	}
	fmt.Fprintln(b, line)
}

// chapterOf names the chapter of a rule; RFC 7144 is one.
func chapterOf(r *rules.Rule) string {
	rfc, number, _ := strings.Cut(strings.TrimPrefix(r.ID, "rfc"), "/")
	if rfc == "7144" {
		return "RFC 7144"
	}
	number, _, _ = strings.Cut(number, "/")
	number, _, _ = strings.Cut(number, ".")
	return fmt.Sprintf("RFC %s, %s: %s", rfc, number, strings.TrimPrefix(rules.Title("rfc"+rfc+"/"+number), "iSCSI "))
}

// summary writes the totals. A rule that binds both sides is in both columns.
func summary(b *bytes.Buffer, chapters []*chapter) {
	b.WriteString(`Rules for targets: tried by a case / cannot be tried from outside / open. Rules for initiators:
judged by ` + "`--as-target`" + ` / all.

| | MUST for targets | SHOULD for targets | for initiators |
|---|---|---|---|
`)
	var must, should, initiator total
	row := func(name string, m, s, i total) {
		fmt.Fprintf(b, "| %s | %d / %d / %d | %d / %d / %d | %d / %d |\n", name, m.tried, m.cannot, m.open, s.tried, s.cannot, s.open, i.tried, i.rules)
	}
	for _, c := range chapters {
		row(c.name, c.must, c.should, c.initiator)
		must, should, initiator = plus(must, c.must), plus(should, c.should), plus(initiator, c.initiator)
	}
	row("all", must, should, initiator)
}

func plus(a, b total) total {
	return total{a.rules + b.rules, a.tried + b.tried, a.cannot + b.cannot, a.open + b.open}
}

// answer says which cases try a rule, or why none does.
func answer(r *rules.Rule, targets, initiators []string) string {
	var parts []string
	for _, id := range targets {
		parts = append(parts, strings.TrimPrefix(id, "rfc7143/"))
	}
	if len(initiators) > 0 {
		parts = append(parts, "`--as-target`")
	}
	if r.BindsTarget() && len(targets) == 0 {
		why := "**open**"
		switch {
		case r.WhyNot != "":
			why = "none: " + r.WhyNot
		case r.Same != "":
			why += ", as " + strings.TrimPrefix(r.Same, "rfc7143/")
		}
		parts = append(parts, why)
	}
	return strings.Join(parts, ", ")
}
