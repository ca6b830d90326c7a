package metrics

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// A page from elsewhere whose name was made to resolve to this machine gets nothing (DNS rebinding); addresses, localhost, the
// machine's own name and configured ones do.
func TestHosts(t *testing.T) {
	src := source()
	src.Host, src.Hosts = "node1", []string{"node1.example.com"}
	s := listen(t, src)
	for host, want := range map[string]int{
		"192.0.2.1": 200, "192.0.2.1:9260": 200, "[2001:db8::1]:9260": 200, "[::1]": 200, "localhost:9260": 200, "page.localhost": 200,
		"node1:9260": 200, "NODE1.example.com.": 200, "node1.example.com:9260": 200,
		"evil.example": 421, "node1.evil.example:9260": 421, "localhost.evil.example": 421, "192.0.2.1.evil.example": 421, "127.1": 421,
	} {
		for _, path := range []string{"/metrics", "/healthz", "/", "/page/now"} {
			rq := must.Get(http.NewRequest(http.MethodGet, "http://"+s.Addr().String()+path, nil))(t)
			rq.Host = host
			resp := must.Get(http.DefaultClient.Do(rq))(t)
			text := must.Get(io.ReadAll(resp.Body))(t)
			resp.Body.Close()
			if path == "/healthz" && resp.StatusCode == http.StatusServiceUnavailable {
				resp.StatusCode = 200 // a LUN of the test is lost
			}
			check.Equal(t, resp.StatusCode, want, "%s of host %s:", path, host)
			check.That(t, want == 200 || strings.Contains(string(text), "hosts of [metrics]") && !strings.Contains(string(text), target), "%s of host %s: %s", path, host, text)
		}
	}
}
