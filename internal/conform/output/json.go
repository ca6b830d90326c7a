package output

import (
	"encoding/json"
	"io"
	"time"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/conform/rules"
)

type document struct {
	Version     string                  `json:"version"`
	Portal      string                  `json:"portal"`
	Target      string                  `json:"target"`
	Started     time.Time               `json:"started"`
	Seconds     float64                 `json:"seconds"`
	Digests     []string                `json:"digests"`
	Connections int                     `json:"connections"`
	ERL         int                     `json:"error_recovery_level"`
	Destructive bool                    `json:"destructive"`
	Strict      bool                    `json:"strict"`
	Conforms    bool                    `json:"conforms"`
	Counts      map[conform.Verdict]int `json:"counts"`
	Cases       []entry                 `json:"cases"`
}

type entry struct {
	ID       string          `json:"id"`
	Section  string          `json:"section"`
	Heading  string          `json:"section_title"`
	Title    string          `json:"title"`
	Rule     string          `json:"rule"`
	Level    string          `json:"level"`
	Groups   []conform.Group `json:"groups"`
	Verdict  conform.Verdict `json:"verdict"`
	Due      string          `json:"due,omitempty"`
	Came     string          `json:"came,omitempty"`
	Notes    []string        `json:"notes,omitempty"`
	Seconds  float64         `json:"seconds"`
	Exchange []step          `json:"exchange,omitempty"`
}

// newDocument is what JSON and the page show. Version is this program's.
func newDocument(r *conform.Report, version string) document {
	d := document{
		Version: version, Portal: r.Target.Portal, Target: r.Target.Name, Started: r.Started.UTC(), Seconds: r.Time.Seconds(), Digests: []string{},
		Connections: max(1, r.Variant.Connections), ERL: r.Variant.ERL, Destructive: r.Destructive, Strict: r.Strict, Conforms: r.Conforms(),
		Counts: map[conform.Verdict]int{},
	}
	if r.Variant.HeaderDigest {
		d.Digests = append(d.Digests, "header")
	}
	if r.Variant.DataDigest {
		d.Digests = append(d.Digests, "data")
	}
	for _, v := range conform.Verdicts {
		d.Counts[v] = r.Count(v)
	}
	for i := range r.Results {
		res := &r.Results[i]
		c := res.Case
		d.Cases = append(d.Cases, entry{
			ID: c.ID, Section: c.Section(), Heading: rules.Title(c.Section()), Title: c.Title, Rule: c.Rule, Level: c.Level.String(), Groups: c.Groups, Verdict: res.Verdict, Due: res.Due, Came: res.Came,
			Notes: res.Notes, Seconds: res.Time.Seconds(), Exchange: steps(res.Trace),
		})
	}
	return d
}

// JSON writes the report as one object.
func JSON(w io.Writer, r *conform.Report, version string) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(newDocument(r, version))
}
