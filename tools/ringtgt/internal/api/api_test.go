package api

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// A reader reads, and changes nothing by any route.
func TestReadersOnlyRead(t *testing.T) {
	n := &fakeNode{cfg: fullConfig()}
	s := New(Options{Node: n, Log: quiet()})
	for _, r := range routes() {
		path := strings.NewReplacer("{target}", diskTarget, "{lun}", "0", "{user}", "u", "{listen}", ":1", "{pool}", "fast", "{tsih}", "7", "{volume}", "v", "{initiator}", host).Replace(r.pattern)
		w := send(t, s, control.AccessRead, r.method, path, "")
		if r.changes() {
			check.Equal(t, w.Code, http.StatusForbidden, "%s %s by a reader", r.method, path)
		} else {
			check.That(t, w.Code != http.StatusForbidden, "%s %s is refused", r.method, path)
		}
	}
	check.That(t, n.ops == nil && n.forgot == "", "a reader changed something: %v", n.ops)
}

// A change that has arrived is carried out although its client has gone.
func TestChangeOutlivesItsClient(t *testing.T) {
	n := &fakeNode{cfg: fullConfig(), held: make(chan struct{})}
	done := make(chan struct{})
	h := as(control.AccessChange, New(Options{Node: n, Log: quiet()}))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		gone := r.Context()
		go func() { <-gone.Done(); close(n.held) }() // the server has noticed
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	c := must.Get(net.Dial("tcp", srv.Listener.Addr().String()))(t)
	must.Get(c.Write([]byte("DELETE /v1/pools/fast HTTP/1.1\r\nHost: x\r\n\r\n")))(t)
	c.Close()
	<-done
	must.Be(t, len(n.ops) == 1, "ops %v", n.ops)
	check.That(t, n.ctxErr == nil, "the change's context ended with the client: %v", n.ctxErr)
}

// A body that ends early changes nothing.
func TestHalfARequest(t *testing.T) {
	n := &fakeNode{cfg: fullConfig()}
	srv := httptest.NewServer(as(control.AccessChange, New(Options{Node: n, Log: quiet()})))
	c := must.Get(net.Dial("tcp", srv.Listener.Addr().String()))(t)
	must.Get(c.Write([]byte("PUT /v1/pools/new HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"path\": \"/srv\"}")))(t)
	must.OK(t, c.(*net.TCPConn).CloseWrite())
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	check.That(t, err != nil || resp.StatusCode == http.StatusBadRequest, "answer %v, %v", resp, err)
	srv.Close()
	check.That(t, n.ops == nil, "it was carried out: %v", n.ops)
}

// Bodies are bounded, and misspelt names are errors.
func TestMalformedRequests(t *testing.T) {
	n := &fakeNode{cfg: fullConfig()}
	s := New(Options{Node: n, Log: quiet()})
	for _, c := range []struct {
		method, path, body string
		status             int
		detail             string
	}{
		{"PUT", "/v1/pools/new", `{"path": "` + strings.Repeat("x", maxBody) + `"}`, 413, "longer than"},
		{"PUT", "/v1/pools/new", `{"pathh": "/srv"}`, 400, "pathh"},
		{"PUT", "/v1/pools/new", `{"path": "/srv"} {}`, 400, "more follows"},
		{"PUT", "/v1/pools/new", ``, 400, "empty"},
		{"PUT", "/v1/pools/new?force=true", `{"path": "/srv"}`, 400, "force"},
		{"DELETE", "/v1/pools/new?force=yes", ``, 400, "neither true nor false"},
		{"DELETE", "/v1/sessions", ``, 400, "name a target"},
		{"DELETE", "/v1/sessions?target=a&target=b", ``, 400, "occurs twice"},
		{"DELETE", "/v1/sessions?target=a&cid=1", ``, 400, "cid needs tsih"},
		{"DELETE", "/v1/sessions/0", ``, 400, "tsih"},
		{"PUT", "/v1/targets/iqn.x/luns/300000", `{"memory": 1}`, 400, "lun"},
		{"PUT", "/v1/targets/iqn.x/luns/3", `{"lun": 4, "memory": "1G"}`, 400, "the body lun 4"},
		{"PUT", "/v1/targets/iqn.x/luns/3", `{"memory": "1GB"}`, 400, "1000"},
		{"PUT", "/v1/targets/iqn.x/luns/3", `{"memory": -5}`, 400, "whole number"},
		{"PUT", "/v1/targets/iqn.x/luns/3", `{"file": "/a", "memory": 5}`, 400, "exactly one"},
		{"PATCH", "/v1/targets/iqn.x/luns/3", `{}`, 400, "nothing to change"},
		{"PATCH", "/v1/targets/iqn.x/luns/3", `{"qos": {"burst": "soon"}}`, 400, "burst"},
		{"PUT", "/v1/targets/iqn.x/accounts/u", `{}`, 400, "exactly one"},
		{"PUT", "/v1/targets/iqn.x/accounts/u", `{"secret_file": "relative"}`, 400, "absolute"},
		{"PUT", "/v1/targets/iqn.x/accounts/u", `{"secret": "0123456789abcdef"}`, 422, "no state directory"},
		{"PUT", "/v1/portals/nowhere", ``, 400, "IP address"},
		{"POST", "/v1/changes", `{"changes": []}`, 400, "want 1 to"},
		{"POST", "/v1/changes", `{"changes": [{"op": "explode"}]}`, 400, "explode"},
		{"POST", "/v1/changes", `{"changes": [{"op": "add_pool", "nam": "x"}]}`, 400, "nam"},
		{"POST", "/v1/pools", `{}`, 405, "GET"},
		{"GET", "/v2/pools", ``, 404, "/v2/pools"},
		{"GET", "/v1/config?format=xml", ``, 400, "neither json nor toml"},
	} {
		w := send(t, s, control.AccessChange, c.method, c.path, c.body)
		var p Problem
		err := json.Unmarshal(w.Body.Bytes(), &p)
		what := c.method + " " + c.path + " " + c.body[:min(len(c.body), 40)]
		check.That(t, err == nil && w.Code == c.status && p.Status == c.status && strings.Contains(p.Detail, c.detail),
			"%s: %d %s, want %d with %q", what, w.Code, w.Body, c.status, c.detail)
		check.Equal(t, w.Header().Get("Content-Type"), "application/problem+json", "%s: content type", what)
	}
	r := httptest.NewRequest("PUT", "/v1/pools/new", strings.NewReader(`{"path": "/srv"}`))
	r.Header.Set("Content-Type", "text/plain")
	w := httptest.NewRecorder()
	as(control.AccessChange, s).ServeHTTP(w, r)
	check.Equal(t, w.Code, http.StatusUnsupportedMediaType, "a body of text/plain")
	check.That(t, n.ops == nil, "one was carried out: %v", n.ops)
}

// A given secret becomes a file that only the daemon reads; the same secret again changes nothing, and files that nothing refers to
// are removed.
func TestSecretsAreFiles(t *testing.T) {
	const secret = "0123456789abcdef"
	dir := filepath.Join(t.TempDir(), "secrets")
	n := &fakeNode{cfg: fullConfig()}
	s := New(Options{Node: n, Log: quiet(), Secrets: NewSecrets(dir)})
	put := func(secret string) string {
		t.Helper()
		n.ops = nil
		w := send(t, s, control.AccessChange, "PUT", "/v1/targets/"+diskTarget+"/accounts/host-1", `{"secret": "`+secret+`"}`)
		must.Be(t, w.Code == http.StatusOK && len(n.ops) == 1, "%d %s", w.Code, w.Body)
		op := n.ops[0].(admin.AddAccount)
		check.That(t, op.Secret == "" && filepath.IsAbs(op.SecretFile), "the change has %+v", op)
		return op.SecretFile
	}
	first := put(secret)
	_, err := os.Stat(first)
	check.That(t, os.IsNotExist(err), "a file to which nothing refers is still there: %v", err)

	// as a node that takes over what it is told
	s.Node = &adopting{n}
	first = put(secret)
	info := must.Get(os.Stat(first))(t)
	check.Equal(t, info.Mode().Perm(), 0o600, "mode")
	text := must.Get(os.ReadFile(first))(t)
	check.Equal(t, string(text), secret, "the file has")
	check.Equal(t, put(secret), first, "the same secret again is in")
	second := put("another-secret-of-16")
	check.That(t, second != first, "a new secret is in the old file")
	list := must.Get(os.ReadDir(dir))(t)
	check.That(t, len(list) == 1 && list[0].Name() == filepath.Base(second), "files %v", list)
	must.OK(t, os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600))
	must.OK(t, s.Secrets.Sweep(func() *config.Config { return &config.Config{} }))
	list = must.Get(os.ReadDir(dir))(t)
	check.That(t, len(list) == 1 && list[0].Name() == "mine", "after a sweep: %v", list)
}

// adopting takes over the account of an AddAccount.
type adopting struct{ *fakeNode }

func (n *adopting) Do(ctx context.Context, ops ...admin.Op) (*admin.Plan, error) {
	for _, op := range ops {
		if a, ok := op.(admin.AddAccount); ok {
			text, err := os.ReadFile(a.SecretFile)
			if err != nil {
				return nil, err
			}
			n.cfg.Targets[0].Access.Accounts[0] = config.Account{User: a.User, SecretFile: a.SecretFile, Secret: text}
		}
	}
	return n.fakeNode.Do(ctx, ops...)
}
