package admin

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// Edit implements Op.
func (o AddPortal) Edit(owned, file *config.Config) (bool, error) {
	object := "portal " + o.Addr.String()
	if !o.Addr.IsValid() || o.Addr.Port() == 0 {
		return false, invalid(object, "want an IP address and a port")
	}
	is := func(p *config.Portal) bool { return p.Addr == o.Addr }
	if p := inFile(file.Portals, portalAt, is); p != nil {
		if p.Group != o.Group {
			return false, fileOwned(object, p.At)
		}
		return false, nil
	}
	if p := find(owned.Portals, is); p != nil {
		if p.Group != o.Group {
			return false, exists(object, "in portal group %d", p.Group)
		}
		return false, nil
	}
	owned.Portals = append(owned.Portals, config.Portal{Addr: o.Addr, Group: o.Group, At: made(owned)})
	return true, nil
}

// Edit implements Op.
func (o RemovePortal) Edit(owned, file *config.Config) (bool, error) {
	is := func(p *config.Portal) bool { return p.Addr == o.Addr }
	if p := inFile(file.Portals, portalAt, is); p != nil {
		return false, fileOwned("portal "+o.Addr.String(), p.At)
	}
	before := len(owned.Portals)
	owned.Portals = slices.DeleteFunc(owned.Portals, func(p config.Portal) bool { return is(&p) })
	return len(owned.Portals) < before, nil
}

// Edit implements Op.
func (o AddPool) Edit(owned, file *config.Config) (bool, error) {
	object := "pool " + o.Name
	if err := config.CheckPool(o.Name); err != nil {
		return false, invalid(object, "%v", err)
	}
	if !filepath.IsAbs(o.Path) {
		return false, invalid(object, "the path %q is not absolute", o.Path)
	}
	path := filepath.Clean(o.Path)
	is := func(p *config.Pool) bool { return p.Name == o.Name }
	if p := inFile(file.Pools, poolAt, is); p != nil {
		if filepath.Clean(p.Path) != path {
			return false, fileOwned(object, p.At)
		}
		return false, nil
	}
	if p := find(owned.Pools, is); p != nil {
		if p.Path != path {
			return false, exists(object, "at %s", p.Path)
		}
		return false, nil
	}
	owned.Pools = append(owned.Pools, config.Pool{Name: o.Name, Path: path, At: made(owned)})
	return true, nil
}

// inPool names a unit whose file is a volume of p; "": there is none.
func inPool(p *config.Pool, parts ...*config.Config) string {
	for _, c := range parts {
		for i := range c.Targets {
			for j := range c.Targets[i].LUNs {
				if l := &c.Targets[i].LUNs[j]; l.Kind == backend.KindFile && filepath.Dir(l.Path) == filepath.Clean(p.Path) {
					return fmt.Sprintf("%s, %s,", lunName(l.Number, c.Targets[i].Name), l.Path)
				}
			}
		}
	}
	return ""
}

// Edit implements Op.
func (o RemovePool) Edit(owned, file *config.Config) (bool, error) {
	is := func(p *config.Pool) bool { return p.Name == o.Name }
	if p := inFile(file.Pools, poolAt, is); p != nil {
		return false, fileOwned("pool "+o.Name, p.At)
	}
	p := find(owned.Pools, is)
	if p == nil {
		return false, nil
	}
	if u := inPool(p, owned, file); u != "" {
		return false, &refused{object: "pool " + o.Name, why: ErrInUse, detail: fmt.Errorf(
			"%s is a volume of it; unexport its volumes, or remove the LUNs that serve them, before", u)}
	}
	before := len(owned.Pools)
	owned.Pools = slices.DeleteFunc(owned.Pools, func(p config.Pool) bool { return is(&p) })
	return len(owned.Pools) < before, nil
}
