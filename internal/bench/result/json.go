package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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

// UnmarshalJSON recognizes the three by the fields that only they have, and refuses versions that it does not know.
func (d *Document) UnmarshalJSON(b []byte) error {
	var probe struct {
		Version int             `json:"version"`
		Started json.RawMessage `json:"started"`
		Sides   json.RawMessage `json:"sides"`
		Points  json.RawMessage `json:"points"`
	}
	if err := json.Unmarshal(b, &probe); err != nil {
		return err
	}
	*d = Document{}
	var to any
	switch {
	case probe.Sides != nil:
		d.Comparison = new(Comparison)
		to = d.Comparison
	case probe.Points != nil:
		d.Sweep = new(Sweep)
		to = d.Sweep
	case probe.Started != nil:
		d.Run = new(Run)
		to = d.Run
	default:
		return errors.New("neither a run nor a comparison nor a sweep")
	}
	if probe.Version != Version {
		return fmt.Errorf("version %d of the format: this program reads version %d", probe.Version, Version)
	}
	if err := json.Unmarshal(b, to); err != nil {
		return err
	}
	// What the tables and the report index must exist.
	if c := d.Comparison; c != nil && len(c.Ratios) != max(len(c.Sides)-1, 0) {
		return fmt.Errorf("%d sides and %d ratios", len(c.Sides), len(c.Ratios))
	}
	if s := d.Sweep; s != nil && (s.Knee < -1 || s.Knee >= len(s.Points)) {
		return fmt.Errorf("knee %d of %d points", s.Knee, len(s.Points))
	}
	return nil
}

// Encode writes d as JSON, indented.
func Encode(w io.Writer, d Document) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(d)
}

// Decode reads the output of Encode, MaxJSON bytes at most.
func Decode(r io.Reader) (Document, error) {
	var d Document
	b, err := io.ReadAll(io.LimitReader(r, MaxJSON+1))
	if err != nil {
		return d, err
	}
	if len(b) > MaxJSON {
		return d, fmt.Errorf("result: longer than %d bytes", MaxJSON)
	}
	if n := bytes.Count(b, []byte("{")); n > maxObjects {
		return d, fmt.Errorf("result: %d objects: at most %d are read", n, maxObjects)
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return Document{}, fmt.Errorf("result: %w", err)
	}
	return d, nil
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
