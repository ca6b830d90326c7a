package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxPath is the longest path that a socket address holds (unix(7)).
const maxPath = 107

// short calls fn with a path to the socket that fits into a socket address: a long one goes through the directory's descriptor.
func short(path string, fn func(path string) error) error {
	if len(path) <= maxPath {
		return fn(path)
	}
	fd, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
	}
	defer unix.Close(fd)
	through := fmt.Sprintf("/proc/self/fd/%d/%s", fd, filepath.Base(path))
	if len(through) > maxPath {
		return fmt.Errorf("the name of %s is too long for a socket", path)
	}
	return fn(through)
}

func dial(ctx context.Context, path string) (conn net.Conn, err error) {
	err = short(path, func(p string) error {
		conn, err = new(net.Dialer).DialContext(ctx, "unix", p)
		return err
	})
	return conn, err
}

func listen(path string) (ln *net.UnixListener, err error) {
	err = short(path, func(p string) error {
		// The socket has its mode from the first moment. The mask is the process's; no other goroutine creates files yet.
		old := unix.Umask(0o177)
		defer unix.Umask(old)
		ln, err = net.ListenUnix("unix", &net.UnixAddr{Name: p, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false) // Close does it, by the right name
	return ln, nil
}

// widen gives the socket to the members of the groups.
func widen(path string, a admission) error {
	mode, gid := a.mode()
	return short(path, func(p string) error {
		if gid >= 0 {
			if err := os.Lchown(p, -1, gid); err != nil {
				return err
			}
		}
		return os.Chmod(p, mode)
	})
}

// RuntimeDirEnv names an environment variable with another runtime directory.
const RuntimeDirEnv = "RINGTGT_RUNTIME_DIR"

// RuntimeDir is the directory that lists the daemons of this user, each as PID.sock: its socket if that has no other place, or a
// link to it.
func RuntimeDir() string {
	if dir := os.Getenv(RuntimeDirEnv); filepath.IsAbs(dir) {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/run/ringtgt"
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ringtgt")
	}
	return filepath.Join(os.TempDir(), "ringtgt-"+strconv.Itoa(os.Geteuid()))
}

// makeRuntimeDir creates the directory, and refuses one of another user: any user can create names in /tmp.
func makeRuntimeDir() (string, error) {
	dir := RuntimeDir()
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return "", &os.PathError{Op: "lstat", Path: dir, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		return "", fmt.Errorf("%s is not a directory of this user's alone", dir)
	}
	return dir, nil
}

// RuntimeSocket is the path of this process's socket in the runtime directory, for a daemon without a state directory.
func RuntimeSocket() (string, error) {
	dir, err := makeRuntimeDir()
	if err != nil {
		return "", fmt.Errorf("runtime directory: %w", err)
	}
	sweep(dir)
	return filepath.Join(dir, strconv.Itoa(os.Getpid())+".sock"), nil
}

// Register lists the server in the runtime directory, so that `status` finds it from anywhere.
func (s *Server) Register() error {
	name, err := RuntimeSocket()
	if err != nil || name == s.path {
		return err
	}
	target, err := filepath.Abs(s.path)
	if err != nil {
		return err
	}
	os.Remove(name) // left by a dead process with our PID
	if err := os.Symlink(target, name); err != nil {
		return err
	}
	s.names = append(s.names, name)
	return nil
}

// Running returns the live daemons of the runtime directory, by process ID.
func Running() map[int]string {
	dir := RuntimeDir()
	out := map[int]string{}
	for pid, name := range entries(dir) {
		if alive(pid) {
			out[pid] = name
		}
	}
	return out
}

// sweep removes entries of dead daemons from dir.
func sweep(dir string) {
	for pid, name := range entries(dir) {
		if !alive(pid) {
			os.Remove(name)
		}
	}
}

func entries(dir string) map[int]string {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	out := map[int]string{}
	for _, e := range list {
		number, ok := strings.CutSuffix(e.Name(), ".sock")
		if pid, err := strconv.Atoi(number); ok && err == nil && pid > 0 {
			out[pid] = filepath.Join(dir, e.Name())
		}
	}
	return out
}

func alive(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

// Where selects a daemon. "" and 0 mean not given.
type Where struct {
	Control string // path of a socket
	State   string // a state directory
	PID     int
}

// AmbiguousError reports that there are several daemons and none was chosen.
type AmbiguousError struct{ PIDs []int }

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("several daemons run: processes %s; choose one with --pid, --state or --control",
		strings.Trim(strings.ReplaceAll(fmt.Sprint(e.PIDs), " ", ", "), "[]"))
}

// Find returns the socket path of the daemon that w selects. If w is empty, that is the daemon with its state in fallback, else the
// only one that this user runs. socket is the socket's name in a state directory.
func Find(w Where, fallback, socket string) (string, error) {
	switch {
	case w.Control != "":
		return w.Control, nil
	case w.State != "":
		return filepath.Join(w.State, socket), nil
	case w.PID != 0:
		return filepath.Join(RuntimeDir(), strconv.Itoa(w.PID)+".sock"), nil
	}
	here := filepath.Join(fallback, socket)
	if conn, err := dial(context.Background(), here); err == nil {
		conn.Close()
		return here, nil
	}
	switch run := Running(); len(run) {
	case 0:
		return here, nil
	case 1:
		for _, path := range run {
			return path, nil
		}
		fallthrough
	default:
		e := &AmbiguousError{}
		for pid := range run {
			e.PIDs = append(e.PIDs, pid)
		}
		slices.Sort(e.PIDs)
		return "", e
	}
}
