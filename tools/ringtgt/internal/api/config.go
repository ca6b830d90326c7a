package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

func configRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/openapi.json", nil, (*Server).getDocument},
		{http.MethodGet, "/v1/config", []string{"format"}, (*Server).getConfig},
		{http.MethodPost, "/v1/apply", nil, (*Server).apply},
		{http.MethodPost, "/v1/changes", nil, (*Server).changes},
		{http.MethodPost, "/v1/forget", nil, (*Server).forget},
		{http.MethodPost, "/v1/prune", nil, (*Server).prune},
	}
}

// getConfig answers the configuration in force, without secrets: as JSON, or as a configuration file.
func (s *Server) getConfig(r *request) (*reply, error) {
	format, err := r.text("format")
	if err != nil {
		return nil, err
	}
	switch format {
	case "", "json":
		return answer(configOf(s.Node.Config()))
	case "toml":
		return &reply{status: http.StatusOK, kind: "application/toml", body: config.Encode(s.Node.Config())}, nil
	}
	return nil, fmt.Errorf("%w: format is neither json nor toml", ErrMalformed)
}

// Apply is the body of POST /v1/apply.
type Apply struct {
	DryRun bool `json:"dry_run,omitempty"`
	Force  bool `json:"force,omitempty"`
}

func (s *Server) apply(r *request) (*reply, error) {
	var body Apply
	if err := r.optional(&body); err != nil {
		return nil, err
	}
	plan, err := s.Node.Apply(r.ctx, body.DryRun, body.Force)
	if err != nil {
		return nil, err
	}
	return answer(ResultOf(plan))
}

// Changes is the body of POST /v1/changes: all are done, or none.
type Changes struct {
	Changes []json.RawMessage `json:"changes"`
}

func (s *Server) changes(r *request) (*reply, error) {
	var body Changes
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if n := len(body.Changes); n == 0 || n > maxOps {
		return nil, fmt.Errorf("%w: %d changes; want 1 to %d", ErrMalformed, n, maxOps)
	}
	var ops []admin.Op
	for i, text := range body.Changes {
		op, err := decodeOp(text)
		if err != nil {
			return nil, fmt.Errorf("%w: change %d: %w", ErrMalformed, i, err)
		}
		ops = append(ops, op)
	}
	return s.change(r, ops...)
}

// Forget is the body of POST /v1/forget: the ID or path of a disk that is not served.
type Forget struct {
	Disk string `json:"disk"`
}

func (s *Server) forget(r *request) (*reply, error) {
	var body Forget
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if body.Disk == "" {
		return nil, fmt.Errorf("%w: disk is missing", ErrMalformed)
	}
	if err := s.Node.Forget(r.ctx, body.Disk); err != nil {
		return nil, err
	}
	return answer(ResultOf(&admin.Plan{}))
}

// prune drops what commands made and the configuration file hides.
func (s *Server) prune(r *request) (*reply, error) {
	before := hiddenOf(s.Node.Config(), false)
	plan, err := s.Node.Do(r.ctx, admin.Prune{})
	if err != nil {
		return nil, err
	}
	s.sweep()
	res := ResultOf(plan)
	res.Dropped = before
	res.Changed = res.Changed || len(before) > 0
	return answer(res)
}

// hiddenOf names what commands made and does not count; of targets that the file no longer has only with orphans.
func hiddenOf(c *config.Config, orphans bool) (out []string) {
	for _, h := range c.Hidden {
		if orphans || !h.Orphan {
			out = append(out, h.Name)
		}
	}
	return out
}
