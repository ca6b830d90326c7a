package livetest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
)

// A client opens 300 connections of the control socket: on some it requests the configuration again and again and never reads, on some
// it sends one byte of a request, on some nothing. Commands of other processes are answered, an initiator's reads and writes go on, and
// the daemon ends when it should.
func TestClientsThatHang(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the connections of a user other than root are bounded together")
	}
	n := newNode(t, loadText)
	l := startLoad(t, n)
	for i := range 40 { // so that an answer does not fit into the socket's buffer
		_, err := n.api.Do(n.ctx(), admin.AddTarget{Name: made + strings.Repeat("x", 150) + string(rune('a'+i%26)) + string(rune('a'+i/26)), Alias: strings.Repeat("y", 200)})
		must.OK(t, err)
	}
	n.api.Close()
	for i := range 300 {
		c, err := net.Dial("unix", filepath.Join(n.dir, "c.sock"))
		must.OK(t, err)
		t.Cleanup(func() { c.Close() })
		switch i % 3 {
		case 0:
			_, _ = c.Write([]byte(strings.Repeat("GET /v1/config HTTP/1.1\r\nHost: ringtgt\r\n\r\n", 50))) // the surplus is refused
		case 1:
			_, _ = c.Write([]byte("G"))
		}
	}
	for _, args := range []string{"target list", "target add " + made, "status", "config export", "target remove " + made} {
		out, err := exec.CommandContext(n.ctx(), harness.BuildT(t), append(strings.Fields(args), "--control", filepath.Join(n.dir, "c.sock"))...).CombinedOutput()
		must.OK(t, err, "%s: %s", args, out)
	}
	if _, rounds := l.p99(); rounds == 0 {
		t.Error("the load stands still")
	}
	must.OK(t, l.session.Ping(n.ctx(), 0, nil, true))
	l.stop()
	l.done.Wait()
	must.OK(t, n.Terminate(0))
}
