package session

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
)

// Task management reaches its connection through tmConn alone: no other method of Conn is in its files but the host's answer, no
// function there takes the connection out of the seam, and none but the host's answer uses the fields of one.
func TestTaskManagementKeepsToItsSeam(t *testing.T) {
	fields := map[string]bool{}
	for _, f := range parse(t, "conn.go").Decls {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.TypeSpec); ok && s.Name.Name == "Conn" {
				for _, f := range s.Type.(*ast.StructType).Fields.List {
					for _, name := range f.Names {
						fields[name.Name] = true
					}
				}
			}
			return true
		})
	}
	must.Be(t, fields["tags"] && fields["end"], "the fields of Conn were not found")
	for _, name := range []string{"tmf.go", "barrier.go", "part.go", "fence.go", "fence_command.go", "order.go"} {
		for _, d := range parse(t, name).Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Name.Name == "Managed" {
				continue
			}
			if f.Recv != nil {
				if p, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok && p.X.(*ast.Ident).Name == "Conn" {
					t.Errorf("%s: %s is a method of Conn", name, f.Name)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := s.X.(*ast.SelectorExpr); ok && x.Sel.Name == "conn" && s.Sel.Name == "c" {
					t.Errorf("%s: %s takes the connection out of the seam", name, f.Name)
				}
				if x, ok := s.X.(*ast.Ident); ok && (x.Name == "c" || x.Name == "o") && fields[s.Sel.Name] && s.Sel.Name != "turns" && s.Sel.Name != "host" {
					t.Errorf("%s: %s uses %s.%s", name, f.Name, x.Name, s.Sel.Name)
				}
				return true
			})
		}
	}
}

func parse(t *testing.T, name string) *ast.File {
	f := must.Get(parser.ParseFile(token.NewFileSet(), name, nil, 0))(t)
	return f
}
