package admin

import (
	"slices"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// Edit implements Op.
func (o AddTarget) Edit(owned, file *config.Config) (bool, error) {
	object := "target " + o.Name
	if err := config.CheckName(o.Name); err != nil {
		return false, invalid(object, "%v", err)
	}
	ours, files := targets(owned, file, o.Name)
	agrees := func(t *config.Target) bool {
		return (o.Alias == "" || o.Alias == t.Alias) && (len(o.Groups) == 0 || slices.Equal(o.Groups, t.Groups))
	}
	switch {
	case files != nil && !agrees(files):
		return false, fileOwned(object, files.At)
	case files != nil:
		return false, nil
	case ours == nil:
		owned.Targets = append(owned.Targets, config.Target{
			Name: o.Name, Alias: o.Alias, Groups: slices.Clone(o.Groups), AllGroups: len(o.Groups) == 0, At: made(owned),
		})
		return true, nil
	case ours.Extends:
		// Its LUNs were made for the file's target, with the file's accounts and ACL.
		return false, exists(object, "there are LUNs, accounts or ACL entries of a target with this name that was in the configuration file; remove the target first")
	case !agrees(ours):
		return false, exists(object, "alias %q, portal groups %v", ours.Alias, ours.Groups)
	}
	return false, nil
}

// Edit implements Op.
func (o SetTarget) Edit(owned, file *config.Config) (bool, error) {
	object := "target " + o.Name
	ours, files := targets(owned, file, o.Name)
	switch {
	case files != nil:
		t := files.Clone()
		if o.set(&t, made(owned)) {
			return false, fileOwned(object, files.At)
		}
		return false, nil
	case ours == nil || ours.Extends:
		return false, notFound(object)
	}
	return o.set(ours, made(owned)), nil
}

// set changes t and reports whether anything did change.
func (o SetTarget) set(t *config.Target, at config.Where) bool {
	before := t.Clone()
	if o.Alias != nil {
		t.Alias = *o.Alias
	}
	if o.Limits != nil {
		t.Limits = *o.Limits
		t.Limits.FirstBurstAt = at
	}
	if o.Algorithms != nil {
		t.Access.Algorithms = slices.Clone(o.Algorithms)
	}
	if o.QoS != nil {
		t.QoS = nil
		for _, q := range o.QoS {
			q.Initiators = slices.Clone(q.Initiators)
			q.At = at
			t.QoS = append(t.QoS, q)
		}
	}
	return len(changed(targetKeys, &before, t)) > 0
}

// Edit implements Op.
func (o RemoveTarget) Edit(owned, file *config.Config) (bool, error) {
	ours, files := targets(owned, file, o.Name)
	if files != nil {
		return false, fileOwned("target "+o.Name, files.At)
	}
	if ours == nil {
		return false, nil
	}
	owned.Targets = slices.DeleteFunc(owned.Targets, func(t config.Target) bool { return t.Name == o.Name })
	return true, nil
}
