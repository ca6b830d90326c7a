package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// table reads the keys of one TOML table and records which ones were read, to report the rest as unknown.
type table struct {
	doc     *document
	ps      *Problems
	path    string
	values  map[string]any
	known   []string
	missing []need
}

func (d *document) root(ps *Problems) *table {
	return &table{doc: d, ps: ps, values: d.values}
}

// where returns the position of the table itself.
func (t *table) where() Where { return t.doc.at(t.path) }

// at returns the position of a key.
func (t *table) at(key string) Where { return t.doc.at(join(t.path, key)) }

// get returns a key's value and marks it as read.
func (t *table) get(key string) (any, bool) {
	t.known = append(t.known, key)
	v, ok := t.values[key]
	return v, ok
}

func (t *table) has(key string) bool { _, ok := t.values[key]; return ok }

// need is a required key, or several of which one is required, that is missing.
type need struct {
	keys []string
	at   Where
	text string
}

// needs reports that keys, of which one is required, are missing; not if close finds one of them misspelt, because that is the same
// mistake.
func (t *table) needs(at Where, text string, keys ...string) {
	if !slices.ContainsFunc(keys, t.has) {
		t.missing = append(t.missing, need{keys, at, text})
	}
}

// want reports a value of the wrong type.
func (t *table) want(path string, v any, what string) {
	t.ps.add(t.doc.at(path), "%s: want %s, got %s", lastPart(path), what, kindOf(v))
}

func lastPart(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

func kindOf(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("the string %q", v)
	case int64:
		return fmt.Sprintf("the number %d", v)
	case float64:
		return fmt.Sprintf("the number %g", v)
	case bool:
		return fmt.Sprint(v)
	case []any:
		return "an array"
	case map[string]any:
		return "a table"
	}
	return "a date"
}

// Each of these sets *to if the key exists, or reports what is wrong with its value.

func (t *table) str(key string, to *string) bool {
	v, ok := t.get(key)
	if !ok {
		return false
	}
	s, ok := v.(string)
	if !ok {
		t.want(join(t.path, key), v, "a string")
		return false
	}
	*to = s
	return true
}

func (t *table) boolean(key string, to *bool) bool {
	v, ok := t.get(key)
	if !ok {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		t.want(join(t.path, key), v, "true or false")
		return false
	}
	*to = b
	return true
}

// number accepts a whole number between lo and hi.
func (t *table) number(key string, lo, hi int64, to *int64) bool {
	v, ok := t.get(key)
	if !ok {
		return false
	}
	n, ok := v.(int64)
	if !ok || n < lo || n > hi {
		t.want(join(t.path, key), v, fmt.Sprintf("a whole number between %d and %d", lo, hi))
		return false
	}
	*to = n
	return true
}

// size accepts bytes as a number, or as a string with a unit.
func (t *table) size(key string, to *int64) bool {
	v, ok := t.get(key)
	if !ok {
		return false
	}
	switch v := v.(type) {
	case int64:
		if v >= 0 {
			*to = v
			return true
		}
	case string:
		n, err := ParseSize(v)
		if err == nil {
			*to = n
			return true
		}
		t.ps.add(t.at(key), "%s: %v", key, err)
		return false
	}
	t.want(join(t.path, key), v, `a size such as 4096, "64k" or "16MiB"`)
	return false
}

// length accepts a size between 512 bytes, the minimum of RFC 7143 13 for any length, and most.
func (t *table) length(key string, most int64, to *int64) {
	n := int64(0)
	if !t.size(key, &n) {
		return
	}
	if n < 512 || n > most {
		t.ps.add(t.at(key), "%s: %d is not between 512 and %d", key, n, most)
		return
	}
	*to = n
}

// duration accepts a string such as "15s", least or more.
func (t *table) duration(key string, least time.Duration, to *time.Duration) bool {
	v, ok := t.get(key)
	if !ok {
		return false
	}
	s, ok := v.(string)
	if ok {
		if d, err := time.ParseDuration(s); err == nil && d >= least && d <= maxDuration {
			*to = d
			return true
		}
	}
	t.want(join(t.path, key), v, fmt.Sprintf("a time between %v and %v such as \"15s\"", least, maxDuration))
	return false
}

// strings accepts an array of strings. It returns the position of each, too.
func (t *table) strings(key string) (out []string, places []Where) {
	t.each(key, "an array of strings", func(path string, v any) {
		s, ok := v.(string)
		if !ok {
			t.want(path, v, "a string")
			return
		}
		out, places = append(out, s), append(places, t.doc.at(path))
	})
	return out, places
}

// each calls f for the elements of an array.
func (t *table) each(key, what string, f func(path string, v any)) {
	v, ok := t.get(key)
	if !ok {
		return
	}
	a, ok := v.([]any)
	if !ok {
		t.want(join(t.path, key), v, what)
		return
	}
	for i, v := range a {
		f(element(join(t.path, key), i), v)
	}
}

// table opens the table of a key. It returns nil if there is none.
func (t *table) table(key string) *table {
	v, ok := t.get(key)
	if !ok {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		t.want(join(t.path, key), v, fmt.Sprintf("a table, [%s]", bareName(t.path, key)))
		return nil
	}
	return &table{doc: t.doc, ps: t.ps, path: join(t.path, key), values: m}
}

// tables opens each table of an array of tables.
func (t *table) tables(key string, f func(*table)) {
	what := fmt.Sprintf("tables, [[%s]]", bareName(t.path, key))
	t.each(key, what, func(path string, v any) {
		m, ok := v.(map[string]any)
		if !ok {
			t.want(path, v, what)
			return
		}
		sub := &table{doc: t.doc, ps: t.ps, path: path, values: m}
		f(sub)
	})
}

// bareName returns a table's name as in its header, without indices.
func bareName(path, key string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(path, ".") {
		name, _, _ := strings.Cut(part, "[")
		if name != "" {
			b.WriteString(name + ".")
		}
	}
	return b.String() + key
}

// close reports unknown keys, those that were not read, and missing ones.
func (t *table) close() {
	meant := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		if slices.Contains(t.known, key) {
			continue
		}
		text := "unknown key " + join("", key)
		if near := nearest(key, t.known); near != "" {
			text += fmt.Sprintf("; is %s meant?", near)
			meant[near] = true
		} else {
			text += fmt.Sprintf("; known here: %s", strings.Join(t.known, ", "))
		}
		t.ps.add(t.at(key), "%s", text)
	}
	for _, m := range t.missing {
		if !slices.ContainsFunc(m.keys, func(key string) bool { return meant[key] }) {
			t.ps.add(m.at, "%s", m.text)
		}
	}
}

// nearest returns the known key that differs from key in at most two letters.
func nearest(key string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(key, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance returns the Levenshtein distance.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
