package admin

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/ringtgt/ringtgt/internal/iscsiname"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// ExportFile shows a file to an initiator as a logical unit of a target. The unit is made with the first initiator and is invisible to
// all others.
type ExportFile struct {
	plain
	Target    string `json:"target"`
	Path      string `json:"path"`
	Initiator string `json:"initiator"`
	Account   string `json:"account,omitempty"` // CHAP account with which the initiator must have logged in; "": any, or none
	LUN       int    `json:"lun"`               // the number that the initiator sees; -1: the lowest that it does not see yet
	Thin      bool   `json:"thin,omitempty"`
	ReadOnly  bool   `json:"read_only,omitempty"`
}

// UnexportFile undoes ExportFile. With its last initiator the unit is removed; the file stays.
type UnexportFile struct {
	Force
	Target    string `json:"target"`
	Path      string `json:"path"`
	Initiator string `json:"initiator"`
}

// Edit implements Op.
func (o ExportFile) Edit(owned, file *config.Config) (bool, error) {
	ours, files, err := target(owned, file, o.Target)
	if err != nil {
		return false, err
	}
	defer tidy(owned, o.Target)
	object := o.Path + " as a LUN of " + o.Target
	if !filepath.IsAbs(o.Path) {
		return false, invalid(object, "the path is not absolute")
	}
	if err := config.CheckName(o.Initiator); err != nil {
		return false, invalid("initiator "+o.Initiator, "%v", err)
	}
	mine, theirs := luns(ours, files, isFile(o.Path))
	switch {
	case theirs != nil:
		return false, fileOwned(object, theirs.At)
	case mine == nil:
		return o.add(ours, files, made(owned))
	case len(mine.Exports) == 0:
		return false, exists(object, "every initiator sees it")
	case mine.ReadOnly != o.ReadOnly || mine.Thin != o.Thin:
		return false, exists(object, "read_only %v, thin %v", mine.ReadOnly, mine.Thin)
	}
	if e := find(mine.Exports, isFor(o.Initiator)); e != nil {
		if (o.LUN < 0 || o.LUN == e.Number) && slices.Equal(o.accounts(), e.Accounts) {
			return false, nil
		}
		return false, exists(object+" for "+o.Initiator, "number %d, accounts %v", e.Number, e.Accounts)
	}
	e, err := o.export(ours, files, made(owned))
	if err != nil {
		return false, err
	}
	mine.Exports = append(config.CloneExports(mine.Exports), e)
	return true, nil
}

// add makes the unit.
func (o ExportFile) add(ours, files *config.Target, at config.Where) (bool, error) {
	full := &refused{object: "target " + o.Target, why: ErrInUse, detail: fmt.Errorf("it has %d LUNs already", lun.MaxLUNs)}
	e, err := o.export(ours, files, at)
	if err != nil {
		return false, err
	}
	number := -1
	for n := range lun.MaxLUNs {
		mine, theirs := luns(ours, files, func(l *config.LUN) bool { return l.Number == n })
		if mine == nil && theirs == nil {
			number = n
			break
		}
	}
	if number < 0 {
		return false, full
	}
	ours.LUNs = append(ours.LUNs, config.LUN{
		Number: number, Kind: backend.KindFile, Path: o.Path, Thin: o.Thin, ReadOnly: o.ReadOnly, Exports: []config.Export{e}, QoS: config.QoS{At: at}, At: at,
	})
	return true, nil
}

// export makes the rule, with the lowest number that the initiator does not see yet unless one is given.
func (o ExportFile) export(ours, files *config.Target, at config.Where) (config.Export, error) {
	e := config.Export{Initiators: []string{o.Initiator}, Accounts: o.accounts(), Number: o.LUN, At: at}
	if o.LUN >= 0 {
		return e, nil // Merge refuses a number that the initiator sees already
	}
	var seen [lun.MaxLUNs]bool
	for _, t := range []*config.Target{ours, files} {
		if t == nil {
			continue
		}
		for i := range t.LUNs {
			for _, n := range numbersFor(&t.LUNs[i], o.Initiator) {
				if n >= 0 && n < len(seen) {
					seen[n] = true
				}
			}
		}
	}
	if e.Number = slices.Index(seen[:], false); e.Number < 0 {
		return e, &refused{object: "target " + o.Target, why: ErrInUse, detail: fmt.Errorf("%s sees %d LUNs already", o.Initiator, lun.MaxLUNs)}
	}
	return e, nil
}

func (o ExportFile) accounts() []string {
	if o.Account == "" {
		return nil
	}
	return []string{o.Account}
}

// numbersFor returns the numbers under which an initiator may see a unit.
func numbersFor(l *config.LUN, initiator string) (out []int) {
	if len(l.Exports) == 0 {
		return []int{l.Number}
	}
	for _, e := range l.Exports {
		if len(e.Initiators) == 0 || slices.ContainsFunc(e.Initiators, func(p string) bool { return iscsiname.Matches(p, initiator) }) {
			out = append(out, e.Number)
		}
	}
	return out
}

func isFile(path string) func(*config.LUN) bool {
	return func(l *config.LUN) bool { return l.Kind == backend.KindFile && l.Path == path }
}

// isFor finds the rule that ExportFile made for an initiator.
func isFor(initiator string) func(*config.Export) bool {
	return func(e *config.Export) bool { return len(e.Initiators) == 1 && e.Initiators[0] == initiator }
}

// Edit implements Op.
func (o UnexportFile) Edit(owned, file *config.Config) (bool, error) {
	ours, files := targets(owned, file, o.Target)
	mine, theirs := luns(ours, files, isFile(o.Path))
	switch {
	case theirs != nil && find(theirs.Exports, isFor(o.Initiator)) != nil:
		return false, fileOwned(o.Path+" as a LUN of "+o.Target, theirs.At)
	case mine == nil || find(mine.Exports, isFor(o.Initiator)) == nil:
		return false, nil
	}
	if len(mine.Exports) == 1 {
		number := mine.Number
		ours.LUNs = slices.DeleteFunc(ours.LUNs, func(l config.LUN) bool { return l.Number == number })
		tidy(owned, o.Target)
		return true, nil
	}
	mine.Exports = slices.DeleteFunc(config.CloneExports(mine.Exports), func(e config.Export) bool { return isFor(o.Initiator)(&e) })
	return true, nil
}
