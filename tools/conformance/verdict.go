package main

import (
	"fmt"
	"strings"
)

// verdict of a campaign.
type verdict struct {
	bad      []string // failed or hung, one line a test and reason
	never    []string // tests that really ran nowhere and are not excepted
	excepted []exception
	stale    []string // exceptions that are none
}

func (v verdict) ok() bool { return len(v.bad) == 0 && len(v.never) == 0 && len(v.stale) == 0 }

// judge lists what is wrong. With complete, every test of the tool must have run fully (passed, with nothing skipped) on at
// least one kind, or be in exceptions.
func judge(t tool, kinds []kind, r results, complete bool) verdict {
	var v verdict
	excepted := map[string]exception{}
	for _, e := range exceptions {
		excepted[e.test] = e
	}
	if len(exceptions) > maxExceptions {
		v.stale = append(v.stale, fmt.Sprintf("%d exceptions, at most %d are allowed", len(exceptions), maxExceptions))
	}
	for _, s := range t.suites {
		for _, test := range s.tests {
			name := s.name + "." + test
			ran, nearest := false, "it was run on no kind"
			var where grouped
			for _, k := range kinds {
				res, known := r[k.name][s.name][test]
				switch {
				case !known:
				case res.outcome == failed || res.outcome == hung:
					where.add(k.name, res.outcome.String()+": "+res.why)
					ran = true // it is listed as bad, not as never run
				case res.outcome == passed:
					ran = true
				case res.outcome == skipped:
					nearest = res.why
				}
			}
			for i, reason := range where.reasons {
				v.bad = append(v.bad, fmt.Sprintf("%s (%s) %s", name, strings.Join(where.kinds[i], ", "), reason))
			}
			e, excused := excepted[name]
			switch {
			case !complete:
			case excused && ran:
				v.stale = append(v.stale, name+" is excepted but ran")
			case excused:
				v.excepted = append(v.excepted, e)
			case !ran:
				v.never = append(v.never, name+": "+nearest)
			}
		}
	}
	return v
}

// grouped collects the kinds on which a test went wrong for the same reason.
type grouped struct {
	reasons []string
	kinds   [][]string
}

func (g *grouped) add(kind, reason string) {
	for i, r := range g.reasons {
		if r == reason {
			g.kinds[i] = append(g.kinds[i], kind)
			return
		}
	}
	g.reasons = append(g.reasons, reason)
	g.kinds = append(g.kinds, []string{kind})
}
