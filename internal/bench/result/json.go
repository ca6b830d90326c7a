package result

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
)

// Document is the result of a benchmark: exactly one of the three.
type Document struct {
	Run        *Run
	Comparison *Comparison
	Sweep      *Sweep
}

// Runs returns all runs in d.
func (d Document) Runs() (all []*Run) {
	add := func(runs []Run) {
		for i := range runs {
			all = append(all, &runs[i])
		}
	}
	if d.Run != nil {
		all = append(all, d.Run)
	}
	if d.Comparison != nil {
		for _, s := range d.Comparison.Sides {
			add(s.Runs)
			add(s.AtRate)
		}
	}
	if d.Sweep != nil {
		for i := range d.Sweep.Points {
			all = append(all, &d.Sweep.Points[i].Run)
		}
	}
	return all
}

// MarshalJSON writes the one result, with nothing around it.
func (d Document) MarshalJSON() ([]byte, error) {
	switch {
	case d.Run != nil && d.Comparison == nil && d.Sweep == nil:
		return json.Marshal(d.Run)
	case d.Run == nil && d.Comparison != nil && d.Sweep == nil:
		return json.Marshal(d.Comparison)
	case d.Run == nil && d.Comparison == nil && d.Sweep != nil:
		return json.Marshal(d.Sweep)
	}
	return nil, errors.New("a result is one run, or one comparison, or one sweep")
}

// Encode writes d as JSON, indented.
func Encode(w io.Writer, d Document) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(d)
}

// MarshalJSON writes 0 for figures that JSON has no number for, such as a quotient of 0, so that they do not cost the rest.
func (r Run) MarshalJSON() ([]byte, error) {
	finite := func(values ...*float64) {
		for _, v := range values {
			if math.IsNaN(*v) || math.IsInf(*v, 0) {
				*v = 0
			}
		}
	}
	r.Sessions, r.Conns, r.CPUs = slices.Clone(r.Sessions), slices.Clone(r.Conns), slices.Clone(r.CPUs)
	finite(&r.Total.IOPS, &r.Total.Rate)
	for _, s := range []**Stats{&r.Reads, &r.Writes} {
		if *s != nil {
			c := **s
			finite(&c.IOPS, &c.Rate)
			*s = &c
		}
	}
	for i := range r.Sessions {
		finite(&r.Sessions[i].IOPS, &r.Sessions[i].Rate)
	}
	for i := range r.Conns {
		finite(&r.Conns[i].IOPS, &r.Conns[i].Rate)
	}
	for i := range r.CPUs {
		finite(&r.CPUs[i].IOPS, &r.CPUs[i].Rate, &r.CPUs[i].PDUsPerSend)
	}
	type plain Run // without this method
	return json.Marshal(plain(r))
}
