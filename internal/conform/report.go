package conform

import (
	"strings"
	"time"
	"unicode"
)

// Result is how a case ended.
type Result struct {
	Case    *Case
	Verdict Verdict
	Due     string // of a failure: what was due
	Came    string // what came instead; or why the case was skipped or could not be tried
	Notes   []string
	Time    time.Duration
	Trace   []Event // what was exchanged; in a Report only of what did not pass
}

// Report is a run and its results.
type Report struct {
	Target              *Target
	Variant             Variant
	Destructive, Strict bool
	Started             time.Time
	Time                time.Duration
	Results             []Result

	kept int // bytes of traces
}

// add keeps a result. What passed needs no trace, and all traces together are bounded.
func (r *Report) add(res Result) {
	size := 0
	for _, e := range res.Trace {
		size += len(e.Wire)
	}
	switch {
	case res.Verdict == Pass || res.Verdict == Skip:
		res.Trace = nil
	case r.kept+size > maxTraces:
		res.Trace = nil
		res.Notes = append(res.Notes, "what was exchanged is not kept: the failures before it have filled the memory for that")
	default:
		r.kept += size
	}
	r.Results = append(r.Results, res)
}

// Count returns how many cases ended so.
func (r *Report) Count(v Verdict) (n int) {
	for i := range r.Results {
		if r.Results[i].Verdict == v {
			n++
		}
	}
	return n
}

// Conforms reports whether all that was due passed: no case failed, and none that should have been tried was not.
func (r *Report) Conforms() bool { return r.Count(Fail)+r.Count(Error) == 0 }

// printable takes out of a message what a terminal would obey: the target has a say in it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}
