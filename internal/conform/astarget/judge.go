package astarget

import (
	"fmt"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/conform/rules"
)

// judge holds the verdicts.
type judge struct {
	order []string
	by    map[string]*verdict
}

// verdict is that of one check.
type verdict struct {
	c     *conform.Case
	kept  int // how often the rule was kept
	broke int // and how often not
	came  string
	trace []conform.Event // of the first time that it was broken
	at    time.Duration
}

// newJudge begins with every check unexercised.
func newJudge() (*judge, error) {
	all, err := Checks()
	if err != nil {
		return nil, err
	}
	j := &judge{by: map[string]*verdict{}}
	for i := range all {
		j.order = append(j.order, all[i].ID)
		j.by[all[i].ID] = &verdict{c: &all[i]}
	}
	return j, nil
}

// of finds a check by its section and number. An ID that is in no table is a mistake of ours.
func (j *judge) of(id string) *verdict {
	v := j.by["rfc7143/"+id]
	if v == nil {
		panic("astarget: no check " + id)
	}
	return v
}

// results are the verdicts, in the order of the table.
func (j *judge) results(strict bool) (all []conform.Result) {
	for _, id := range j.order {
		v := j.by[id]
		r := conform.Result{Case: v.c, Verdict: conform.Pass, Time: v.at, Trace: v.trace}
		switch {
		case v.broke > 0 && (v.c.Level == conform.Must || strict && v.c.Level == conform.Should):
			r.Verdict = conform.Fail
		case v.broke > 0:
			r.Verdict = conform.Warn
		case v.kept == 0:
			r.Verdict, r.Came = conform.Skip, "not exercised: the initiator did nothing that the rule is about"
		}
		if v.broke > 0 {
			r.Due, r.Came = v.c.Rule, v.came
			r.Notes = append(r.Notes, fmt.Sprintf("broken %d times, kept %d times", v.broke, v.kept))
		}
		all = append(all, r)
	}
	return all
}

// Checks are the rules that this target judges, as cases without a function.
func Checks() ([]conform.Case, error) {
	all, err := rules.All()
	if err != nil {
		return nil, err
	}
	var cases []conform.Case
	for _, k := range checks {
		c := conform.Case{ID: "rfc7143/" + k.id, Rule: k.rule, Level: conform.Must, Groups: k.groups}
		if i := slices.IndexFunc(all, func(r rules.Rule) bool { return r.ID == rules.Of(c.ID) }); i >= 0 {
			if c.Rule == "" {
				c.Rule = all[i].Text
			}
			if all[i].Level == rules.Should || all[i].Level == rules.ShouldNot {
				c.Level = conform.Should
			}
		}
		if c.Rule == "" {
			return nil, fmt.Errorf("%s: there is no such rule", c.ID)
		}
		if k.may {
			c.Level = conform.May
		}
		c.Title = c.Rule
		cases = append(cases, c)
	}
	return cases, nil
}
