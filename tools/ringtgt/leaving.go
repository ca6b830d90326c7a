package main

import (
	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// unitPlace is where a unit is served.
type unitPlace struct {
	target string // as foldName returns it
	number int
}

func placeOf(target string, number int) unitPlace { return unitPlace{foldName(target), number} }

// unitMedium is what only one unit can have open.
type unitMedium struct {
	kind backend.Kind
	path string // without symbolic links
}

func mediumOf(l *config.LUN) (m unitMedium, ok bool) {
	if !l.Persistent() {
		return m, false
	}
	return unitMedium{l.Kind, medium.Real(l.Path)}, true
}

// leaving says which units and media a plan takes out of service. A change asks it about every unit that is served, so it is an
// index.
type leaving struct {
	units map[unitPlace]bool // removed or replaced: true if before anything else
	media map[unitMedium]bool
}

func leavingIn(p *admin.Plan) leaving {
	l := leaving{units: map[unitPlace]bool{}, media: map[unitMedium]bool{}}
	first := true // admin.Diff puts the removals that others wait for first
	for _, s := range p.Steps {
		first = first && s.Verb == admin.Remove
		if s.Verb != admin.Remove && s.Verb != admin.Replace {
			continue
		}
		switch old := s.Old.(type) {
		case *config.LUN:
			l.units[placeOf(s.Target, old.Number)] = first
			l.medium(old)
		case *config.Target: // with its units
			for i := range old.LUNs {
				l.medium(&old.LUNs[i])
			}
		}
	}
	return l
}

func (l *leaving) medium(u *config.LUN) {
	if m, ok := mediumOf(u); ok {
		l.media[m] = true
	}
}

// has reports whether the unit of a target that stays is removed or replaced.
func (l *leaving) has(target string, number int) bool {
	_, ok := l.units[placeOf(target, number)]
	return ok
}

// early reports whether a unit of a target that stays is removed before anything else.
func (l *leaving) early(target string, number int) bool { return l.units[placeOf(target, number)] }

// frees reports whether what a new unit needs is still in use by a unit that leaves: its number in the target, or its medium.
func (l *leaving) frees(target string, u *config.LUN) bool {
	if l.has(target, u.Number) {
		return true
	}
	if len(l.media) == 0 {
		return false // without looking at the file system
	}
	m, ok := mediumOf(u)
	return ok && l.media[m]
}
