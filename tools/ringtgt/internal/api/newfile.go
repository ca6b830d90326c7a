package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/volume"
)

// addNewFile adds a unit of which a request gives the size alone: its file is made where this daemon keeps such files, a new volume of
// its only pool, or beside the default disk. With the number of a unit that is there, it is that unit's file.
func (s *Server) addNewFile(r *request, body *LUN) (*reply, error) {
	t, err := s.target(r)
	if err != nil {
		return nil, err
	}
	cfg := s.Node.Config()
	for i := range t.LUNs {
		if l := &t.LUNs[i]; body.LUN != nil && l.Number == *body.LUN && l.Kind == backend.KindFile {
			body.File = l.Path
			return s.addLUN(r, body)
		}
	}
	name := "lun-" + strings.ToLower(rand.Text())[:10]
	switch pools := cfg.Pools; {
	case len(pools) == 1:
		return s.addVolume(r, body, &pools[0], name)
	case len(pools) > 1:
		return nil, fmt.Errorf("a new file %w: there are %d pools; make a volume in one of them and export it, or name a file", admin.ErrInvalid, len(pools))
	}
	dir := defaultDir(cfg)
	if dir == "" {
		return nil, fmt.Errorf("a new file %w: there is no pool for it; make one (`ringtgt pool add NAME DIR`), or name a file", admin.ErrInvalid)
	}
	body.File = filepath.Join(dir, name+".img")
	return s.addLUN(r, body)
}

// defaultDir is the directory of the disk that is served without a configuration; "": it is not served.
func defaultDir(cfg *config.Config) string {
	for _, t := range cfg.Targets {
		for i := range t.LUNs {
			if l := &t.LUNs[i]; l.Fallback {
				if path, err := filepath.Abs(l.Path); err == nil {
					return filepath.Dir(path)
				}
			}
		}
	}
	return ""
}

// addVolume makes a volume and adds a unit on it, or leaves neither.
func (s *Server) addVolume(r *request, body *LUN, in *config.Pool, name string) (*reply, error) {
	p, err := volume.Open(in.Path)
	if err != nil {
		return nil, fmt.Errorf("pool %s: %w", in.Name, err)
	}
	defer p.Close()
	defer s.volumes.lock(in.Name + "/" + name)()
	if _, err := p.Create(name, int64(body.Size), body.Thin); err != nil {
		return nil, err
	}
	v, err := p.Get(name)
	if err != nil {
		return nil, err
	}
	body.File = v.Path
	rp, err := s.addLUN(r, body)
	if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return rp, err // a change that is queued is carried out
	}
	_, left := p.Delete(name)
	return nil, errors.Join(err, left)
}
