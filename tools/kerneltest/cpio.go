package kerneltest

import (
	"fmt"
	"io"
)

// File types of cpio's mode field, as in <sys/stat.h>.
const (
	cpioDir     = 0o040000
	cpioFile    = 0o100000
	cpioSymlink = 0o120000
)

// cpioTrailer is the name of the entry that ends an archive.
const cpioTrailer = "TRAILER!!!"

// cpioWriter writes the "newc" format that the kernel unpacks as its initramfs
// (Documentation/driver-api/early-userspace/buffer-format.rst). Archives may follow each other: a later one adds to an
// earlier one and replaces its files.
type cpioWriter struct {
	w    io.Writer
	ino  uint32
	size int64 // bytes written
	err  error // the first error; everything after it is dropped
}

func newCPIOWriter(w io.Writer) *cpioWriter { return &cpioWriter{w: w} }

// Dir adds a directory. Parents must come before what lies in them.
func (c *cpioWriter) Dir(name string, perm uint32) { c.entry(name, cpioDir|perm, 2, nil) }

// File adds a regular file.
func (c *cpioWriter) File(name string, perm uint32, data []byte) {
	c.entry(name, cpioFile|perm, 1, data)
}

// Symlink adds a symbolic link called name that points to target.
func (c *cpioWriter) Symlink(name, target string) {
	c.entry(name, cpioSymlink|0o777, 1, []byte(target))
}

// Close ends the archive and returns the first error met. It leaves the underlying writer open.
func (c *cpioWriter) Close() error {
	c.entry(cpioTrailer, 0, 1, nil)
	return c.err
}

// entry writes the 110-byte header, the name with its NUL and the data, each of the latter two padded to 4 bytes.
func (c *cpioWriter) entry(name string, mode, links uint32, data []byte) {
	if int64(len(data)) > 1<<32-1 && c.err == nil {
		c.err = fmt.Errorf("%s: %d bytes do not fit a newc entry", name, len(data))
	}
	if name != cpioTrailer {
		c.ino++
	}
	// magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
	c.write(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.ino, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name)+1, 0))
	c.write(append([]byte(name), 0))
	c.pad()
	c.write(data)
	c.pad()
}

func (c *cpioWriter) pad() {
	if odd := c.size % 4; odd != 0 {
		c.write(make([]byte, 4-odd))
	}
}

func (c *cpioWriter) write(b []byte) {
	if c.err != nil {
		return
	}
	n, err := c.w.Write(b)
	c.size += int64(n)
	c.err = err
}
