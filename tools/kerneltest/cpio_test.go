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
		if at%4 != 0 {
			t.Fatalf("header at %d, want a multiple of 4", at)
		}
		if len(b)-at < 110 || string(b[at:at+6]) != "070701" {
			t.Fatalf("no newc header at %d", at)
		}
		field := func(i int) uint64 {
			v, err := strconv.ParseUint(string(b[at+6+8*i:at+14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		inode, mode, size, nameSize := field(0), uint32(field(1)), int(field(6)), int(field(11))
		name := string(b[at+110 : at+110+nameSize])
		if !strings.HasSuffix(name, "\x00") {
			t.Fatalf("name %q does not end in NUL", name)
		}
		name = name[:nameSize-1]
		data := (at + 110 + nameSize + 3) &^ 3
		at = (data + size + 3) &^ 3
		if name == cpioTrailer {
			if at != len(b) {
				t.Fatalf("%d bytes after the trailer", len(b)-at)
			}
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
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	got := readCPIO(t, out.Bytes())
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("entry %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	if first := hex.EncodeToString(out.Bytes()[:6]); first != "303730373031" {
		t.Errorf("magic %s, want ASCII 070701", first)
	}
}

// Another program reads the archive: GNU cpio, which make test-kernel installs.
func TestCPIOReadByCPIO(t *testing.T) {
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("package cpio is not installed")
	}
	dir := t.TempDir()
	var out bytes.Buffer
	c := newCPIOWriter(&out)
	c.Dir("d", 0o755)
	c.File("d/f", 0o600, []byte("hello"))
	c.Symlink("l", "d/f")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
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
