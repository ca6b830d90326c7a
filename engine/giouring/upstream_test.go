//go:build upstream

// These tests compare the package with github.com/pawelgaczynski/giouring, whose names it uses. That module reaches
// syscall.mmap by go:linkname, so they need the linker's leave:
//
//	go test -tags upstream -ldflags=-checklinkname=0 ./engine/giouring
//
// Upstream's known faults are expected differences. An expected difference that is absent fails too: upstream may then
// have been mended, and the page docs/engine.md, which lists the faults, is out of date.
package giouring

import (
	"errors"
	"go/constant"
	"go/importer"
	"go/token"
	"go/types"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	upstream "github.com/pawelgaczynski/giouring"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// sqeFields are the fields of an entry, by their names in linux/io_uring.h, with their first byte.
var sqeFields = []struct {
	name  string
	start int
}{
	{"opcode", 0}, {"flags", 1}, {"ioprio", 2}, {"fd", 4}, {"off", 8}, {"addr", 16}, {"len", 24}, {"rw_flags", 28},
	{"user_data", 32}, {"buf_index", 40}, {"personality", 42}, {"file_index", 44}, {"addr3", 48}, {"pad2", 56},
}

// differ returns the fields in which two entries differ.
func differ(a, b [64]byte) (fields []string) {
	for i, f := range sqeFields {
		end := 64
		if i+1 < len(sqeFields) {
			end = sqeFields[i+1].start
		}
		if string(a[f.start:end]) != string(b[f.start:end]) {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// slot is a slot of the ring, as an earlier use left it.
func slot(left byte) (s [64]byte) {
	for i := range s {
		s[i] = left
	}
	return s
}

// TestUpstreamEncodesAlike prepares every operation that both packages have, in a zeroed slot and in a dirty one.
//
// In a zeroed slot both must agree, but for the faults in clean. In a dirty slot every upstream preparer leaves addr3 and
// the last word as they were, because its prepareRW does not write them; dirty lists what it leaves or gets wrong besides.
func TestUpstreamEncodesAlike(t *testing.T) {
	type E = SubmissionQueueEntry
	type U = upstream.SubmissionQueueEntry
	msg, spec, data := &syscall.Msghdr{}, &syscall.Timespec{Sec: 1}, make([]byte, 100)
	var name syscall.Sockaddr = &syscall.SockaddrInet4{}
	raw := &syscall.RawSockaddrInet4{}
	at := func(p unsafe.Pointer) uint64 { return uint64(uintptr(p)) }
	const allocate = ^uint32(0) // IORING_FILE_INDEX_ALLOC
	left := []string{"rw_flags"}
	for _, c := range []struct {
		name         string
		ours         func(e *E) // a preparer, or, where this package has none, the entry that linux/io_uring.h asks for
		theirs       func(u *U)
		clean, dirty []string
	}{
		{"Read", func(e *E) { e.PrepareRead(5, 0x1000, 512, 1<<40) }, func(u *U) { u.PrepareRead(5, 0x1000, 512, 1<<40) }, nil, left},
		{"Write", func(e *E) { e.PrepareWrite(5, 0x1000, 512, 1<<40) }, func(u *U) { u.PrepareWrite(5, 0x1000, 512, 1<<40) }, nil, left},
		{"ReadFixed", func(e *E) { e.PrepareReadFixed(5, 0x1000, 512, 8, 3) }, func(u *U) { u.PrepareReadFixed(5, 0x1000, 512, 8, 3) }, nil, left},
		{"WriteFixed", func(e *E) { e.PrepareWriteFixed(5, 0x1000, 512, 8, 3) }, func(u *U) { u.PrepareWriteFixed(5, 0x1000, 512, 8, 3) }, nil, left},
		{"Fsync", func(e *E) { e.PrepareFsync(5, FsyncDatasync) }, func(u *U) { u.PrepareFsync(5, FsyncDatasync) }, nil, nil},
		{"Fallocate", func(e *E) { e.PrepareFallocate(5, 3, 8, 1<<33) }, func(u *U) { u.PrepareFallocate(5, 3, 8, 1<<33) }, nil, left},
		{"PollAdd", func(e *E) { e.PreparePollAdd(5, 1) }, func(u *U) { u.PreparePollAdd(5, 1) }, nil, nil},
		{"PollMultishot", func(e *E) { e.PreparePollMultishot(5, 1) }, func(u *U) { u.PreparePollMultishot(5, 1) }, nil, nil},
		{"CancelFd", func(e *E) { e.PrepareCancelFd(5, AsyncCancelAll) }, func(u *U) { u.PrepareCancelFd(5, AsyncCancelAll) }, nil, nil},
		{"MsgRing", func(e *E) { e.PrepareMsgRing(5, 1, 2, 0) }, func(u *U) { u.PrepareMsgRing(5, 1, 2, 0) }, nil, nil},
		{"MultishotAccept", func(e *E) { e.PrepareMultishotAccept(5, 0x10, 0x20, 3) }, func(u *U) { u.PrepareMultishotAccept(5, 0x10, 0x20, 3) }, nil, nil},
		{"Recv", func(e *E) { e.PrepareRecv(5, 0x1000, 64, 0x100) }, func(u *U) { u.PrepareRecv(5, 0x1000, 64, 0x100) }, nil, nil},
		{"RecvMultishot", func(e *E) { e.PrepareRecvMultishot(5, 0, 0, 1) }, func(u *U) { u.PrepareRecvMultishot(5, 0, 0, 1) }, nil, nil},
		{"SendMsg", func(e *E) { e.PrepareSendMsg(5, msg, 1) }, func(u *U) { u.PrepareSendMsg(5, msg, 1) }, nil, nil},
		{"SendMsgZC", func(e *E) { e.PrepareSendMsgZC(5, msg, 1, 0) }, func(u *U) { u.PrepareSendmsgZC(5, msg, 1) }, nil, nil},
		{"Shutdown", func(e *E) { e.PrepareShutdown(5, 1) }, func(u *U) { u.PrepareShutdown(5, 1) }, nil, left},

		// Operations that the package has not, or no longer: a target might want them one day.
		{"Nop", func(e *E) { nop(e, 0) }, func(u *U) { u.PrepareNop() }, nil, left},
		{"Close", func(e *E) { *e = E{OpCode: upstream.OpClose, Fd: 5} }, func(u *U) { u.PrepareClose(5) }, nil, left},
		{"CloseDirect", func(e *E) { *e = E{OpCode: upstream.OpClose, SpliceFdIn: 6} }, func(u *U) { u.PrepareCloseDirect(5) }, nil, left},
		{"AcceptDirect", func(e *E) { *e = E{OpCode: OpAccept, Fd: 5, SpliceFdIn: -1} }, func(u *U) { u.PrepareAcceptDirect(5, 0, 0, 0, allocate) }, nil, nil},
		{"Cancel64", func(e *E) { *e = E{OpCode: OpAsyncCancel, Fd: -1, Addr: 7} }, func(u *U) { u.PrepareCancel64(7, 0) }, nil, nil},
		{"SendZC", // the address of the slice header, not of the bytes: the peer gets what lies on the stack
			func(e *E) { *e = E{OpCode: upstream.OpSendZC, Fd: 5, Addr: at(unsafe.Pointer(&data[0])), Len: 100} },
			func(u *U) { u.PrepareSendZC(5, data, 0, 0) }, []string{"addr"}, []string{"addr"}},
		{"SendZCFixed", // likewise
			func(e *E) {
				*e = E{OpCode: upstream.OpSendZC, Fd: 5, IoPrio: upstream.RecvsendFixedBuf, Addr: at(unsafe.Pointer(&data[0])), Len: 100, BufIG: 3}
			},
			func(u *U) { u.PrepareSendZCFixed(5, data, 0, 0, 3) }, []string{"addr"}, []string{"addr"}},
		{"Timeout", // the address of the argument, not of the timespec: the kernel reads a pointer as seconds
			func(e *E) { *e = E{OpCode: OpTimeout, Fd: -1, Addr: at(unsafe.Pointer(spec)), Len: 1} },
			func(u *U) { u.PrepareTimeout(spec, 0, 0) }, []string{"addr"}, []string{"addr"}},
		{"TimeoutRemove", // takes no user data, so it cannot name the timeout
			func(e *E) { *e = E{OpCode: upstream.OpTimeoutRemove, Fd: -1, Addr: 7} },
			func(u *U) { u.PrepareTimeoutRemove(time.Second, 0, 0) }, []string{"addr", "len"}, []string{"addr", "len"}},
		{"TimeoutUpdate", // likewise; the new time belongs into off
			func(e *E) {
				*e = E{OpCode: upstream.OpTimeoutRemove, Fd: -1, Addr: 7, Off: at(unsafe.Pointer(spec)), OpcodeFlags: upstream.TimeoutUpdate}
			},
			func(u *U) { u.PrepareTimeoutUpdate(time.Second, 0, 0) }, []string{"off", "addr", "len"}, []string{"off", "addr", "len"}},
		{"Connect", // the address of an interface value, not of a raw socket address
			func(e *E) { *e = E{OpCode: upstream.OpConnect, Fd: 5, Addr: at(unsafe.Pointer(raw)), Off: 16} },
			func(u *U) { u.PrepareConnect(5, &name, 16) }, []string{"addr"}, []string{"addr", "rw_flags"}},
		{"MsgRingFd", // the address of a variable where the command MSG_SEND_FD belongs
			func(e *E) {
				*e = E{OpCode: OpMsgRing, Fd: 5, Addr: uint64(upstream.MsgSendFd), Off: 9, SpliceFdIn: 3, Addr3: 1}
			},
			func(u *U) { u.PrepareMsgRingFd(5, 1, 2, 9, 0) }, []string{"addr"}, []string{"addr"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			compare := func(left byte, expected []string) {
				t.Helper()
				ours, theirs := slot(left), slot(left)
				c.ours((*E)(unsafe.Pointer(&ours)))
				c.theirs((*U)(unsafe.Pointer(&theirs)))
				slices.Sort(expected)
				if got := differ(ours, theirs); !slices.Equal(sorted(got), expected) {
					t.Errorf("in a slot of %#x bytes they differ in %v, expected %v\nours   %x\ntheirs %x", left, got, expected, ours, theirs)
				}
			}
			compare(0, slices.Clone(c.clean))
			stale := append(slices.Clone(c.dirty), "addr3", "pad2")
			if c.name == "MsgRingFd" { // the one that sets addr3
				stale = slices.DeleteFunc(stale, func(f string) bool { return f == "addr3" })
			}
			compare(0xa5, stale)
		})
	}
}

func sorted(s []string) []string { slices.Sort(s); return s }

// TestUpstreamConstants compares the constants that both have.
func TestUpstreamConstants(t *testing.T) {
	from := importer.ForCompiler(token.NewFileSet(), "source", nil)
	var scopes [2]*types.Scope
	for i, path := range []string{"github.com/ringtgt/ringtgt/engine/giouring", "github.com/pawelgaczynski/giouring"} {
		pkg := must.Get(from.Import(path))(t)
		scopes[i] = pkg.Scope()
	}
	compared := 0
	for _, name := range scopes[0].Names() {
		ours, here := scopes[0].Lookup(name).(*types.Const)
		theirs, there := scopes[1].Lookup(name).(*types.Const)
		if !here || !there || !token.IsExported(name) {
			continue
		}
		compared++
		if !constant.Compare(ours.Val(), token.EQL, theirs.Val()) {
			t.Errorf("%s is %v here, %v upstream", name, ours.Val(), theirs.Val())
		}
	}
	check.That(t, compared >= 65, "%d constants were compared; the packages had 65 in common", compared)
}

// TestUpstreamBufRingAdd fills a buffer ring slot by slot. Upstream computes offsets in 16 bits: with more than 4096 entries
// it overwrites those at the start.
func TestUpstreamBufRingAdd(t *testing.T) {
	for _, c := range []struct {
		entries int
		alike   bool
	}{{8, true}, {2048, true}, {4096, true}, {8192, false}, {MaxBufRingEntries, false}} {
		ours, theirs := make([]BufAndRing, c.entries), make([]upstream.BufAndRing, c.entries)
		for i := range c.entries {
			ours[0].BufRingAdd(uintptr(0x1000*i), 64, uint16(i), BufRingMask(uint32(c.entries)), i)
			theirs[0].BufRingAdd(uintptr(0x1000*i), 64, uint16(i), upstream.BufRingMask(uint32(c.entries)), i)
		}
		ours[0].BufRingAdvance(c.entries)
		theirs[0].BufRingAdvance(c.entries)
		alike := slices.EqualFunc(ours, theirs, func(o BufAndRing, u upstream.BufAndRing) bool {
			return o == BufAndRing{u.Addr, u.Len, u.Bid, u.Tail}
		})
		check.That(t, alike == c.alike, "rings of %d entries are alike: %v, expected %v", c.entries, alike, c.alike)
	}
}

// Where the kernel reads 32-bit descriptors upstream takes []int: every second slot is wrong. These lines stop compiling
// when that changes.
var (
	_ func(*upstream.Ring, []int) (uint, error)       = (*upstream.Ring).RegisterFiles
	_ func(*upstream.Ring, uint, []int) (uint, error) = (*upstream.Ring).RegisterFilesUpdate
)

// TestUpstreamRingFd unregisters a ring's descriptor: upstream's check is inverted.
func TestUpstreamRingFd(t *testing.T) {
	newRing(t, 4, 0) // locks the thread, to which the registered index belongs; skips without io_uring
	ring := must.Get(upstream.CreateRing(4))(t)
	defer ring.QueueExit()
	if n, err := ring.RegisterRingFd(); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := ring.UnregisterRingFd(); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("unregistering a registered descriptor: %v, expected EINVAL", err)
	}
}
