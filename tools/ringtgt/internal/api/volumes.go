package api

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"

	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/volume"
)

func volumeRoutes() []route {
	const all, one = "/v1/pools/{pool}/volumes", "/v1/pools/{pool}/volumes/{volume}"
	const export = one + "/exports/{initiator}"
	return []route{
		{http.MethodGet, all, nil, (*Server).listVolumes},
		{http.MethodGet, one, nil, (*Server).getVolume},
		{http.MethodPut, one, nil, (*Server).putVolume},
		{http.MethodPatch, one, nil, (*Server).patchVolume},
		{http.MethodDelete, one, nil, (*Server).deleteVolume},
		{http.MethodPut, export, nil, (*Server).putExport},
		{http.MethodDelete, export, []string{"target", "force"}, (*Server).deleteExport},
	}
}

// Volume is a file in a pool.
type Volume struct {
	volume.Volume
	Exports []VolumeExport `json:"export"`
}

// VolumeExport is an initiator that sees a volume.
type VolumeExport struct {
	Target    string `json:"target"`
	Initiator string `json:"initiator"`
	Account   string `json:"account,omitempty"`
	LUN       int    `json:"lun"` // the number that the initiator sees
}

// NewVolume is the body of PUT for a volume.
type NewVolume struct {
	Size Size   `json:"size,omitempty"`
	Thin bool   `json:"thin,omitempty"`
	From string `json:"from,omitempty"` // another volume of the pool: this one is a snapshot of it, and size and thin are its own
}

// VolumeChange is the body of PATCH for a volume.
type VolumeChange struct {
	Size Size `json:"size"`
}

// NewExport is the body of PUT for an export.
type NewExport struct {
	Target   string `json:"target"`
	Account  string `json:"account,omitempty"`
	LUN      *int   `json:"lun,omitempty"` // nil: the lowest that the initiator does not see yet
	ReadOnly bool   `json:"read_only,omitempty"`
}

// keyed has a lock for each volume, so that it is not deleted while it is being exported.
type keyed struct {
	mu    sync.Mutex
	locks map[string]*keyedLock
}

type keyedLock struct {
	sync.Mutex
	users int
}

// lock locks key and returns how to unlock it.
func (k *keyed) lock(key string) (unlock func()) {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = map[string]*keyedLock{}
	}
	l := k.locks[key]
	if l == nil {
		l = &keyedLock{}
		k.locks[key] = l
	}
	l.users++
	k.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.locks, key)
		}
	}
}

// CleanPools removes what interrupted operations on volumes left. None may be in progress.
func CleanPools(pools []config.Pool) error {
	var errs []error
	for _, p := range pools {
		pool, err := volume.Open(p.Path)
		if err == nil {
			err = errors.Join(pool.Clean(), pool.Close())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("pool %s: %w", p.Name, err))
		}
	}
	return errors.Join(errs...)
}

// pool opens the pool of the path. close must be called.
func (s *Server) pool(r *request) (p *volume.Pool, close func(), err error) {
	for _, c := range s.Node.Config().Pools {
		if c.Name == r.path("pool") {
			if p, err = volume.Open(c.Path); err != nil {
				return nil, nil, fmt.Errorf("pool %s: %w", c.Name, err)
			}
			return p, func() { p.Close() }, nil
		}
	}
	return nil, nil, fmt.Errorf("pool %s %w", r.path("pool"), admin.ErrNotFound)
}

// withVolume runs fn on the pool, alone with the volume of the path.
func (s *Server) withVolume(r *request, fn func(p *volume.Pool, name string) (*reply, error)) (*reply, error) {
	p, close, err := s.pool(r)
	if err != nil {
		return nil, err
	}
	defer close()
	name := r.path("volume")
	defer s.volumes.lock(r.path("pool") + "/" + name)()
	return fn(p, name)
}

// described adds the exports to volumes.
func (s *Server) described(list ...volume.Volume) []Volume {
	exports := map[string][]VolumeExport{}
	cfg := s.Node.Config()
	for _, t := range cfg.Targets {
		for i := range t.LUNs {
			l := &t.LUNs[i]
			if l.Kind == backend.KindFile {
				path := medium.Real(l.Path)
				exports[path] = append(exports[path], exportsOfLUN(t.Name, l)...)
			}
		}
	}
	out := []Volume{}
	for _, v := range list {
		d := Volume{Volume: v, Exports: exports[medium.Real(v.Path)]}
		if d.Exports == nil {
			d.Exports = []VolumeExport{}
		}
		out = append(out, d)
	}
	return out
}

// exportsOfLUN lists who sees a unit; without masking every initiator does, which is "*".
func exportsOfLUN(target string, l *config.LUN) (out []VolumeExport) {
	if len(l.Exports) == 0 {
		return []VolumeExport{{Target: target, Initiator: "*", LUN: l.Number}}
	}
	for _, e := range l.Exports {
		x := VolumeExport{Target: target, Initiator: "*", LUN: e.Number}
		if len(e.Accounts) > 0 {
			x.Account = e.Accounts[0]
		}
		if len(e.Initiators) == 0 {
			out = append(out, x)
		}
		for _, name := range e.Initiators {
			x.Initiator = name
			out = append(out, x)
		}
	}
	return out
}

func (s *Server) listVolumes(r *request) (*reply, error) {
	p, close, err := s.pool(r)
	if err != nil {
		return nil, err
	}
	defer close()
	list, err := p.List()
	if err != nil {
		return nil, err
	}
	return answer(map[string]any{"volume": s.described(list...)})
}

func (s *Server) getVolume(r *request) (*reply, error) {
	p, close, err := s.pool(r)
	if err != nil {
		return nil, err
	}
	defer close()
	v, err := p.Get(r.path("volume"))
	if err != nil {
		return nil, err
	}
	return answer(s.described(*v)[0])
}

// volumeReply answers a change of a volume: 201 if it was made.
func (s *Server) volumeReply(p *volume.Pool, name string, changed, made bool) (*reply, error) {
	v, err := p.Get(name)
	if err != nil {
		return nil, err
	}
	res := ResultOf(&admin.Plan{})
	res.Changed = changed || made
	res.Volume = &s.described(*v)[0]
	rp, err := answer(res)
	if err == nil && made {
		rp.status = http.StatusCreated
	}
	return rp, err
}

func (s *Server) putVolume(r *request) (*reply, error) {
	var body NewVolume
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if (body.From == "") == (body.Size == 0) || body.From != "" && body.Thin {
		return nil, fmt.Errorf("%w: a volume needs a size, or the volume that it is a snapshot of", ErrMalformed)
	}
	return s.withVolume(r, func(p *volume.Pool, name string) (*reply, error) {
		if _, err := p.Get(name); errors.Is(err, volume.ErrNotFound) {
			if err := s.forgetVolume(r, name); err != nil { // deleted, but the daemon ended before it forgot the disk
				return nil, err
			}
		}
		var made bool
		var err error
		if body.From != "" {
			made, err = p.Snapshot(body.From, name)
		} else {
			made, err = p.Create(name, int64(body.Size), body.Thin)
		}
		if err != nil {
			return nil, err
		}
		return s.volumeReply(p, name, made, made)
	})
}

// forgetVolume deletes the identities of the disks that were served from a volume's files, which are gone: a new file under the same
// name is another disk.
func (s *Server) forgetVolume(r *request, name string) error {
	for _, c := range s.Node.Config().Pools {
		if c.Name != r.path("pool") {
			continue
		}
		for _, file := range volume.Files(name) {
			if err := s.Node.Forget(r.ctx, filepath.Join(c.Path, file)); err != nil && !errors.Is(err, admin.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// served returns the target and number of the unit that serves a volume; nil: none does.
func (s *Server) served(path string) (string, *config.LUN) {
	path = medium.Real(path)
	cfg := s.Node.Config()
	for _, t := range cfg.Targets {
		for i := range t.LUNs {
			if l := &t.LUNs[i]; l.Kind == backend.KindFile && medium.Real(l.Path) == path {
				return t.Name, l
			}
		}
	}
	return "", nil
}

func (s *Server) patchVolume(r *request) (*reply, error) {
	var body VolumeChange
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return s.withVolume(r, func(p *volume.Pool, name string) (*reply, error) {
		v, err := p.Get(name)
		if err != nil {
			return nil, err
		}
		target, l := s.served(v.Path)
		if l == nil || int64(body.Size) <= v.Size {
			grown, err := p.Expand(name, int64(body.Size))
			if err != nil {
				return nil, err
			}
			return s.volumeReply(p, name, grown, false)
		}
		// Initiators learn of the new size.
		if _, err := s.Node.Do(r.ctx, admin.ResizeLUN{Target: target, Number: l.Number, Size: int64(body.Size)}); err != nil {
			return nil, err
		}
		return s.volumeReply(p, name, true, false)
	})
}

func (s *Server) deleteVolume(r *request) (*reply, error) {
	return s.withVolume(r, func(p *volume.Pool, name string) (*reply, error) {
		v, err := p.Get(name)
		if err == nil {
			if target, l := s.served(v.Path); l != nil {
				return nil, fmt.Errorf("volume %s %w: lun %d of %s", name, admin.ErrInUse, l.Number, target)
			}
		}
		deleted, err := p.Delete(name)
		if err != nil {
			return nil, err
		}
		if err := s.forgetVolume(r, name); err != nil {
			return nil, err
		}
		res := ResultOf(&admin.Plan{})
		res.Changed = deleted
		return answer(res)
	})
}

func (s *Server) putExport(r *request) (*reply, error) {
	var body NewExport
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return s.withVolume(r, func(p *volume.Pool, name string) (*reply, error) {
		v, err := p.Get(name)
		if err != nil {
			return nil, err
		}
		op := admin.ExportFile{
			Target: body.Target, Path: v.Path, Initiator: r.path("initiator"), Account: body.Account, LUN: -1, Thin: v.Thin, ReadOnly: body.ReadOnly,
		}
		if body.LUN != nil {
			op.LUN = *body.LUN
		}
		if err := s.knows(body.Target, body.Account); err != nil {
			return nil, err
		}
		plan, err := s.Node.Do(r.ctx, op)
		if err != nil {
			return nil, err
		}
		res := ResultOf(plan)
		for _, e := range s.described(*v)[0].Exports {
			if e.Target == op.Target && e.Initiator == op.Initiator {
				res.Export = &e
			}
		}
		rp, err := answer(res)
		if err == nil && res.Changed {
			rp.status = http.StatusCreated
		}
		return rp, err
	})
}

// knows refuses an account that a target does not have: nobody could ever see the volume.
func (s *Server) knows(target, account string) error {
	if account == "" {
		return nil
	}
	for _, t := range s.Node.Config().Targets {
		for _, a := range t.Access.Accounts {
			if t.Name == target && a.User == account {
				return nil
			}
		}
	}
	return fmt.Errorf("account %s of target %s %w", account, target, admin.ErrNotFound)
}

func (s *Server) deleteExport(r *request) (*reply, error) {
	force, err := r.flag("force")
	if err != nil {
		return nil, err
	}
	target, err := r.text("target")
	if err != nil {
		return nil, err
	}
	return s.withVolume(r, func(p *volume.Pool, name string) (*reply, error) {
		v, err := p.Get(name)
		if errors.Is(err, volume.ErrNotFound) {
			return answer(ResultOf(&admin.Plan{}))
		}
		if err != nil {
			return nil, err
		}
		var ops []admin.Op
		for _, e := range s.described(*v)[0].Exports {
			if e.Initiator == r.path("initiator") && (target == "" || target == e.Target) {
				ops = append(ops, admin.UnexportFile{Target: e.Target, Path: v.Path, Initiator: e.Initiator, Force: admin.Force{Force: force}})
			}
		}
		if len(ops) == 0 {
			return answer(ResultOf(&admin.Plan{}))
		}
		return s.do(r, ops...)
	})
}
