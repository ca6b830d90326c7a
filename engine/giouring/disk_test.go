package giouring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

const fallocKeepSize, fallocPunchHole = 1, 2

// file makes a file of n bytes, each its offset's low byte.
func file(t testing.TB, n int) (fd int, content []byte) {
	t.Helper()
	content = make([]byte, n)
	for i := range content {
		content[i] = byte(i)
	}
	path := filepath.Join(t.TempDir(), "file")
	must.OK(t, os.WriteFile(path, content, 0o600))
	fd = must.Get(syscall.Open(path, syscall.O_RDWR|syscall.O_CLOEXEC, 0))(t)
	return closing(t, int32(fd)), content
}

// slab registers mem as buffer 0.
func slab(t testing.TB, ring *Ring, mem []byte) {
	t.Helper()
	must.Get(ring.RegisterBuffersSparse(1))(t)
	iov := []syscall.Iovec{{Base: &mem[0], Len: uint64(len(mem))}}
	if n, err := ring.RegisterBuffersUpdateTag(0, iov, nil); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

// TestReadWrite reads and writes with plain and with registered memory.
func TestReadWrite(t *testing.T) {
	ring := newRing(t, 8, deferred)
	fd, content := file(t, 16384)
	mem := memory(t, 8192)
	slab(t, ring, mem)
	addr := addressOf(mem)

	for ud, prepare := range []func(e *entry){
		func(e *entry) { e.PrepareRead(fd, addr, 1000, 300) },
		func(e *entry) { e.PrepareReadFixed(fd, addr, 1000, 300, 0) },
	} {
		clear(mem)
		add(t, ring, uint64(ud), prepare)
		want(t, ring, uint64(ud), 1000)
		check.That(t, bytes.Equal(mem[:1000], content[300:1300]), "read %d: wrong bytes", ud)
	}
	for ud, prepare := range []func(e *entry){
		func(e *entry) { e.PrepareWrite(fd, addr, 1000, 300) },
		func(e *entry) { e.PrepareWriteFixed(fd, addr, 1000, 300, 0) },
	} {
		for i := range 1000 {
			mem[i] = byte(ud + i*7)
		}
		copy(content[300:], mem[:1000])
		add(t, ring, uint64(ud), prepare)
		want(t, ring, uint64(ud), 1000)
		got := make([]byte, len(content))
		if _, err := syscall.Pread(fd, got, 0); err != nil || !bytes.Equal(got, content) {
			t.Errorf("write %d: wrong bytes, %v", ud, err)
		}
	}
	add(t, ring, 99, func(e *entry) { e.PrepareReadFixed(fd, addr+8000, 1000, 0, 0) })
	want(t, ring, 99, neg(syscall.EFAULT)) // beyond the registered buffer
}

// TestFsyncFallocate wants both kinds of sync to succeed and a punched hole to read as zeroes.
func TestFsyncFallocate(t *testing.T) {
	ring := newRing(t, 8, deferred)
	fd, content := file(t, 16384)
	for ud, prepare := range []func(e *entry){
		func(e *entry) { e.PrepareFsync(fd, 0) },
		func(e *entry) { e.PrepareFsync(fd, FsyncDatasync) },
		func(e *entry) {
			e.PrepareFallocate(fd, fallocPunchHole|fallocKeepSize, 4096, 8192)
		},
		func(e *entry) { e.PrepareFallocate(fd, fallocKeepSize, 1<<20, 4096) },
	} {
		add(t, ring, uint64(ud), prepare)
		if c := next(t, ring); c.Res == neg(syscall.EOPNOTSUPP) && ud >= 2 {
			t.Skip("the filesystem punches no holes")
		} else if c.UserData != uint64(ud) || c.Res != 0 {
			t.Fatalf("%d: %+v", ud, c)
		}
	}
	clear(content[4096:12288])
	got := make([]byte, 20000)
	if n, err := syscall.Pread(fd, got, 0); err != nil || !bytes.Equal(got[:n], content) {
		t.Errorf("%d bytes after punching, %v", n, err)
	}
	add(t, ring, 100, func(e *entry) { e.PrepareFsync(-1, 0) })
	want(t, ring, 100, neg(syscall.EBADF))
}

// TestDiscardNotABlockDevice wants a refusal: the command belongs to block devices.
func TestDiscardNotABlockDevice(t *testing.T) {
	ring := newRing(t, 4, deferred)
	needOp(t, ring, OpUringCmd, "5.19")
	fd, _ := file(t, 4096)
	add(t, ring, 1, func(e *entry) { e.PrepareBlockDiscard(fd, 0, 4096) })
	want(t, ring, 1, neg(syscall.EOPNOTSUPP))
}

// useSlot reads 100 bytes into mem through a registered file or buffer, which comes to res.
func useSlot(t testing.TB, ring *Ring, slot int, res int32, mem, content []byte, prepare func(e *entry)) {
	t.Helper()
	clear(mem)
	add(t, ring, uint64(slot), prepare)
	want(t, ring, uint64(slot), res)
	check.That(t, res <= 0 || bytes.Equal(mem[:100], content[:100]), "slot %d: wrong bytes", slot)
}

// TestRegisterFiles puts descriptors into slots, replaces and empties them, and uses them.
func TestRegisterFiles(t *testing.T) {
	ring := newRing(t, 8, deferred)
	fd, content := file(t, 4096)
	mem := memory(t, 4096)
	use := func(slot int, res int32) {
		t.Helper()
		useSlot(t, ring, slot, res, mem, content, func(e *entry) {
			e.PrepareRead(slot, addressOf(mem), 100, 0)
			e.Flags = SqeFixedFile
		})
	}
	must.Get(ring.RegisterFilesSparse(8))(t)
	if n, err := ring.RegisterFilesUpdate(4, []int32{int32(fd), -1, int32(fd)}); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	use(4, 100)
	use(5, neg(syscall.EBADF))
	use(6, 100)
	if n, err := ring.RegisterFilesUpdate(4, []int32{-1}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	use(4, neg(syscall.EBADF))
	if _, err := ring.RegisterFilesUpdate(8, []int32{-1}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("beyond the table: %v", err)
	}
	if _, err := ring.UnregisterFiles(); err != nil {
		t.Error(err)
	}
	use(6, neg(syscall.EBADF))
}

// TestRegisterBuffers fills a sparse table, replaces and empties a slot, and gets its tag back.
func TestRegisterBuffers(t *testing.T) {
	ring := newRing(t, 8, deferred)
	fd, content := file(t, 4096)
	mem := memory(t, 8192)
	use := func(slot int, res int32) {
		t.Helper()
		useSlot(t, ring, slot, res, mem, content, func(e *entry) { e.PrepareReadFixed(fd, addressOf(mem), 100, 0, slot) })
	}
	must.Get(ring.RegisterBuffersSparse(4))(t)
	use(2, neg(syscall.EFAULT))
	iov := []syscall.Iovec{{Base: &mem[0], Len: 4096}}
	if n, err := ring.RegisterBuffersUpdateTag(2, iov, []uint64{77}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	use(2, 100)
	if n, err := ring.RegisterBuffersUpdateTag(2, []syscall.Iovec{{}}, nil); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	want(t, ring, 77, 0)
	use(2, neg(syscall.EFAULT))
	if _, err := ring.RegisterBuffersUpdateTag(4, iov, nil); err == nil {
		t.Error("a slot beyond the table")
	}
	if _, err := ring.UnregisterBuffers(); err != nil {
		t.Error(err)
	}
}
