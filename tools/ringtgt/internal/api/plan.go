package api

import (
	"encoding/json"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// In JSON a step has the whole object before and after it, as the questions of its kind answer it: a client that shows a plan needs no
// second request, which might find another configuration already.

// ResultOf is the answer to a change with plan p.
func ResultOf(p *admin.Plan) *Result {
	r := &Result{Plan: *p, CarriedOut: !p.DryRun}
	r.Changed = len(p.Steps)+len(p.Restart) > 0 && !p.DryRun
	r.Steps = make([]admin.Step, len(p.Steps))
	for i, s := range p.Steps {
		s.OldJSON, s.NewJSON = objectText(s.Verb, s.Old), objectText(s.Verb, s.New)
		r.Steps[i] = s
	}
	return r
}

// objectText is the JSON of an object of a step; nil if it does not exist. Steps of their own add and change the units of a target.
func objectText(verb admin.Verb, object any) json.RawMessage {
	var v any
	switch o := object.(type) {
	case *config.Server:
		v = serverOf(o)
	case *config.Access:
		v = accessOf(o)
	case *config.Portal:
		v = portalOf(o)
	case *config.Pool:
		v = poolOf(o)
	case *config.LUN:
		v = lunOf(o)
	case *config.Target:
		t := targetOf(o)
		if verb != admin.Remove {
			t.LUNs = []LUN{}
		}
		v = t
	default:
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil // no type above has such a value
	}
	return text
}

// UnmarshalJSON implements json.Unmarshaler. The steps then have their objects, as in the daemon.
func (r *Result) UnmarshalJSON(text []byte) error {
	type plain Result // without this method
	if err := json.Unmarshal(text, (*plain)(r)); err != nil {
		return err
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		var err error
		if s.Old, err = objectOf(s.Kind, s.OldJSON); err != nil {
			return err
		}
		if s.New, err = objectOf(s.Kind, s.NewJSON); err != nil {
			return err
		}
	}
	return nil
}

// objectOf is the inverse of objectText.
func objectOf(kind admin.Kind, text json.RawMessage) (any, error) {
	if text == nil {
		return nil, nil
	}
	switch kind {
	case admin.KindServer:
		return object(text, (*Daemon).config)
	case admin.KindDiscovery:
		return object(text, func(a *Access) (config.Access, error) { return a.config(), nil })
	case admin.KindPortal:
		return object(text, (*Portal).config)
	case admin.KindPool:
		return object(text, func(p *Pool) (config.Pool, error) { return config.Pool{Name: p.Name, Path: p.Path}, nil })
	case admin.KindLUN:
		return object(text, (*LUN).config)
	case admin.KindTarget:
		return object(text, (*Target).config)
	}
	return nil, nil // of a newer daemon
}

func object[W, T any](text json.RawMessage, read func(*W) (T, error)) (any, error) {
	w := new(W)
	if err := json.Unmarshal(text, w); err != nil {
		return nil, err
	}
	v, err := read(w)
	return &v, err
}
