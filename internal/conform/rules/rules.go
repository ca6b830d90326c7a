// Package rules lists what the RFCs of iSCSI demand: each MUST and SHOULD, whom it binds, and the titles of all sections.
//
// A rule's ID is its RFC, its section and a number: rfc7143/7.3/2 is the second MUST, SHOULD, REQUIRED or RECOMMENDED, in the order
// of the text, of what stands in section 7.3 itself, not in a section below it. Number 0 is for what a section says without such a
// word. Cases of the conformance suite have the ID of the rule that they try, with a letter if several try one: rfc7143/7.3/2b.
package rules

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// Level is how strongly a rule binds (RFC 2119). SHALL and REQUIRED are MUST, RECOMMENDED is SHOULD.
type Level string

// Levels.
const (
	Must      Level = "MUST"
	MustNot   Level = "MUST NOT"
	Should    Level = "SHOULD"
	ShouldNot Level = "SHOULD NOT"
)

// Party is whom a rule binds.
type Party string

// Parties. What binds neither is about the RFC's text, later standards or administrators.
const (
	Target    Party = "target"
	Initiator Party = "initiator"
	Both      Party = "both"
	Neither   Party = "neither"
)

// Rule is one MUST or SHOULD.
type Rule struct {
	ID     string
	Level  Level
	Binds  Party
	Same   string // the ID of a rule that it repeats, whose cases try it too; or empty
	WhyNot string // why nothing outside a target can try it; empty if a case can
	Text   string // the rule in words of our own
}

// Section is the ID without its number.
func (r *Rule) Section() string {
	section, _ := split(r.ID)
	return section
}

// BindsTarget reports whether a target must keep the rule.
func (r *Rule) BindsTarget() bool { return r.Binds == Target || r.Binds == Both }

// BindsInitiator reports whether an initiator must keep the rule.
func (r *Rule) BindsInitiator() bool { return r.Binds == Initiator || r.Binds == Both }

// tables are the rules, a file for each chapter of RFC 7143 and one for RFC 7144, with five columns: ID, level, whom it binds, why it
// cannot be tried ("-" if it can, "= ID" if it repeats another rule), and the rule.
//
//go:embed rfc*.tsv
var tables embed.FS

// All returns the rules in the order of the RFCs.
func All() ([]Rule, error) {
	files, err := fs.Glob(tables, "*.tsv") // sorted by name, which is the order of the chapters
	if err != nil {
		return nil, err
	}
	var all []Rule
	for _, name := range files {
		text, err := tables.ReadFile(name)
		if err != nil {
			return nil, err
		}
		some, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// parse reads a table.
func parse(text string) ([]Rule, error) {
	var some []Rule
	number := 0
	for line := range strings.Lines(text) {
		number++
		column := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(column) != 5 {
			return nil, fmt.Errorf("line %d has %d columns, not 5", number, len(column))
		}
		r := Rule{ID: column[0], Level: Level(column[1]), Binds: Party(column[2]), WhyNot: column[3], Text: column[4]}
		if same, ok := strings.CutPrefix(r.WhyNot, "= "); ok {
			r.Same, r.WhyNot = same, ""
		} else if r.WhyNot == "-" {
			r.WhyNot = ""
		}
		switch r.Level {
		case Must, MustNot, Should, ShouldNot:
		default:
			return nil, fmt.Errorf("line %d: level %q", number, r.Level)
		}
		switch r.Binds {
		case Target, Initiator, Both, Neither:
		default:
			return nil, fmt.Errorf("line %d: it binds %q", number, r.Binds)
		}
		some = append(some, r)
	}
	return some, nil
}

// Of returns the ID of the rule that a case tries: the ID of the case without the letters at its end.
func Of(caseID string) string {
	return strings.TrimRight(caseID, "abcdefghijklmnopqrstuvwxyz")
}

// split divides an ID into section and number.
func split(id string) (section, number string) {
	i := strings.LastIndexByte(id, '/')
	if i < 0 {
		return id, ""
	}
	return id[:i], id[i+1:]
}
