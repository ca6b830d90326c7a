package api

import (
	"fmt"
	"net/http"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
)

func portalRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/portals", nil, (*Server).listPortals},
		{http.MethodPut, "/v1/portals/{listen}", nil, (*Server).putPortal},
		{http.MethodDelete, "/v1/portals/{listen}", []string{"force"}, (*Server).deletePortal},
	}
}

func (s *Server) listPortals(*request) (*reply, error) {
	return answer(map[string]any{"portal": configOf(s.Node.Config()).Portals})
}

// NewPortal is the body of PUT for a portal; its address is in the path.
type NewPortal struct {
	Group *uint16 `json:"group,omitempty"` // nil: 1
}

func (s *Server) putPortal(r *request) (*reply, error) {
	var body NewPortal
	if err := r.optional(&body); err != nil {
		return nil, err
	}
	addr, err := listen(r.path("listen"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	op := admin.AddPortal{Addr: addr, Group: 1}
	if body.Group != nil {
		op.Group = *body.Group
	}
	return s.do(r, op)
}

func (s *Server) deletePortal(r *request) (*reply, error) {
	addr, err := listen(r.path("listen"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	force, err := r.flag("force")
	if err != nil {
		return nil, err
	}
	return s.do(r, admin.RemovePortal{Addr: addr, Force: admin.Force{Force: force}})
}
