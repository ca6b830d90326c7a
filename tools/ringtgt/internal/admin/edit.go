package admin

import (
	"fmt"
	"slices"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// refused is an error about an object. Its text names the object, where it stands, and why it was refused.
type refused struct {
	object string
	at     config.Where // zero: the object is not in the configuration
	why    error        // one of this package's errors
	detail error        // nil: none
}

func (e *refused) Error() string {
	text := e.object
	if at := e.at.String(); at != "" {
		text += " (" + at + ")"
	}
	if e.why == ErrFileOwned && e.at.Origin() == config.OriginFlag {
		return text + " was set when the daemon started: start it with other flags, or with a configuration file"
	}
	text += " " + e.why.Error()
	if e.detail != nil {
		text += ": " + e.detail.Error()
	}
	return text
}

func (e *refused) Unwrap() []error {
	if e.detail != nil {
		return []error{e.why, e.detail}
	}
	return []error{e.why}
}

func notFound(object string) error { return &refused{object: object, why: ErrNotFound} }

func exists(object string, format string, args ...any) error {
	return &refused{object: object, why: ErrExists, detail: fmt.Errorf(format, args...)}
}

func fileOwned(object string, at config.Where) error {
	return &refused{object: object, at: at, why: ErrFileOwned}
}

func invalid(object string, format string, args ...any) error {
	return &refused{object: object, why: ErrInvalid, detail: config.Problems{{Text: fmt.Sprintf(format, args...)}}}
}

// inFile returns the object of list that the file has, or nil.
func inFile[T any](list []T, at func(*T) config.Where, is func(*T) bool) *T {
	return find(list, func(v *T) bool { return is(v) && !at(v).Owned })
}

// find returns the first object of list that is meant, or nil.
func find[T any](list []T, is func(*T) bool) *T {
	for i := range list {
		if is(&list[i]) {
			return &list[i]
		}
	}
	return nil
}

// made returns the place of an object that is being made. Its line is known when the owned part is encoded.
func made(owned *config.Config) config.Where {
	return config.Where{File: owned.File, Owned: true}
}

func targetAt(t *config.Target) config.Where   { return t.At }
func lunAt(l *config.LUN) config.Where         { return l.At }
func accountAt(a *config.Account) config.Where { return a.At }
func portalAt(p *config.Portal) config.Where   { return p.At }
func poolAt(p *config.Pool) config.Where       { return p.At }

// targets returns a target in both parts; nil where it is not.
func targets(owned, file *config.Config, name string) (ours, files *config.Target) {
	is := func(t *config.Target) bool { return t.Name == name }
	return find(owned.Targets, is), inFile(file.Targets, targetAt, is)
}

// target returns the owned entry of a target, to which objects can be added, and the file's target or nil. If only the file has the
// target, the entry is new, and extends it.
func target(owned, file *config.Config, name string) (ours, files *config.Target, err error) {
	ours, files = targets(owned, file, name)
	if files == nil && (ours == nil || ours.Extends) {
		return nil, nil, notFound("target " + name)
	}
	if ours == nil {
		owned.Targets = append(owned.Targets, config.Target{Name: name, Extends: true, AllGroups: true, At: made(owned)})
		ours = &owned.Targets[len(owned.Targets)-1]
	}
	return ours, files, nil
}

// tidy removes the entry of a target that extends the file's by nothing.
func tidy(owned *config.Config, name string) {
	owned.Targets = slices.DeleteFunc(owned.Targets, func(t config.Target) bool {
		a := &t.Access
		return t.Name == name && t.Extends && len(t.LUNs)+len(a.Accounts)+len(a.Initiators)+len(a.Networks) == 0 && a.Mutual == nil
	})
}
