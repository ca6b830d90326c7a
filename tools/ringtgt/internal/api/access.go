package api

import (
	"fmt"
	"net/http"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

func accessRoutes() []route {
	const accounts, mutual, acl = "/v1/targets/{target}/accounts", "/v1/targets/{target}/mutual_chap", "/v1/targets/{target}/acl"
	const discovery, discoveryMutual = "/v1/discovery/accounts", "/v1/discovery/mutual_chap"
	var out []route
	for _, p := range []struct{ accounts, mutual string }{{accounts, mutual}, {discovery, discoveryMutual}} {
		out = append(out,
			route{http.MethodGet, p.accounts, nil, (*Server).listAccounts},
			route{http.MethodPut, p.accounts + "/{user}", nil, (*Server).putAccount},
			route{http.MethodDelete, p.accounts + "/{user}", []string{"force", "open"}, (*Server).deleteAccount},
			route{http.MethodPut, p.mutual, nil, (*Server).putMutual},
			route{http.MethodDelete, p.mutual, []string{"force"}, (*Server).deleteMutual},
		)
	}
	return append(out,
		route{http.MethodGet, acl, nil, (*Server).getACL},
		route{http.MethodPost, acl, nil, (*Server).postACL},
		route{http.MethodDelete, acl, []string{"force", "open", "initiator", "network"}, (*Server).deleteACL},
	)
}

// access finds the target of the path, or discovery.
func (s *Server) access(r *request) (*config.Access, error) {
	if r.path("target") == "" {
		return &s.Node.Config().Discovery, nil
	}
	t, err := s.target(r)
	if err != nil {
		return nil, err
	}
	return &t.Access, nil
}

func (s *Server) listAccounts(r *request) (*reply, error) {
	a, err := s.access(r)
	if err != nil {
		return nil, err
	}
	out := accessOf(a)
	if out.Accounts == nil {
		out.Accounts = []Account{}
	}
	return answer(struct {
		Accounts []Account `json:"account"`
		Mutual   *Account  `json:"mutual_chap,omitempty"`
	}{out.Accounts, out.Mutual})
}

// NewAccount is the body of PUT for an account; the user is in the path.
type NewAccount struct {
	Secret     string   `json:"secret,omitempty"`
	SecretFile string   `json:"secret_file,omitempty"`
	Initiators []string `json:"initiators,omitempty"`
}

func (s *Server) putAccount(r *request) (*reply, error) {
	var body NewAccount
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return s.change(r, admin.AddAccount{
		Target: r.path("target"), User: r.path("user"), Secret: body.Secret, SecretFile: body.SecretFile, Initiators: body.Initiators,
	})
}

func (s *Server) putMutual(r *request) (*reply, error) {
	var body Account
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if len(body.Initiators) > 0 || body.SecretEnv != "" {
		return nil, fmt.Errorf("%w: mutual_chap has user and secret or secret_file", ErrMalformed)
	}
	return s.change(r, admin.AddAccount{
		Target: r.path("target"), User: body.User, Secret: body.Secret, SecretFile: body.SecretFile, Mutual: true,
	})
}

func (s *Server) deleteAccount(r *request) (*reply, error) {
	force, err := r.flag("force")
	if err != nil {
		return nil, err
	}
	open, err := r.flag("open")
	if err != nil {
		return nil, err
	}
	return s.change(r, admin.RemoveAccount{Target: r.path("target"), User: r.path("user"), Open: open, Force: admin.Force{Force: force}})
}

func (s *Server) deleteMutual(r *request) (*reply, error) {
	force, err := r.flag("force")
	if err != nil {
		return nil, err
	}
	a, err := s.access(r)
	if err != nil {
		return nil, err
	}
	if a.Mutual == nil {
		return answer(ResultOf(&admin.Plan{}))
	}
	return s.change(r, admin.RemoveAccount{Target: r.path("target"), User: a.Mutual.User, Mutual: true, Force: admin.Force{Force: force}})
}

func (s *Server) getACL(r *request) (*reply, error) {
	t, err := s.target(r)
	if err != nil {
		return nil, err
	}
	return answer(ACL{Initiators: t.Access.Initiators, Networks: networksOf(t.Access.Networks)})
}

func (s *Server) postACL(r *request) (*reply, error) {
	var body ACL
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if len(body.Initiators)+len(body.Networks) == 0 {
		return nil, fmt.Errorf("%w: neither initiators nor networks", ErrMalformed)
	}
	return s.do(r, admin.AddACL{Target: r.path("target"), Initiators: body.Initiators, Networks: networks(body.Networks)})
}

func (s *Server) deleteACL(r *request) (*reply, error) {
	op := admin.RemoveACL{Target: r.path("target"), Initiators: r.flags["initiator"]}
	var err error
	if op.Force.Force, err = r.flag("force"); err != nil {
		return nil, err
	}
	if op.Open, err = r.flag("open"); err != nil {
		return nil, err
	}
	for _, text := range r.flags["network"] {
		var n Network
		if err := n.UnmarshalText([]byte(text)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		op.Networks = append(op.Networks, n.Prefix)
	}
	if len(op.Initiators)+len(op.Networks) == 0 {
		return nil, fmt.Errorf("%w: neither initiator nor network", ErrMalformed)
	}
	return s.do(r, op)
}
