package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"
)

// mounts are the mounted file systems, and those that should be.
type mounts struct {
	mounted []mount
	fstab   []string // mount points of /etc/fstab
}

// mount is a line of /proc/self/mountinfo (proc(5)).
type mount struct{ device, point, kind string }

// readMounts reads the tables of this machine. Without them there is less to say.
func readMounts() mounts {
	info, _ := os.ReadFile("/proc/self/mountinfo")
	fstab, _ := os.ReadFile("/etc/fstab")
	return parseMounts(string(info), string(fstab))
}

func parseMounts(info, fstab string) (m mounts) {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(info) {
		before, after, _ := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if len(f) >= 5 && len(g) >= 1 {
			m.mounted = append(m.mounted, mount{f[2], unescape.Replace(f[4]), g[0]})
		}
	}
	in := bufio.NewScanner(strings.NewReader(fstab))
	for in.Scan() {
		if f := strings.Fields(in.Text()); len(f) >= 2 && !strings.HasPrefix(f[0], "#") && strings.HasPrefix(f[1], "/") {
			m.fstab = append(m.fstab, filepath.Clean(unescape.Replace(f[1])))
		}
	}
	return m
}

// below reports whether path is dir or in it.
func below(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// of returns the file system that path is in.
func (m mounts) of(path string) (at mount) {
	for _, mt := range m.mounted { // the last of several on one mount point hides the others
		if below(path, mt.point) && len(mt.point) >= len(at.point) {
			at = mt
		}
	}
	return at
}

// absent returns the mount point that path should be below according to /etc/fstab, if nothing is mounted there; "" if there is none.
func (m mounts) absent(path string) (point string) {
	for _, p := range m.fstab {
		mounted := slices.ContainsFunc(m.mounted, func(mt mount) bool { return mt.point == p })
		if !mounted && below(path, p) && len(p) > len(point) {
			point = p
		}
	}
	return point
}

// using returns where a device is mounted, "" if it is not.
func (m mounts) using(rdev uint64) string {
	device := fmt.Sprintf("%d:%d", unix.Major(rdev), unix.Minor(rdev))
	for _, mt := range m.mounted {
		if mt.device == device {
			return mt.point
		}
	}
	return ""
}

// existing returns path, or the nearest directory above it that exists.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// describe says which file system path is in, or would be created in, and how much of it is free.
func (m mounts) describe(path string) string {
	at := existing(path)
	if real, err := filepath.EvalSymlinks(at); err == nil {
		at = real
	}
	mt := m.of(at)
	var st unix.Statfs_t
	if err := unix.Statfs(at, &st); err != nil {
		return fmt.Sprintf("on %s (%v)", mt.point, err)
	}
	size := func(blocks uint64) string { return humanize.IBytes(blocks * uint64(st.Bsize)) }
	return fmt.Sprintf("on %s (%s, %s free of %s)", mt.point, mt.kind, size(st.Bavail), size(st.Blocks))
}

// owner writes permissions: "mode 0600, root:disk".
func owner(st *unix.Stat_t) string {
	return fmt.Sprintf("mode %04o, %s:%s", st.Mode&0o7777, userName(st.Uid), groupName(st.Gid))
}

func userName(id uint32) string {
	text := strconv.FormatUint(uint64(id), 10)
	if u, err := user.LookupId(text); err == nil {
		return u.Username
	}
	return text
}

func groupName(id uint32) string {
	text := strconv.FormatUint(uint64(id), 10)
	if g, err := user.LookupGroupId(text); err == nil {
		return g.Name
	}
	return text
}

// denied returns why this process may not use a file or directory in this way (unix.R_OK, W_OK, X_OK); "" if it may.
func denied(path string, how uint32) string {
	err := unix.Faccessat(unix.AT_FDCWD, path, how, unix.AT_EACCESS)
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		var st unix.Stat_t
		if unix.Stat(path, &st) != nil {
			return fmt.Sprintf("%v for user %s", err, userName(uint32(os.Geteuid())))
		}
		return fmt.Sprintf("%v for user %s (%s)", err, userName(uint32(os.Geteuid())), owner(&st))
	case errors.Is(err, unix.EROFS):
		return err.Error()
	}
	return ""
}
