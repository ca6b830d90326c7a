package admin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// valuesOf returns the texts of a key in two objects, for people; ok is false if the key has no short one.
func valuesOf(field string, old, new any) (before, after string, ok bool) {
	switch a := old.(type) {
	case *config.LUN:
		return pair(lunTexts[field], a, new)
	case *config.Target:
		return pair(targetTexts[field], a, new)
	case *config.Server:
		return pair(serverTexts[field], a, new)
	case *config.Portal:
		return pair(func(p *config.Portal) string { return strconv.Itoa(int(p.Group)) }, a, new)
	case *config.Pool:
		return pair(func(p *config.Pool) string { return p.Path }, a, new)
	}
	return "", "", false
}

func pair[T any](text func(*T) string, old *T, new any) (before, after string, ok bool) {
	b, ok := new.(*T)
	if !ok || text == nil {
		return "", "", false
	}
	return text(old), text(b), true
}

// lunTexts, targetTexts and serverTexts have the keys whose values are short.
var lunTexts = map[string]func(*config.LUN) string{
	"medium": func(l *config.LUN) string {
		if l.Path == "" {
			return kinds[l.Kind]
		}
		return kinds[l.Kind] + " " + l.Path
	},
	"size":                func(l *config.LUN) string { return sizeText(l.Size) },
	"block_size":          func(l *config.LUN) string { return sizeText(l.BlockSize) },
	"physical_block_size": func(l *config.LUN) string { return sizeText(l.PhysicalBlock) },
	"sanitize_rate":       func(l *config.LUN) string { return sizeText(l.SanitizeRate) },
	"read_only":           func(l *config.LUN) string { return strconv.FormatBool(l.ReadOnly) },
	"thin":                func(l *config.LUN) string { return strconv.FormatBool(l.Thin) },
	"removable":           func(l *config.LUN) string { return strconv.FormatBool(l.Removable) },
	"direct":              func(l *config.LUN) string { return orDefault(string(l.Direct)) },
	"serial":              func(l *config.LUN) string { return orDefault(l.Serial) },
	"id":                  func(l *config.LUN) string { return orDefault(l.ID) },
	"export":              func(l *config.LUN) string { return exportsText(l.Exports) },
	"qos":                 func(l *config.LUN) string { return qosText(l.QoS) },
}

var targetTexts = map[string]func(*config.Target) string{
	"alias": func(t *config.Target) string { return strconv.Quote(t.Alias) },
	"portal_groups": func(t *config.Target) string {
		if t.AllGroups {
			return "all"
		}
		return fmt.Sprint(t.Groups)
	},
	"acl": func(t *config.Target) string {
		list := slices.Clone(t.Access.Initiators)
		for _, n := range t.Access.Networks {
			list = append(list, n.String())
		}
		return listText(list, "all")
	},
}

var serverTexts = map[string]func(*config.Server) string{
	"log_level":     func(s *config.Server) string { return strings.ToLower(s.LogLevel.String()) },
	"space_warning": func(s *config.Server) string { return orDefault(strings.TrimPrefix(strconv.Itoa(s.SpaceWarning), "0")) },
	"strict_login":  func(s *config.Server) string { return strconv.FormatBool(s.StrictLogin) },
}

// kinds are the kinds of media in the words of the configuration file.
var kinds = map[backend.Kind]string{backend.KindFile: "file", backend.KindBlock: "block", backend.KindMemory: "memory", backend.KindNull: "null"}

// sizeText keeps what is no whole number of a unit exact: two sizes that differ must not read the same.
func sizeText(n int64) string {
	if n == 0 {
		return "default"
	}
	text := humanize.IBytes(uint64(n))
	if back, err := humanize.ParseBytes(text); err != nil || back != uint64(n) {
		text += fmt.Sprintf(" (%d bytes)", n)
	}
	return text
}

func orDefault(text string) string {
	if text == "" {
		return "default"
	}
	return text
}

func exportsText(list []config.Export) string {
	var out []string
	for _, e := range list {
		who := slices.Clone(e.Initiators)
		for _, user := range e.Accounts {
			who = append(who, "account:"+user)
		}
		out = append(out, fmt.Sprintf("%s=%d", listText(who, "all"), e.Number))
	}
	return listText(out, "all")
}

func qosText(q config.QoS) string {
	var out []string
	for _, b := range []struct {
		n    int64
		text string
	}{{q.ReadIOPS, "reads"}, {q.WriteIOPS, "writes"}} {
		if b.n > 0 {
			out = append(out, fmt.Sprintf("%d %s/s", b.n, b.text))
		}
	}
	for _, b := range []struct {
		n    int64
		text string
	}{{q.ReadBytes, "read"}, {q.WriteBytes, "written"}} {
		if b.n > 0 {
			out = append(out, fmt.Sprintf("%s/s %s", humanize.IBytes(uint64(b.n)), b.text))
		}
	}
	if q.Burst > 0 {
		out = append(out, "burst "+q.Burst.String())
	}
	return listText(out, "no bounds")
}

// maxListed is how many elements of a list a plan names.
const maxListed = 4

func listText(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	text := strings.Join(list[:min(len(list), maxListed)], " + ")
	if n := len(list) - maxListed; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
