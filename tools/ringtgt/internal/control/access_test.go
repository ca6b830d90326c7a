package control

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("ASK_SOCKET"); path != "" { // as another user: see askAs
		os.Exit(askAndPrint(path))
	}
	os.Exit(m.Run())
}

func askAndPrint(path string) int {
	resp, err := (&http.Client{Transport: Transport(path)}).Get("http://ringtgt/who")
	if err != nil {
		os.Stdout.WriteString(err.Error())
		return 1
	}
	text, _ := io.ReadAll(resp.Body)
	os.Stdout.WriteString(strconv.Itoa(resp.StatusCode) + " " + string(text))
	return 0
}

// askAs runs this test's program as another user, with a primary and supplementary groups.
func askAs(t *testing.T, path string, uid, gid uint32, groups ...uint32) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{"ASK_SOCKET=" + path}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid, Groups: groups}}
	out, _ := cmd.Output()
	return string(out)
}

// openDir is a directory that every user may enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir := must.Get(os.MkdirTemp("", "ringtgt-access-"))(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must.OK(t, os.Chmod(dir, 0o755))
	return dir
}

var who = Answers{Status: answer, API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, CallerOf(r.Context()).Access.String())
})}

// The peer's user and groups, primary or supplementary, decide; the socket's mode is as narrow as they permit.
func TestAccessByCredentials(t *testing.T) {
	const admins, readers, stranger = 4711, 4712, 4713
	for _, c := range []struct {
		groups Groups
		mode   os.FileMode
		want   map[[2]uint32]string // by primary and supplementary group of user 4713
	}{
		{Groups{}, 0o600, map[[2]uint32]string{{admins, readers}: "permission denied"}},
		{Groups{Group: "4711"}, 0o660, map[[2]uint32]string{
			{admins, stranger}: "200 change", {stranger, admins}: "200 change", {stranger, readers}: "permission denied"}},
		{Groups{Readers: "4712"}, 0o660, map[[2]uint32]string{
			{readers, stranger}: "200 read", {stranger, readers}: "200 read", {stranger, admins}: "permission denied"}},
		{Groups{Group: "4711", Readers: "4712"}, 0o666, map[[2]uint32]string{
			{readers, stranger}: "200 read", {stranger, admins}: "200 change", {readers, admins}: "200 change", {stranger, stranger}: "403 "}},
	} {
		path := filepath.Join(openDir(t), "control.sock")
		s := must.Get(Listen(path, who, c.groups))(t)
		info := must.Get(os.Stat(path))(t)
		check.Equal(t, info.Mode().Perm(), c.mode, "%+v: mode", c.groups)
		for g, want := range c.want {
			got := askAs(t, path, stranger, g[0], g[1])
			check.That(t, strings.Contains(got, want), "%+v: groups %v get %q, want %q", c.groups, g, got, want)
		}
		check.Equal(t, askAs(t, path, 0, stranger, stranger), "200 change", "%+v: root gets", c.groups)
		s.Close()
	}
}

// A group that does not exist is an error at start, not a door that stays shut.
func TestGroupMustExist(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	_, err := Listen(path, who, Groups{Group: "no-such-group-here"})
	check.That(t, err != nil && strings.Contains(err.Error(), "no-such-group-here"), "%v", err)
	_, err = os.Lstat(path)
	check.That(t, os.IsNotExist(err), "the socket is there: %v", err)
}

// More groups than the first read has room for.
func TestManyGroups(t *testing.T) {
	path := filepath.Join(openDir(t), "control.sock")
	s := must.Get(Listen(path, who, Groups{Group: "4711"}))(t)
	defer s.Close()
	groups := make([]uint32, 200)
	for i := range groups {
		groups[i] = uint32(5000 + i)
	}
	groups[150] = 4711
	check.Equal(t, askAs(t, path, 4713, 4713, groups...), "200 change", "a member of 200 groups gets")
}

// Connections are bounded in total, and for each user, process of root and address.
func TestBoundedConnections(t *testing.T) {
	l := bounded(nil)
	for _, c := range []peer{{uid: 7, pid: 1}, {uid: 0, pid: 1}, {uid: remote, host: netip.MustParseAddr("192.0.2.1")}} {
		for i := range maxClientsOfOne {
			if c.uid == 7 {
				c.pid = i
			}
			must.Be(t, l.enter(c.client()), "%+v is refused below its bound", c)
		}
		check.That(t, !l.enter(c.client()), "%+v has more than its bound", c)
	}
	n := 3 * maxClientsOfOne
	for pid := 2; l.enter(peer{pid: pid}.client()); pid++ {
		n++
	}
	check.Equal(t, n, maxClients, "connections")
	l.leave(peer{uid: 7}.client())
	check.That(t, l.enter(peer{uid: 7}.client()), "a place that was left cannot be taken")
}

// A connection that sends nothing is closed, and leaves its place.
func TestSilentClientsLeave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	ln := must.Get(listen(path))(t)
	b := bounded(ln)
	srv := newHTTPServer(who.Handler())
	srv.ConnContext = admission{group: -1, readers: -1}.context
	srv.ReadTimeout, srv.IdleTimeout = 50e6, 50e6 // the bounds, shorter
	go srv.Serve(b)
	defer srv.Close()
	for range 3 {
		c := must.Get(dial(t.Context(), path))(t)
		defer c.Close()
		n, err := c.Read(make([]byte, 1)) // returns when the server closes
		check.That(t, n == 0 && err != nil, "the server sent something, or nothing ended: %v", err)
	}
	c := must.Get(net.Dial("unix", path))(t)
	defer c.Close()
	must.OK(t, srv.Shutdown(context.Background()))
	b.mu.Lock()
	defer b.mu.Unlock()
	check.That(t, b.total <= 1, "%d connections are counted", b.total)
}
