package admin

import (
	"reflect"
	"slices"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// Prune drops from the owned part what does not count, because the file has an object of that name. What counts stays as it is. What
// commands added to a target that the file no longer has stays too: the file may get the target back, and RemoveTarget drops it.
type Prune struct{ plain }

// Edit implements Op.
func (Prune) Edit(owned, file *config.Config) (bool, error) {
	before := owned.Clone()
	owned.Portals = slices.DeleteFunc(owned.Portals, func(p config.Portal) bool {
		return p.Addr.Port() != 0 && inFile(file.Portals, portalAt, func(f *config.Portal) bool { return f.Addr == p.Addr }) != nil
	})
	owned.Pools = slices.DeleteFunc(owned.Pools, func(p config.Pool) bool {
		return inFile(file.Pools, poolAt, func(f *config.Pool) bool { return f.Name == p.Name }) != nil
	})
	pruneAccess(&owned.Discovery, &file.Discovery)
	for _, t := range file.Targets {
		ours, files := targets(owned, file, t.Name)
		if ours == nil || files == nil {
			continue
		}
		if !ours.Extends { // what it has of its own is the file's now; what others added to it stays
			*ours = config.Target{
				Name: ours.Name, LUNs: ours.LUNs, At: ours.At, Extends: true, AllGroups: true,
				Access: config.Access{Accounts: ours.Access.Accounts, Mutual: ours.Access.Mutual, Initiators: ours.Access.Initiators, Networks: ours.Access.Networks},
			}
		}
		ours.LUNs = slices.DeleteFunc(ours.LUNs, func(l config.LUN) bool {
			return inFile(files.LUNs, lunAt, func(f *config.LUN) bool { return f.Number == l.Number }) != nil
		})
		pruneAccess(&ours.Access, &files.Access)
		tidy(owned, t.Name)
	}
	return !reflect.DeepEqual(owned, before), nil
}

func pruneAccess(ours, files *config.Access) {
	ours.Accounts = slices.DeleteFunc(ours.Accounts, func(a config.Account) bool {
		return inFile(files.Accounts, accountAt, func(f *config.Account) bool { return f.User == a.User }) != nil
	})
	if files.Mutual != nil && !files.Mutual.At.Owned {
		ours.Mutual = nil
	}
	ours.Initiators = apart(ours.Initiators, files.Initiators)
	ours.Networks = apart(ours.Networks, files.Networks)
}

// apart returns the elements of ours that theirs does not have.
func apart[T comparable](ours, theirs []T) []T {
	return slices.DeleteFunc(ours, func(v T) bool { return slices.Contains(theirs, v) })
}
