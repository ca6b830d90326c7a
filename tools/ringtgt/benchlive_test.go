package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"golang.org/x/sys/unix"
)

// terminal opens a pseudo terminal with this width: out reads what is written to tty.
func terminal(t *testing.T, width uint16) (out, tty *os.File) {
	t.Helper()
	out, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { out.Close() })
	fd := int(out.Fd())
	n := must.Get(unix.IoctlGetInt(fd, unix.TIOCGPTN))(t)
	must.OK(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { tty.Close() })
	must.OK(t, unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}))
	return out, tty
}

// On a terminal one line is rewritten in place, never wraps, and is cleared at the end.
func TestLiveRewritesOneLine(t *testing.T) {
	out, tty := terminal(t, 30)
	l := newLive(tty, "auto")
	l.stage("looking at the target")
	l.series("round 1 of 2: µs")
	l.interval(result.Interval{Length: time.Second, Reads: 1000, Bytes: 4096000}, time.Second)
	l.end()
	l.stage("nothing is shown after the end")
	fmt.Fprint(tty, "$")
	var got bytes.Buffer
	buf := make([]byte, 4096)
	for !strings.HasSuffix(got.String(), "$") {
		n := must.Get(out.Read(buf))(t)
		got.Write(buf[:n])
	}
	const clear = "\r\x1b[K"
	lines := strings.Split(strings.TrimPrefix(got.String(), clear), clear)
	if len(lines) != 4 || lines[0] != "looking at the target" || lines[3] != "$" || strings.Contains(got.String(), "\n") {
		t.Errorf("%q", lines)
	}
	if n := len([]rune(lines[2])); n != 29 || !strings.HasPrefix(lines[2], "round 1 of 2: µs:  1.00k IOPS") {
		t.Errorf("%d wide: %q", n, lines[2])
	}
}

// Nothing is written to a file unless lines are requested.
func TestLiveLines(t *testing.T) {
	for mode, want := range map[string]string{"auto": "", "none": "", "lines": "logging in\n"} {
		var b bytes.Buffer
		l := newLive(&b, mode)
		l.stage("logging in")
		l.end()
		check.Equal(t, b.String(), want, "%s:", mode)
	}
	f := must.Get(os.Create(t.TempDir() + "/log"))(t)
	defer f.Close()
	check.That(t, !newLive(f, "auto").rewrite, "a file is taken for a terminal")
}
