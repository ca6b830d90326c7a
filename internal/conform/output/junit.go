package output

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/conform/rules"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`

	seconds float64
}

type junitCase struct {
	Class   string      `xml:"classname,attr"`
	Name    string      `xml:"name,attr"`
	Time    string      `xml:"time,attr"`
	Failure *junitFault `xml:"failure,omitempty"`
	Error   *junitFault `xml:"error,omitempty"`
	Skipped *junitFault `xml:"skipped,omitempty"`
	Out     string      `xml:"system-out,omitempty"`
}

type junitFault struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the report as JUnit's XML: a suite for each section. A case that only warns passes, with the warning as its output.
func JUnit(w io.Writer, r *conform.Report) error {
	all := junitSuites{Name: "ringtgt conform", Tests: len(r.Results), Failures: r.Count(conform.Fail), Errors: r.Count(conform.Error), Skipped: r.Count(conform.Skip), Time: seconds(r.Time.Seconds())}
	at := map[string]int{}
	for i := range r.Results {
		res := &r.Results[i]
		section := res.Case.Section()
		n, ok := at[section]
		if !ok {
			n = len(all.Suites)
			at[section] = n
			all.Suites = append(all.Suites, junitSuite{Name: section + " " + rules.Title(section), Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05")})
		}
		all.Suites[n].add(res)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

func (s *junitSuite) add(r *conform.Result) {
	c := junitCase{Class: r.Case.Section(), Name: r.Case.ID + " " + r.Case.Title, Time: seconds(r.Time.Seconds())}
	var text strings.Builder
	Case(&text, *r)
	switch r.Verdict {
	case conform.Fail:
		s.Failures++
		c.Failure = &junitFault{Type: r.Case.Level.String(), Message: "due: " + r.Due + "; came: " + r.Came, Text: text.String()}
	case conform.Error:
		s.Errors++
		c.Error = &junitFault{Type: "not tried", Message: r.Came, Text: text.String()}
	case conform.Skip:
		s.Skipped++
		c.Skipped = &junitFault{Message: r.Came}
	case conform.Warn:
		c.Out = text.String()
	}
	s.Tests++
	s.seconds += r.Time.Seconds()
	s.Time = seconds(s.seconds)
	s.Cases = append(s.Cases, c)
}
