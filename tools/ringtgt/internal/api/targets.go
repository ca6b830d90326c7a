package api

import (
	"fmt"
	"net/http"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

func targetRoutes() []route {
	const one = "/v1/targets/{target}"
	return []route{
		{http.MethodGet, "/v1/targets", nil, (*Server).listTargets},
		{http.MethodGet, one, nil, (*Server).getTarget},
		{http.MethodPut, one, nil, (*Server).putTarget},
		{http.MethodPatch, one, nil, (*Server).patchTarget},
		{http.MethodDelete, one, []string{"force"}, (*Server).deleteTarget},
	}
}

// NewTarget is the body of PUT for a target.
type NewTarget struct {
	Alias  string   `json:"alias,omitempty"`
	Groups []uint16 `json:"portal_groups,omitempty"`
}

func (s *Server) listTargets(*request) (*reply, error) {
	list := configOf(s.Node.Config()).Targets
	for i := range list {
		list[i] = s.sized(list[i])
	}
	return answer(map[string]any{"target": list})
}

// target finds the target of the path.
func (s *Server) target(r *request) (*config.Target, error) {
	c := s.Node.Config()
	for i := range c.Targets {
		if c.Targets[i].Name == r.path("target") {
			return &c.Targets[i], nil
		}
	}
	return nil, fmt.Errorf("target %s %w", r.path("target"), admin.ErrNotFound)
}

func (s *Server) getTarget(r *request) (*reply, error) {
	t, err := s.target(r)
	if err != nil {
		return nil, err
	}
	return answer(s.sized(targetOf(t)))
}

func (s *Server) putTarget(r *request) (*reply, error) {
	var body NewTarget
	if err := r.optional(&body); err != nil {
		return nil, err
	}
	return s.do(r, admin.AddTarget{Name: r.path("target"), Alias: body.Alias, Groups: body.Groups})
}

func (s *Server) patchTarget(r *request) (*reply, error) {
	var body TargetChange
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	op, err := body.set(r.path("target"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return s.do(r, op)
}

func (s *Server) deleteTarget(r *request) (*reply, error) {
	force, err := r.flag("force")
	if err != nil {
		return nil, err
	}
	return s.change(r, admin.RemoveTarget{Name: r.path("target"), Force: admin.Force{Force: force}})
}
