package giouring

import (
	"syscall"
	"testing"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/check"
)

// TestPrepare wants of every preparer exactly the fields of its operation, in an entry full of what an earlier use
// may have left.
func TestPrepare(t *testing.T) {
	type E = SubmissionQueueEntry
	msg := &syscall.Msghdr{}
	msgAddr := uint64(uintptr(unsafe.Pointer(msg)))
	for _, c := range []struct {
		name    string
		prepare func(e *E)
		want    E
	}{
		{"MultishotAccept", func(e *E) { e.PrepareMultishotAccept(5, 0, 0, 3) }, E{OpCode: OpAccept, Fd: 5, OpcodeFlags: 3, IoPrio: 1}},
		{"Recv", func(e *E) { e.PrepareRecv(5, 0x1000, 64, 0x100) }, E{OpCode: OpRecv, Fd: 5, Addr: 0x1000, Len: 64, OpcodeFlags: 0x100}},
		{"RecvMultishot", func(e *E) { e.PrepareRecvMultishot(5, 0, 0, 0) }, E{OpCode: OpRecv, Fd: 5, IoPrio: RecvMultishot}},
		{"SendMsg", func(e *E) { e.PrepareSendMsg(5, msg, 1) }, E{OpCode: OpSendmsg, Fd: 5, Addr: msgAddr, Len: 1, OpcodeFlags: 1}},
		{"SendMsgZC", func(e *E) { e.PrepareSendMsgZC(5, msg, 1, 8) }, E{OpCode: OpSendMsgZC, Fd: 5, Addr: msgAddr, Len: 1, OpcodeFlags: 1, IoPrio: 8}},
		{"Shutdown", func(e *E) { e.PrepareShutdown(5, 1) }, E{OpCode: OpShutdown, Fd: 5, Len: 1}},

		{"Read", func(e *E) { e.PrepareRead(5, 0x1000, 512, 1<<40) }, E{OpCode: OpRead, Fd: 5, Addr: 0x1000, Len: 512, Off: 1 << 40}},
		{"Write", func(e *E) { e.PrepareWrite(5, 0x1000, 512, 1<<40) }, E{OpCode: OpWrite, Fd: 5, Addr: 0x1000, Len: 512, Off: 1 << 40}},
		{"ReadFixed", func(e *E) { e.PrepareReadFixed(5, 0x1000, 512, 8, 3) }, E{OpCode: OpReadFixed, Fd: 5, Addr: 0x1000, Len: 512, Off: 8, BufIG: 3}},
		{"WriteFixed", func(e *E) { e.PrepareWriteFixed(5, 0x1000, 512, 8, 3) }, E{OpCode: OpWriteFixed, Fd: 5, Addr: 0x1000, Len: 512, Off: 8, BufIG: 3}},
		{"Fsync", func(e *E) { e.PrepareFsync(5, FsyncDatasync) }, E{OpCode: OpFsync, Fd: 5, OpcodeFlags: 1}},
		{"Fallocate", func(e *E) { e.PrepareFallocate(5, 3, 8, 1<<33) }, E{OpCode: OpFallocate, Fd: 5, Len: 3, Off: 8, Addr: 1 << 33}},
		{"BlockDiscard", func(e *E) { e.PrepareBlockDiscard(5, 1<<33, 1<<34) }, E{OpCode: OpUringCmd, Fd: 5, Off: 0x1200, Addr: 1 << 33, Addr3: 1 << 34}},

		{"PollAdd", func(e *E) { e.PreparePollAdd(5, 1) }, E{OpCode: OpPollAdd, Fd: 5, OpcodeFlags: 1}},
		{"PollMultishot", func(e *E) { e.PreparePollMultishot(5, 1) }, E{OpCode: OpPollAdd, Fd: 5, OpcodeFlags: 1, Len: 1}},
		{"CancelFd", func(e *E) { e.PrepareCancelFd(5, AsyncCancelAll) }, E{OpCode: OpAsyncCancel, Fd: 5, OpcodeFlags: 3}},
		{"MsgRing", func(e *E) { e.PrepareMsgRing(5, 1, 2, 0) }, E{OpCode: OpMsgRing, Fd: 5, Len: 1, Off: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e E
			for i, raw := 0, (*[64]byte)(unsafe.Pointer(&e)); i < len(raw); i++ {
				raw[i] = 0xa5
			}
			c.prepare(&e)
			check.That(t, e == c.want, "got  %+v\nwant %+v", e, c.want)
		})
	}
}
