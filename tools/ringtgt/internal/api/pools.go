package api

import (
	"net/http"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"golang.org/x/sys/unix"
)

func poolRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/pools", nil, (*Server).listPools},
		{http.MethodPut, "/v1/pools/{pool}", nil, (*Server).putPool},
		{http.MethodDelete, "/v1/pools/{pool}", []string{"force"}, (*Server).deletePool},
	}
}

func (s *Server) listPools(*request) (*reply, error) {
	list := configOf(s.Node.Config()).Pools
	for i := range list {
		var fs unix.Statfs_t
		if err := unix.Statfs(list[i].Path, &fs); err == nil { // otherwise its space is not known
			list[i].Total, list[i].Available = int64(fs.Blocks)*fs.Bsize, int64(fs.Bavail)*fs.Bsize
		}
	}
	return answer(map[string]any{"pool": list})
}

// NewPool is the body of PUT for a pool.
type NewPool struct {
	Path string `json:"path"`
}

func (s *Server) putPool(r *request) (*reply, error) {
	var body NewPool
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return s.do(r, admin.AddPool{Name: r.path("pool"), Path: body.Path})
}

func (s *Server) deletePool(r *request) (*reply, error) {
	force, err := r.flag("force")
	if err != nil {
		return nil, err
	}
	return s.do(r, admin.RemovePool{Name: r.path("pool"), Force: admin.Force{Force: force}})
}
