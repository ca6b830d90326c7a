package api

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

func lunRoutes() []route {
	const all, one = "/v1/targets/{target}/luns", "/v1/targets/{target}/luns/{lun}"
	return []route{
		{http.MethodGet, all, nil, (*Server).listLUNs},
		{http.MethodPost, all, nil, (*Server).postLUN},
		{http.MethodGet, one, nil, (*Server).getLUN},
		{http.MethodPut, one, nil, (*Server).putLUN},
		{http.MethodPatch, one, nil, (*Server).patchLUN},
		{http.MethodDelete, one, []string{"force"}, (*Server).deleteLUN},
	}
}

func (s *Server) listLUNs(r *request) (*reply, error) {
	t, err := s.target(r)
	if err != nil {
		return nil, err
	}
	return answer(map[string]any{"lun": s.sized(targetOf(t)).LUNs})
}

func (s *Server) getLUN(r *request) (*reply, error) {
	t, err := s.target(r)
	if err != nil {
		return nil, err
	}
	n, err := r.number("lun")
	if err != nil {
		return nil, err
	}
	for i := range t.LUNs {
		if t.LUNs[i].Number == n {
			l := lunOf(&t.LUNs[i])
			l.Bytes = s.bytes(t.Name, n)
			return answer(l)
		}
	}
	return nil, fmt.Errorf("lun %d of target %s %w", n, t.Name, admin.ErrNotFound)
}

// postLUN adds a unit with the number in the body, or with the lowest free one.
func (s *Server) postLUN(r *request) (*reply, error) {
	var body LUN
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if body.sizeAlone() {
		return s.addNewFile(r, &body)
	}
	return s.addLUN(r, &body)
}

func (s *Server) putLUN(r *request) (*reply, error) {
	n, err := r.number("lun")
	if err != nil {
		return nil, err
	}
	var body LUN
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if body.LUN != nil && *body.LUN != n {
		return nil, fmt.Errorf("%w: the path says lun %d, the body lun %d", ErrMalformed, n, *body.LUN)
	}
	body.LUN = &n
	if body.sizeAlone() {
		return s.addNewFile(r, &body)
	}
	return s.addLUN(r, &body)
}

func (s *Server) addLUN(r *request, body *LUN) (*reply, error) {
	l, err := body.config()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	plan, err := s.Node.Do(r.ctx, admin.AddLUN{Target: r.path("target"), LUN: l})
	if err != nil {
		return nil, err
	}
	res := ResultOf(plan)
	res.LUN = s.numberOf(r.path("target"), &l, plan)
	return changed(res)
}

// numberOf returns the number that a unit has after the plan that added it, or that it had before.
func (s *Server) numberOf(target string, l *config.LUN, plan *admin.Plan) *int {
	if l.Number >= 0 {
		return &l.Number
	}
	for _, st := range plan.Steps {
		if n, err := strconv.Atoi(st.Name); err == nil && st.Kind == admin.KindLUN && st.Verb == admin.Add && st.Target == target {
			return &n
		}
	}
	for _, t := range s.Node.Config().Targets {
		for _, u := range t.LUNs {
			if t.Name == target && l.Path != "" && u.Kind == l.Kind && u.Path == l.Path {
				return &u.Number
			}
		}
	}
	return nil
}

// patchLUN changes a unit while it is in use.
func (s *Server) patchLUN(r *request) (*reply, error) {
	n, err := r.number("lun")
	if err != nil {
		return nil, err
	}
	var body LUNChange
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	set, err := body.set(r.path("target"), n)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var ops []admin.Op
	if set.ReadOnly != nil || set.Exports != nil || set.QoS != nil {
		ops = append(ops, set)
	}
	if body.Size != 0 {
		ops = append(ops, admin.ResizeLUN{Target: set.Target, Number: n, Size: int64(body.Size)})
	}
	if len(ops) == 0 {
		return nil, fmt.Errorf("%w: nothing to change", ErrMalformed)
	}
	return s.do(r, ops...)
}

func (s *Server) deleteLUN(r *request) (*reply, error) {
	n, err := r.number("lun")
	if err != nil {
		return nil, err
	}
	force, err := r.flag("force")
	if err != nil {
		return nil, err
	}
	return s.do(r, admin.RemoveLUN{Target: r.path("target"), Number: n, Force: admin.Force{Force: force}})
}

// sized adds the sizes that units have now.
func (s *Server) sized(t Target) Target {
	for i := range t.LUNs {
		t.LUNs[i].Bytes = s.bytes(t.Name, *t.LUNs[i].LUN)
	}
	return t
}

func (s *Server) bytes(target string, number int) int64 {
	if s.Bytes == nil {
		return 0
	}
	return s.Bytes(target, number)
}
