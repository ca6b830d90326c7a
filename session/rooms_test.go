package session

import (
	"go/ast"
	"testing"
)

// The login and the text exchange reach their connection through an interface alone: their files do not name Conn. A logout names
// it to tell a session's connections apart, and uses nothing of it.
func TestRoomsKeepToTheirSeams(t *testing.T) {
	for _, name := range []string{"login.go", "login_phase.go", "login_steps.go", "login_answer.go", "login_grant.go", "negotiate.go",
		"keys.go", "chap.go", "text.go", "sendtargets.go"} {
		ast.Inspect(parse(t, name), func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name == "Conn" {
				t.Errorf("%s names Conn", name)
			}
			return true
		})
	}
	ast.Inspect(parse(t, "logout.go"), func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if call, ok := s.X.(*ast.CallExpr); ok {
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "self" {
				t.Errorf("logout.go uses %s of a connection", s.Sel.Name)
			}
		}
		if x, ok := s.X.(*ast.Ident); ok && (x.Name == "self" || x.Name == "by") {
			t.Errorf("logout.go uses %s of a connection", s.Sel.Name)
		}
		return true
	})
}
