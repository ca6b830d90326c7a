package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	rfcrules "github.com/ringtgt/ringtgt/internal/conform/rules"
	"github.com/ringtgt/ringtgt/internal/must"
)

// How sections are cited: "RFC 7143, 11.9.1" and "RFC 7144 section 6.3" anywhere, "(6.3.4, 7.2.1)" and "// 11.13.5: ..." where a file
// is about iSCSI alone, and "rfc7143/6.3/2" for a rule of the conformance suite.
var (
	citeNamed = regexp.MustCompile(`RFC\s+(7143|7144|3722|4173|7146)(?:,|\s+sections?)?\s+(\d+(?:\.\d+)*(?:(?:,|\s+and|\s+to|\s+or)\s+\d+(?:\.\d+)+)*)`)
	citePlain = regexp.MustCompile(`(?:\(|//\s)((?:4|6|7|9|11|12|13)(?:\.\d{1,2})+(?:(?:,|\s+and|\s+to)\s+\d+(?:\.\d+)+)*)[,):]`)
	citeRule  = regexp.MustCompile(`\brfc(\d{4})/(\d+(?:\.\d+)*)(?:/(\d+))?`)
	number    = regexp.MustCompile(`\d+(?:\.\d+)*`)
	// continued is the end of a line and the comment sign of the next: a citation may go on there.
	continued = regexp.MustCompile(`\n[ \t]*(?://|#)?`)
)

// plainFolders cite RFC 7143 without its name.
var plainFolders = []string{"pdu", "session", "bench/initiator", "internal/conform"}

// citation is a section that a text cites.
type citation struct {
	at      int    // offset
	section string // rfc7143/6.3
	id      bool   // it is the ID of a rule or of a section
	rule    string // rfc7143/6.3/2, or empty
}

// citations finds them. If plain is set, numbers alone are of RFC 7143.
func citations(text string, plain bool) []citation {
	text = continued.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat(" ", len(s)) })
	var all []citation
	add := func(rfc string, list []int) {
		for _, n := range number.FindAllStringIndex(text[list[0]:list[1]], -1) {
			all = append(all, citation{at: list[0] + n[0], section: "rfc" + rfc + "/" + text[list[0]+n[0]:list[0]+n[1]]})
		}
	}
	for _, m := range citeNamed.FindAllStringSubmatchIndex(text, -1) {
		add(text[m[2]:m[3]], m[4:6])
	}
	if plain {
		for _, m := range citePlain.FindAllStringSubmatchIndex(text, -1) {
			add("7143", m[2:4])
		}
	}
	for _, m := range citeRule.FindAllStringSubmatchIndex(text, -1) {
		c := citation{at: m[0], section: text[m[0]:m[5]], id: true}
		if m[6] >= 0 && text[m[6]:m[7]] != "0" {
			c.rule = text[m[0]:m[7]]
		}
		all = append(all, c)
	}
	return all
}

// Every section that the tree cites exists, and every rule that it names is on the list.
func TestSectionsExist(t *testing.T) {
	known := map[string]bool{}
	for _, r := range must.Get(rfcrules.All())(t) {
		known[r.ID] = true
	}
	found := 0
	must.OK(t, filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(path), "../../")
		if d.IsDir() || !slices.Contains([]string{".go", ".md", ".sh", ".txt", ".toml"}, filepath.Ext(name)) || name == "tools/archtest/sections_test.go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		plain := slices.ContainsFunc(plainFolders, func(f string) bool { return within(name, f) })
		for _, c := range citations(string(text), plain) {
			if c.id && strings.HasSuffix(name, "_test.go") {
				continue // made up
			}
			found++
			line := 1 + strings.Count(string(text[:c.at]), "\n")
			check.That(t, rfcrules.Title(c.section) != "", "%s:%d cites %s, which does not exist", name, line, c.section)
			check.That(t, c.rule == "" || known[c.rule], "%s:%d: there is no rule %s", name, line, c.rule)
		}
		return nil
	}))
	must.Be(t, found > 1000, "only %d citations were found", found)
}

// The test finds what it is for.
func TestCitations(t *testing.T) {
	for text, want := range map[string]string{
		"by ExpStatSN (RFC 7143, 4.2.2.2).":                  "rfc7143/4.2.2.2",
		"RFC 7143 6.3.4 and 6.3.5: the old":                  "rfc7143/6.3.4 rfc7143/6.3.5",
		"(RFC 7143,\n\t// 13.12, 13.13)":                     "rfc7143/13.12 rfc7143/13.13",
		"RFC 7144 section 6.3, and the rest":                 "rfc7144/6.3",
		"RFC 3722, 6.1":                                      "rfc3722/6.1",
		"(SPC-4 4.5.3) and (SAM-5, 8.9.3) and (RFC 1994, 4)": "",
		"logs in (6.3, 13.4)":                                "rfc7143/6.3 rfc7143/13.4",
		"// 11.13.5, class 1: elsewhere":                     "rfc7143/11.13.5",
		"before Linux 6.2 (0.99, 5.19, 8.9.3)":               "",
		`{"rfc7143/7.4/2a", "rfc7143/7.4/0"}`:                "rfc7143/7.4 rfc7143/7.4",
	} {
		var got []string
		for _, c := range citations(text, true) {
			got = append(got, c.section)
		}
		check.That(t, strings.Join(got, " ") == want, "%q: %v, want %s", text, got, want)
	}
}
