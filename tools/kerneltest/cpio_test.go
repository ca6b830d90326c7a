package kerneltest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
)

// cpioEntry is what readCPIO finds.
type cpioEntry struct {
	name string
	mode uint32
	data string
}

// readCPIO reads a newc archive by the field offsets of buffer-format.rst and checks what the kernel insists on.
func readCPIO(t *testing.T, b []byte) []cpioEntry {
	t.Helper()
	var entries []cpioEntry
	inodes := map[uint64]string{}
	for at := 0; ; {
		must.Be(t, at%4 == 0, "header at %d, want a multiple of 4", at)
		must.Be(t, len(b)-at >= 110 && string(b[at:at+6]) == "070701", "no newc header at %d", at)
		field := func(i int) uint64 {
			return must.Get(strconv.ParseUint(string(b[at+6+8*i:at+14+8*i]), 16, 32))(t)
		}
		inode, mode, size, nameSize := field(0), uint32(field(1)), int(field(6)), int(field(11))
		name := string(b[at+110 : at+110+nameSize])
		must.Be(t, strings.HasSuffix(name, "\x00"), "name %q does not end in NUL", name)
		name = name[:nameSize-1]
		data := (at + 110 + nameSize + 3) &^ 3
		at = (data + size + 3) &^ 3
		if name == cpioTrailer {
			must.Be(t, at == len(b), "%d bytes after the trailer", len(b)-at)
			return entries
		}
		if other, taken := inodes[inode]; taken {
			t.Fatalf("%s and %s share inode %d: the kernel would link them", name, other, inode)
		}
		inodes[inode] = name
		entries = append(entries, cpioEntry{name, mode, string(b[data : data+size])})
	}
}

func TestCPIO(t *testing.T) {
	var out bytes.Buffer
	c := newCPIOWriter(&out)
	want := []cpioEntry{
		{"bin", 0o040755, ""},
		{"bin/a", 0o100755, "x"}, // one byte: padded by three
		{"bin/ab", 0o100644, "four"},
		{"bin/abc", 0o100600, ""},
		{"init", 0o120777, "bin/a"},
	}
	c.Dir("bin", 0o755)
	c.File("bin/a", 0o755, []byte("x"))
	c.File("bin/ab", 0o644, []byte("four"))
	c.File("bin/abc", 0o600, nil)
	c.Symlink("init", "bin/a")
	must.OK(t, c.Close())
	got := readCPIO(t, out.Bytes())
	must.Be(t, len(got) == len(want), "%d entries, want %d", len(got), len(want))
	for i := range want {
		check.That(t, got[i] == want[i], "entry %d is %+v, want %+v", i, got[i], want[i])
	}
	check.Equal(t, hex.EncodeToString(out.Bytes()[:6]), "303730373031", "magic 070701 of ASCII:")
}

// Another program reads the archive: GNU cpio, which make test-kernel installs.
func TestCPIOReadByCPIO(t *testing.T) {
	cpio := need.Program(t, "cpio", "cpio")
	dir := t.TempDir()
	var out bytes.Buffer
	c := newCPIOWriter(&out)
	c.Dir("d", 0o755)
	c.File("d/f", 0o600, []byte("hello"))
	c.Symlink("l", "d/f")
	must.OK(t, c.Close())
	unpack := exec.Command(cpio, "-i")
	unpack.Dir, unpack.Stdin = dir, &out
	if b, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "l")); err != nil || string(b) != "hello" {
		t.Errorf("through the link: %q, %v", b, err)
	}
}

type failingWriter struct{ left int }

func (f *failingWriter) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errors.New("full")
	}
	return len(b), nil
}

func TestCPIOReportsWriteError(t *testing.T) {
	c := newCPIOWriter(&failingWriter{left: 200})
	c.File("a", 0o644, make([]byte, 100))
	c.File("b", 0o644, nil)
	if err := c.Close(); err == nil || err.Error() != "full" {
		t.Errorf("Close: %v, want the writer's error", err)
	}
}
