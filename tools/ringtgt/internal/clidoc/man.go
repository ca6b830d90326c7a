package clidoc

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// Page is a manual page.
type Page struct {
	Name string // "ringtgt-serve.8"
	Text string // roff with the macros of man(7)
}

// section is that of the pages: programs for administrators.
const section = "8"

// Man returns a page for the program and for each of its commands that has flags or arguments of its own. version and see stand in
// the footer and under SEE ALSO.
func Man(app *kong.Application, version string, see []string) (pages []Page) {
	all := commands(app)
	for _, c := range all {
		pages = append(pages, Page{strings.Join(c.words, "-") + "." + section, manPage(c, all, version, see)})
	}
	return pages
}

func manPage(c command, all []command, version string, see []string) string {
	var b strings.Builder
	name := strings.Join(c.words, "-")
	fmt.Fprintf(&b, ".TH %s %s \"\" %s \"ringtgt\"\n", quote(strings.ToUpper(name)), section, quote("ringtgt "+version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", escape(name), escape(lower(first(c.node.Help))))
	b.WriteString(".SH SYNOPSIS\n")
	synopsis(&b, c)
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", escape(c.node.Help))
	if c.node.Detail != "" {
		fmt.Fprintf(&b, ".PP\n%s\n", escape(c.node.Detail))
	}
	if children := c.children(); len(children) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, n := range children {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n%s\n", escape(n.Name), escape(n.Help))
		}
	}
	if args := c.positional(); len(args) > 0 {
		b.WriteString(".SH ARGUMENTS\n")
		for _, p := range args {
			fmt.Fprintf(&b, ".TP\n\\fI%s\\fR\n%s\n", escape(argName(p)), escape(p.Help))
		}
	}
	options(&b, c)
	b.WriteString(".SH SEE ALSO\n")
	var refs []string
	for _, o := range all {
		if o.path() != c.path() && (len(o.words) == len(c.words)+1 || len(o.words) == len(c.words)-1) && related(o, c) {
			refs = append(refs, fmt.Sprintf("\\fB%s\\fR(%s)", escape(strings.Join(o.words, "-")), section))
		}
	}
	for _, s := range see {
		refs = append(refs, escape(s))
	}
	b.WriteString(strings.Join(refs, ",\n") + "\n")
	return b.String()
}

// related reports whether one command is the other's parent.
func related(a, b command) bool {
	return strings.HasPrefix(a.path()+" ", b.path()+" ") || strings.HasPrefix(b.path()+" ", a.path()+" ")
}

func synopsis(b *strings.Builder, c command) {
	fmt.Fprintf(b, "\\fB%s\\fR", escape(c.path()))
	for _, p := range c.positional() {
		text := "\\fI" + escape(argName(p)) + "\\fR"
		if !p.Required {
			text = "[" + text + "]"
		}
		b.WriteString(" " + text)
	}
	if len(c.children()) > 0 {
		b.WriteString(" \\fICOMMAND\\fR")
	}
	b.WriteString(" [\\fIOPTIONS\\fR]\n")
}

// options writes the flags, in their groups.
func options(b *strings.Builder, c command) {
	var groups []string
	byGroup := map[string][]*kong.Flag{}
	for _, f := range c.flags() {
		title := "Options"
		if f.Group != nil && f.Group.Title != "" {
			title = strings.TrimSuffix(f.Group.Title, ":")
		}
		if byGroup[title] == nil {
			groups = append(groups, title)
		}
		byGroup[title] = append(byGroup[title], f)
	}
	if len(groups) > 0 {
		b.WriteString(".SH OPTIONS\n")
	}
	for _, g := range groups {
		if len(groups) > 1 {
			fmt.Fprintf(b, ".SS %s\n", escape(g))
		}
		for _, f := range byGroup[g] {
			var spellings []string
			for _, n := range names(f) {
				spellings = append(spellings, "\\fB"+escape(n)+"\\fR")
			}
			value := ""
			if takesValue(f) {
				value = "=\\fI" + escape(f.FormatPlaceHolder()) + "\\fR"
			}
			fmt.Fprintf(b, ".TP\n%s%s\n%s\n", strings.Join(spellings, ", "), value, escape(f.Help))
		}
	}
}

func argName(p *kong.Positional) string {
	if p.Tag.PlaceHolder != "" {
		return p.Tag.PlaceHolder
	}
	return strings.ToUpper(p.Name)
}

// lower makes a sentence a phrase: the first letter small, unless the word is an abbreviation.
func lower(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// escape makes text safe for roff: backslashes, hyphens that are typed, and lines that begin like a request.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(strings.Join(strings.Fields(s), " "))
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// quote makes an argument of a request.
func quote(s string) string { return `"` + strings.ReplaceAll(escape(s), `"`, `""`) + `"` }
