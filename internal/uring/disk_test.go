package uring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ringtgt/ringtgt/engine/giouring"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/loopdev"
	"github.com/ringtgt/ringtgt/internal/must"
	"golang.org/x/sys/unix"
)

const fileSize = 4 << 20

// directFile makes a file of random bytes in a temporary directory and opens it with O_DIRECT if the filesystem can.
func directFile(t testing.TB) (fd int, content []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	content = random(t, fileSize, 9)
	must.OK(t, os.WriteFile(path, content, 0o600))
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if errors.Is(err, syscall.EINVAL) {
		t.Log("the filesystem of the temporary directory has no O_DIRECT; going on without")
		fd, err = unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	}
	must.OK(t, err)
	return closing(t, fd), content
}

func contents(t testing.TB, fd int) []byte {
	t.Helper()
	b := mapped(t, fileSize)
	if n, err := unix.Pread(fd, b, 0); err != nil || n != fileSize {
		t.Fatal(n, err)
	}
	return b
}

// TestDisk writes and reads a file in each way: slab or not, descriptor or slot, gathered, durable.
func TestDisk(t *testing.T) {
	r := newRing(t, Config{})
	fd, content := directFile(t)
	mem := mapped(t, 1<<20)
	must.OK(t, r.RegisterSlabs(4))
	must.OK(t, r.SetSlab(3, mem))
	must.OK(t, r.RegisterFiles(4))
	must.OK(t, r.SetFile(2, fd))
	a := must.Get(NewArena(4096))(t)
	defer a.Close()
	iov := must.Get(Alloc[Iovec](a, 2))(t)
	buf := mem[8192 : 8192+16384]
	iov[0].Base, iov[0].Len = &buf[0], 4096
	iov[1].Base, iov[1].Len = &buf[4096], 12288

	type transfer struct {
		name string
		do   func(off int64)
	}
	for i, w := range []transfer{
		{"slab", func(off int64) { r.WriteFixed(FD(fd), buf, off, 3, 1) }},
		{"slab, slot", func(off int64) { r.WriteFixed(Slot(2), buf, off, 3, 1) }},
		{"unregistered", func(off int64) { r.WriteFixed(FD(fd), buf, off, Unregistered, 1) }},
		{"unregistered, slot", func(off int64) { r.WriteFixed(Slot(2), buf, off, Unregistered, 1) }},
		{"durable, slab", func(off int64) { r.WriteDsync(Slot(2), buf, off, 3, 1) }},
		{"durable", func(off int64) { r.WriteDsync(FD(fd), buf, off, Unregistered, 1) }},
	} {
		off := int64(1+i) * 65536
		copy(buf, random(t, len(buf), uint64(i)))
		copy(content[off:], buf)
		w.do(off)
		want(t, r, 1, len(buf))
		must.Be(t, bytes.Equal(contents(t, fd), content), "write, %s: wrong bytes", w.name)
	}
	for i, w := range []transfer{
		{"slab", func(off int64) { r.ReadFixed(FD(fd), buf, off, 3, 1) }},
		{"slab, slot", func(off int64) { r.ReadFixed(Slot(2), buf, off, 3, 1) }},
		{"unregistered", func(off int64) { r.ReadFixed(FD(fd), buf, off, Unregistered, 1) }},
	} {
		off := int64(1+i) * 65536
		clear(mem)
		w.do(off)
		want(t, r, 1, len(buf))
		check.That(t, bytes.Equal(buf, content[off:off+int64(len(buf))]), "read, %s: wrong bytes", w.name)
		if bytes.IndexFunc(mem[:8192], func(c rune) bool { return c != 0 }) >= 0 || mem[8192+16384] != 0 {
			t.Errorf("read, %s: bytes outside the buffer", w.name)
		}
	}
	r.ReadFixed(FD(fd), buf, fileSize-4096, 3, 1)
	want(t, r, 1, 4096) // short at the end of the file
	r.ReadFixed(FD(fd), mapped(t, 4096), 0, 3, 1)
	want(t, r, 1, neg(syscall.EFAULT)) // not in the slab
	check.OK(t, r.SetSlab(3, nil))
	r.ReadFixed(FD(fd), buf, 0, 3, 1)
	want(t, r, 1, neg(syscall.EFAULT))
	r.ReadFixed(Slot(3), buf, 0, Unregistered, 1)
	want(t, r, 1, neg(syscall.EBADF))
}

// TestDiskManyInFlight keeps more requests in flight than either queue holds and checks every block.
func TestDiskManyInFlight(t *testing.T) {
	r := newRing(t, Config{Entries: 16, CQEntries: 32})
	fd, content := directFile(t)
	mem := mapped(t, fileSize)
	must.OK(t, r.RegisterSlabs(1))
	must.OK(t, r.SetSlab(0, mem))
	const block = 4096
	for i := range fileSize / block {
		r.ReadFixed(FD(fd), mem[i*block:(i+1)*block], int64(i*block), 0, uint64(i))
	}
	seen := map[uint64]bool{}
	for range fileSize / block {
		c := next(t, r)
		if c.Res != block || seen[c.UserData] {
			t.Fatal(c, c.Err())
		}
		seen[c.UserData] = true
	}
	check.That(t, bytes.Equal(mem, content), "wrong bytes")
}

// TestSyncAndHoles syncs in both ways, punches a hole, zeroes a range, and allocates beyond the end.
func TestSyncAndHoles(t *testing.T) {
	r := newRing(t, Config{})
	fd, content := directFile(t)
	r.Fsync(FD(fd), false, 1)
	want(t, r, 1, 0)
	r.Fsync(FD(fd), true, 2)
	want(t, r, 2, 0)
	var before, after unix.Stat_t
	must.OK(t, unix.Fstat(fd, &before))
	r.Fallocate(FD(fd), FallocPunchHole|FallocKeepSize, 1<<20, 1<<20, 3)
	if c := next(t, r); c.Errno() == syscall.EOPNOTSUPP {
		t.Skip("the filesystem of the temporary directory punches no holes")
	} else if c.UserData != 3 || c.Res != 0 {
		t.Fatal(c, c.Err())
	}
	clear(content[1<<20 : 2<<20])
	must.OK(t, unix.Fstat(fd, &after))
	check.Equal(t, (before.Blocks-after.Blocks)*512, 1<<20, "bytes that punching freed:")
	r.Fallocate(FD(fd), FallocZeroRange|FallocKeepSize, 3<<20, 8192, 4)
	if c := next(t, r); c.Res == 0 {
		clear(content[3<<20 : 3<<20+8192])
	} else if c.Errno() != syscall.EOPNOTSUPP {
		t.Error(c, c.Err())
	}
	check.That(t, bytes.Equal(contents(t, fd), content), "wrong bytes")
	r.Fallocate(FD(fd), 0, fileSize, 4096, 5)
	want(t, r, 5, 0)
	if err := unix.Fstat(fd, &after); err != nil || after.Size != fileSize+4096 {
		t.Errorf("size %d, %v", after.Size, err)
	}
	r.Fsync(FD(-1), true, 6)
	want(t, r, 6, neg(syscall.EBADF))
}

// TestDiscard discards a range of a loop device, which punches a hole into its file.
func TestDiscard(t *testing.T) {
	r := newRing(t, Config{})
	fd, _ := directFile(t)
	r.Discard(FD(fd), 0, 4096, 1)
	want(t, r, 1, neg(syscall.EOPNOTSUPP)) // not a block device
	if !r.Features().Has(Discard) {
		t.Skip("discard on the ring came with Linux 6.12")
	}
	dev := loopDevice(t, fd)
	mem := mapped(t, 1<<20)
	r.Discard(FD(dev), 1<<20, 1<<20, 2)
	want(t, r, 2, 0)
	r.ReadFixed(FD(dev), mem, 1<<20, Unregistered, 3)
	want(t, r, 3, 1<<20)
	check.That(t, len(bytes.Trim(mem, "\x00")) == 0, "a discarded range of a loop device reads as something else than zeroes")
	r.ReadFixed(FD(dev), mem[:4096], 0, Unregistered, 4)
	want(t, r, 4, 4096)
	check.That(t, len(bytes.Trim(mem[:4096], "\x00")) != 0, "the range before was discarded too")
	r.Discard(FD(dev), 1, 4096, 5)
	want(t, r, 5, neg(syscall.EINVAL)) // not aligned
}

// loopDevice attaches a file to a free loop device.
func loopDevice(t testing.TB, fd int) int {
	t.Helper()
	path := must.Get(os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)))(t)
	d, err := loopdev.Attach(t, path)
	if err != nil {
		t.Skip(err)
	}
	dev := must.Get(unix.Open(d.Path, unix.O_RDWR|unix.O_CLOEXEC, 0))(t)
	t.Cleanup(func() { _ = unix.Close(dev) })
	return dev
}

// TestMemlock drops the capability to lock memory and wants the typed error, and unregistered memory to still work.
func TestMemlock(t *testing.T) {
	type result struct {
		err  error
		read CQE
	}
	fd, content := directFile(t)
	newRing(t, Config{}) // skips where there is none
	done := make(chan result)
	go func() {
		// The thread ends with the goroutine, and its lack of capabilities with it.
		runtime.LockOSThread()
		res, err := memlocked(fd)
		done <- result{err, res}
	}()
	res := <-done
	var limit *MemlockError
	if !errors.As(res.err, &limit) || !errors.Is(res.err, ErrMemlock) || !errors.Is(res.err, syscall.ENOMEM) {
		t.Fatalf("registering more than may be locked: %v", res.err)
	}
	if limit.Bytes != 64<<20 || limit.Limit != 1<<20 || !strings.Contains(limit.Error(), "RLIMIT_MEMLOCK") {
		t.Errorf("error %+v: %v", limit, limit)
	}
	if res.read.Res != 4096 || len(content) == 0 {
		t.Errorf("reading into unregistered memory: %v, %v", res.read, res.read.Err())
	}
}

func memlocked(fd int) (CQE, error) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
		return CQE{}, err
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old) }()
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 1 << 20, Max: old.Max}); err != nil {
		return CQE{}, err
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return CQE{}, err
	}
	data[0].Effective &^= 1 << unix.CAP_IPC_LOCK
	if err := unix.Capset(&header, &data[0]); err != nil {
		return CQE{}, err
	}
	r, err := New(Config{Entries: 4, CQEntries: 8})
	if err != nil {
		return CQE{}, err
	}
	defer r.Close()
	if err := r.RegisterSlabs(2); err != nil {
		return CQE{}, err
	}
	mem, err := Map(64 << 20)
	if err != nil {
		return CQE{}, err
	}
	defer Unmap(mem)
	failed := r.SetSlab(1, mem)
	r.ReadFixed(FD(fd), mem[:4096], 0, Unregistered, 1)
	for {
		if err := r.SubmitAndWait(patience); err != nil {
			return CQE{}, err
		}
		if c, ok := r.Peek(); ok {
			r.Seen()
			return c, failed
		}
	}
}

// TestRegisterRefused wants indices and sizes out of bounds refused.
func TestRegisterRefused(t *testing.T) {
	r := newRing(t, Config{})
	for name, err := range map[string]error{
		"a slab without a table": r.SetSlab(0, nil),
		"a file without a table": r.SetFile(0, -1),
		"no slabs":               r.RegisterSlabs(0),
		"too many slabs":         r.RegisterSlabs(MaxSlabs + 1),
		"no files":               r.RegisterFiles(0),
		"too many files":         r.RegisterFiles(MaxFiles + 1),
	} {
		check.That(t, err != nil, "%s: accepted", name)
	}
	must.OK(t, r.RegisterSlabs(2))
	must.OK(t, r.RegisterFiles(2))
	mem := mapped(t, 4096)
	for name, err := range map[string]error{
		"slabs twice": r.RegisterSlabs(2), "files twice": r.RegisterFiles(2),
		"slab beyond": r.SetSlab(2, mem), "slab below": r.SetSlab(-1, mem),
		"file beyond": r.SetFile(2, 0), "file below": r.SetFile(-1, 0), "no such file": r.SetFile(0, 1<<20),
	} {
		check.That(t, err != nil, "%s: accepted", name)
	}
}

// TestDurabilityAsked looks at the entries themselves: a lost flag would show only after a power cut.
func TestDurabilityAsked(t *testing.T) {
	r := newRing(t, Config{Entries: 4, CQEntries: 8})
	mem := mapped(t, 4096)
	for r.g.SQReady() < r.g.SQEntries() {
		nop(r, 1)
	}
	r.err = syscall.EIO // the queue is full and stays so: what follows is prepared in the spare entry
	defer func() { r.err = nil }()
	for _, c := range []struct {
		name  string
		do    func()
		op    uint8
		flags uint32
	}{
		{"fsync", func() { r.Fsync(FD(3), false, 1) }, giouring.OpFsync, 0},
		{"fdatasync", func() { r.Fsync(FD(3), true, 1) }, giouring.OpFsync, giouring.FsyncDatasync},
		{"write", func() { r.WriteFixed(FD(3), mem, 0, 0, 1) }, giouring.OpWriteFixed, 0},
		{"durable write, slab", func() { r.WriteDsync(FD(3), mem, 0, 0, 1) }, giouring.OpWriteFixed, unix.RWF_DSYNC},
		{"durable write", func() { r.WriteDsync(FD(3), mem, 0, Unregistered, 1) }, giouring.OpWrite, unix.RWF_DSYNC},
	} {
		c.do()
		if e := r.spare; e.OpCode != c.op || e.OpcodeFlags != c.flags || e.Fd != 3 {
			t.Errorf("%s: prepared %+v", c.name, e)
		}
	}
}
