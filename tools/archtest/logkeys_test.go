package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
)

// logFolders hold what the daemon logs.
var logFolders = []string{"engine", "tools/ringtgt"}

// slogKeys are the keys that slog's handlers write themselves.
var slogKeys = []string{"time", "level", "msg", "source"}

// No attribute of a log line has a key that the line has already: slog writes both, and a JSON log then has a key twice. The
// attributes of one call are looked at, those of lists that calls are given, and those of the loggers that With made.
func TestLogKeys(t *testing.T) {
	calls := 0
	for _, folder := range logFolders {
		root := filepath.Join("../..", folder)
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
					k := logKeys{t: t, set: set, lists: map[string][]string{}}
					k.read(fn.Body)
					calls += k.calls
				}
			}
			return nil
		})
		must.OK(t, err)
	}
	must.Be(t, calls > 30, "only %d calls that log were found", calls)
}

// The check finds what it is for.
func TestLogKeysFinds(t *testing.T) {
	for body, want := range map[string]bool{
		`log.Info("m", "a", 1, "b", 2)`:                                             false,
		`log.Info("m", "a", 1, "a", 2)`:                                             true,
		`log.Warn("m", "level", 1)`:                                                 true,
		`args := []any{"level", 1}; log.Info("m", args...)`:                         true,
		`args := []any{"a", 1}; log.Info("m", append(args, "a", 2)...)`:             true,
		`args := []any{"a", 1}; args = append(args, "b", 2)`:                        false,
		`args := []any{"a", 1}; args = append(args, "a", 2)`:                        true,
		`l := log.With("a", 1); l.Error("m", "a", 2)`:                               true,
		`l := log.With("a", 1); l.Error("m", "b", 2)`:                               false,
		`if x { args = append(args, "a", 1) } else { args = append(args, "a", 1) }`: false,
		`l.about(&b, slog.LevelWarn, "m", "a", 1, "a", 2)`:                          true,
	} {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, "", "package p\nfunc f() {"+body+"}", 0)
		must.OK(t, err)
		k := logKeys{t: t, set: set, lists: map[string][]string{}, quiet: true}
		k.read(f.Decls[0].(*ast.FuncDecl).Body)
		if k.found != want {
			t.Errorf("%s: found %v, want %v", body, k.found, want)
		}
	}
}

// logKeys reads one function.
type logKeys struct {
	t     testing.TB
	set   *token.FileSet
	lists map[string][]string // keys of the lists of attributes, and of the loggers that With made, by variable
	calls int
	quiet bool
	found bool
}

// logCalls has the methods that log, with the index of their first attribute.
var logCalls = map[string]int{"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "Log": 3, "With": 0, "about": 3}

// read follows the statements in the order of the text. Branches that exclude each other are kept apart.
func (k *logKeys) read(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.IfStmt:
			k.branch(s.Body)
			if s.Else != nil {
				k.branch(s.Else)
			}
			return false
		case *ast.CaseClause:
			for _, st := range s.Body {
				k.branch(st)
			}
			return false
		case *ast.AssignStmt:
			for _, rhs := range s.Rhs {
				k.read(rhs)
			}
			k.assign(s)
			return false
		case *ast.CallExpr:
			k.call(s)
		}
		return true
	})
}

// branch reads what may not be executed: the lists are then as before.
func (k *logKeys) branch(n ast.Node) {
	before := map[string][]string{}
	for name, keys := range k.lists {
		before[name] = keys
	}
	k.read(n)
	k.lists = before
}

// assign notes the keys of a list or a logger that is assigned to a variable.
func (k *logKeys) assign(s *ast.AssignStmt) {
	for i, rhs := range s.Rhs {
		if id, ok := s.Lhs[i].(*ast.Ident); ok && len(s.Lhs) == len(s.Rhs) {
			if keys := k.keys(rhs); keys != nil {
				k.lists[id.Name] = keys
			}
		}
	}
}

// keys returns the keys of an expression that is a list of attributes or a logger, nil if it is neither or they are unknown.
func (k *logKeys) keys(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.Ident:
		return k.lists[e.Name]
	case *ast.CompositeLit:
		if a, ok := e.Type.(*ast.ArrayType); ok {
			if id, ok := a.Elt.(*ast.Ident); ok && id.Name == "any" {
				return literals(e.Elts)
			}
		}
	case *ast.CallExpr:
		switch f := e.Fun.(type) {
		case *ast.Ident:
			if f.Name == "append" && !e.Ellipsis.IsValid() {
				return append(k.keys(e.Args[0]), literals(e.Args[1:])...)
			}
		case *ast.SelectorExpr:
			if f.Sel.Name == "With" {
				return append(k.keys(f.X), literals(e.Args)...)
			}
		}
	}
	return nil
}

// call checks a call that logs, and an append to a list of attributes.
func (k *logKeys) call(c *ast.CallExpr) {
	if id, ok := c.Fun.(*ast.Ident); ok && id.Name == "append" && len(c.Args) > 0 && k.keys(c.Args[0]) != nil {
		k.check(c, k.keys(c))
		return
	}
	f, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	first, ok := logCalls[f.Sel.Name]
	if !ok || len(c.Args) < first {
		return
	}
	k.calls++
	all := append([]string{}, k.keys(f.X)...)
	args := c.Args[first:]
	if c.Ellipsis.IsValid() && len(args) > 0 {
		all = append(all, k.keys(args[0])...)
	} else {
		all = append(all, literals(args)...)
	}
	k.check(c, all)
}

func (k *logKeys) check(c *ast.CallExpr, keys []string) {
	seen := map[string]bool{}
	for _, key := range slogKeys {
		seen[key] = true
	}
	for _, key := range keys {
		if seen[key] {
			k.found = true
			if !k.quiet {
				k.t.Errorf("%s: the key %q comes twice in a log line", k.set.Position(c.Pos()), key)
			}
		}
		seen[key] = true
	}
}

// literals returns the keys of attributes that are written out: the string literals at even places.
func literals(es []ast.Expr) (keys []string) {
	for i := 0; i < len(es); i += 2 {
		l, ok := es[i].(*ast.BasicLit)
		if !ok || l.Kind != token.STRING {
			return keys
		}
		if s, err := strconv.Unquote(l.Value); err == nil {
			keys = append(keys, s)
		}
	}
	return keys
}
