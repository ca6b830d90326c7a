package rules

import (
	"strconv"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// The numbers of a section's rules begin at 1 and have no gap; a section that exists has its rules in one place.
func TestIDs(t *testing.T) {
	all := must.Get(All())(t)
	last, done, sectionsOf := 0, map[string]bool{}, ""
	for _, r := range all {
		section, number := split(r.ID)
		if section != sectionsOf {
			check.That(t, !done[section], "%s: the rules of its section are in two places", r.ID)
			check.That(t, Title(section) != "", "%s: there is no such section", r.ID)
			sectionsOf, last = section, 0
			done[section] = true
		}
		last++
		check.That(t, number == strconv.Itoa(last), "%s: number %d is due", r.ID, last)
	}
}

// The sections come in the order of the text.
func TestOrder(t *testing.T) {
	at := map[string]int{}
	for line := range strings.Lines(sections) {
		number, _, _ := strings.Cut(line, "\t")
		at[number] = len(at)
	}
	last := -1
	for _, r := range must.Get(All())(t) {
		here := at[r.Section()]
		check.That(t, here >= last, "%s: it comes after a later section", r.ID)
		last = here
	}
}

// Each rule is a sentence of its own; a rule that binds no target needs no reason why it cannot be tried on one.
func TestTexts(t *testing.T) {
	for _, r := range must.Get(All())(t) {
		check.That(t, strings.HasSuffix(r.Text, "."), "%s: %q is no sentence", r.ID, r.Text)
		check.That(t, r.WhyNot == "" || r.BindsTarget(), "%s: a reason, but it binds no target", r.ID)
		for _, column := range []string{r.WhyNot, r.Text} {
			check.That(t, strings.TrimSpace(column) == column && !strings.ContainsAny(column, "|"), "%s: %q", r.ID, column)
		}
	}
}

// A rule repeats one that stands for itself and binds a target, too.
func TestSame(t *testing.T) {
	all := must.Get(All())(t)
	byID := map[string]Rule{}
	for _, r := range all {
		byID[r.ID] = r
	}
	for _, r := range all {
		if r.Same != "" {
			o, ok := byID[r.Same]
			check.That(t, ok && o.Same == "" && o.BindsTarget(), "%s repeats %s", r.ID, r.Same)
		}
	}
}

// The words of the RFCs were counted: a rule that is lost or added shows here.
func TestCount(t *testing.T) {
	count := map[string]int{}
	for _, r := range must.Get(All())(t) {
		chapter, _, _ := strings.Cut(r.Section(), ".")
		if strings.HasPrefix(r.ID, "rfc7144/") {
			chapter = "rfc7144"
		}
		count[chapter]++
	}
	for chapter, want := range map[string]int{
		"rfc7143/4": 114, "rfc7143/6": 65, "rfc7143/7": 71, "rfc7143/9": 81, "rfc7143/11": 211, "rfc7143/12": 33, "rfc7143/13": 47,
		"rfc7144": 28,
	} {
		check.That(t, count[chapter] == want, "%s has %d rules, want %d", chapter, count[chapter], want)
	}
}

func TestOf(t *testing.T) {
	for id, want := range map[string]string{
		"rfc7143/7.3/2":   "rfc7143/7.3/2",
		"rfc7143/7.3/2a":  "rfc7143/7.3/2",
		"rfc7143/7.3/0ab": "rfc7143/7.3/0",
	} {
		check.That(t, Of(id) == want, "%s: %s, want %s", id, Of(id), want)
	}
}

func TestTitle(t *testing.T) {
	for section, want := range map[string]string{
		"rfc7143/11.13.5": "Status-Class and Status-Detail",
		"rfc7143/4.2":     "iSCSI Concepts and Functional Overview",
		"rfc7143/C":       "SendTargets Operation",
		"rfc7144/6.3.3":   "RefCmdSN",
		"rfc7143/11.20":   "",
		"rfc3720/1":       "",
	} {
		check.That(t, Title(section) == want, "%s: %q, want %q", section, Title(section), want)
	}
}

// A table that is damaged is refused, with the line.
func TestParse(t *testing.T) {
	const good = "rfc7143/6.1/1\tMUST\tboth\t-\tIt is so.\n"
	some, err := parse(good)
	must.OK(t, err)
	must.Be(t, len(some) == 1 && some[0].WhyNot == "" && some[0].BindsInitiator(), "parsed: %+v", some)
	for _, bad := range []string{
		"rfc7143/6.1/2\tMUST\tboth\tIt is so.\n",
		"rfc7143/6.1/2\tmay\tboth\t-\tIt is so.\n",
		"rfc7143/6.1/2\tMUST\tnobody\t-\tIt is so.\n",
	} {
		_, err := parse(good + bad)
		check.That(t, err != nil && strings.HasPrefix(err.Error(), "line 2"), "%q: %v", bad, err)
	}
}
