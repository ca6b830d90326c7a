package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/lun/backend"
)

// ParseSpec parses the value of --lun:
//
//	mem:SIZE | null:SIZE | file:PATH[:SIZE] | block:PATH   and then any of
//	,bs=512|4096 ,pbs=SIZE ,ro ,thin ,removable ,direct=auto|on|off ,serial=TEXT ,id=TEXT ,sanitize-rate=SIZE
//
// A path with a comma, or one that ends like a size (":4k"), needs the configuration file. validate checks the combination of
// values.
func ParseSpec(s string) (LUN, error) {
	head, opts, _ := strings.Cut(s, ",")
	l := LUN{}
	kind, rest, ok := strings.Cut(head, ":")
	switch l.Kind = backend.Kind(kind); l.Kind {
	case backend.KindMemory, backend.KindNull:
		if rest == "" {
			return l, fmt.Errorf("%q needs a size: %s:64M", s, kind)
		}
		n, err := ParseSize(rest)
		if err != nil {
			return l, err
		}
		l.Size = n
	case backend.KindFile:
		l.Path = rest
		if i := strings.LastIndexByte(rest, ':'); i >= 0 && i+1 < len(rest) && strings.IndexByte("0123456789", rest[i+1]) >= 0 {
			n, err := ParseSize(rest[i+1:])
			if err != nil {
				return l, err
			}
			l.Path, l.Size = rest[:i], n
			if n == 0 {
				return l, fmt.Errorf("%q: a file cannot be made 0 bytes long", s)
			}
		}
	case backend.KindBlock:
		l.Path = rest
	default:
		if !ok {
			return l, fmt.Errorf("%q: want mem:SIZE, null:SIZE, file:PATH[:SIZE] or block:PATH", s)
		}
		return l, fmt.Errorf("%q: there is no kind %q; want mem, null, file or block", s, kind)
	}
	if l.Path == "" && (l.Kind == backend.KindFile || l.Kind == backend.KindBlock) {
		return l, fmt.Errorf("%q needs a path: %s:/path", s, kind)
	}
	if len(head) == len(s) {
		return l, nil
	}
	var seen []string
	for o := range strings.SplitSeq(opts, ",") {
		name, value, has := strings.Cut(o, "=")
		if slices.Contains(seen, name) {
			return l, fmt.Errorf("%q: %s is there twice", s, name)
		}
		seen = append(seen, name)
		if err := l.option(name, value, has); err != nil {
			return l, fmt.Errorf("%q: %w", s, err)
		}
	}
	return l, nil
}

// option sets one option of a SPEC.
func (l *LUN) option(name, value string, has bool) (err error) {
	switch name {
	case "ro", "thin", "removable":
		if has {
			return fmt.Errorf("%s takes no value", name)
		}
	case "bs", "pbs", "direct", "serial", "id", "sanitize-rate":
		if value == "" {
			return fmt.Errorf("%s needs a value: %s=VALUE", name, name)
		}
	}
	switch name {
	case "ro":
		l.ReadOnly = true
	case "thin":
		l.Thin = true
	case "removable":
		l.Removable = true
	case "direct":
		l.Direct = backend.Direct(value)
	case "serial":
		l.Serial = value
	case "id":
		l.ID = value
	case "bs":
		l.BlockSize, err = ParseSize(value)
	case "pbs":
		l.PhysicalBlock, err = ParseSize(value)
	case "sanitize-rate":
		l.SanitizeRate, err = ParseSize(value)
	case "":
		return fmt.Errorf("an option is empty")
	default:
		return fmt.Errorf("there is no option %q; there are bs=, pbs=, ro, thin, removable, direct=, serial=, id=, sanitize-rate=", name)
	}
	return err
}
