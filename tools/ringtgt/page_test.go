package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// The metrics listener of a daemon serves its page with what it really serves, and /healthz.
func TestPageOfADaemon(t *testing.T) {
	s := serve(t, nil, "--listen", "127.0.0.1:0", "--lun", "mem:16M", "--metrics", "127.0.0.1:0")
	st := s.status(t)
	for path, want := range map[string]string{
		"/":            st.Targets[0].LUNs[0].ByID[0],
		"/page/now":    st.Targets[0].Name,
		"/page/charts": "Load",
		"/healthz":     "health: good, 1 LUN\n",
	} {
		resp := must.Get(http.Get("http://" + st.Daemon.Metrics + path))(t)
		text := must.Get(io.ReadAll(resp.Body))(t)
		resp.Body.Close()
		check.That(t, resp.StatusCode == http.StatusOK && strings.Contains(string(text), want), "%s: %d, no %q in\n%s", path, resp.StatusCode, want, text)
	}
	s.stop(t)
}
