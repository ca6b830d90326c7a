package conform

import (
	"fmt"
	"strings"
	"time"
)

// Level says how strongly a rule binds (RFC 2119).
type Level uint8

// Levels. A May never fails: it is tried to show what the target does.
const (
	Must Level = iota
	Should
	May
)

var levelNames = [...]string{Must: "MUST", Should: "SHOULD", May: "MAY"}

func (l Level) String() string { return levelNames[l] }

// Group is a set of cases to select by. The first five have the names of the UNH-IOL test plans.
type Group string

// Groups.
const (
	Login      Group = "Login"
	FFP        Group = "FFP" // full feature phase
	CHAP       Group = "CHAP"
	ER         Group = "ER" // error recovery
	MC         Group = "MC" // several connections in a session
	Discovery  Group = "Discovery"
	Digest     Group = "Digest"
	TMF        Group = "TMF" // task management functions
	Names      Group = "Names"
	Protocol2  Group = "RFC7144"
	Robustness Group = "Robustness" // what a scanner or a broken initiator sends
)

// Groups are all of them.
var Groups = []Group{Login, FFP, CHAP, ER, MC, Discovery, Digest, TMF, Names, Protocol2, Robustness}

// Needs is what a case needs of the target or the user. A case that needs what is missing is skipped, with the reason.
type Needs uint16

// Needs of a case.
const (
	Unit         Needs = 1 << iota // a logical unit that answers
	Writes                         // --destructive: the case changes blocks of the unit
	Several                        // the target grants a session at least two connections
	HeaderDigest                   // the target takes CRC32C
	DataDigest                     // the target takes CRC32C
	ERL1                           // the target grants ErrorRecoveryLevel 1
	ERL2                           // the target grants ErrorRecoveryLevel 2
	Credentials                    // the user gave a CHAP name and secret
	Mutual                         // the user gave the target's CHAP name and secret, too
	Open                           // the target can be logged in to without CHAP
	Level2                         // the target grants iSCSIProtocolLevel 2 (RFC 7144)
)

// Case is a rule and how to try it.
type Case struct {
	ID     string   // the rule (package rules), and a letter if it has several cases: rfc7143/6.3/2b
	Title  string   // what is tried, in a few words
	Rule   string   // the rule, in a sentence of our own
	Also   []string // further rules that it tries
	Level  Level
	Groups []Group
	Needs  Needs
	Limit  time.Duration // at least this long, if the rule needs time; 0: Options.Timeout
	Run    func(t *T)
}

// Section is the ID without the number of the case.
func (c *Case) Section() string {
	if i := strings.LastIndexByte(c.ID, '/'); i > 0 {
		return c.ID[:i]
	}
	return c.ID
}

// Letters tells the cases of one rule apart, by their index: a, b, ... z, aa, ab, ...
func Letters(i int) string {
	s := string(rune('a' + i%26))
	if i >= 26 {
		return Letters(i/26-1) + s
	}
	return s
}

// Matches reports whether a selector names the case: its ID, a section or a part of one with all below it, or a group.
func (c *Case) Matches(selector string) bool {
	for _, g := range c.Groups {
		if strings.EqualFold(string(g), selector) {
			return true
		}
	}
	rest, ok := strings.CutPrefix(c.ID, strings.TrimSuffix(selector, "/"))
	return ok && (rest == "" || rest[0] == '/' || rest[0] == '.')
}

// Select returns the cases that any selector names, in their order; all without selectors. A selector that names none is an error.
func Select(all []Case, selectors []string) ([]Case, error) {
	if len(selectors) == 0 {
		return all, nil
	}
	used := make([]bool, len(selectors))
	var some []Case
	for _, c := range all {
		chosen := false
		for i, s := range selectors {
			if c.Matches(s) {
				used[i], chosen = true, true
			}
		}
		if chosen {
			some = append(some, c)
		}
	}
	for i, s := range selectors {
		if !used[i] {
			return nil, fmt.Errorf("%q: no case has this ID, section or group; --list shows all", s)
		}
	}
	return some, nil
}
