package session

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var windowSeeds = flag.Int("window.seeds", 20000, "number of interleavings of the command window that are tried")

// TestWindowInterleavings interleaves connections that share a window at each access to shared memory, in another order for each
// seed, and checks every promise of docs/session.md after each access (window_explore_test.go, window_coop_test.go). It runs
// window.go itself, compiled with atomics that switch threads and track the memory order.
//
// RINGTGT_WINDOW_SEED=n runs one seed and prints every access.
func TestWindowInterleavings(t *testing.T) {
	t.Parallel()
	src := windowSource(t)
	if s := os.Getenv("RINGTGT_WINDOW_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			t.Fatalf("RINGTGT_WINDOW_SEED: %v", err)
		}
		out, err := exploreCopies(t, []string{src}, "-seed", fmt.Sprint(seed), "-n", "1", "-trace")
		t.Logf("\n%s", out)
		if err != nil || exploreFailure(out, 0) != "" {
			t.Errorf("%v", err)
		}
		return
	}
	out, err := exploreCopies(t, []string{src}, "-n", fmt.Sprint(*windowSeeds))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if f := exploreFailure(out, 0); f != "" {
		seed, what, _ := strings.Cut(f, " ")
		t.Fatalf("%s\nreproduce: RINGTGT_WINDOW_SEED=%s go test -count=1 -run '^TestWindowInterleavings$' -v ./session", what, seed)
	}
}

// The same connections with window.go unchanged: they switch only between calls.
func TestWindowCalls(t *testing.T) {
	for seed := range uint64(3000) {
		if err := explore(seed, false, nil); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// plantedBugs are bugs to plant in window.go: pairs of old and new texts.
var plantedBugs = []struct {
	name  string
	edits []string
}{
	{"slots that know empty and full and no numbers", []string{
		"n = turn >> 2\n", "exp := w.exp.Load() >> 2\n\tn = exp + uint64(int64(int32(sn-uint32(exp))))\n",
		"uint32(n) != sn", "n < exp",
		"n<<2|slotFree", "slotFree", "w.later(n)<<2|slotFree", "slotFree", "n<<2|slotTaken", "slotTaken",
		"n<<2|slotFull", "slotFull", "n<<2 | slotFull", "slotFull", "n<<2|slotPlug", "slotPlug", "n<<2 | slotPlug", "slotPlug",
		"(first+i)<<2 | slotFree", "slotFree",
		"n := turn >> 2\n\treturn uint32(n) == sn && turn&3", "return turn",
	}},
	{"a number is taken for the one that its slot waits for", []string{"|| uint32(n) != sn", ""}},
	{"MaxCmdSN is not looked at", []string{"if n > last {", "if false {"}},
	{"a slot is claimed by a store", []string{
		"if !s.turn.CompareAndSwap(n<<2|slotFree, n<<2|slotTaken) {\n\t\t\treturn false, false\n\t\t}",
		"s.turn.Store(n<<2|slotTaken)",
	}},
	{"in order a slot is claimed by a store", []string{
		"if !s.turn.CompareAndSwap(n<<2|slotFree, w.later(n)<<2|slotFree) {\n\t\t\treturn false, false // a duplicate won the race\n\t\t}",
		"s.turn.Store(w.later(n)<<2|slotFree)",
	}},
	{"a slot is full before its task is in it", []string{
		"s.task = t\n\t\ts.turn.Store(n<<2 | slotFull)", "s.turn.Store(n<<2 | slotFull)\n\t\ts.task = t",
	}},
	{"no read of the token after a slot was filled", []string{"if e := w.exp.Load(); e == n<<2|tokenIdle || e&3 == tokenLeft {", "if false {"}},
	{"the token is read before the slot is filled", []string{
		"switch e := w.exp.Load(); {\n\tcase", "e := w.exp.Load()\n\tswitch {\n\tcase", "if e := w.exp.Load(); e ==", "if e ==",
	}},
	{"no second read of the slot after the token was released", []string{
		"t, ok = w.take(n) // from a loop that saw us hold the token", "_ = ok",
	}},
	{"the second read is before the token is released", []string{
		"w.exp.Store(n<<2 | tokenIdle)\n\t\t\tt, ok = w.take(n) // from a loop that saw us hold the token",
		"if t, ok = w.take(n); !ok {\n\t\t\t\tw.exp.Store(n<<2 | tokenIdle)\n\t\t\t}",
	}},
	{"no loop holds the token", []string{"held := uint64(tokenHeld)", "held := uint64(tokenIdle)"}},
	{"in order, another loop delivers beside the holder of the token", []string{"case e>>2 == n && e&3 != tokenHeld:", "case e>>2 == n:"}},
	{"Deliver goes on beside the holder of the token", []string{"if e&3 == tokenHeld {", "if false {"}},
	{"the token is released with work left, and no loop is told", []string{
		"w.exp.Store(n<<2 | tokenLeft)\n\t\t\treturn true", "w.exp.Store(n<<2 | tokenIdle)\n\t\t\treturn false",
	}},
	{"ExpCmdSN rises before the slot is claimed", []string{
		"// Its turn has come. Only the loop that takes this slot moves exp from here.", "w.exp.Store((n+1)<<2 | tokenHeld)",
	}},
	{"ExpCmdSN rises after the hand-over", []string{
		"w.exp.Store(n<<2 | held)\n", "w.exp.Store((n-uint64(k))<<2 | held)\n",
	}},
	{"a slot is freed after the hand-over", []string{
		"s.turn.CompareAndSwap(n<<2|slotFree, w.later(n)<<2|slotFree)", "s.turn.CompareAndSwap(n<<2|slotFree, n<<2|slotTaken)",
		"s.turn.CompareAndSwap(turn, w.later(n)<<2|slotFree)", "s.turn.CompareAndSwap(turn, n<<2|slotTaken)",
		"if left -= k; left == 0 {", "for i := n - uint64(k); i < n; i++ {\n\t\t\tw.slot(uint32(i)).turn.Store(w.later(i)<<2 | slotFree)\n\t\t}\n\t\tif left -= k; left == 0 {",
	}},
	{"a full slot is taken by a store", []string{
		"if s.turn.CompareAndSwap(turn, w.later(n)<<2|slotFree) {", "{\n\t\t\ts.turn.Store(w.later(n)<<2|slotFree)",
	}},
	{"a task is looked at before its slot is taken", []string{
		"if s.turn.CompareAndSwap(turn, w.later(n)<<2|slotFree) {\n\t\t\treturn s.task, true",
		"t = s.task\n\t\tif s.turn.CompareAndSwap(turn, w.later(n)<<2|slotFree) {\n\t\t\treturn t, true",
	}},
	{"a plug is passed by a store", []string{
		"&& s.turn.CompareAndSwap(turn, w.later(n)<<2|slotFree)", "&& func() bool { s.turn.Store(w.later(n)<<2|slotFree); return true }()",
	}},
	{"Withdraw stores", []string{
		"turn&3 == slotFull && s.turn.CompareAndSwap(turn, n<<2|slotPlug)", "turn&3 == slotFull && func() bool { s.turn.Store(n<<2|slotPlug); return true }()",
	}},
	{"Withdraw takes what has its slot by then", []string{"uint32(n) == sn && turn&3", "turn&3"}},
	{"a plug that is passed opens nothing", []string{"w.Release()\n\t\t\t} else {", "} else {"}},
	{"MaxCmdSN is raised by load and store", []string{"w.max.Add(1)", "w.max.Store(w.max.Load()+1)"}},
	{"Release lowers the size by a store", []string{
		"if w.size.CompareAndSwap(v, v-1) {\n\t\t\treturn\n\t\t}", "w.size.Store(v-1)\n\t\treturn",
	}},
	{"Resize lowers MaxCmdSN", []string{"max(now, want)", "want", "if want > now {", "{"}},
}

// Every planted bug is found: all but one or two within a thousand seeds, all within ten times the seeds of
// TestWindowInterleavings. If a text is missing, window.go has changed, and the bug must be adapted.
func TestWindowPlantedBugs(t *testing.T) {
	t.Parallel()
	src := windowSource(t)
	var copies []string
	for _, b := range plantedBugs {
		s := src
		for i := 0; i < len(b.edits); i += 2 {
			if !strings.Contains(s, b.edits[i]) {
				t.Fatalf("%s: window.go has no %q", b.name, b.edits[i])
			}
			s = strings.ReplaceAll(s, b.edits[i], b.edits[i+1])
		}
		copies = append(copies, s)
	}
	out, err := exploreCopies(t, copies, "-n", fmt.Sprint(10**windowSeeds))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, b := range plantedBugs {
		f := exploreFailure(out, i)
		if f == "" {
			t.Errorf("%s: not found", b.name)
			continue
		}
		seed, what, _ := strings.Cut(f, " ")
		t.Logf("%s: seed %s: %s", b.name, seed, what)
	}
}

func windowSource(t *testing.T) string {
	src, err := os.ReadFile("window.go")
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// exploreFailure finds "seed what" in the explorer's output for one copy.
func exploreFailure(out string, copy int) string {
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, fmt.Sprintf("copy %d seed ", copy)); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// exploreCopies compiles copies of window.go, each with an explorer of its own, into one program and runs it.
func exploreCopies(t *testing.T, copies []string, args ...string) (string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the go command is not installed")
	}
	dir := t.TempDir()
	write := func(name string, b []byte) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", []byte("module explore\n\ngo 1.26\n"))
	var imports, table strings.Builder
	for i, src := range copies {
		pkg := fmt.Sprintf("w%d", i)
		b, err := cooperative(src)
		if err != nil {
			t.Fatalf("copy %d: %v", i, err)
		}
		write(pkg+"/window.go", b)
		for _, f := range []string{"window_coop_test.go", "window_explore_test.go"} {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			write(pkg+"/"+strings.Replace(f, "_test.go", ".go", 1), b)
		}
		write(pkg+"/task.go", []byte("package session\n\ntype Task struct{ CmdSN uint32 }\n\nfunc Explore(seed uint64, trace func(string)) error { return explore(seed, true, trace) }\n"))
		fmt.Fprintf(&imports, "\t%s \"explore/%s\"\n", pkg, pkg)
		fmt.Fprintf(&table, "\t%s.Explore,\n", pkg)
	}
	write("main.go", fmt.Appendf(nil, exploreMain, imports.String(), table.String()))
	build := exec.Command("go", "build", "-trimpath", "-o", "explore", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	run := exec.CommandContext(t.Context(), filepath.Join(dir, "explore"), args...)
	var stderr bytes.Buffer
	run.Stderr = &stderr
	out, err := run.Output()
	if err != nil {
		err = errors.Join(err, errors.New(stderr.String()))
	}
	return string(out), err
}

const exploreMain = `package main

import (
	"flag"
	"fmt"

%s)

var copies = []func(uint64, func(string)) error{
%s}

func main() {
	seed := flag.Uint64("seed", 0, "")
	n := flag.Uint64("n", 1, "")
	trace := flag.Bool("trace", false, "")
	flag.Parse()
	var line func(string)
	if *trace {
		line = func(s string) { fmt.Println(s) }
	}
	for i, explore := range copies {
		for s := *seed; s < *seed+*n; s++ {
			if err := explore(s, line); err != nil {
				fmt.Printf("copy %%d seed %%d %%v\n", i, s, err)
				break
			}
		}
	}
}
`

// cooperative rewrites window.go for a coop: atomic.Uint64 becomes coopUint64, and slot.task, which is not atomic, a
// coopPlain with get and set.
func cooperative(src string) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "window.go", src, 0)
	if err != nil {
		return nil, err
	}
	var errs []error
	unsupported := func(n ast.Node, what string) {
		errs = append(errs, fmt.Errorf("%v: %s", fset.Position(n.Pos()), what))
	}
	method := func(x ast.Expr, name string, args ...ast.Expr) *ast.CallExpr {
		return &ast.CallExpr{Fun: &ast.SelectorExpr{X: x, Sel: ast.NewIdent(name)}, Args: args}
	}
	isTask := func(e ast.Expr) bool {
		s, ok := e.(*ast.SelectorExpr)
		return ok && s.Sel.Name == "task"
	}
	sets, gets := 0, 0
	// Expressions first: what is read, wherever it stands.
	expr := func(e ast.Expr) ast.Expr {
		switch x := e.(type) {
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok && id.Name == "atomic" {
				if x.Sel.Name != "Uint64" {
					unsupported(x, "atomic."+x.Sel.Name+" has no cooperative twin")
				}
				return ast.NewIdent("coop" + x.Sel.Name)
			}
		}
		return e
	}
	for i, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			if len(g.Specs) != 1 || g.Specs[0].(*ast.ImportSpec).Path.Value != `"sync/atomic"` {
				unsupported(g, "imports more than sync/atomic")
			}
			file.Decls[i] = &ast.GenDecl{Tok: token.VAR, Specs: []ast.Spec{&ast.ValueSpec{Names: []*ast.Ident{ast.NewIdent("_")}, Values: []ast.Expr{&ast.BasicLit{Kind: token.INT, Value: "0"}}}}}
		}
	}
	file.Imports = nil
	block := func(list []ast.Stmt) {
		for i, s := range list {
			if r, ok := s.(*ast.ReturnStmt); ok {
				for i, x := range r.Results {
					if isTask(x) {
						r.Results[i] = method(x, "get")
						gets++
					}
				}
			}
			a, ok := s.(*ast.AssignStmt)
			if !ok || len(a.Lhs) != 1 || len(a.Rhs) != 1 {
				continue
			}
			if isTask(a.Rhs[0]) {
				a.Rhs[0] = method(a.Rhs[0], "get")
				gets++
			}
			if isTask(a.Lhs[0]) {
				list[i] = &ast.ExprStmt{X: method(a.Lhs[0], "set", a.Rhs[0])}
				sets++
			}
		}
	}
	uses := 0
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if isTask(n) {
				uses++
			}
		case *ast.Field:
			n.Type = expr(n.Type)
			if len(n.Names) == 1 && n.Names[0].Name == "task" {
				n.Type = &ast.IndexExpr{X: ast.NewIdent("coopPlain"), Index: n.Type}
			}
		case *ast.BlockStmt:
			block(n.List)
		case *ast.CaseClause:
			block(n.Body)
		}
		return true
	})
	if uses != sets+gets {
		unsupported(file, fmt.Sprintf("%d uses of slot.task, of which %d, in simple assignments and returns, are understood", uses, sets+gets))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := format.Node(&b, fset, file); err != nil {
		return nil, err
	}
	if strings.Contains(b.String(), "atomic.") {
		return nil, errors.New("an atomic access was not rewritten")
	}
	return b.Bytes(), nil
}
