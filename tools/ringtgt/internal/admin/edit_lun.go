package admin

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

func lunName(number int, target string) string { return fmt.Sprintf("lun %d of %s", number, target) }

// luns returns a unit in both parts; nil where it is not.
func luns(ours, files *config.Target, is func(*config.LUN) bool) (mine, theirs *config.LUN) {
	if ours != nil {
		mine = find(ours.LUNs, is)
	}
	if files != nil {
		theirs = inFile(files.LUNs, lunAt, is)
	}
	return mine, theirs
}

// Edit implements Op.
func (o AddLUN) Edit(owned, file *config.Config) (bool, error) {
	ours, files, err := target(owned, file, o.Target)
	if err != nil {
		return false, err
	}
	defer tidy(owned, o.Target)
	l := o.LUN
	object := lunName(l.Number, o.Target)
	if l.Persistent() && !filepath.IsAbs(l.Path) {
		return false, invalid(object, "the path %q is not absolute", l.Path)
	}
	is := func(other *config.LUN) bool { return other.Number == l.Number }
	if l.Number == -1 {
		is = func(other *config.LUN) bool { return l.Persistent() && other.Kind == l.Kind && other.Path == l.Path }
	}
	mine, theirs := luns(ours, files, is)
	switch {
	case theirs != nil && agrees(&l, theirs):
		return false, nil
	case theirs != nil:
		return false, fileOwned(lunName(theirs.Number, o.Target), theirs.At)
	case mine != nil && agrees(&l, mine):
		return false, nil
	case mine != nil:
		return false, exists(lunName(mine.Number, o.Target), "%s", mine.Spec())
	}
	if l.Number == -1 {
		if l.Number = freeNumber(ours, files); l.Number < 0 {
			return false, &refused{object: "target " + o.Target, why: ErrInUse, detail: fmt.Errorf("it has %d LUNs already", lun.MaxLUNs)}
		}
	}
	l.At, l.Fallback = made(owned), false
	l.Exports, l.QoS.At = madeExports(l.Exports, l.At), l.At
	ours.LUNs = append(ours.LUNs, l)
	return true, nil
}

// freeNumber returns the lowest number that no unit of the target has, and that no rule of masking gives away; -1: there is none.
func freeNumber(ours, files *config.Target) int {
	var taken [lun.MaxLUNs]bool
	for _, t := range []*config.Target{ours, files} {
		if t == nil {
			continue
		}
		for i := range t.LUNs {
			l := &t.LUNs[i]
			for _, n := range append([]int{l.Number}, exportNumbers(l.Exports)...) {
				if n >= 0 && n < len(taken) {
					taken[n] = true
				}
			}
		}
	}
	return slices.Index(taken[:], false)
}

func exportNumbers(exports []config.Export) (out []int) {
	for _, e := range exports {
		out = append(out, e.Number)
	}
	return out
}

func madeExports(exports []config.Export, at config.Where) []config.Export {
	exports = config.CloneExports(exports)
	for i := range exports {
		exports[i].At = at
	}
	return exports
}

// agrees reports whether a unit that exists is the one to be added. A file may have grown since it was made; what can be set later
// counts only if it is given.
func agrees(add, have *config.LUN) bool {
	want := *add
	want.Number = have.Number
	if want.Exports == nil {
		want.Exports = have.Exports
	}
	if want.QoS == (config.QoS{}) {
		want.QoS = have.QoS
	}
	if want.ID == "" {
		want.ID = have.ID
	}
	if want.Serial == "" {
		want.Serial = have.Serial
	}
	return len(changed(lunKeys, have, &want)) == 0
}

// Edit implements Op.
func (o SetLUN) Edit(owned, file *config.Config) (bool, error) {
	object := lunName(o.Number, o.Target)
	ours, files := targets(owned, file, o.Target)
	mine, theirs := luns(ours, files, func(l *config.LUN) bool { return l.Number == o.Number })
	switch {
	case theirs != nil:
		l := *theirs
		if o.set(&l, made(owned)) {
			return false, fileOwned(object, theirs.At)
		}
		return false, nil
	case mine == nil:
		return false, notFound(object)
	}
	return o.set(mine, made(owned)), nil
}

// set changes l and reports whether anything did change.
func (o SetLUN) set(l *config.LUN, at config.Where) bool {
	before := *l
	if o.ReadOnly != nil {
		l.ReadOnly = *o.ReadOnly
	}
	if o.Exports != nil {
		l.Exports = madeExports(o.Exports, at)
	}
	if o.QoS != nil {
		l.QoS = *o.QoS
		l.QoS.At = at
	}
	return len(changed(lunKeys, &before, l)) > 0
}

// Edit implements Op.
func (o ResizeLUN) Edit(owned, file *config.Config) (bool, error) {
	object := lunName(o.Number, o.Target)
	ours, files := targets(owned, file, o.Target)
	mine, theirs := luns(ours, files, func(l *config.LUN) bool { return l.Number == o.Number })
	switch {
	case theirs != nil && theirs.Size == o.Size:
		return false, nil
	case theirs != nil:
		return false, fileOwned(object, theirs.At)
	case mine == nil:
		return false, notFound(object)
	case mine.Kind == backend.KindBlock:
		return false, invalid(object, "a block device has its own size: grow it, then run apply")
	case mine.Kind != backend.KindFile:
		return false, invalid(object, "%s cannot grow while it is in use", kinds[mine.Kind])
	case o.Size <= 0:
		return false, invalid(object, "the size %d is not greater than 0", o.Size)
	case o.Size < mine.Size:
		return false, invalid(object, "it has %s; a LUN cannot shrink to %s", sizeText(mine.Size), sizeText(o.Size))
	}
	grown := o.Size > mine.Size
	mine.Size = o.Size
	return grown, nil
}

// Edit implements Op.
func (o RemoveLUN) Edit(owned, file *config.Config) (bool, error) {
	ours, files := targets(owned, file, o.Target)
	is := func(l *config.LUN) bool { return l.Number == o.Number }
	mine, theirs := luns(ours, files, is)
	if theirs != nil {
		return false, fileOwned(lunName(o.Number, o.Target), theirs.At)
	}
	if mine == nil {
		return false, nil
	}
	ours.LUNs = slices.DeleteFunc(ours.LUNs, func(l config.LUN) bool { return is(&l) })
	tidy(owned, o.Target)
	return true, nil
}
