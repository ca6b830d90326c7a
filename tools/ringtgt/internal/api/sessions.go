package api

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
)

func sessionRoutes() []route {
	filter := []string{"target", "initiator", "account", "tsih", "cid"}
	return []route{
		{http.MethodGet, "/v1/sessions", filter, (*Server).listSessions},
		{http.MethodDelete, "/v1/sessions", append(filter, "force"), (*Server).kick},
		{http.MethodDelete, "/v1/sessions/{tsih}", []string{"force", "cid"}, (*Server).kickOne},
	}
}

// filter reads a filter from the query.
func (r *request) filter() (f admin.SessionFilter, err error) {
	for _, p := range []struct {
		name string
		to   *string
	}{{"target", &f.Target}, {"initiator", &f.Initiator}, {"account", &f.Account}} {
		if *p.to, err = r.text(p.name); err != nil {
			return f, err
		}
	}
	tsih, err := r.text("tsih")
	if err != nil {
		return f, err
	}
	if tsih != "" {
		if f.TSIH, err = parseTSIH(tsih); err != nil {
			return f, err
		}
	}
	f.CID, err = r.cid()
	if err == nil && f.CID != nil && f.TSIH == 0 {
		err = fmt.Errorf("%w: cid needs tsih", ErrMalformed)
	}
	return f, err
}

// parseTSIH reads a Target Session Identifying Handle; 0 is no session's (RFC 7143 11.12.6).
func parseTSIH(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%w: tsih %q: want 1 to 65535", ErrMalformed, s)
	}
	return uint16(n), nil
}

func (r *request) cid() (*uint16, error) {
	text, err := r.text("cid")
	if err != nil || text == "" {
		return nil, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%w: cid %q: want 0 to 65535", ErrMalformed, text)
	}
	cid := uint16(n)
	return &cid, nil
}

// Sessions is the answer with sessions.
type Sessions struct {
	Sessions []admin.Session `json:"session"`
}

func sessionsOf(list []admin.Session) Sessions {
	if list == nil {
		list = []admin.Session{}
	}
	for i := range list {
		if list[i].Connections == nil {
			list[i].Connections = []admin.Connection{}
		}
	}
	return Sessions{list}
}

func (s *Server) listSessions(r *request) (*reply, error) {
	f, err := r.filter()
	if err != nil {
		return nil, err
	}
	list, err := s.Node.Sessions(r.ctx, f)
	if err != nil {
		return nil, err
	}
	return answer(sessionsOf(list))
}

// kick removes the sessions that match. A filter that matches all is refused: it is more likely a mistake.
func (s *Server) kick(r *request) (*reply, error) {
	f, err := r.filter()
	if err != nil {
		return nil, err
	}
	if f == (admin.SessionFilter{}) {
		return nil, fmt.Errorf("%w: name a target, initiator, account or tsih", ErrMalformed)
	}
	return s.kickMatching(r, f)
}

func (s *Server) kickOne(r *request) (*reply, error) {
	tsih, err := parseTSIH(r.path("tsih"))
	if err != nil {
		return nil, err
	}
	cid, err := r.cid()
	if err != nil {
		return nil, err
	}
	return s.kickMatching(r, admin.SessionFilter{TSIH: tsih, CID: cid})
}

func (s *Server) kickMatching(r *request, f admin.SessionFilter) (*reply, error) {
	force, err := r.flag("force")
	if err != nil {
		return nil, err
	}
	list, err := s.Node.Kick(r.ctx, f, force)
	if err != nil {
		return nil, err
	}
	return answer(sessionsOf(list))
}
