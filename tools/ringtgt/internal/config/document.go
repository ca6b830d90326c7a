package config

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// document is a parsed TOML text with the position of each value: the library's decoder stops at the first error and does not
// record positions, but users should see all errors, with positions.
type document struct {
	file   string
	owned  bool // the text is the owned part
	values map[string]any
	places map[string]Where // by path: target[1].lun[0].size
}

// parse parses a TOML text. After a syntax error no other problem is reported: the rest cannot be interpreted.
func parse(file string, text []byte) (*document, Problems) {
	d := &document{file: file}
	var ps Problems
	if len(text) > maxFile {
		ps.add(Where{File: file}, "is longer than %d bytes", maxFile)
		return nil, ps
	}
	if err := toml.Unmarshal(text, &d.values); err != nil {
		at := Where{File: file}
		var de *toml.DecodeError
		if errors.As(err, &de) {
			at.Line, at.Col = de.Position()
		}
		ps.add(at, "%s", strings.TrimPrefix(err.Error(), "toml: "))
		return nil, ps
	}
	d.places = locate(file, text)
	return d, nil
}

// locator walks a valid TOML text and records the position of every key, table and element.
type locator struct {
	file   string
	text   []byte
	lines  []int // offsets of line starts
	places map[string]Where
	tables map[string]int // tables of an array of tables so far, by its path
}

func locate(file string, text []byte) map[string]Where {
	l := &locator{file: file, text: text, lines: []int{0}, places: map[string]Where{}, tables: map[string]int{}}
	for i, c := range text {
		if c == '\n' {
			l.lines = append(l.lines, i+1)
		}
	}
	var p unstable.Parser
	p.Reset(text)
	table := ""
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table:
			table = l.key("", e.Key(), false)
		case unstable.ArrayTable:
			table = l.key("", e.Key(), true)
		case unstable.KeyValue:
			l.value(l.key(table, e.Key(), false), e.Value())
		}
	}
	return l.places
}

// key records the position of a dotted key below base and returns its path. A part that names an array of tables means the last
// of its tables; if opens is set, the last part begins another one.
func (l *locator) key(base string, it unstable.Iterator, opens bool) string {
	path := base
	for it.Next() {
		path = join(path, string(it.Node().Data))
		at := l.place(it.Node().Raw)
		if opens && it.IsLast() {
			l.tables[path]++
		}
		if n := l.tables[path]; n > 0 {
			l.note(path, at)
			path = element(path, n-1)
		}
		l.note(path, at)
	}
	return path
}

// value records the positions within an array or an inline table at path.
func (l *locator) value(path string, n *unstable.Node) {
	switch n.Kind {
	case unstable.Array:
		i := 0
		for it := n.Children(); it.Next(); {
			e := it.Node()
			if e.Kind == unstable.Comment {
				continue
			}
			if e.Raw.Length > 0 {
				l.note(element(path, i), l.place(e.Raw))
			}
			l.value(element(path, i), e)
			i++
		}
	case unstable.InlineTable:
		for it := n.Children(); it.Next(); {
			if kv := it.Node(); kv.Kind == unstable.KeyValue {
				l.value(l.key(path, kv.Key(), false), kv.Value())
			}
		}
	}
}

// note records the first position of a path.
func (l *locator) note(path string, at Where) {
	if _, ok := l.places[path]; !ok {
		l.places[path] = at
	}
}

func (l *locator) place(r unstable.Range) Where {
	i := sort.SearchInts(l.lines, int(r.Offset)+1) - 1
	return Where{File: l.file, Line: i + 1, Col: int(r.Offset) - l.lines[i] + 1}
}

// at returns the position of path, or of the nearest enclosing value that has one.
func (d *document) at(path string) Where {
	for path != "" {
		if w, ok := d.places[path]; ok {
			w.Owned = d.owned
			return w
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return Where{File: d.file, Owned: d.owned}
}

// join and element make paths. A key that is not a bare one is quoted, so that no two paths are the same.
func join(path, key string) string {
	bare := func(r rune) bool {
		return r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if key == "" || strings.IndexFunc(key, func(r rune) bool { return !bare(r) }) >= 0 {
		key = fmt.Sprintf("%q", key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func element(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
